"""What is said of an event wherever it is told: how JSON has it, and whether it begins or is over. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from relay.events.model import TimedEvent
    from relay.model import JsonObject

Phase = Literal["begin", "end", "once"]
"""An event begins; one that had begun is over; or it is over when it is told first, as all that takes no time is."""

MOST_OPEN: Final = 4096
"""Events that go on at a time, of all streams. Beyond that the oldest is forgotten, and its end told as `once`."""
_NS_PER_MS: Final = 1_000_000


class Phases:
    """Knows which events were told to begin, and so what it means that one is over."""

    def __init__(self, most_open: int = MOST_OPEN) -> None:
        self._most_open = most_open
        self._open: dict[tuple[str, str], None] = {}

    def of(self, event: TimedEvent) -> Phase:
        """What `event`, which is told now, is: to be asked once for each time that it is told."""
        key = (event.stream, event.id)
        has_begun = key in self._open
        if event.is_over:
            self._open.pop(key, None)
            return "end" if has_begun else "once"
        self._open[key] = None
        if len(self._open) > self._most_open:
            del self._open[next(iter(self._open))]
        return "begin"


def described(event: TimedEvent) -> JsonObject:
    """The event as the API has it. `picture` is an address below the relay's own, `null` where there is no picture."""
    return {
        "id": event.id,
        "stream": event.stream,
        "kind": event.kind,
        "start_ms": event.start_ns // _NS_PER_MS,
        "end_ms": None if event.end_ns is None else event.end_ns // _NS_PER_MS,
        "data": event.data,
        "picture": picture_of(event) if event.has_picture else None,
    }


def picture_of(event: TimedEvent) -> str:
    """Where its picture is fetched. Neither names of streams nor ids have anything in them that is to be quoted."""
    return f"api/v1/streams/{event.stream}/events/{event.id}/picture.jpg"


def to_json(value: JsonObject) -> str:
    """`value` on one line, in ASCII: half a character, which a transform may have emitted, is no UTF-8."""
    return json.dumps(value, separators=(",", ":"))
