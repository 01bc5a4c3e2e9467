"""Questions that would hold up viewers, answered in processes of their own.

A child is `python -m relay...`; it answers on standard output, what went wrong is one line on standard error, and exit
code 2 says that the question was none. It has less of the processor's time than who serves, and ends with who asked.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar, cast

from relay.errors import JobError, QueryError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

T = TypeVar("T")

AT_ONCE: Final = 2
MAX_WAITING: Final = 16
WITHIN_S: Final = 600.0
_CHUNK_BYTES: Final = 64 * 1024
_MAX_WORDS_BYTES: Final = 4096
_EXIT_NO_QUESTION: Final = 2
_NICENESS: Final = 10


class Jobs:
    """At most `at_once` children; who comes later waits, and beyond `max_waiting` is refused."""

    def __init__(self, at_once: int = AT_ONCE, max_waiting: int = MAX_WAITING) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._max_waiting = max_waiting
        self._waiting = 0

    async def run(self, module: str, *arguments: str, within_s: float = WITHIN_S) -> bytes:
        """The whole answer. Raises as `start` does."""
        async with self.start(module, *arguments, within_s=within_s) as chunks:
            return b"".join([chunk async for chunk in chunks])

    @asynccontextmanager
    async def start(
        self, module: str, *arguments: str, within_s: float = WITHIN_S
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The answer as it comes; the child is killed where it is left early, or takes longer than `within_s`.

        Raises `QueryError` if the question was none, `JobError` if the child failed, was too slow, or too many wait:
        both at the end of the answer, which is its first chunk if nothing was said.
        """
        if self._waiting >= self._max_waiting:
            raise JobError(f"{self._waiting} questions about the viewing data wait already: ask again in a moment")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            process = await _spawn(module, arguments)
            try:
                async with aclosing(_answer(process, module, within_s)) as chunks:
                    yield chunks
            finally:
                await _end(process)
        finally:
            self._places.release()


async def _spawn(module: str, arguments: tuple[str, ...]) -> Process:
    command = (sys.executable, "-m", module, *arguments)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise JobError(f"{module}: no process can be started: {error.strerror}") from error
    with suppress(OSError, AttributeError):  # it has ended already, or this is no Unix
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
    return process


async def _answer(process: Process, module: str, within_s: float) -> AsyncGenerator[bytes]:
    """Each wait for the child has the same end; how long the asker takes between them is the asker's affair."""
    stdout = cast("asyncio.StreamReader", process.stdout)  # both are pipes: `_spawn` asks for them
    words = asyncio.create_task(_last_of(cast("asyncio.StreamReader", process.stderr)))
    deadline_s = asyncio.get_running_loop().time() + within_s
    try:
        while chunk := await _until(deadline_s, stdout.read(_CHUNK_BYTES)):
            yield chunk
        code = await _until(deadline_s, process.wait())
        said = await _until(deadline_s, words)
    except TimeoutError:
        raise JobError(f"{module}: no whole answer within {within_s:g} s: ask for less") from None
    finally:
        words.cancel()
    if code == _EXIT_NO_QUESTION:
        raise QueryError(said)
    if code:
        raise JobError(f"{module}: {said or f'exit code {code}'}")


async def _until(deadline_s: float, waited_for: Awaitable[T]) -> T:
    async with asyncio.timeout_at(deadline_s):
        return await waited_for


async def _last_of(stream: asyncio.StreamReader) -> str:
    """The last line of what is said; all of it is read, so that the child never waits for a reader."""
    kept = b""
    while chunk := await stream.read(_MAX_WORDS_BYTES):
        kept = (kept + chunk)[-_MAX_WORDS_BYTES:]
    lines = kept.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


async def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await process.wait()
