"""Where all that is noticed comes in, and from which it goes out to store, playlists and whoever listens.

Everything is called on the event loop's thread, and nothing blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from relay.config import RelaySettings
    from relay.events.model import TimedEvent
    from relay.events.store import EventStore
    from relay.links import Emitted
    from relay.model import DateRange

    Listener = Callable[[TimedEvent, bytes], None]


class EventDesk:
    """The events of all streams.

    `listeners` are called with each change that is told: an event that begins (`end_ns` is `None`), one that is over,
    with the same id, or one that takes no time or is told when it is over already. With it comes its JPEG, where there
    is one that was not handed out before; `has_picture` says if there is one at all. They return at once: what is
    slower takes a copy and goes about it elsewhere. One that raises is logged and called again the next time.

    `counters` are by stream and outcome ("told", "held_back_schedule", ...), and only grow.
    """

    def __init__(
        self, settings: RelaySettings, store: EventStore, publish: Callable[[str, DateRange], None]
    ) -> None:
        self.listeners: list[Listener]
        self.counters: Counter[tuple[str, str]]
        self.store = store
        raise NotImplementedError

    def notice(self, stream: str, emitted: Emitted, jpeg: bytes = b"") -> None:
        """A transform of `stream` noticed something; `jpeg` is of a picture that left the chain with it, or empty."""
        raise NotImplementedError

    def outage(self, stream: str, date_range: DateRange, jpeg: bytes = b"") -> None:
        """The camera of `stream` is away, or back: then `date_range` has its end. `jpeg` is what it showed last."""
        raise NotImplementedError

    def interrupt(self, stream: str, now_ns: int) -> None:
        """Its worker is gone: nobody will tell when that is over which goes on, so it is over now."""
        raise NotImplementedError

    def tick(self, now_ns: int) -> None:
        """Tell what has lasted long enough by now. To be called about four times a second."""
        raise NotImplementedError

    def close(self, now_ns: int, timeout_s: float = 1.0) -> bool:
        """End what goes on, write it and close the store, within `timeout_s`. False if something was lost."""
        raise NotImplementedError
