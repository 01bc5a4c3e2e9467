"""One stream stays published, whatever its worker does. The workers here are scripted, the rest is real."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import FOUND_FORMAT, a_camera, offline
from fixtures.keeping import GRID, SETTINGS
from fixtures.published import make_part
from relay import wire
from relay.config import StreamSettings
from relay.links import TransformFigures
from relay.model import MediaKind, Quality, StreamHealth, StreamState
from relay.supervisor import keeper as keeper_module
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from fixtures.keeping import Stage


async def test_what_a_new_worker_is_told(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        configure = await worker.hear(wire.Configure)
        assert configure.name == "door"
        assert StreamSettings.model_validate(configure.settings) == SETTINGS
        assert (configure.hold_source_s, configure.reason, configure.clock) == (0, "", stage.clock)


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
        assert (stage.status.figures.quality, stage.status.figures.stalls_1h) == (Quality.UNKNOWN, 0)
        assert stage.keeper.status(clock_is_back=True).health.state is StreamState.CLOCK


async def test_what_transforms_do_is_in_the_status_and_outlives_the_worker(stage: Stage) -> None:
    figures = TransformFigures("faces", failures=2, every=3)
    async with stage.run():
        worker = await stage.crew.next()
        await worker.begin(a_camera())
        worker.say(wire.Stats(transforms=(figures,)), wire.Snapshot(5, b"jpeg"))
        await stage.published.wait_for("publish_snapshot")
        assert stage.status.transforms == (figures,)
        worker.die()
        await (await stage.crew.next()).hear(wire.Configure)
        assert stage.status.transforms == (TransformFigures("faces", failures=2),)


async def test_a_worker_that_takes_over_goes_on_where_each_rendition_was(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        first = await worker.begin(a_camera())
        worker.publish(first, 4)
        video = make_part(GRID, MediaKind.VIDEO, GRID.msn(first.next_slots["video"]), 4)
        worker.say(wire.Snapshot(5, b"jpeg"), wire.PartReady(video), wire.Stats({"slots": 5}))
        worker.inbox.transport.close()
        second = await stage.crew.next()
        start = await second.begin()
        assert start.next_slots["video"] == first.next_slots["video"] + 5 * GRID.slots_per_part
        assert start.next_slots["audio"] == first.next_slots["video"] + 4 * GRID.slots_per_part
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
        again.inbox.transport.close()
        third = await stage.crew.next()
        configure = await third.hear(wire.Configure)
        assert configure.hold_source_s == 1
        assert configure.reason == "restarting: transform: the owner's code failed"
        third.say(wire.Hello(3))
        await third.hear(wire.Start)


async def test_a_silent_worker_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "SILENT_FOR_S", 0.5)
    async with stage.run():
        worker = await stage.crew.next()
        worker.publish(await worker.begin(a_camera()))
        await worker.hear_the_end()
        second = await stage.crew.next()
        assert (await second.begin()).next_slots["video"] == stage.published.parts[
            0
        ].start_ticks // GRID.ticks_per_slot + 3
        await second.hear_the_end()
        third = await stage.crew.next()
        assert (await third.hear(wire.Configure)).reason == "restarting: it kept silent for 0.5 s"


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
        worker.inbox.transport.write(nonsense)
        await worker.hear_the_end()
        await stage.crew.next()


async def test_a_part_of_no_known_rendition_ends_its_worker_and_not_the_relay(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        worker.say(wire.PartReady(make_part(GRID, MediaKind.VIDEO, GRID.msn(start.next_slots["video"]), 0)))
        await worker.hear_the_end()
        await stage.crew.next()
        assert stage.published.parts == []


@pytest.mark.clock
async def test_workers_that_come_to_nothing_are_not_started_in_a_tight_loop(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "RESPAWN_EVERY_S", 0.4)
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


async def test_how_well_a_stream_does_is_reckoned_from_what_its_worker_tells(stage: Stage) -> None:
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(a_camera())
        live = wire.Health(StreamHealth(StreamState.LIVE, 9))
        for n in (1, 2):
            worker.say(live, wire.Stats({"connections": n, "frames": 15 * n, "slots": 15 * n}, {"age_sent_ms": 1.0}))
            worker.say(offline("gone"), live)
            await asyncio.sleep(0.01)
        worker.publish(
            replace(start, next_slots={"video": start.next_slots["video"] - 10 * GRID.slots_per_segment}),
            1,
            MediaKind.VIDEO,
        )
        await stage.published.wait_for("publish_part")
        figures = stage.status.figures
        assert (figures.reconnects_1h, figures.stalls_1h, figures.quality) == (1, 2, Quality.FAIR)
        assert figures.fps_in == figures.fps_out > 15
        assert figures.delay_ms["publish"] > 15_000
        worker.die()
        await stage.crew.next()
        assert (stage.status.figures.fps_in, stage.status.figures.reconnects_1h) == (0, 1)


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
        worker.publish(replace(start, next_slots=dict.fromkeys(start.next_slots, start.next_slots["video"] + 3)))
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
