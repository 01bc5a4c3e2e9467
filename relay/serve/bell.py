"""Waiting for the next publication: everyone is woken by one ring, or by a deadline of their own."""

from __future__ import annotations

import asyncio


class Bell:
    """A ring wakes all who wait at that moment, in one sweep of the event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[bool]] = set()

    @property
    def is_silent(self) -> bool:
        """Whether nobody waits."""
        return not self._waiting

    async def wait(self, until: float) -> bool:
        """Whether the bell rang before `until` (in the event loop's time)."""
        loop = asyncio.get_running_loop()
        rang: asyncio.Future[bool] = loop.create_future()
        deadline = loop.call_at(until, _give_up, rang)
        self._waiting.add(rang)
        try:
            return await rang
        finally:
            deadline.cancel()
            self._waiting.discard(rang)

    def ring(self) -> None:
        """Wake all who wait."""
        waiting, self._waiting = self._waiting, set()
        for rang in waiting:
            if not rang.done():
                rang.set_result(True)


def _give_up(rang: asyncio.Future[bool]) -> None:
    if not rang.done():
        rang.set_result(False)
