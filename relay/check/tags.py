"""A playlist as lines: tags with their values, and URIs (RFC 8216bis §4.1, §4.2). Reads anything, judges nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_ATTRIBUTE: Final = re.compile(r'(?P<name>[A-Z0-9-]+)=(?P<value>"[^"\r\n]*"|[^",\s]+)(?:,(?=.)|$)')
_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
"""Bounded, so that no playlist can make exact arithmetic slow."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A line `#EXT-X-NAME:VALUE`: `name` without `#`, `value` without the colon, `line` counted from 1."""

    name: str
    value: str
    line: int

    @property
    def where(self) -> str:
        """The place for a finding."""
        return f"line {self.line}, {self.name}"

    @property
    def attributes(self) -> dict[str, str]:
        """The attribute list, values as written (quotes kept), up to the first thing that is none."""
        return read_attributes(self.value)[0]


@dataclass(frozen=True, slots=True)
class Uri:
    """A line that is neither blank nor begins with `#`."""

    text: str
    line: int

    @property
    def where(self) -> str:
        """The place for a finding."""
        return f"line {self.line}"


def tokenize(text: str) -> list[Tag | Uri]:
    """The tags and URIs of a playlist, in order; blank lines and comments are left out."""
    tokens: list[Tag | Uri] = []
    for number, ended in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = ended.removesuffix("\r")
        if line.startswith("#EXT"):
            name, _, value = line[1:].partition(":")
            tokens.append(Tag(name, value, number))
        elif line and not line.startswith("#"):
            tokens.append(Uri(line, number))
    return tokens


def read_attributes(value: str) -> tuple[dict[str, str], str]:
    """The attributes of a list, and what is wrong with it (empty when nothing is)."""
    attributes: dict[str, str] = {}
    position = 0
    while position < len(value):
        match = _ATTRIBUTE.match(value, position)
        if match is None:
            return attributes, f"no attribute can be read at {value[position : position + 40]!r}"
        if match["name"] in attributes:
            return attributes, f"{match['name']} is given twice"
        attributes[match["name"]] = match["value"]
        position = match.end()
    return attributes, ""


def unquoted(attributes: dict[str, str], name: str) -> str | None:
    """A quoted string without its quotes; `None` when it is absent or not quoted."""
    value = attributes.get(name, "")
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else None


def decimal(text: str | None) -> Fraction | None:
    """A decimal number, exactly; `None` when it is none."""
    return Fraction(text) if text is not None and _DECIMAL.fullmatch(text) else None


def integer(text: str | None) -> int | None:
    """A decimal integer (RFC 8216bis §4.2: up to 20 digits, no sign); `None` when it is none."""
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,20}", text) else None
