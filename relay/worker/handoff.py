"""Passing pictures from one thread to the next without ever building delay."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BURST: Final = 12
"""Frames that may wait after a hiccup of the network: 0.4 s at 30 frames a second, 17 MB at 720p."""

_SMOOTHING: Final = 0.1


class Handoff(Generic[T]):
    """A queue from one thread to another that works off a burst but does not queue a lack of speed.

    While the consumer takes less than `period_s` for an item, up to `BURST` may wait. When it takes longer on average,
    only the newest waits: queueing then would only add delay. What is dropped is counted in `dropped`.
    """

    def __init__(self, period_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0
        self.period_s = period_s
        self._clock = clock
        self._items: SimpleQueue[T | None] = SimpleQueue()  # `None` wakes who waits at the end
        self._is_closed = False
        self._busy_s = 0.0
        self._taken_at: float | None = None

    def put(self, item: T) -> None:
        """Hand `item` over; the oldest that waits makes room."""
        limit = BURST if self._busy_s < self.period_s else 1
        while self._items.qsize() >= limit:
            try:
                self.dropped += self._items.get_nowait() is not None
            except Empty:  # it was taken just now
                break
        self._items.put(item)

    def take(self, timeout_s: float) -> T | None:
        """The next item, or `None` after `timeout_s` or `close`."""
        now = self._clock()
        if self._taken_at is not None:
            self._busy_s += _SMOOTHING * (now - self._taken_at - self._busy_s)
            self._taken_at = None
        try:
            item = self._items.get(timeout=0.0 if self._is_closed else max(0.0, timeout_s))
        except Empty:
            return None
        if item is not None:
            self._taken_at = self._clock()
        return item

    def close(self) -> None:
        """Wake whoever waits; what waits to be taken still can be."""
        self._is_closed = True
        self._items.put(None)
