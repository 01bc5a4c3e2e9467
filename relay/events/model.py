"""The one value that travels from here to store, API, playlists, pages and webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.model import JsonObject

OUTAGE: Final = "outage"
"""The kind of what happens to the camera itself: no pictures come from it."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """Something that was noticed in a stream's pictures, or an outage of its camera: when, and what is known of it.

    `id` is of A-Z a-z 0-9 . _ -, and names this event alone among all that its stream ever has. `kind` is what was
    emitted: "motion", "object"; "outage" is the camera's own. It was seen first at `start_ns`, last at `end_ns` (Unix
    time in ns): `None` while it goes on, and the same for what takes no time. `data` is what it began with, and over it
    what it ended with, without what says the times. `has_picture` says that there is a JPEG of a picture that left the
    transform chain.
    """

    id: str
    stream: str
    kind: str
    start_ns: int
    end_ns: int | None = None
    data: JsonObject = field(default_factory=dict)
    has_picture: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it has an end."""
        return self.end_ns is not None

    @property
    def lasted_s(self) -> float:
        """From its first moment to its last; 0 while that is not known."""
        return 0.0 if self.end_ns is None else (self.end_ns - self.start_ns) / NS_PER_S
