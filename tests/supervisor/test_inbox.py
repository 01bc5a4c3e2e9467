"""What a worker says arrives whole, in order and within bounds, however the kernel cuts it up."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import inbox_of
from relay import wire
from relay.errors import ProtocolError
from relay.supervisor.inbox import BUFFER_BYTES, MOST_WAITING_BYTES, Inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STILL = wire.Snapshot(10**18, bytes(range(256)) * 4)
LONG = wire.Snapshot(10**18 + 1, b"\xff\xd8" * BUFFER_BYTES)
MESSAGES: list[wire.Message] = [wire.Hello(1), STILL, wire.Stats({"slots": 7}), LONG, wire.Bye("it had to")]


def feed(inbox: Inbox, data: bytes, most_bytes: int) -> None:
    """As a transport does: into the buffer that it is given, so much at once."""
    while data:
        room = inbox.get_buffer(-1)
        size_bytes = min(len(room), len(data), most_bytes)
        assert size_bytes, "a transport takes an empty buffer for a mistake"
        room[:size_bytes] = data[:size_bytes]
        inbox.buffer_updated(size_bytes)
        data = data[size_bytes:]


async def all_of(inbox: Inbox) -> list[wire.Message]:
    said = []
    while (message := await inbox.next()) is not None:
        said.append(message)
    return said


@contextmanager
def worker_of(inbox: Inbox, sock: socket.socket) -> Iterator[socket.socket]:
    """The worker's end, which does not wait."""
    with closing(sock), closing(inbox.transport):
        sock.setblocking(False)
        yield sock


@pytest.mark.parametrize("most_bytes", [1, 7, 8, 9, 4096, 10**9])
async def test_messages_arrive_whole_however_they_are_cut(most_bytes: int) -> None:
    short = [message for message in MESSAGES if message is not LONG] if most_bytes < 4096 else MESSAGES
    inbox = Inbox()
    feed(inbox, b"".join(map(wire.encode, short)), most_bytes)
    inbox.connection_lost(None)
    assert await all_of(inbox) == short


async def test_room_for_a_long_message_is_given_back() -> None:
    inbox = Inbox()
    feed(inbox, wire.encode(LONG), 4096)
    assert await inbox.next() == LONG
    assert len(inbox.get_buffer(-1)) == BUFFER_BYTES


async def test_who_waits_is_woken_by_the_message() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.next())
    await asyncio.sleep(0)
    feed(inbox, wire.encode(STILL), 100)
    assert await waiting == STILL


async def test_a_wait_that_was_given_up_loses_nothing() -> None:
    inbox = Inbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await inbox.next()
    feed(inbox, wire.encode(STILL), 10**6)
    assert await inbox.next() == STILL


@pytest.mark.parametrize("cut", [0, 3, 8, 20, -1])
async def test_a_worker_that_dies_in_mid_message_just_ends(cut: int) -> None:
    inbox = Inbox()
    feed(inbox, wire.encode(STILL) + wire.encode(STILL)[:cut], 10**6)
    inbox.connection_lost(ConnectionResetError())
    assert await all_of(inbox) == [STILL]


@pytest.mark.parametrize(
    "nonsense", [wire.LENGTHS.pack(wire.MAX_HEADER_BYTES + 1, 0), wire.LENGTHS.pack(4, 0) + b"what"], ids=["long", "no"]
)
async def test_nonsense_is_told_behind_what_came_before_it(nonsense: bytes) -> None:
    ours, theirs = socket.socketpair()
    inbox = await inbox_of(ours)
    with worker_of(inbox, theirs) as worker:
        worker.sendall(wire.encode(STILL) + nonsense + wire.encode(STILL))
        assert await inbox.next() == STILL
        with pytest.raises(ProtocolError):
            await inbox.next()
        assert inbox.transport.is_closing()


class Line(asyncio.Transport):
    """A transport that only knows whether it is to read."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


async def test_what_nobody_takes_waits_in_the_worker() -> None:
    line, inbox = Line(), Inbox()
    inbox.connection_made(line)
    frame, fed = wire.encode(LONG), 0
    while line.calls == []:
        feed(inbox, frame, 10**6)
        fed += 1
    assert MOST_WAITING_BYTES < fed * len(frame) <= MOST_WAITING_BYTES + len(frame)
    left = fed
    while line.calls == ["pause"]:
        assert await inbox.next() == LONG
        left -= 1
    assert line.calls == ["pause", "resume"]
    assert 0 < left < fed
