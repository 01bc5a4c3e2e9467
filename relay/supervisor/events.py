"""What a worker tells of events, and the outages of its camera, on their way to the desk. Pure.

An outage lasts from the camera's last picture to its next, as the worker sees it; viewers see the slate meanwhile. Why
it began is told, and read where there are captions, in the words that are meant for them, and not anew when they
change: what was published stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from relay import wire
from relay.model import DateRange, StreamState
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.links import Emitted
    from relay.model import StreamHealth
    from relay.supervisor.supervisor import Outlets

OUTAGE_CLASS: Final = "relay.outage"
LAST_SEEN_NS: Final = 10 * NS_PER_S
"""A picture that is older than this when the camera goes away says nothing of what was to be seen last."""
_NS_PER_MS: Final = 1_000_000
_AWAY: Final = {StreamState.STALLED, StreamState.OFFLINE, StreamState.SLATE}
"""Not `connecting`: at the start, or with a new worker, it is not known yet, and is over in a moment."""


class Desk(Protocol):
    """Who is told of events: `relay.events`. Every call is quick and comes on the event loop."""

    def notice(self, stream: str, emitted: Emitted, jpeg: bytes = b"") -> None:
        """A transform noticed something; `jpeg` is of a picture that left the chain with it, or empty."""

    def outage(self, stream: str, date_range: DateRange, jpeg: bytes = b"") -> None:
        """The camera is away, or back: then `date_range` has its end. `jpeg` is what it showed last, or empty."""

    def interrupt(self, stream: str, now_ns: int) -> None:
        """The worker is gone, and nobody will tell of the end of what goes on."""


class Events:
    """Of one stream, whichever worker it has."""

    def __init__(self, name: str, outlets: Outlets) -> None:
        self._name = name
        self._publisher = outlets.publisher
        self._desk = outlets.desk
        self._outage: DateRange | None = None
        self._last_seen = wire.Snapshot(0)

    def heed(self, message: wire.Message) -> None:
        """Pass on what a worker's message has to tell."""
        match message:
            case wire.Event(date_range):
                self._publisher.publish_event(self._name, date_range)
            case wire.Noticed(event, jpeg):
                self._desk.notice(self._name, event, jpeg)
            case wire.Snapshot():
                self._last_seen = message
            case wire.Health(health, _):
                self._change(health)
            case _:
                pass

    def end_worker(self, now_ns: int) -> None:
        """There will be another worker, which knows nothing of what goes on."""
        self._desk.interrupt(self._name, now_ns)

    def _change(self, health: StreamHealth) -> None:
        """Tell of the outage that begins, or that is over, with this health."""
        if self._outage is None and health.state in _AWAY:
            name = f"outage-{health.since_ns // _NS_PER_MS}"
            self._outage = DateRange(
                name, health.since_ns, OUTAGE_CLASS, attributes={"X-REASON": health.reason}, caption=health.reason
            )
            seen = self._last_seen
            is_of_now = 0 <= health.since_ns - seen.time_ns <= LAST_SEEN_NS
            self._desk.outage(self._name, self._outage, seen.data if is_of_now else b"")
        elif self._outage is not None and health.state is StreamState.LIVE:
            over = replace(self._outage, end_ns=max(self._outage.start_ns, health.since_ns))
            self._outage = None
            self._desk.outage(self._name, over)
