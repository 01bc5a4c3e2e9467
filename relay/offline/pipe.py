"""How things get from one thread to the next: in order, none lost, never more than so many bytes on the way."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_BYTES: Final = 16 << 20
"""Eleven pictures of 720p, five of 1080p: enough to bridge what varies from picture to picture, little enough that the
next stage finds them in the cache."""

_LOOK_EVERY_S: Final = 0.1
"""How long a thread that waits takes at most to notice that the run has ended."""


class HaltError(Exception):
    """The run ends before its file does. Raised in every stage, caught at the top of its thread, and no fault."""


class Halt:
    """Ends a run early: called from outside (any thread, a signal handler), or by the stage that fails first."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.error: Exception | None = None

    @property
    def is_called(self) -> bool:
        """Whether the run is to end."""
        return self._event.is_set()

    def call(self) -> None:
        """End it; nobody is to blame."""
        self._event.set()

    def fail(self, error: Exception) -> None:
        """End it because of `error`. What fails after that fails because it ends."""
        if not self._event.is_set():
            self.error = error
        self._event.set()

    def check(self) -> None:
        """Raises `HaltError` once the run is to end."""
        if self._event.is_set():
            raise HaltError


class Pipe(Generic[T]):
    """From one thread to one other. Whoever is faster waits; all waits end when `halt` is called."""

    def __init__(self, halt: Halt, most_bytes: int = MOST_BYTES) -> None:
        self._halt = halt
        self._most_bytes = most_bytes
        self._items: deque[tuple[T, int]] = deque()
        self._held_bytes = 0
        self._has_ended = False
        self._changed = threading.Condition()

    @property
    def held_bytes(self) -> int:
        """What lies in it now."""
        return self._held_bytes

    def put(self, item: T, size_bytes: int) -> None:
        """Hand `item` over, once there is room for it; alone, it may be of any size. Raises `HaltError`."""
        with self._changed:
            while self._items and self._held_bytes + size_bytes > self._most_bytes:
                self._wait()
            self._halt.check()
            self._items.append((item, size_bytes))
            self._held_bytes += size_bytes
            self._changed.notify()

    def take(self) -> T | None:
        """The next item, waited for; `None` once the last was taken. Raises `HaltError`."""
        with self._changed:
            while not self._items:
                if self._has_ended:
                    return None
                self._wait()
            self._halt.check()
            item, size_bytes = self._items.popleft()
            self._held_bytes -= size_bytes
            self._changed.notify()
            return item

    def end(self) -> None:
        """Nothing more will be put."""
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def _wait(self) -> None:
        self._halt.check()
        self._changed.wait(_LOOK_EVERY_S)
