"""What is asked of a stream's events, as the address says it: `?since=...&kind=motion&kind=object&limit=20`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.serve.query import time_ms, values_by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_LISTED: Final = 200
LISTED: Final = 50
MOST_KINDS: Final = 32
_NS_PER_MS: Final = 1_000_000
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
    given = values_by_name(pairs, _NAMES, repeated=("kind",))
    kinds = tuple(given.get("kind", ()))
    if len(kinds) > MOST_KINDS:
        raise ValueError(f"kind is given {len(kinds)} times: at most {MOST_KINDS}")
    one = {name: values[0] for name, values in given.items()}
    times = (time_ms(name, one[name]) * _NS_PER_MS if name in one else None for name in ("since", "until"))
    since_ns, until_ns = times
    if since_ns is not None and until_ns is not None and since_ns >= until_ns:
        raise ValueError("until is later than since, and not itself among the times that are asked for")
    return EventQuery(since_ns, until_ns, kinds, _limit(one.get("limit", str(LISTED))), one.get("before", ""))


def _limit(text: str) -> int:
    if not _COUNT.fullmatch(text) or int(text) > MOST_LISTED:
        raise ValueError(f"limit is a whole number from 1 to {MOST_LISTED}")
    return int(text)
