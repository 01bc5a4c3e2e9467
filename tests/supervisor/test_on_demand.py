"""An on-demand stream: looked at once, then asleep without a worker, and there at once when somebody comes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import FOUND_FORMAT, a_camera, offline
from fixtures.keeping import GRID, SETTINGS, Stage
from fixtures.waiting import until
from relay import wire
from relay.model import MediaKind, StreamState
from relay.supervisor import keeper as keeper_module
from relay.supervisor.formats import Remembered, settings_key
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from fixtures.crew import Worker
    from relay.supervisor import DataFolder

ON_DEMAND = SETTINGS.model_copy(update={"on_demand": True, "idle_close_s": 0.2})


@pytest.fixture
def stage(folder: DataFolder) -> Stage:
    return Stage(folder, ON_DEMAND)


async def probed(stage: Stage) -> None:
    """From the start of the relay to the end of the look that it takes."""
    worker = await stage.crew.next()
    await worker.hear(wire.Configure)
    worker.say(wire.Hello(1), a_camera(), wire.Snapshot(5, b"jpeg"))
    await worker.hear(wire.Stop)
    assert not any(isinstance(message, wire.Start) for message in worker.heard)
    worker.leave()
    await stage.published.wait_for("suspend")


async def end_of_interest(stage: Stage, worker: Worker) -> None:
    """Nobody fetches any more, and the worker talks on until it is told to stop."""
    await until(lambda: not stage.keeper.demand.is_wanted, "the end of interest")
    worker.say(wire.Stats())
    await worker.hear(wire.Stop)
    worker.leave()
    await until(lambda: stage.status.health.state is StreamState.STOPPED, "a stopped stream")


async def test_the_camera_is_looked_at_once_and_nothing_is_encoded(stage: Stage) -> None:
    async with stage.run():
        await probed(stage)
        assert stage.published.generations == [(1, FOUND_FORMAT)]
        assert stage.published.snapshots == [b"jpeg"]
        assert (stage.status.health.state, stage.crew.spawned) == (StreamState.STOPPED, 1)
        assert stage.status.health.reason == keeper_module.NOBODY_WATCHES
        assert stage.status.counters["worker_restarts"] == 0


async def test_the_first_viewer_gets_the_segment_before_that_of_now_as_slate(stage: Stage) -> None:
    async with stage.run():
        await probed(stage)
        with stage.keeper.demand:
            worker = await stage.crew.next()
            start = await worker.begin()
            late_ns = time.time_ns() - GRID.start_ns(start.next_slots["video"])
            assert GRID.segment_s * NS_PER_S <= late_ns <= 2.5 * GRID.segment_s * NS_PER_S
            assert GRID.starts_segment(start.next_slots["video"])
            assert start.next_slots["video"] == start.next_slots["audio"]
            assert (start.format, start.data, start.is_data_old) == (FOUND_FORMAT, b"jpeg", True)
            assert stage.published.generations == [(1, FOUND_FORMAT)]


async def test_a_viewer_who_comes_during_the_first_look_is_served_by_the_same_worker(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        with stage.keeper.demand:
            start = await worker.begin(a_camera())
            worker.publish(start)
            worker.say(wire.Snapshot(5, b"jpeg"))
            await stage.published.wait_for("publish_snapshot")
        assert stage.crew.spawned == 1
        await end_of_interest(stage, worker)


async def test_who_returns_soon_goes_on_where_it_was_and_nobody_sees_what_is_old(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.run():
        await probed(stage)
        with stage.keeper.demand:
            worker = await stage.crew.next()
            first = await worker.begin(a_camera())
            worker.publish(first, 4)
            await stage.published.wait_for("publish_part", 8)
        await end_of_interest(stage, worker)
        with stage.keeper.demand:
            worker = await stage.crew.next()
            again = await worker.begin()
            assert (
                again.next_slots["video"]
                == again.next_slots["audio"]
                == first.next_slots["video"] + 4 * GRID.slots_per_part
            )
            assert again.is_data_old
            assert stage.published.calls.count("suspend") == 1
            worker.publish(again)
            await stage.published.wait_for("publish_part", 10)
        monkeypatch.setattr(keeper_module, "SKIP_AFTER_SEGMENTS", 0)
        await end_of_interest(stage, worker)
        await stage.published.wait_for("suspend", 2)
        with stage.keeper.demand:
            later = await (await stage.crew.next()).begin()
            assert GRID.msn(later.next_slots["video"]) > GRID.msn(first.next_slots["video"])
            assert GRID.starts_segment(later.next_slots["video"])


async def test_a_known_format_is_there_at_once_though_the_camera_is_away(folder: DataFolder) -> None:
    last_msn = GRID.msn(GRID.slot_at(time.time_ns())) + 5
    known = Remembered(FOUND_FORMAT, 3, seen=True, key=settings_key(ON_DEMAND), last_msn=last_msn)
    await asyncio.to_thread(folder.remember, "door", known)
    stage = await asyncio.to_thread(Stage, folder, ON_DEMAND)
    async with stage.run():
        worker = await stage.crew.next()
        worker.say(wire.Hello(1), offline("the camera cannot be reached"))
        await worker.hear(wire.Stop)
        worker.leave()
        await stage.published.wait_for("suspend")
        assert stage.status.health.reason.endswith("(when last tried: the camera cannot be reached)")
        with stage.keeper.demand:
            start = await (await stage.crew.next()).begin()
            assert (start.format, GRID.msn(start.next_slots["video"])) == (FOUND_FORMAT, last_msn + 1)


async def test_a_first_look_at_a_camera_that_says_nothing_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_PROBE_WITHIN_S", 0)
    async with stage.run():
        worker = await stage.crew.next()
        worker.say(wire.Hello(1))
        await worker.hear(wire.Stop)
        worker.leave()
        await stage.published.wait_for("suspend")
        assert [(number, found.width) for number, found in stage.published.generations] == [(1, 1280)]


async def test_a_worker_that_dies_at_the_first_look_is_not_started_again_for_nobody(stage: Stage) -> None:
    async with stage.run():
        (await stage.crew.next()).die()
        await stage.published.wait_for("suspend")
        assert (stage.crew.spawned, stage.status.counters["worker_restarts"]) == (1, 1)


async def test_stopping_wakes_a_stream_that_sleeps(stage: Stage) -> None:
    async with stage.run():
        await probed(stage)
        await stage.keeper.stop()
        assert stage.running is not None
        await stage.running
        assert stage.crew.spawned == 1
        assert (stage.status.health.state, stage.status.health.reason) == (StreamState.STOPPED, "")
        assert stage.published.calls[-1] == "end_stream"


async def test_parts_that_a_worker_still_completes_are_published(stage: Stage) -> None:
    async with stage.run():
        await probed(stage)
        with stage.keeper.demand:
            worker = await stage.crew.next()
            start = await worker.begin()
        await until(lambda: not stage.keeper.demand.is_wanted, "the end of interest")
        worker.publish(start, 1, MediaKind.VIDEO)
        await worker.hear(wire.Stop)
        worker.leave()
        await stage.published.wait_for("publish_part")
