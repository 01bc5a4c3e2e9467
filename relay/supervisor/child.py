"""A process of ours: started without a copy of the parent's page tables, and how it ended, to be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Child:
    """Made by `start`, in an event loop.

    asyncio's way goes through libuv here, whose `fork` copies the page tables of the whole parent while nobody is
    served: 25 ms of 700 MB, twice that on a busy machine. `subprocess` has `vfork`: 1 ms, whatever the parent's size.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        threading.Thread(target=self._wait, name=f"end of {process.pid}", daemon=True).start()

    @classmethod
    def start(cls, command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> Child:
        """Raises `OSError` where the system has no room for one more."""
        return cls(subprocess.Popen(command, pass_fds=pass_fds))  # noqa: S603 - our own

    @property
    def pid(self) -> int:
        """The process id, which may be another's once it has ended."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its end is not known yet."""
        return not self._ended.done()

    def kill(self) -> None:
        """Send SIGKILL, if it is not gone yet."""
        self._process.kill()

    async def end(self, within_s: float) -> int | None:
        """How it ended: a negative number is the signal. `None` if it has not, by then."""
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(self._ended)
        except TimeoutError:
            return None

    def _wait(self) -> None:
        code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(self._ended.set_result, code)
