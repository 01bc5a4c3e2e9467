"""A worker as the supervisor sees it: a process (or, embedded, a thread) at the other end of a socket pair."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final

from relay import wire
from relay.errors import ProtocolError
from relay.supervisor.child import Child
from relay.supervisor.inbox import Inbox

if TYPE_CHECKING:
    from relay.config import Isolation

EXIT_WITHIN_S: Final = 0.25
KILLED_WITHIN_S: Final = 2.0
"""A process that is stuck in a driver or on a dead network disk outlives SIGKILL: its stream must not wait for it."""


class WorkerProcess:
    """Made by `spawn`; `receive` until it returns `None`, then `kill`, always."""

    def __init__(self, inbox: Inbox, process: Child | None) -> None:
        self._inbox = inbox
        self._process = process
        self._has_hung_up = False

    @classmethod
    async def spawn(cls, isolation: Isolation, log_level: str) -> WorkerProcess:
        """Start a worker. It inherits one end of a socket pair and nothing else but the standard streams.

        Raises `OSError` where the system has no room for one.
        """
        ours, theirs = socket.socketpair()
        process = None
        with theirs:
            ours.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            # First of all, since from here on a cancelled start cannot leave a process that nobody knows.
            _, inbox = await asyncio.get_running_loop().create_connection(Inbox, sock=ours)
            try:
                if isolation == "thread":
                    threading.Thread(target=_work, args=(theirs.dup(),), name="worker", daemon=True).start()
                else:
                    command = [sys.executable, "-m", "relay.worker", str(theirs.fileno()), log_level]
                    process = Child.start(command, pass_fds=[theirs.fileno()])
            except BaseException:
                inbox.transport.abort()
                raise
        return cls(inbox, process)

    @property
    def pid(self) -> int | None:
        """The process id, or `None` for a worker in a thread."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether the process is there; a worker in a thread always is, as far as can be known."""
        return self._process is None or self._process.is_running

    async def receive(self, within_s: float) -> wire.Message | None:
        """The next message, or `None` when the worker is gone. Raises `ProtocolError` if it keeps silent."""
        try:
            async with asyncio.timeout(within_s):
                message = await self._inbox.next()
        except TimeoutError:
            raise ProtocolError(f"it kept silent for {within_s:g} s") from None
        self._has_hung_up = message is None
        return message

    def send(self, message: wire.Message) -> None:
        """Send down. What is sent is small and rare, so the transport's buffer needs no other bound."""
        if not self._inbox.transport.is_closing():
            self._inbox.transport.write(wire.encode(message))

    async def kill(self) -> int | None:
        """Make sure that it is gone, and say how it ended: a negative number is the signal, `None` is not known."""
        self._inbox.transport.abort()
        process = self._process
        if process is None:
            return None
        try:
            if self._has_hung_up:
                await process.end(EXIT_WITHIN_S)  # it is on its way: the status is then its own, not ours
        finally:
            process.kill()
        return await process.end(KILLED_WITHIN_S)


def _work(sock: socket.socket) -> None:
    from relay.worker.camera import run_worker  # noqa: PLC0415 - with it come av and cv2, which the parent does without

    run_worker(sock)
