"""What a stream's playlists are to tell of: what its worker says, and its outages, as date ranges. Pure.

An outage lasts from the camera's last picture to its next, as the worker sees it; viewers see the slate meanwhile. Why
it began is told, and read where there are captions, in the words that are meant for them, and not anew when they
change: what was published stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from relay import wire
from relay.model import DateRange, StreamState

if TYPE_CHECKING:
    from relay.model import StreamHealth
    from relay.supervisor.supervisor import Publisher

OUTAGE_CLASS: Final = "relay.outage"
_NS_PER_MS: Final = 1_000_000
_AWAY: Final = {StreamState.STALLED, StreamState.OFFLINE, StreamState.SLATE}
"""Not `connecting`: at the start, or with a new worker, it is not known yet, and is over in a moment."""


class Events:
    """Of one stream, whichever worker it has."""

    def __init__(self, name: str, publisher: Publisher) -> None:
        self._name = name
        self._publisher = publisher
        self._outage: DateRange | None = None

    def heed(self, message: wire.Message) -> None:
        """Publish what a worker's message has to tell."""
        told: DateRange | None = None
        match message:
            case wire.Event(date_range):
                told = date_range
            case wire.Health(health, _):
                told = self._change(health)
            case _:
                pass
        if told is not None:
            self._publisher.publish_event(self._name, told)

    def _change(self, health: StreamHealth) -> DateRange | None:
        """The outage that begins, or that is over, with this health."""
        if self._outage is None and health.state in _AWAY:
            name = f"outage-{health.since_ns // _NS_PER_MS}"
            self._outage = DateRange(
                name, health.since_ns, OUTAGE_CLASS, attributes={"X-REASON": health.reason}, caption=health.reason
            )
            return self._outage
        if self._outage is not None and health.state is StreamState.LIVE:
            over = replace(self._outage, end_ns=max(self._outage.start_ns, health.since_ns))
            self._outage = None
            return over
        return None
