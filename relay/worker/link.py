"""The worker's end of the socket pair, with a bounded outbox and its own thread: no stage ever waits for the parent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from typing import Final

from relay import wire

MAX_OUTBOX_BYTES: Final = 32 * 1024 * 1024
"""Ten seconds of a 25 Mbit/s stream. A parent that reads nothing for that long is gone in all but name."""


class Link:
    """Messages to and from the supervisor.

    `send` never blocks; `receive` blocks until one comes or the parent is gone.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._inbox = sock.makefile("rb")
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._sender = threading.Thread(target=self._send_outbox, name="link", daemon=True)
        self._sender.start()

    @property
    def is_open(self) -> bool:
        """Whether what is sent can still arrive."""
        return not self._closed

    def send(self, message: wire.Message) -> None:
        """Queue `message`.

        Over the bound the link closes, and with it the worker: a hole in the parts would be worse.
        """
        frame = wire.encode(message)
        with self._changed:
            self._outbox.append(frame)
            self._outbox_bytes += len(frame)
            if self._outbox_bytes > MAX_OUTBOX_BYTES:
                self._closed = True
            self._changed.notify_all()

    def receive(self) -> wire.Message | None:
        """The next message, or `None` when the parent is gone."""
        try:
            return wire.read(self._inbox)
        except (OSError, ValueError):  # ValueError: closed in this process, by `close`
            return None

    def close(self, flush_s: float = 0.5) -> None:
        """Send what is queued, for at most `flush_s`, and hang up."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._outbox_bytes, timeout=flush_s)
            self._closed = True
            self._changed.notify_all()
        self._sender.join(timeout=flush_s)
        with contextlib.suppress(OSError):  # the parent was quicker
            self._sock.shutdown(socket.SHUT_RDWR)  # which also ends a `receive` that waits
        self._inbox.close()
        self._sock.close()

    def _send_outbox(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outbox or self._closed)
                if not self._outbox:
                    return
                frame = self._outbox.popleft()
            try:
                self._sock.sendall(frame)
            except OSError:
                self._fail()
                return
            with self._changed:
                self._outbox_bytes -= len(frame)
                self._changed.notify_all()

    def _fail(self) -> None:
        with self._changed:
            self._closed = True
            self._outbox.clear()
            self._changed.notify_all()
