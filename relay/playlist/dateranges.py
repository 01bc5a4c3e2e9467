"""EXT-X-DATERANGE (RFC 8216bis §4.4.5.1): what happened while a stream was sent, and for how long it is told. Pure.

1. A range is listed until it ended before the oldest segment that is listed in any rendition, and in all of them alike.
2. What was told of it does not change. One that goes on may be given its end, once. An id is not used twice.
3. There are `MAX_LISTED` at the most; what comes then is left out.
4. No text can end its attribute or its line: quotes become apostrophes, control characters spaces. HLS has no escapes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from relay.playlist.text import date_time

if TYPE_CHECKING:
    from relay.model import DateRange

MAX_LISTED: Final = 100
"""A line of 200 bytes each: what players load with every reload."""
MAX_ATTRIBUTES: Final = 16
MAX_CHARACTERS: Final = 200
LATEST_NS: Final = 10**19
"""A time of the year 2286, which a date can still say."""
MAX_NUMBER: Final = 1e15
"""Below it a float is still exact to a tenth, and no longer in digits than an attribute may be."""
_NAME: Final = re.compile(r"X-[A-Z0-9-]{1,64}", re.ASCII)
_NOT_IN_A_LINE: Final = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's general categories of control characters (§4.1), halves of characters, and line ends."""


class DateRanges:
    """The ranges of one stream, in the order in which they came."""

    def __init__(self) -> None:
        self._listed: dict[str, tuple[DateRange, str]] = {}

    @property
    def text(self) -> str:
        """Their lines."""
        return "".join(line for _, line in self._listed.values())

    @property
    def listed(self) -> list[DateRange]:
        """They themselves."""
        return [one for one, _ in self._listed.values()]

    def put(self, one: DateRange) -> bool:
        """Take a range, or the end of one that goes on. Whether that changed anything: what breaks a rule does not."""
        try:
            line = daterange_line(one)
        except ValueError:
            return False
        name = plain(one.id)
        known, _ = self._listed.get(name, (None, ""))
        if known is None and len(self._listed) >= MAX_LISTED:
            return False
        if known is not None and (known.end_ns is not None or one == known or replace(one, end_ns=None) != known):
            return False
        self._listed[name] = (one, line)
        return True

    def forget(self, before_ns: int) -> None:
        """Let go of what had ended before `before_ns`."""
        self._listed = {
            name: (one, line)
            for name, (one, line) in self._listed.items()
            if one.end_ns is None or one.end_ns >= before_ns
        }


def daterange_line(one: DateRange) -> str:
    """The tag. Raises `ValueError`, saying what is wrong, for what cannot be told."""
    if not plain(one.id):
        raise ValueError("a date range needs an id")
    end_ns = one.start_ns if one.end_ns is None else one.end_ns
    if not 0 <= one.start_ns <= end_ns <= LATEST_NS:
        raise ValueError("it ends before it starts, or is of no time that there is")
    if len(one.attributes) > MAX_ATTRIBUTES:
        raise ValueError(f"it has more than {MAX_ATTRIBUTES} attributes")
    attributes = [
        f'ID="{plain(one.id)}"',
        *([f'CLASS="{plain(one.class_name)}"'] if one.class_name else []),
        f'START-DATE="{date_time(one.start_ns)}"',
        *([f'END-DATE="{date_time(one.end_ns)}"'] if one.end_ns is not None else []),
        *(_attribute(name, value) for name, value in one.attributes.items()),
    ]
    return f"#EXT-X-DATERANGE:{','.join(attributes)}\n"


def plain(text: str) -> str:
    """`text` as it can stand between quotes in a playlist, and not too long."""
    normal = unicodedata.normalize("NFC", text)
    safe = "".join(" " if unicodedata.category(one) in _NOT_IN_A_LINE else one for one in normal)
    return safe.replace('"', "'").strip()[:MAX_CHARACTERS]


def _attribute(name: str, value: str | float) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("the name of an attribute is X- and capital letters, digits and dashes")
    if isinstance(value, str):
        return f'{name}="{plain(value)}"'
    if not 0 <= value < MAX_NUMBER:
        raise ValueError(f"{name} is not a number that a playlist can say")
    digits = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{name}={digits}"
