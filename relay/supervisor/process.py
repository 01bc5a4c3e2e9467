"""A worker as the supervisor sees it: a process (or, embedded, a thread) at the other end of a socket pair."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final

from relay import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config import Isolation

READ_LIMIT_BYTES: Final = 256 * 1024


class WorkerProcess:
    """Made by `spawn`; `receive` until it returns `None`, then `kill`, always."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: asyncio.subprocess.Process | None
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._process = process

    @classmethod
    async def spawn(cls, isolation: Isolation, log_level: str) -> WorkerProcess:
        """Start a worker. It inherits one end of a socket pair and nothing else but the standard streams."""
        ours, theirs = socket.socketpair()
        process = None
        with theirs:
            ours.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            if isolation == "thread":
                _run_in_thread(theirs.dup())
            else:
                command = [sys.executable, "-m", "relay.worker", str(theirs.fileno()), log_level]
                process = await asyncio.create_subprocess_exec(*command, pass_fds=[theirs.fileno()])
        reader, writer = await asyncio.open_connection(sock=ours, limit=READ_LIMIT_BYTES)
        return cls(reader, writer, process)

    @property
    def pid(self) -> int | None:
        """The process id, or `None` for a worker in a thread."""
        return self._process.pid if self._process else None

    async def receive(self, within_s: float) -> wire.Message | None:
        """The next message, or `None` when the worker is gone. Raises `TimeoutError` if it keeps silent."""
        async with asyncio.timeout(within_s):
            return await wire.read_async(self._reader)

    def send(self, message: wire.Message) -> None:
        """Send down. What is sent is small and rare, so the transport's buffer needs no other bound."""
        if not self._writer.is_closing():
            self._writer.write(wire.encode(message))

    async def kill(self) -> int | None:
        """Make sure that it is gone, and say how it ended (a negative number is the signal)."""
        self._writer.close()
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()

    async def wait(self, within_s: float) -> None:
        """Give it time to end by itself."""
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._process.wait()


def _run_in_thread(sock: socket.socket) -> None:
    from relay.worker.camera import run_worker  # noqa: PLC0415 - with it come av and cv2, which the parent does without

    target: Callable[[socket.socket], None] = run_worker
    threading.Thread(target=target, args=(sock,), name="worker", daemon=True).start()
