"""Passing pictures to an encoder that has to keep up: whoever gives waits while too many are on the way."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Belt(Generic[T]):
    """A bounded queue between two threads. `limit` counts what waits and what was taken and is not `done` with yet.

    `at_first` is the limit before that: until what was given while nobody took has been worked off.
    """

    def __init__(self, limit: int, at_first: int = 0) -> None:
        self._limit = limit
        self._room = max(limit, at_first)
        self._items: deque[T] = deque()
        self._taken = 0
        self._is_closed = self._is_finished = False
        self._changed = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Whether `put` would wait."""
        return len(self._items) + self._taken >= self._room

    def put(self, item: T, within_s: float) -> bool:
        """Hand `item` over as soon as there is room; `False`: there was none in time. After `close` it is let go."""
        with self._changed:
            is_free = self._changed.wait_for(lambda: self._is_closed or not self.is_full, within_s)
            if is_free and not self._is_closed:
                self._items.append(item)
                self._changed.notify_all()
            return is_free

    def take(self) -> T | None:
        """The next item as soon as there is one; `None` after `close`, whatever waits, and behind the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._is_finished or self._items)
            if self._is_closed or not self._items:
                return None
            self._taken += 1
            return self._items.popleft()

    def done(self) -> None:
        """What was taken last needs no room any more."""
        with self._changed:
            self._taken -= 1
            if len(self._items) + self._taken <= self._limit:
                self._room = self._limit
            self._changed.notify_all()

    def finish(self) -> None:
        """Nothing will follow what waits."""
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wake both. May be called twice."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()
