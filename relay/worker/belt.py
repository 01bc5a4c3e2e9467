"""Passing pictures to an encoder that has to keep up: whoever gives waits while too many are on the way."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Belt(Generic[T]):
    """A bounded queue between two threads. `limit` counts what waits and what was taken and is not `done` with yet.

    `at_first` is the limit before that: until what was given while nobody took has been worked off.

    Who takes waits on a queue that is written in C, since an encoder waits for each of its pictures, and all of what a
    `Condition` does is Python.
    """

    def __init__(self, limit: int, at_first: int = 0) -> None:
        self._limit = limit
        self._room = max(limit, at_first)
        self._items: SimpleQueue[T | None] = SimpleQueue()  # `None` is the end
        self._on_the_way = 0
        self._is_closed = False
        self._changed = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Whether `put` would wait."""
        return self._on_the_way >= self._room

    def put(self, item: T, within_s: float) -> bool:
        """Hand `item` over as soon as there is room; `False`: there was none in time. After `close` it is let go."""
        with self._changed:
            is_free = self._changed.wait_for(lambda: self._is_closed or not self.is_full, within_s)
            if is_free and not self._is_closed:
                self._on_the_way += 1
                self._items.put(item)
            return is_free

    def take(self) -> T | None:
        """The next item as soon as there is one; `None` after `close`, whatever waits, and behind the last one."""
        item = self._items.get()
        if item is None or self._is_closed:
            self._items.put(None)  # for whoever asks again
            return None
        return item

    def done(self) -> None:
        """What was taken last needs no room any more."""
        with self._changed:
            self._on_the_way -= 1
            if self._on_the_way <= self._limit:
                self._room = self._limit
            self._changed.notify_all()

    def finish(self) -> None:
        """Nothing will follow what waits."""
        self._items.put(None)

    def close(self) -> None:
        """Wake both. May be called twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._items.put(None)
