"""One worker more than there are streams, already started: what takes over at once when another dies."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from relay.config import Isolation
    from relay.supervisor.process import WorkerProcess

SPARE_AFTER_S: Final = 3.0
"""A spare imports FFmpeg and OpenCV for about a core-second. The worker that was just taken needs the core first."""


class SpareWorkers:
    """Starts workers, and keeps one that has nothing to do yet.

    To start one takes longer than a player in `lan` has buffered (1.3 s against 0.9 s, on two cores): without a spare
    every viewer sees a stall whenever a worker dies. What a worker is to do it hears from its keeper, so that one spare
    serves all streams.
    """

    def __init__(self, spawn: Callable[[Isolation, str], Awaitable[WorkerProcess]], log_level: str) -> None:
        self._spawn = spawn
        self._log_level = log_level
        self._spare: WorkerProcess | None = None
        self._is_taken = asyncio.Event()

    async def take(self, isolation: Isolation) -> WorkerProcess:
        """A worker that was told nothing yet: the spare if there is one. Raises `OSError` if none can be started."""
        spare = None
        if isolation == "process":
            spare, self._spare = self._spare, None
            self._is_taken.set()
        if spare is not None:
            if spare.is_running:
                return spare
            await spare.kill()
        return await self._spawn(isolation, self._log_level)

    async def keep(self) -> None:
        """Have a new spare ready `SPARE_AFTER_S` after one was asked for, until cancelled; the last one is ended."""
        try:
            while True:
                await self._is_taken.wait()
                await asyncio.sleep(SPARE_AFTER_S)
                self._is_taken.clear()
                if self._spare is None:
                    with contextlib.suppress(OSError):  # then the next worker is started when it is needed
                        self._spare = await self._spawn("process", self._log_level)
        finally:
            if self._spare is not None:
                await self._spare.kill()
