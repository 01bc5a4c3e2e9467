"""What is asked of a stream's events, as the address says it: `?since=...&kind=motion&kind=object&limit=20`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_LISTED: Final = 200
LISTED: Final = 50
MOST_KINDS: Final = 32
_MOST_CHARACTERS: Final = 128
_LATEST_MS: Final = 9_223_372_036_854
"""The last one that a database can say in nanoseconds, of the year 2262."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_MS: Final = 1_000_000
_MILLISECONDS: Final = re.compile(r"\d{1,15}", re.ASCII)
_COUNT: Final = re.compile(r"[1-9]\d{0,2}", re.ASCII)
_NAMES: Final = ("since", "until", "kind", "limit", "before")


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: those that went on between two times, of some kinds, behind the one with the id `before`."""

    since_ns: int | None = None
    until_ns: int | None = None
    kinds: tuple[str, ...] = ()
    limit: int = LISTED
    before: str = ""


def parse_event_query(pairs: Iterable[tuple[str, str]]) -> EventQuery:
    """The query of these names and values. Raises `ValueError` with what is wrong, and what would do."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if name not in _NAMES:
            raise ValueError(f"{name[:_MOST_CHARACTERS]!r} cannot be asked for: there are {', '.join(_NAMES)}")
        if len(values) > 1 and name != "kind":
            raise ValueError(f"{name} is given more than once")
        if any(not value or len(value) > _MOST_CHARACTERS for value in values):
            raise ValueError(f"{name} has 1 to {_MOST_CHARACTERS} characters")
    kinds = tuple(given.get("kind", ()))
    if len(kinds) > MOST_KINDS:
        raise ValueError(f"kind is given {len(kinds)} times: at most {MOST_KINDS}")
    one = {name: values[0] for name, values in given.items()}
    since_ns, until_ns = (_time_ns(name, one[name]) if name in one else None for name in ("since", "until"))
    if since_ns is not None and until_ns is not None and since_ns >= until_ns:
        raise ValueError("until is later than since, and not itself among the times that are asked for")
    return EventQuery(since_ns, until_ns, kinds, _limit(one.get("limit", str(LISTED))), one.get("before", ""))


def _limit(text: str) -> int:
    if not _COUNT.fullmatch(text) or int(text) > MOST_LISTED:
        raise ValueError(f"limit is a whole number from 1 to {MOST_LISTED}")
    return int(text)


def _time_ns(name: str, text: str) -> int:
    """Unix milliseconds, or a date and time with its zone (RFC 3339). A `+` that was not quoted came as a space."""
    if _MILLISECONDS.fullmatch(text):
        time_ms = int(text)
    else:
        try:
            time = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            raise ValueError(f"{name} is Unix time in milliseconds, or a date as 2025-06-15T15:06:40Z")
        time_ms = (time - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= time_ms <= _LATEST_MS:
        raise ValueError(f"{name} is a time from 1970 to 2262")
    return time_ms * _NS_PER_MS
