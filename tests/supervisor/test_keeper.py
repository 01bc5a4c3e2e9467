"""One stream stays published, whatever its worker does. The workers here are scripted, the rest is real."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.crew import FOUND_FORMAT, Crew, Published, Worker, a_camera, offline
from fixtures.published import VIDEO_INIT, make_part
from relay import wire
from relay.config import StreamSettings
from relay.errors import SourceError
from relay.model import Latency, MediaKind, StreamHealth, StreamState
from relay.supervisor import keeper as keeper_module
from relay.supervisor.formats import Remembered, settings_key
from relay.supervisor.keeper import StreamKeeper
from relay.supervisor.memory import DataFolder
from relay.timeline import NS_PER_S, ClockLine, Grid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

SETTINGS = StreamSettings(source="rtsp://door/")
GRID = Grid.of(FOUND_FORMAT)


class Stage:
    """A keeper, its workers, its publisher and its data folder."""

    def __init__(self, folder: DataFolder, settings: StreamSettings = SETTINGS, *, is_only: bool = False) -> None:
        self.folder = folder
        self.crew = Crew()
        self.published = Published()
        self.clock = ClockLine(time.monotonic_ns(), time.time_ns())
        self.keeper = StreamKeeper(
            "door",
            settings,
            Latency.LAN,
            self.published,
            folder,
            clock=lambda: self.clock,
            spawn=self.crew.spawn,
            exits_if_unopenable=is_only,
        )
        self.running: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Stage]:
        running = self.running = asyncio.create_task(self.keeper.run())
        try:
            yield self
        finally:
            running.cancel()
            await asyncio.wait([running])
            self.crew.go_home()
            if not running.cancelled():
                running.exception()

    async def published_until_death(self, *kinds: MediaKind) -> tuple[Worker, wire.Start]:
        """A first worker that finds a camera, publishes a part of each of `kinds` and dies."""
        worker = await self.crew.next()
        start = await worker.begin(a_camera())
        worker.publish(start)
        if kinds:
            worker.publish(start, 2, *kinds)
        await worker.writer.drain()
        worker.writer.close()
        return worker, start

    @property
    def status(self) -> Any:
        return self.keeper.status(clock_is_back=False)

    def stored(self) -> dict[str, Any]:
        path = self.folder.path / "streams" / "door.json"
        document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return document

    async def stored_when(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while not is_it(document := await asyncio.to_thread(self.stored)):  # noqa: ASYNC110 - a file is silent
                await asyncio.sleep(0.01)
        return document


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path)
    yield folder
    folder.close()


@pytest.fixture
def stage(folder: DataFolder) -> Stage:
    return Stage(folder)


@pytest.fixture(params=[-100], ids=["long ago"])
def known(folder: DataFolder, request: pytest.FixtureRequest) -> Stage:
    """A stream whose camera was seen in an earlier run, the last of which was the segment so far from that of now."""
    last_msn = GRID.msn(GRID.slot_at(time.time_ns())) + request.param
    folder.remember("door", Remembered(FOUND_FORMAT, 3, seen=True, key=settings_key(SETTINGS), last_msn=last_msn))
    return Stage(folder)


async def test_what_a_new_worker_is_told(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        configure = await worker.hear(wire.Configure)
        assert configure.name == "door"
        assert StreamSettings.model_validate(configure.settings) == SETTINGS
        assert (configure.hold_source_s, configure.reason, configure.clock) == (0, "", stage.clock)


async def test_the_first_camera_seen_decides_the_format_and_begins_with_a_segment(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        assert (start.format, start.data) == (FOUND_FORMAT, b"")
        assert start.next_slot == start.next_audio_slot
        assert GRID.starts_segment(start.next_slot)
        assert 0 < GRID.start_ns(start.next_slot) - time.time_ns() + 1 * NS_PER_S < 4 * NS_PER_S
        assert stage.published.generations == [(1, FOUND_FORMAT)]
        stored = await stage.stored_when(lambda document: document.get("seen", False))
        assert (stored["format"]["width"], stored["key"]) == (640, settings_key(SETTINGS))


async def test_all_that_a_worker_sends_is_published_in_order(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        worker.publish(await worker.begin(a_camera()), 11)
        worker.say(wire.Stats({"slots": 7}, {"deadline_ms": 40.0}), wire.Health(StreamHealth(StreamState.LIVE, 9)))
        worker.say(wire.Snapshot(5, b"jpeg"))
        await stage.published.wait_for("publish_snapshot")
        assert stage.published.calls[:3] == ["open_generation", "publish_init", "publish_init"]
        assert [part.index for part in stage.published.parts[::2]] == [*range(10), 0]
        msn = stage.published.parts[-1].msn
        assert await stage.stored_when(lambda document: document.get("last_msn") == msn)
        assert stage.status.counters == {"worker_restarts": 0, "slots": 7}
        assert stage.status.gauges == {"deadline_ms": 40.0}
        assert stage.keeper.status(clock_is_back=True).health.state is StreamState.CLOCK


async def test_a_worker_that_takes_over_goes_on_where_each_rendition_was(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        first = await worker.begin(a_camera())
        worker.publish(first, 4)
        video = make_part(GRID, MediaKind.VIDEO, GRID.msn(first.next_slot), 4)
        worker.say(wire.Snapshot(5, b"jpeg"), wire.PartReady(video), wire.Stats({"slots": 5}))
        worker.writer.close()
        second = await stage.crew.next()
        start = await second.begin()
        assert start.next_slot == first.next_slot + 5 * GRID.slots_per_part
        assert start.next_audio_slot == first.next_slot + 4 * GRID.slots_per_part
        assert (start.format, start.data) == (FOUND_FORMAT, b"jpeg")
        assert stage.published.calls.count("open_generation") == 1
        second.say(wire.Stats({"slots": 3}))
        second.publish(start)
        await stage.published.wait_for("publish_part", 11)
        assert stage.status.counters == {"worker_restarts": 1, "slots": 8}


async def test_the_source_is_held_after_a_second_death_and_the_slate_says_why(stage: Stage) -> None:
    async with stage.run():
        await stage.published_until_death()
        again = await stage.crew.next()
        assert (await again.hear(wire.Configure)).hold_source_s == 0
        again.say(wire.Hello(2), wire.Bye("transform: the owner's code failed"))
        again.writer.close()
        third = await stage.crew.next()
        configure = await third.hear(wire.Configure)
        assert configure.hold_source_s == 1
        assert configure.reason == "restarting: transform: the owner's code failed"
        third.say(wire.Hello(3))
        await third.hear(wire.Start)


async def test_a_silent_worker_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "SILENT_FOR_S", 0.2)
    async with stage.run():
        worker = await stage.crew.next()
        worker.publish(await worker.begin(a_camera()))
        await worker.hear_the_end()
        second = await stage.crew.next()
        assert (await second.begin()).next_slot == stage.published.parts[0].start_ticks // GRID.ticks_per_slot + 3
        await second.hear_the_end()
        third = await stage.crew.next()
        assert (await third.hear(wire.Configure)).reason == "restarting: it kept silent for 0.2 s"


async def test_a_worker_that_never_says_a_word_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_WORD_WITHIN_S", 0.1)
    async with stage.run():
        await (await stage.crew.next()).hear_the_end()
        await stage.crew.next()
        assert stage.status.health.state is StreamState.OFFLINE
        assert stage.status.health.detail == "it kept silent for 0.1 s"


@pytest.mark.parametrize("nonsense", [b"\xff" * 16, wire.LENGTHS.pack(2, 0) + b"{}"], ids=["lengths", "header"])
async def test_a_worker_that_talks_nonsense_is_replaced(stage: Stage, nonsense: bytes) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        await worker.hear(wire.Configure)
        worker.writer.write(nonsense)
        await worker.hear_the_end()
        await stage.crew.next()


async def test_a_part_of_no_known_rendition_ends_its_worker_and_not_the_relay(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        worker.say(wire.PartReady(make_part(GRID, MediaKind.VIDEO, GRID.msn(start.next_slot), 0)))
        await worker.hear_the_end()
        await stage.crew.next()
        assert stage.published.parts == []


async def test_workers_that_come_to_nothing_are_not_started_in_a_tight_loop(stage: Stage) -> None:
    stage.crew.refusals = 100
    async with stage.run():
        await asyncio.sleep(0.2)
        assert stage.crew.spawned == keeper_module.AT_ONCE + 1
        assert stage.status.health.detail == "it cannot be started: no room for a process"
        stage.crew.refusals = 0
        await stage.crew.next()


async def test_a_worker_that_published_is_replaced_at_once_however_often_it_dies(stage: Stage) -> None:
    async with stage.run():
        began_s = time.monotonic()
        for _ in range(keeper_module.AT_ONCE + 3):
            await stage.published_until_death()
        assert time.monotonic() - began_s < keeper_module.RESPAWN_EVERY_S


async def test_without_a_camera_there_is_a_stream_for_it_to_come_to(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_PROBE_WITHIN_S", 0.05)
    async with stage.run():
        worker = await stage.crew.next()
        await worker.hear(wire.Configure)
        worker.say(wire.Hello(1), offline("refused"))
        await asyncio.sleep(0.1)
        worker.say(wire.Stats())
        start = await worker.hear(wire.Start)
        assert (start.format.width, start.format.height, start.format.rate) == (1280, 720, 30)
        assert (await stage.stored_when(bool))["seen"] is False
        worker.publish(start)
        worker.say(a_camera())
        await worker.hear(wire.Stop)
        worker.leave()
        second = await stage.crew.next()
        again = await second.begin(a_camera())
        assert again.format == FOUND_FORMAT
        assert [number for number, _ in stage.published.generations] == [1, 2]
        assert (await stage.stored_when(lambda document: document.get("generation") == 2))["seen"] is True
        assert stage.status.counters["worker_restarts"] == 0


async def test_a_camera_that_suits_the_stream_without_one_joins_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_PROBE_WITHIN_S", 0)
    async with stage.run():
        worker = await stage.crew.next()
        await worker.begin()
        worker.say(a_camera(1280, 720, 30))
        assert (await stage.stored_when(lambda document: document.get("seen", False)))["key"] == settings_key(SETTINGS)
        assert [number for number, _ in stage.published.generations] == [1]


async def test_a_known_format_is_sent_before_the_camera_is_found(known: Stage) -> None:
    async with known.run():
        worker = await known.crew.next()
        assert (await worker.begin()).format == FOUND_FORMAT
        worker.say(a_camera(1920, 1080, 30), wire.Snapshot(1, b"jpeg"))
        await known.published.wait_for("publish_snapshot")
        assert known.published.generations == [(3, FOUND_FORMAT)]


async def test_another_camera_that_is_away_does_not_inherit_that_the_first_was_seen(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_PROBE_WITHIN_S", 0)
    seen = Remembered(FOUND_FORMAT, 3, seen=True, key=settings_key(StreamSettings(source="rtsp://old/")))
    await asyncio.to_thread(folder.remember, "door", seen)
    stage = await asyncio.to_thread(Stage, folder)
    async with stage.run():
        worker = await stage.crew.next()
        assert (await worker.begin()).format.width == 1280
        worker.say(a_camera())
        await worker.hear(wire.Stop)
        worker.leave()
        assert (await (await stage.crew.next()).begin()).format == FOUND_FORMAT
        assert [number for number, _ in stage.published.generations] == [4, 5]


@pytest.mark.parametrize("known", [15], indirect=True, ids=["a little ahead"])
async def test_no_number_is_given_twice(known: Stage) -> None:
    last_msn = known.stored()["last_msn"]
    async with known.run():
        start = await (await known.crew.next()).begin()
        assert GRID.msn(start.next_slot) == last_msn + 1
        assert known.published.generations == [(3, FOUND_FORMAT)]


@pytest.mark.parametrize("known", [1000], indirect=True, ids=["far ahead"])
async def test_numbers_that_the_clock_will_not_reach_soon_need_a_new_generation(known: Stage) -> None:
    last_msn = known.stored()["last_msn"]
    async with known.run():
        start = await (await known.crew.next()).begin()
        assert last_msn - 1000 <= GRID.msn(start.next_slot) < last_msn - 900
        assert known.published.generations == [(4, FOUND_FORMAT)]


@pytest.mark.parametrize(
    "message",
    [offline("nowhere.mp4: no such file", fatal=True), offline("refused")],
    ids=["hopeless", "never seen"],
)
async def test_an_only_stream_that_cannot_be_opened_is_an_error(folder: DataFolder, message: wire.Health) -> None:
    stage = await asyncio.to_thread(Stage, folder, is_only=True)
    async with stage.run():
        worker = await stage.crew.next()
        worker.say(wire.Hello(1), message)
        assert stage.running is not None
        with pytest.raises(SourceError, match=message.health.reason):
            await stage.running
        await worker.hear_the_end()


async def test_one_of_several_that_cannot_be_opened_goes_on(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        worker.say(wire.Hello(1), offline("no such file", fatal=True), wire.Snapshot(1, b"jpeg"))
        await stage.published.wait_for("publish_snapshot")
        assert (stage.status.health.state, stage.status.health.reason) == (StreamState.OFFLINE, "no such file")


async def test_an_only_stream_that_was_seen_before_goes_on(folder: DataFolder) -> None:
    remembered = Remembered(FOUND_FORMAT, 3, seen=True, key=settings_key(SETTINGS))
    await asyncio.to_thread(folder.remember, "door", remembered)
    stage = await asyncio.to_thread(Stage, folder, is_only=True)
    async with stage.run():
        worker = await stage.crew.next()
        await worker.begin()
        worker.say(offline("refused"), wire.Snapshot(1, b"jpeg"))
        await stage.published.wait_for("publish_snapshot")
        assert stage.status.health.state is StreamState.OFFLINE


async def test_the_worker_hears_of_a_clock_that_changed(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        await worker.hear(wire.Configure)
        stage.clock = replace(stage.clock, unix_ns=stage.clock.unix_ns + 3600 * NS_PER_S)
        stage.keeper.clock_changed()
        assert (await worker.hear(wire.ClockUpdate)).clock == stage.clock


async def test_stopping_ends_the_worker_and_then_the_stream(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        worker.publish(start)
        stopping = asyncio.create_task(stage.keeper.stop())
        await worker.hear(wire.Stop)
        worker.publish(replace(start, next_slot=start.next_slot + 3, next_audio_slot=start.next_slot + 3))
        worker.leave()
        await stopping
        assert len(stage.published.parts) == 4
        assert stage.published.calls[-1] == "end_stream"
        assert stage.status.health.state is StreamState.STOPPED
        assert stage.running is not None
        await stage.running
        assert stage.crew.spawned == 1


async def test_stopping_does_not_wait_for_a_worker_that_does_not_listen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "STOP_WITHIN_S", 0.1)
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        await stage.keeper.stop()
        assert stage.published.calls[-1] == "end_stream"
        worker.publish(start)
        await worker.hear_the_end()
        assert stage.published.calls[-1] == "end_stream"


async def test_stopping_while_a_worker_is_being_started(stage: Stage) -> None:
    stage.crew.is_open.clear()
    async with stage.run():
        await asyncio.sleep(0)
        stopping = asyncio.create_task(stage.keeper.stop())
        await asyncio.sleep(0)
        stage.crew.is_open.set()
        assert await (await stage.crew.next()).hear_the_end() == []
        await stopping
        assert stage.running is not None
        await stage.running
        assert stage.published.calls == ["end_stream"]


async def test_a_disk_that_fails_is_said_and_nothing_else_changes(stage: Stage) -> None:
    await asyncio.to_thread((stage.folder.path / "streams").rmdir)
    async with stage.run():
        worker = await stage.crew.next()
        worker.publish(await worker.begin(a_camera()), 12)
        worker.say(wire.InitReady(VIDEO_INIT))
        await stage.published.wait_for("publish_part", 24)
