"""The errors that docs/cameras.md and docs/push.md explain are those that the program has, and all of them."""

from __future__ import annotations

import ast
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent
DOCS = ["docs/cameras.md", "docs/push.md"]
SPEAKERS = [
    *("relay/source", "relay/decode", "relay/ingest", "relay/config.py", "relay/fields.py", "relay/usercode.py"),
    *("relay/worker/camera.py", "relay/worker/passthrough.py", "relay/walls.py"),
]
RAISED = re.compile(r"Source\w*Error")
"""What an owner meets when a source cannot be used."""

MIN_WORDS = 8
"""Characters of its own that a message must have to be recognised by them."""

TABLES = re.findall(
    r"^\| (?:what (?:it|the log) says|message) .*\n((?:\|.*\n)+)",
    "".join((ROOT / name).read_text() for name in DOCS),
    re.MULTILINE,
)
EXPLAINED = [
    re.sub(r"'(relay \w+)'", r"`\1`", text) for text in re.findall(r"^\| `(.+?)` \|", "".join(TABLES), re.MULTILINE)
]


def modules() -> Iterator[ast.Module]:
    for name in SPEAKERS:
        for file in [ROOT / name] if name.endswith(".py") else sorted((ROOT / name).glob("*.py")):
            yield ast.parse(file.read_text())


def own_text(node: ast.AST) -> str:
    """What stands in a string as it is; an `f"..."` without what is put into it."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def pattern(node: ast.AST, named: dict[str, str] | None = None) -> str:
    """A string as a regular expression: anything in the place of its fields, but for those that are `named`."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    found = ""
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found += re.escape(part.value)
        else:
            name = part.value.id if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) else ""
            found += (named or {}).get(name, ".*")
    return found


MESSAGES = [
    re.compile(pattern(node), re.DOTALL)
    for module in modules()
    for node in ast.walk(module)
    if len(own_text(node)) >= MIN_WORDS
]


# From the code to the docs: what is raised, with all the words that it may be made of.


def strings(node: ast.AST | None) -> list[ast.AST]:
    """The strings that an expression may be: itself, or one of the two of `a if it_is_so else b`."""
    if isinstance(node, ast.IfExp):
        return [*strings(node.body), *strings(node.orelse)]
    return [node] if isinstance(node, ast.JoinedStr | ast.Constant) else []


def assigned(function: ast.AST) -> dict[str, list[ast.AST]]:
    """The strings that each name of `function` may stand for; none, where it may be something else."""
    found: dict[str, list[ast.AST]] = {}
    unknown = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            texts = strings(node.value)
            unknown |= set(names if not texts else [])
            for name in names:
                found.setdefault(name, []).extend(texts)
    return {name: texts for name, texts in found.items() if name not in unknown}


def readings(node: ast.AST, function: ast.AST) -> Iterator[str]:
    """The sentences that a string of `function` may become. What may be there or not is in each of them, at will."""
    choices = {name: list(_choices(texts)) for name, texts in assigned(function).items()}
    used = [name for name in choices if name in {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}]
    for chosen in product(*(choices[name] for name in used)):
        yield pattern(node, dict(zip(used, chosen, strict=True)))


def _choices(texts: list[ast.AST]) -> Iterator[str]:
    """What a name may stand for: each of its strings; anything, where one of them says too little to be recognised."""
    words = [text for text in texts if not (isinstance(text, ast.Constant) and text.value == "")]
    if not words or any(len(own_text(text)) < MIN_WORDS for text in words):
        yield ".*"
    elif len(words) < len(texts):
        yield from (f"(?:{pattern(text)})?" for text in words)
    else:
        yield from map(pattern, words)


def sentences() -> Iterator[str]:
    """Of every error that a source raises. One that is made by a function of the same module is what that returns."""
    for module in modules():
        functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if isinstance(call.func, ast.Name) and RAISED.fullmatch(call.func.id) and call.args:
                    yield from _told(call.args[0], function, functions)


def _told(node: ast.AST, function: ast.FunctionDef, functions: Iterable[ast.FunctionDef]) -> Iterator[str]:
    for text in strings(node):
        if len(own_text(text)) >= MIN_WORDS or isinstance(text, ast.JoinedStr):
            yield from readings(text, function)
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for other in (one for one in functions if one.name == name):
            for returned in (one for one in ast.walk(other) if isinstance(one, ast.Return)):
                for text in strings(returned.value):
                    yield from readings(text, other)


RAISED_SENTENCES = sorted({one for one in sentences() if len(re.sub(r"\.\*|\(\?:|\)\?|\\", "", one)) >= MIN_WORDS})


def test_there_is_much_to_explain() -> None:
    assert len(EXPLAINED) > 80
    assert len(RAISED_SENTENCES) > 50


@pytest.mark.parametrize("text", EXPLAINED)
def test_what_is_explained_is_said(text: str) -> None:
    said = [*MESSAGES, *(re.compile(sentence, re.DOTALL) for sentence in RAISED_SENTENCES)]
    assert any(message.fullmatch(words) for message in said for words in (text, f"LABEL: {text}"))


@pytest.mark.parametrize("sentence", RAISED_SENTENCES)
def test_what_is_said_is_explained(sentence: str) -> None:
    said = re.compile(sentence, re.DOTALL)
    assert any(said.fullmatch(words) for text in EXPLAINED for words in (text, f"LABEL: {text}"))
