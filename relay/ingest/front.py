"""The RTMP port: takes connections, lets pushers in by their keys, and hands them to their stream's worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from relay.errors import ListenError, PushError, PushRefusedError
from relay.ingest.handshake import RANDOM_BYTES
from relay.ingest.outlet import Outlet
from relay.ingest.push import READ_BYTES, Push, answer
from relay.ingest.session import PublishAsked, PushSession
from relay.logs import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.ingest.admission import Gate
    from relay.ingest.session import Event
    from relay.model import PushDoor

log = structlog.get_logger()

PUBLISH_WITHIN_S: Final = 10.0
"""From the connection to the wish to publish. On a slow link it takes five round trips."""

WORKER_WITHIN_S: Final = 10.0
"""How long a pusher waits for a worker that is just being started."""

WRONG_KEY_AFTER_S: Final = 1.0
"""A refusal takes its time, so that many take more of it."""

MAX_WAITING: Final = 32
MAX_WAITING_EACH: Final = 8
"""Connections that have not been let in yet: in all, and from one address."""

GOODBYE_WITHIN_S: Final = 1.0
TAKE_OVER_WITHIN_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.1
_COMPLAIN_EVERY_S: Final = 1.0


@dataclass(slots=True)
class _Holder:
    """Whoever pushes to a stream now."""

    task: asyncio.Task[None]
    has_let_go: asyncio.Event = field(default_factory=asyncio.Event)


class RtmpFront:
    """Made by `start`. `find_door` tells where the worker of a stream can be reached now."""

    def __init__(self, gate: Gate, find_door: Callable[[str], PushDoor | None]) -> None:
        self._gate = gate
        self._find_door = find_door
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pushes: dict[str, _Holder] = {}
        self._waiting: Counter[str] = Counter()
        self._complaints = Throttle(_COMPLAIN_EVERY_S)
        self.port = 0

    @classmethod
    async def start(cls, host: str, port: int, gate: Gate, find_door: Callable[[str], PushDoor | None]) -> RtmpFront:
        """Listen. Port 0 takes any that is free. Raises `ListenError`."""
        front = cls(gate, find_door)
        try:
            front._server = await asyncio.start_server(front._take, host, port, limit=READ_BYTES)
        except OSError as error:
            raise ListenError(
                f"{host}:{port} cannot be listened on for RTMP ({error.strerror or error}): "
                "stop the program that has it, or set another rtmp_listen"
            ) from error
        front.port = front._server.sockets[0].getsockname()[1]
        return front

    @property
    def pushed(self) -> frozenset[str]:
        """The streams that somebody pushes to now."""
        return frozenset(self._pushes)

    async def stop(self) -> None:
        """Take no more connections and end all pushes. May be called twice."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel("the relay stops")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * GOODBYE_WITHIN_S)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        address = writer.get_extra_info("peername")
        peer = str(address[0]) if address else "?"
        try:
            await self._serve(peer, reader, writer)
        except OSError:  # also a pusher that is too slow: both are everyday life of an open port
            self._complain("an RTMP connection broke before it was let in", peer)
        except PushError as error:
            self._complain("an RTMP connection was refused", peer, why=str(error))
        except asyncio.CancelledError:
            pass  # the relay stops, or another pusher has taken over: both were said where it was decided
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = PushSession(os.urandom(RANDOM_BYTES))
        with self._place_for(peer):
            async with asyncio.timeout(PUBLISH_WITHIN_S):
                asked, events = await _until_asked(session, reader, writer)
            try:
                stream = await self._admit(asked)
                await self._claim(stream)
            except PushRefusedError as error:
                await _say_goodbye(session, reader, writer, str(error))
                raise
        await self._carry(stream, peer, session, reader, writer, events)

    @contextlib.contextmanager
    def _place_for(self, peer: str) -> Iterator[None]:
        """One of the places of those who were not let in yet. Raises `PushError` if there is none."""
        if self._waiting.total() >= MAX_WAITING or self._waiting[peer] >= MAX_WAITING_EACH:
            raise PushError(f"too many RTMP connections wait to be let in (from one address: {MAX_WAITING_EACH})")
        self._waiting[peer] += 1
        try:
            yield
        finally:
            self._waiting[peer] -= 1
            self._waiting += Counter()  # drops those that are at 0

    async def _admit(self, asked: PublishAsked) -> str:
        try:
            return self._gate.admit(asked.application, asked.stream_name)
        except PushRefusedError:
            await asyncio.sleep(WRONG_KEY_AFTER_S)
            raise

    async def _claim(self, stream: str) -> None:
        """Make this connection the one that pushes to `stream`. Raises `PushRefusedError` where another keeps it."""
        while (other := self._pushes.get(stream)) is not None:
            if self._gate.rule(stream).second_push == "refuse":
                raise PushRefusedError("somebody pushes to this stream already")
            other.task.cancel("another pusher has taken over")
            async with asyncio.timeout(TAKE_OVER_WITHIN_S):
                await other.has_let_go.wait()
        task = asyncio.current_task()
        if task is not None:
            self._pushes[stream] = _Holder(task)

    def _let_go(self, stream: str) -> None:
        """Leave the place to others, before goodbyes are said: those may take a second."""
        self._pushes.pop(stream).has_let_go.set()

    async def _carry(
        self,
        stream: str,
        peer: str,
        session: PushSession,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        events: list[Event],
    ) -> None:
        outlet = Outlet(partial(self._find_door, stream))
        push = Push(session, reader, writer, outlet, self._gate.rule(stream).idle_s)
        began_s = time.monotonic()
        end = "the relay failed"
        try:
            if not await _opened(outlet):
                end = "the stream is not ready: its worker does not take it"
                return
            session.accept()
            await answer(session, writer)
            log.info("push begins", stream=stream, peer=peer)
            end = await push.run(events)
        except OSError:
            end = "the connection broke"
        except (PushError, asyncio.CancelledError) as error:
            end = str(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            outlet.close()
            self._let_go(stream)
            log.info(
                "push ended",
                stream=stream,
                peer=peer,
                reason=end,
                lasted_s=round(time.monotonic() - began_s, 1),
                received_bytes=session.received_bytes,
                dropped_bytes=push.dropped_bytes,
                handovers=push.handovers,
            )
            with contextlib.suppress(asyncio.CancelledError):
                await _say_goodbye(session, reader, writer, end)

    def _complain(self, what: str, peer: str, **words: str) -> None:
        """Log it, once a second at most: a door to the network is knocked at all day long."""
        if times := self._complaints.count(time.monotonic()):
            log.warning(what, peer=peer, count=times, **words)


async def _until_asked(
    session: PushSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[PublishAsked, list[Event]]:
    """The wish to publish, and what came in the same breath behind it."""
    while data := await reader.read(READ_BYTES):
        events = session.receive(data)
        await answer(session, writer)
        for index, event in enumerate(events):
            if isinstance(event, PublishAsked):
                return event, events[index + 1 :]
    raise PushError("it hung up before it asked to publish")


async def _opened(outlet: Outlet) -> bool:
    """Open `outlet`, as soon as the stream has a worker; whether that was within `WORKER_WITHIN_S`."""
    deadline_s = time.monotonic() + WORKER_WITHIN_S
    while time.monotonic() < deadline_s:
        if await outlet.open():
            return True
        await asyncio.sleep(_LOOK_EVERY_S)
    return False


async def _say_goodbye(
    session: PushSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, why: str
) -> None:
    """Tell the pusher why it ends, and give it time to read that: closing at once would throw it away."""
    session.refuse(why)
    with contextlib.suppress(OSError, PushError):
        async with asyncio.timeout(GOODBYE_WITHIN_S):
            await answer(session, writer)
            writer.write_eof()
            while await reader.read(READ_BYTES):
                pass
