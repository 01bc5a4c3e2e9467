"""The errors that docs/cameras.md explains are those that the program has, word for word."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEAKERS = ["relay/source", "relay/decode", "relay/config.py", "relay/fields.py", "relay/usercode.py"]
MIN_WORDS = 8
"""Characters of its own that a message must have to be recognised by them."""

TABLES = re.findall(
    r"^\| what (?:it|the log) says .*\n((?:\|.*\n)+)", (ROOT / "docs/cameras.md").read_text(), re.MULTILINE
)
EXPLAINED = re.findall(r"^\| `(.+?)` \|", "".join(TABLES), re.MULTILINE)


def messages() -> list[re.Pattern[str]]:
    """Every string of those who speak of sources, with anything in the place of its fields."""
    files = [
        file for name in SPEAKERS for file in ([ROOT / name] if name.endswith(".py") else (ROOT / name).glob("*.py"))
    ]
    found = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else None for part in parts
            ]
            if sum(len(text or "") for text in texts) >= MIN_WORDS:
                found.append(
                    re.compile("".join(".*" if text is None else re.escape(text) for text in texts), re.DOTALL)
                )
    return found


MESSAGES = messages()


def test_there_is_much_to_explain() -> None:
    assert len(EXPLAINED) > 40


@pytest.mark.parametrize("text", EXPLAINED)
def test_what_is_explained_is_said(text: str) -> None:
    text = text.replace("'relay devices'", "`relay devices`")
    assert any(message.fullmatch(words) for message in MESSAGES for words in (text, f"LABEL: {text}"))
