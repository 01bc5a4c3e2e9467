"""What playlists say of an event: EXT-X-DATERANGE (RFC 8216bis §4.4.5.1). Pure.

Every viewer can read it. So it is what a player may have use for, and in words that fit a line: texts, numbers and
yes or no. Boxes and lists stay out. It begins with what was known when the event began and is not changed after that;
its end is added.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from relay.model import DateRange

if TYPE_CHECKING:
    from relay.events.model import TimedEvent

MOST_ATTRIBUTES: Final = 12
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Z0-9]+")
_MOST_IN_A_NAME: Final = 40
_LARGEST: Final = 1e12


def date_range_of(event: TimedEvent) -> DateRange:
    """`event` as the playlists of its stream tell of it."""
    attributes: dict[str, str | float] = {}
    for key, value in event.data.items():
        word = _NOT_IN_A_NAME.sub("-", key.upper()).strip("-")[:_MOST_IN_A_NAME]
        said = _said(value)
        if word and said is not None and len(attributes) < MOST_ATTRIBUTES:
            attributes.setdefault(f"X-{word}", said)
    return DateRange(event.id, event.start_ns, f"relay.{event.kind}", event.end_ns, attributes)


def _said(value: object) -> str | float | None:
    """A value as an attribute can have it: none that is negative, or that is no single value."""
    match value:
        case bool():
            return "YES" if value else "NO"
        case int() | float() if 0 <= value < _LARGEST:
            return value
        case str() if value:
            return value
        case _:
            return None
