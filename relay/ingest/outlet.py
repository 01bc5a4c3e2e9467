"""The way from the front to the worker of one stream: a connection on loopback, opened with the worker's own token."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from relay.model import LOOPBACK, PUSH_WELCOME

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.model import PushDoor

OPEN_WITHIN_S: Final = 3.0
SEND_WITHIN_S: Final = 5.0
"""A worker that takes nothing for so long is about to be killed, or its machine cannot keep up."""


class Outlet:
    """Opened to whatever worker the stream has, closed when that one is gone, and then opened to the next."""

    def __init__(self, find_door: Callable[[], PushDoor | None]) -> None:
        self._find_door = find_door
        self._door: PushDoor | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def is_open(self) -> bool:
        """Whether the worker still listens, as far as is known."""
        reader, writer = self._reader, self._writer
        return reader is not None and writer is not None and not reader.at_eof() and not writer.is_closing()

    @property
    def is_at_its_door(self) -> bool:
        """Whether the worker of now is the one that it was last opened to."""
        return self._door is not None and self._find_door() == self._door

    async def open(self) -> bool:
        """Connect to the worker of now, if there is one; whether it took the connection, within `OPEN_WITHIN_S`."""
        self.close()
        door = self._find_door()
        if door is None:
            return False
        with contextlib.suppress(OSError, EOFError):
            async with asyncio.timeout(OPEN_WITHIN_S):
                self._reader, self._writer = await asyncio.open_connection(LOOPBACK, door.port)
                self._writer.write(door.token.encode())
                if await self._reader.readexactly(len(PUSH_WELCOME)) == PUSH_WELCOME:
                    self._door = door
                    return True
        self.close()
        return False

    async def send(self, data: bytes) -> bool:
        """Send `data`; whether there is room for more, within `SEND_WITHIN_S`. If not, it is closed."""
        if self._writer is None:
            return False
        self._writer.write(data)
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._writer.drain()
        except OSError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Hang up. May be called twice."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
