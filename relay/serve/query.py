"""What the API's addresses have in common behind the `?`: each name once, times in two spellings. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MOST_CHARACTERS: Final = 128
_LATEST_MS: Final = 9_223_372_036_854
"""The last one that a database can say in nanoseconds, of the year 2262."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS: Final = re.compile(r"\d{1,15}", re.ASCII)


def values_by_name(
    pairs: Iterable[tuple[str, str]], names: Collection[str], repeated: Collection[str] = ()
) -> dict[str, list[str]]:
    """The values of each of `names`; only those in `repeated` may have several. Raises `ValueError`."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if name not in names:
            raise ValueError(f"{name[:MOST_CHARACTERS]!r} cannot be asked for: there are {', '.join(names)}")
        if len(values) > 1 and name not in repeated:
            raise ValueError(f"{name} is given more than once")
        if any(not value or len(value) > MOST_CHARACTERS for value in values):
            raise ValueError(f"{name} has 1 to {MOST_CHARACTERS} characters")
    return given


def time_ms(name: str, text: str) -> int:
    """Unix milliseconds, or a date and time with its zone (RFC 3339). A `+` that was not quoted came as a space."""
    if _MILLISECONDS.fullmatch(text):
        unix_ms = int(text)
    else:
        try:
            time = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            raise ValueError(f"{name} is Unix time in milliseconds, or a date as 2025-06-15T15:06:40Z")
        unix_ms = (time - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= unix_ms <= _LATEST_MS:
        raise ValueError(f"{name} is a time from 1970 to 2262")
    return unix_ms
