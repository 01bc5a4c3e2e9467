"""Which format and which numbers a stream has, and what is kept of them: the first camera seen decides."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import FOUND_FORMAT, a_camera, offline
from fixtures.keeping import GRID, SETTINGS, Stage
from fixtures.published import VIDEO_INIT
from relay import wire
from relay.config import StreamSettings
from relay.errors import SourceError
from relay.model import StreamState
from relay.supervisor import keeper as keeper_module
from relay.supervisor.formats import Remembered, settings_key
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.supervisor import DataFolder


@pytest.fixture(params=[-100], ids=["long ago"])
def known(folder: DataFolder, request: pytest.FixtureRequest) -> Stage:
    """A stream whose camera was seen in an earlier run, the last of which was the segment so far from that of now."""
    last_msn = GRID.msn(GRID.slot_at(time.time_ns())) + request.param
    folder.remember("door", Remembered(FOUND_FORMAT, 3, seen=True, key=settings_key(SETTINGS), last_msn=last_msn))
    return Stage(folder)


async def test_the_first_camera_seen_decides_the_format_and_begins_with_a_segment(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        assert (start.format, start.data) == (FOUND_FORMAT, b"")
        assert start.next_slots["video"] == start.next_slots["audio"]
        assert GRID.starts_segment(start.next_slots["video"])
        assert 0 < GRID.start_ns(start.next_slots["video"]) - time.time_ns() + 1 * NS_PER_S < 4 * NS_PER_S
        assert stage.published.generations == [(1, FOUND_FORMAT)]
        stored = await stage.stored_when(lambda document: document.get("seen", False))
        assert (stored["format"]["width"], stored["key"]) == (640, settings_key(SETTINGS))


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
        assert GRID.msn(start.next_slots["video"]) == last_msn + 1
        assert known.published.generations == [(3, FOUND_FORMAT)]


@pytest.mark.parametrize("known", [1000], indirect=True, ids=["far ahead"])
async def test_numbers_that_the_clock_will_not_reach_soon_need_a_new_generation(known: Stage) -> None:
    last_msn = known.stored()["last_msn"]
    async with known.run():
        start = await (await known.crew.next()).begin()
        assert last_msn - 1000 <= GRID.msn(start.next_slots["video"]) < last_msn - 900
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


async def test_a_disk_that_fails_is_said_and_nothing_else_changes(stage: Stage) -> None:
    await asyncio.to_thread((stage.folder.path / "streams").rmdir)
    async with stage.run():
        worker = await stage.crew.next()
        worker.publish(await worker.begin(a_camera()), 12)
        worker.say(wire.InitReady(VIDEO_INIT))
        await stage.published.wait_for("publish_part", 24)
