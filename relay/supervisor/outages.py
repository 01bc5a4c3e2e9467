"""A stream's outages, as date ranges for its playlists: from the last picture of the camera to the next. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from relay.model import DateRange, StreamState

if TYPE_CHECKING:
    from relay.model import StreamHealth

OUTAGE_CLASS: Final = "relay.outage"
_NS_PER_MS: Final = 1_000_000
_AWAY: Final = {StreamState.STALLED, StreamState.OFFLINE, StreamState.SLATE}
"""States in which viewers see the slate. At the start, or with a new worker, it is not known yet: `connecting`."""
_OVER: Final = {StreamState.LIVE, StreamState.STOPPED}


class Outages:
    """Follows the health of one stream."""

    def __init__(self) -> None:
        self._open: DateRange | None = None

    def note(self, health: StreamHealth) -> DateRange | None:
        """What there is to publish now that this is the stream's health: an outage that begins, or that is over.

        Why it began is told in the words that are meant for viewers, and is not told anew when they change.
        """
        if self._open is None and health.state in _AWAY:
            name = f"outage-{health.since_ns // _NS_PER_MS}"
            self._open = DateRange(name, health.since_ns, OUTAGE_CLASS, attributes={"X-REASON": health.reason})
            return self._open
        if self._open is not None and health.state in _OVER:
            over = replace(self._open, end_ns=max(self._open.start_ns, health.since_ns))
            self._open = None
            return over
        return None
