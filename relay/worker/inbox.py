"""What waits for a thread that may take all of it at once: bounded, and honest about what it had to drop."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Taken(NamedTuple, Generic[T]):
    """All that waited. `has_hole` says that something was dropped right before it."""

    items: list[T]
    has_hole: bool


class Inbox(Generic[T]):
    """A queue from any thread to one. `put` never blocks: over a bound it drops the oldest items, or all of them.

    All of them, where what follows is of no use without what was dropped.
    """

    def __init__(
        self,
        size_of: Callable[[T], int],
        max_size: int,
        max_items: float = math.inf,
        *,
        drops: Literal["oldest", "all"],
    ) -> None:
        self._size_of = size_of
        self._max_size = max_size
        self._max_items = max_items
        self._drops_all = drops == "all"
        self._items: deque[T] = deque()
        self._size = 0
        self._has_hole = False
        self._changed = threading.Condition()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether its thread is to end."""
        return self._is_closed

    def put(self, item: T) -> list[T]:
        """Hand `item` over. What had to be dropped for it, for the caller to count."""
        dropped: list[T] = []
        with self._changed:
            self._items.append(item)
            self._size += self._size_of(item)
            while self._is_over():
                dropped.append(self._items.popleft())
                self._size -= self._size_of(dropped[-1])
            if dropped:
                self._has_hole = True
                if self._drops_all:
                    dropped += self._clear()
            self._changed.notify()
        return dropped

    def take(self, timeout_s: float) -> Taken[T]:
        """All that waits, as soon as there is something, and nothing after `timeout_s` or `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._has_hole or self._is_closed, timeout=timeout_s)
            has_hole, self._has_hole = self._has_hole, False
            return Taken(self._clear(), has_hole)

    def close(self) -> None:
        """Wake whoever waits, for the last time. May be called twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _is_over(self) -> bool:
        return self._size > self._max_size or len(self._items) > self._max_items

    def _clear(self) -> list[T]:
        items = list(self._items)
        self._items.clear()
        self._size = 0
        return items
