"""What a worker says, taken apart in the buffer that the kernel wrote it into.

A stream reader of asyncio's wakes its task for each piece of a message. Of a ladder there are 25 messages a second and
camera, and what that costs is the most of what the parent does while nobody watches.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, cast

from relay import wire
from relay.errors import ProtocolError

BUFFER_BYTES: Final = 256 * 1024
"""Room for most messages whole: a part of 0.2 s at 10 Mbit/s. For one that is longer there is more, while it comes."""

MOST_WAITING_BYTES: Final = 4 * 1024 * 1024
"""A worker waits in its own outbox, which is bounded, where what came before is not taken yet."""


class Inbox(asyncio.BufferedProtocol):
    """The messages of one connection, in order."""

    def __init__(self) -> None:
        self._room = bytearray(BUFFER_BYTES)
        self._filled_bytes = 0
        self._messages: deque[tuple[wire.Message, int]] = deque()
        self._waiting_bytes = 0
        self._problem: ProtocolError | None = None
        self._is_over = self._is_paused = False
        self._transport: asyncio.Transport | None = None
        self._comes: asyncio.Future[None] | None = None

    @property
    def transport(self) -> asyncio.Transport:
        """The connection that it was made for."""
        if self._transport is None:
            raise RuntimeError("an inbox has a transport once it is connected")
        return self._transport

    async def next(self) -> wire.Message | None:
        """The next message; `None` behind the last one, also where the worker died amid one.

        One task at a time. Raises `ProtocolError` for what is no message; nothing is read behind it.
        """
        while not self._messages:
            if self._problem is not None:
                raise self._problem
            if self._is_over:
                return None
            self._comes = asyncio.get_running_loop().create_future()
            await self._comes
        message, size_bytes = self._messages.popleft()
        self._waiting_bytes -= size_bytes
        if self._is_paused and self._waiting_bytes < MOST_WAITING_BYTES // 2:
            self._is_paused = False
            self.transport.resume_reading()
        return message

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Where what comes is to be written."""
        return memoryview(self._room)[self._filled_bytes :]

    def buffer_updated(self, nbytes: int) -> None:
        """So much was."""
        self._filled_bytes += nbytes
        try:
            taken_bytes = self._take_apart()
        except ProtocolError as problem:
            self._problem = problem
            self.transport.abort()
        else:
            rest = self._room[taken_bytes : self._filled_bytes]
            self._make_room(rest)
        self._wake()

    def eof_received(self) -> bool:
        """Nothing will follow, and nothing is left to be said."""
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over, on purpose or not."""
        self._is_over = True
        self._wake()

    def _take_apart(self) -> int:
        """Keep the messages that are whole; how many bytes of the buffer they were. Raises `ProtocolError`."""
        taken_bytes = 0
        with memoryview(self._room) as view:
            while self._filled_bytes - taken_bytes >= wire.LENGTHS.size:
                header_at = taken_bytes + wire.LENGTHS.size
                header_bytes, body_bytes = wire.frame_bytes(view[taken_bytes:header_at])
                body_at = header_at + header_bytes
                end = body_at + body_bytes
                if end > self._filled_bytes:
                    break
                message = wire.decode(bytes(view[header_at:body_at]), bytes(view[body_at:end]))
                self._messages.append((message, end - taken_bytes))
                self._waiting_bytes += end - taken_bytes
                taken_bytes = end
        if self._waiting_bytes > MOST_WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        return taken_bytes

    def _make_room(self, rest: bytearray) -> None:
        """Have `rest` at the buffer's begin, and room behind it for what its message still needs."""
        needed_bytes = BUFFER_BYTES
        if len(rest) >= wire.LENGTHS.size:
            header_bytes, body_bytes = wire.frame_bytes(bytes(rest[: wire.LENGTHS.size]))
            needed_bytes = max(BUFFER_BYTES, wire.LENGTHS.size + header_bytes + body_bytes)
        if needed_bytes != len(self._room):
            self._room = bytearray(needed_bytes)
        self._room[: len(rest)] = rest
        self._filled_bytes = len(rest)

    def _wake(self) -> None:
        if self._comes is not None and not self._comes.done():
            self._comes.set_result(None)
