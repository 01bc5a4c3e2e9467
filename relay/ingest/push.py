"""One push that was let in: from the pusher's socket to the stream's worker, until one of them ends it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from relay.errors import PushError
from relay.ingest.flv import Headers
from relay.ingest.session import Media, PublishAsked, PushEnded

if TYPE_CHECKING:
    from relay.ingest.outlet import Outlet
    from relay.ingest.session import Event, PushSession

READ_BYTES: Final = 64 * 1024
ANSWER_WITHIN_S: Final = 5.0
LEFT_AFTER_S: Final = 0.5
"""A worker that hangs up and is still the stream's worker so much later did it on purpose; one that died is not."""

WORKER_WITHIN_S: Final = 20.0
"""A worker that died is replaced in a moment, but may then be told to leave its source alone for 15 s."""


class Push:
    """`run` carries media until the push is over. That a worker dies in the meantime is not the pusher's affair.

    What comes while there is no worker is dropped and counted in `dropped_bytes`.
    """

    def __init__(
        self,
        session: PushSession,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        outlet: Outlet,
        idle_s: float,
    ) -> None:
        self._session = session
        self._reader = reader
        self._writer = writer
        self._outlet = outlet
        self._idle_s = idle_s
        self._headers = Headers()
        self._lost_s: float | None = None
        self.dropped_bytes = 0
        self.handovers = 0

    async def run(self, events: list[Event]) -> str:
        """Begin with `events`, which came together with the wish to publish. Returns why it ended.

        `outlet` is open. Raises `PushError` and `OSError` for what only the pusher can have done.
        """
        await self._outlet.send(self._headers.preamble())
        while True:
            if end := await self._forward(events):
                return end
            try:
                async with asyncio.timeout(self._idle_s):
                    data = await self._reader.read(READ_BYTES)
            except TimeoutError:
                return f"nothing came for {self._idle_s:g} s"
            if not data:
                return "it hung up"
            events = self._session.receive(data)
            await answer(self._session, self._writer)

    async def _forward(self, events: list[Event]) -> str:
        """Hand `events` on. Why the push is over, or nothing."""
        tags: list[bytes] = []
        is_done = False
        preamble = self._headers.preamble()
        for event in events:
            match event:
                case Media(message, tag):
                    self._headers.note(message, tag)
                    tags.append(tag)
                case PushEnded():
                    is_done = True
                case PublishAsked():
                    raise PushError("it asks to publish twice")
        media = b"".join(tags)
        end = await self._to_worker(preamble, media) if media else ""
        return "it is done" if is_done else end

    async def _to_worker(self, preamble: bytes, media: bytes) -> str:
        if self._outlet.is_open and await self._outlet.send(media):
            return ""
        now_s = time.monotonic()
        if self._lost_s is None:
            self._lost_s = now_s
        away_s = now_s - self._lost_s
        if self._outlet.is_at_its_door:
            if away_s > LEFT_AFTER_S:
                return "the worker ended it: see the stream's state"
        elif await self._outlet.open():
            self._lost_s = None
            self.handovers += 1
            await self._outlet.send(preamble + media)
            return ""
        elif away_s > WORKER_WITHIN_S:
            return "the stream has no worker"
        self.dropped_bytes += len(media)
        return ""


async def answer(session: PushSession, writer: asyncio.StreamWriter) -> None:
    """Send what `session` has to say. Raises `PushError` if the pusher does not read it."""
    output = session.take_output()
    if not output:
        return
    writer.write(output)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await writer.drain()
    except TimeoutError:
        raise PushError("it does not read what it is told") from None
