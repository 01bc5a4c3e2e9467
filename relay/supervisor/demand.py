"""Whether anybody wants a stream's pictures now: what opens and closes the camera of an on-demand stream."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Demand:
    """Entered (`with demand:`) by everyone who fetches a playlist or media of the stream, for as long as that takes.

    A stream that is not on demand is always wanted. An on-demand one is wanted while somebody fetches and until
    `idle_close_s` after the last of them. Not for several threads.
    """

    def __init__(
        self, *, is_on_demand: bool, idle_close_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.is_on_demand = is_on_demand
        self._idle_close_s = idle_close_s
        self._monotonic_s = monotonic_s
        self._fetching = 0
        self._last_s: float | None = None
        self._asked = asyncio.Event()

    def __enter__(self) -> None:
        self._fetching += 1
        self._asked.set()

    def __exit__(self, *_: object) -> None:
        self._fetching -= 1
        self._last_s = self._monotonic_s()

    @property
    def is_wanted(self) -> bool:
        """Whether the camera is to be open now."""
        if not self.is_on_demand or self._fetching:
            return True
        return self._last_s is not None and self._monotonic_s() - self._last_s < self._idle_close_s

    async def wait(self, within_s: float | None = None) -> bool:
        """Whether somebody has asked within `within_s` (`None`: for ever), or `wake` was called."""
        if not self.is_wanted:
            self._asked.clear()
        try:
            async with asyncio.timeout(within_s):
                return await self._asked.wait()
        except TimeoutError:
            return False

    def wake(self) -> None:
        """End a `wait`: the stream is to be stopped for good."""
        self._asked.set()
