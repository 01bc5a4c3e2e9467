"""The RTMP port with a scripted worker behind it: who gets in, who is turned away, and what ends a push.

The pushers here are scripted; `tests/e2e/test_push.py` has real ones.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from fixtures.rtmp import AAC_HEADER, AVC_HEADER, AVC_KEYFRAME, AVC_PICTURE, METADATA, Pusher, command
from fixtures.waiting import until
from relay.errors import ListenError
from relay.ingest import Gate, PushRule, RtmpFront, flv
from relay.ingest import front as front_module
from relay.ingest import outlet as outlet_module
from relay.ingest import push as push_module
from relay.ingest.chunks import Message
from relay.model import PushDoor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.clock

KEY = "hunter2-hunter2-hunter2"
WITHIN_S = 10.0
TOKEN = "t" * 32


@dataclass
class Worker:
    """What a worker's entrance does, and what came through it."""

    is_welcoming: bool = True
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    received: list[bytearray] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    server: asyncio.Server | None = None

    async def open(self) -> PushDoor:
        self.server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return PushDoor(self.server.sockets[0].getsockname()[1], TOKEN)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        given = await reader.read(len(TOKEN))
        assert given in {TOKEN.encode(), b""}  # nothing: it was opened and ended in the same moment
        if not self.is_welcoming:
            writer.close()
            return
        writer.write(b"+")
        self.connections.append(writer)
        received = bytearray()
        self.received.append(received)
        try:
            while data := await reader.read(65536):
                received += data
                self.came.set()
        except ConnectionError:
            pass
        self.came.set()
        writer.close()

    async def wait_for(self, count_bytes: int, connection: int = 0) -> bytes:
        """What came through `connection`, once it is `count_bytes`."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.received) <= connection or len(self.received[connection]) < count_bytes:
                self.came.clear()
                await self.came.wait()
        return bytes(self.received[connection])

    def die(self) -> None:
        assert self.server is not None
        self.server.close()
        for writer in self.connections:
            writer.transport.abort()


@dataclass
class Stage:
    """A front, and the worker of stream `cam` as the supervisor knows it."""

    front: RtmpFront
    worker: Worker
    doors: dict[str, PushDoor]
    pushers: list[Pusher] = field(default_factory=list)

    async def pusher(self) -> Pusher:
        pusher = await Pusher.connect(self.front.port)
        self.pushers.append(pusher)
        return pusher

    async def published(self, stream: str = "cam") -> Pusher:
        """A pusher that was let in."""
        pusher = await (await self.pusher()).publish(f"live/{stream}", KEY)
        assert pusher.status == "NetStream.Publish.Start"
        return pusher

    async def hear_no_push(self) -> None:
        await until(lambda: not self.front.pushed, "the end of all pushes")


async def logged(capsys: pytest.CaptureFixture[str], words: str) -> str:
    """All that was logged, once `words` were."""
    said: list[str] = []

    def look() -> bool:
        said.append(capsys.readouterr().out)
        return words in "".join(said)

    await until(look, f"the words {words!r}")
    return "".join(said)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "WRONG_KEY_AFTER_S", 0.05)
    monkeypatch.setattr(front_module, "GOODBYE_WITHIN_S", 0.2)
    monkeypatch.setattr(front_module, "WORKER_WITHIN_S", 0.3)
    monkeypatch.setattr(push_module, "LEFT_AFTER_S", 0.1)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    rules = {"cam": PushRule(KEY, "refuse", 0.5), "yard": PushRule(KEY, "take-over", 5.0)}
    worker = Worker()
    doors = dict.fromkeys(rules, await worker.open())
    front = await RtmpFront.start("127.0.0.1", 0, Gate(rules), doors.get)
    stage = Stage(front, worker, doors)
    yield stage
    for pusher in stage.pushers:
        pusher.die()  # first: who is told goodbye is given time to read it
    await front.stop()
    worker.die()


def tags(*bodies: bytes, kind: int = 9, at_ms: int = 0) -> bytes:
    return b"".join(flv.to_tag(Message(kind, 1, at_ms + 40 * n, body)) for n, body in enumerate(bodies))


async def test_what_is_pushed_arrives_as_flv(stage: Stage) -> None:
    pusher = await stage.published()
    assert stage.front.pushed == {"cam"}
    await pusher.push(METADATA, kind=18)
    await pusher.push(AVC_HEADER, AVC_KEYFRAME)
    wanted = flv.HEADER + tags(METADATA, kind=18) + tags(AVC_HEADER, AVC_KEYFRAME)
    assert await stage.worker.wait_for(len(wanted)) == wanted


async def test_media_in_the_same_breath_as_publish_is_not_lost(stage: Stage) -> None:
    pusher = await stage.pusher()
    asked = asyncio.create_task(pusher.publish("live/cam", KEY))
    await asyncio.sleep(0)
    await pusher.push(AVC_HEADER)
    await asked
    wanted = flv.HEADER + tags(AVC_HEADER)
    assert await stage.worker.wait_for(len(wanted)) == wanted


async def test_a_wrong_key_is_told_so_and_never_logged(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    pusher = await (await stage.pusher()).publish("live/cam", "geheim-geheim-geheim")
    assert pusher.status == "NetStream.Publish.BadName"
    assert "no stream of this name takes this key" in pusher.description
    await pusher.hear_the_end()
    assert stage.worker.received == []
    said = await logged(capsys, "RTMP connection was refused")
    assert "geheim" not in said
    assert KEY not in said


async def test_a_second_pusher_is_refused(stage: Stage) -> None:
    first = await stage.published()
    second = await (await stage.pusher()).publish("live/cam", KEY)
    assert second.description == "somebody pushes to this stream already"
    await second.hear_the_end()
    await first.push(AVC_HEADER)
    await stage.worker.wait_for(len(flv.HEADER + tags(AVC_HEADER)))


async def test_a_second_pusher_takes_over(stage: Stage) -> None:
    first = await stage.published("yard")
    await first.push(AVC_HEADER)
    await stage.worker.wait_for(len(flv.HEADER + tags(AVC_HEADER)))
    second = await stage.published("yard")
    assert (await first.hear("onStatus"))[3]["description"] == "another pusher has taken over"
    await first.hear_the_end()
    await second.push(AVC_HEADER, AVC_KEYFRAME)
    wanted = flv.HEADER + tags(AVC_HEADER, AVC_KEYFRAME)
    assert await stage.worker.wait_for(len(wanted), connection=1) == wanted
    assert stage.front.pushed == {"yard"}


async def test_two_that_take_over_at_once_come_one_after_the_other(stage: Stage) -> None:
    pushers = [await stage.pusher() for _ in range(4)]
    await asyncio.gather(*(pusher.publish("live/yard", KEY) for pusher in pushers))
    told = sorted(pusher.description for pusher in pushers)
    assert told[-1] == "publishing"  # the last one that asked; others may have been in and out again
    assert set(told) <= {"publishing", "another pusher has taken over"}
    assert stage.front.pushed == {"yard"}


async def test_a_pusher_that_is_done(stage: Stage) -> None:
    pusher = await stage.published()
    await pusher.send(command("deleteStream", 6.0, None, 1.0))
    assert (await pusher.hear("onStatus"))[3]["code"] == "NetStream.Unpublish.Success"
    await pusher.hear_the_end()
    await stage.hear_no_push()


async def test_a_pusher_that_dies_leaves_its_place(stage: Stage) -> None:
    (await stage.published()).die()
    await stage.hear_no_push()
    await stage.published()


async def test_a_pusher_that_stops_sending_is_ended(stage: Stage) -> None:
    pusher = await stage.published()
    assert (await pusher.hear("onStatus"))[3]["description"] == "nothing came for 0.5 s"
    await pusher.hear_the_end()
    await stage.hear_no_push()


async def test_garbage_in_mid_push_ends_it(stage: Stage) -> None:
    pusher = await stage.published()
    pusher.writer.write(b"\xff" * 100)
    await pusher.hear_the_end()
    await stage.hear_no_push()


async def test_a_worker_that_dies_is_replaced_without_the_pusher(stage: Stage) -> None:
    pusher = await stage.published()
    await pusher.push(METADATA, kind=18)
    await pusher.push(AVC_HEADER, AVC_KEYFRAME)
    await pusher.push(AAC_HEADER, kind=8)
    await stage.worker.wait_for(len(flv.HEADER + tags(METADATA, kind=18) + tags(AVC_HEADER, AVC_KEYFRAME)) + 10)
    stage.worker.die()
    del stage.doors["cam"]
    await pusher.push(AVC_PICTURE, at_ms=80)
    await asyncio.sleep(0.05)
    heir = Worker()
    stage.doors["cam"] = await heir.open()
    await pusher.push(AVC_PICTURE, at_ms=120)
    headers = flv.HEADER + tags(METADATA, kind=18) + tags(AVC_HEADER) + tags(AAC_HEADER, kind=8)
    wanted = headers + tags(AVC_PICTURE, at_ms=120)
    assert await heir.wait_for(len(wanted)) == wanted
    assert stage.front.pushed == {"cam"}
    heir.die()


async def test_a_worker_that_hangs_up_on_purpose_ends_the_push(stage: Stage) -> None:
    pusher = await stage.published()
    for n in range(1000):
        await pusher.push(AVC_PICTURE, at_ms=40 * n)
        if n == 3:
            stage.worker.connections[0].close()
        if not stage.front.pushed:
            break
        await asyncio.sleep(0.01)
    assert (await pusher.hear("onStatus"))[3]["description"] == "the worker ended it: see the stream's state"


async def test_a_stream_whose_worker_does_not_come(stage: Stage) -> None:
    del stage.doors["cam"]
    pusher = await (await stage.pusher()).publish("live/cam", KEY)
    assert pusher.status == "NetStream.Publish.BadName"
    assert "the stream is not ready" in pusher.description
    await stage.hear_no_push()


async def test_a_worker_that_does_not_take_it(stage: Stage) -> None:
    stage.worker.is_welcoming = False
    pusher = await (await stage.pusher()).publish("live/cam", KEY)
    assert "the stream is not ready" in pusher.description


async def test_a_push_without_a_worker_for_too_long_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_module, "WORKER_WITHIN_S", 0.1)
    pusher = await stage.published()
    stage.worker.die()
    del stage.doors["cam"]
    for n in range(1000):
        await pusher.push(AVC_PICTURE, at_ms=40 * n)
        if not stage.front.pushed:
            break
        await asyncio.sleep(0.01)
    assert (await pusher.hear("onStatus"))[3]["description"] == "the stream has no worker"


async def test_a_worker_that_takes_nothing_any_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet_module, "SEND_WITHIN_S", 0.1)
    stuck = socket.create_server(("127.0.0.1", 0))
    stuck.setblocking(False)
    stage.doors["cam"] = PushDoor(stuck.getsockname()[1], TOKEN)
    asked = asyncio.create_task((await stage.pusher()).publish("live/cam", KEY))
    loop = asyncio.get_running_loop()
    near, _ = await loop.sock_accept(stuck)
    await loop.sock_sendall(near, b"+")
    pusher = await asked

    async def send() -> None:
        await pusher.push(*[AVC_PICTURE + bytes(1_000_000)] * 20)  # more than waits between the two
        while True:
            await pusher.push(AVC_PICTURE)
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(send())
    assert (await pusher.hear("onStatus"))[3]["description"] == "the worker ended it: see the stream's state"
    sending.cancel()
    stuck.close()
    near.close()


@pytest.mark.parametrize(
    ("hello", "says"), [(b"GET / HTTP/1.1\r\n\r\n", "does not speak RTMP"), (b"", "hung up before it asked")]
)
async def test_what_is_no_pusher(stage: Stage, hello: bytes, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.front.port)
    writer.write(hello)
    writer.write_eof()
    async with asyncio.timeout(WITHIN_S):
        assert await reader.read() == b""
    writer.close()
    await logged(capsys, says)


async def test_who_is_slow_to_publish_is_dropped(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "PUBLISH_WITHIN_S", 0.1)
    pusher = await stage.pusher()
    await pusher.hear_the_end()


async def test_places_before_the_gate_are_few(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = [await stage.pusher() for _ in range(front_module.MAX_WAITING_EACH)]
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.front.port)
    async with asyncio.timeout(WITHIN_S):
        assert await reader.read() == b""
    writer.close()
    await logged(capsys, "too many RTMP connections")
    waiting[0].die()
    await asyncio.sleep(0.05)
    await stage.published()  # and who is in takes no place


async def test_stopping_ends_pushes_and_who_waits(stage: Stage) -> None:
    pushing, waiting = await stage.published(), await stage.pusher()
    await stage.front.stop()
    await pushing.hear_the_end()
    await waiting.hear_the_end()
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", stage.front.port)


async def test_a_port_that_is_taken(stage: Stage) -> None:
    with pytest.raises(ListenError, match="set another rtmp_listen"):
        await RtmpFront.start("127.0.0.1", stage.front.port, Gate({}), {}.get)
