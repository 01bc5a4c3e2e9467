"""Rungs that sleep: what the worker is told when somebody comes for one, and what its heir is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import Worker, a_camera
from fixtures.keeping import GRID, Stage
from fixtures.published import AUDIO_INIT, VIDEO_INIT, make_part
from fixtures.waiting import until
from relay import wire
from relay.config import StreamSettings
from relay.model import MediaKind
from relay.supervisor import keeper as keeper_module
from relay.supervisor import rendition_demand

if TYPE_CHECKING:
    from relay.supervisor import DataFolder

SETTINGS = StreamSettings.model_validate(
    {
        "source": "rtsp://door/",
        "renditions": [{"height": 360}, {"height": 240}, {"height": 180}],
        "renditions_on_demand": True,
        "idle_close_s": 1,
    }
)
TOP, MIDDLE, LOW, AUDIO = "video", "video-240p", "video-180p", "audio"


@pytest.fixture(autouse=True)
def _nobody_waits_longer_than_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendition_demand, "LEAST_CLOSE_S", 0.0)
    monkeypatch.setattr(keeper_module, "SILENT_FOR_S", 30.0)  # a scripted worker says nothing unless it is told to


@pytest.fixture
def stage(folder: DataFolder) -> Stage:
    return Stage(folder, SETTINGS)


class Sender:
    """Sends parts of each rendition, one after the other."""

    def __init__(self, worker: Worker, start: wire.Start) -> None:
        self._worker = worker
        self._start = start
        self.slots = dict.fromkeys(start.format.renditions, start.next_slots[TOP])
        inits = {MediaKind.VIDEO: VIDEO_INIT, MediaKind.AUDIO: AUDIO_INIT}
        kinds = start.format.renditions.items()
        worker.say(*(wire.InitReady(replace(inits[kind], rendition=name)) for name, kind in kinds))

    def send(self, name: str, parts: int) -> None:
        for _ in range(parts):
            slot, kind = self.slots[name], self._start.format.renditions[name]
            part = make_part(GRID, kind, GRID.msn(slot), GRID.part_index(slot))
            self._worker.say(wire.PartReady(replace(part, rendition=name)))
            self.slots[name] += GRID.slots_per_part


async def begun(stage: Stage) -> tuple[Worker, wire.Start, Sender]:
    worker = await stage.crew.next()
    start = await worker.begin(a_camera())
    return worker, start, Sender(worker, start)


async def test_all_but_the_largest_begin_asleep(stage: Stage) -> None:
    async with stage.run():
        _, start, _ = await begun(stage)
        assert [rung.name for rung in start.format.ladder] == [TOP, MIDDLE, LOW]
        assert set(start.next_slots) == {TOP, AUDIO}
        await stage.published.wait_for(f"sleep {LOW}")
        assert stage.published.calls.count(f"sleep {MIDDLE}") >= 1
        assert stage.published.calls.index("open_generation") < stage.published.calls.index(f"sleep {LOW}")
        assert f"sleep {TOP}" not in stage.published.calls


async def test_without_the_setting_nothing_sleeps(folder: DataFolder) -> None:
    stage = Stage(folder, SETTINGS.model_copy(update={"renditions_on_demand": False}))
    async with stage.run():
        worker, start, _ = await begun(stage)
        assert set(start.next_slots) == set(start.format.renditions)
        with stage.keeper.demand.of(LOW):
            worker.say(wire.Stats(), wire.Snapshot(5, b"jpeg"))
            await stage.published.wait_for("publish_snapshot")
        worker.leave()
        assert not any(isinstance(message, wire.Wake) for message in await worker.hear_the_end())


async def test_who_comes_wakes_it_at_once_and_once_for_all(stage: Stage) -> None:
    async with stage.run():
        worker, start, sender = await begun(stage)
        sender.send(TOP, 12)
        await stage.published.wait_for("publish_part", 12)
        with stage.keeper.demand.of(LOW), stage.keeper.demand.of(LOW):
            assert await worker.hear(wire.Wake) == wire.Wake(LOW, start.next_slots[TOP])
            assert stage.published.calls.count(f"wake {LOW}") == 1
            worker.say(wire.Stats())
        with stage.keeper.demand.of(MIDDLE):
            assert (await worker.hear(wire.Wake)).rendition == MIDDLE, "and nothing more of the other"


async def test_it_sleeps_when_nobody_wants_it_and_begins_behind_what_was_published(stage: Stage) -> None:
    async with stage.run():
        worker, start, sender = await begun(stage)
        sender.send(TOP, 12)
        await stage.published.wait_for("publish_part", 12)
        with stage.keeper.demand.of(LOW):
            await worker.hear(wire.Wake)
            sender.send(LOW, 20)
            await stage.published.wait_for("publish_part", 32)
        slept_before = stage.published.calls.count(f"sleep {LOW}")
        await until(lambda: not stage.keeper.demand.wanted_renditions(), "the end of interest")
        worker.say(wire.Stats())
        assert await worker.hear(wire.Sleep) == wire.Sleep(LOW)
        assert stage.published.calls.count(f"sleep {LOW}") == slept_before, "its segment is not whole yet"
        worker.say(wire.Asleep(LOW))
        await stage.published.wait_for(f"sleep {LOW}", slept_before + 1)
        with stage.keeper.demand.of(LOW):
            again = await worker.hear(wire.Wake)
            assert again == wire.Wake(LOW, start.next_slots[TOP] + 20 * GRID.slots_per_part)


async def test_who_comes_while_it_lies_down_wakes_it_and_a_late_word_changes_nothing(stage: Stage) -> None:
    async with stage.run():
        worker, _, _ = await begun(stage)
        with stage.keeper.demand.of(LOW):
            await worker.hear(wire.Wake)
        await until(lambda: not stage.keeper.demand.wanted_renditions(), "the end of interest")
        worker.say(wire.Stats())
        await worker.hear(wire.Sleep)
        slept_before = stage.published.calls.count(f"sleep {LOW}")
        with stage.keeper.demand.of(LOW):
            await worker.hear(wire.Wake)
            worker.say(wire.Asleep(LOW), wire.Asleep("video-7p"), wire.Snapshot(5, b"jpeg"))
            await stage.published.wait_for("publish_snapshot")
            assert stage.published.calls.count(f"sleep {LOW}") == slept_before


async def test_an_heir_goes_on_with_what_is_awake_and_wakes_what_was_being_woken(stage: Stage) -> None:
    async with stage.run():
        worker, start, sender = await begun(stage)
        begin = start.next_slots[TOP]
        sender.send(TOP, 12)
        sender.send(AUDIO, 12)
        await stage.published.wait_for("publish_part", 24)
        with stage.keeper.demand.of(LOW), stage.keeper.demand.of(MIDDLE):
            await worker.hear(wire.Wake)
            sender.send(LOW, 13)
            sender.send(MIDDLE, 3)
            await stage.published.wait_for("publish_part", 40)
            worker.die()
            heir = await stage.crew.next()
            again = await heir.begin()
            assert again.next_slots == {
                TOP: begin + 12 * GRID.slots_per_part,
                AUDIO: begin + 12 * GRID.slots_per_part,
                LOW: begin + 13 * GRID.slots_per_part,
            }
            assert await heir.hear(wire.Wake) == wire.Wake(MIDDLE, begin + 3 * GRID.slots_per_part)
            assert stage.published.calls[-1] == f"wake {MIDDLE}"


async def test_an_heir_lets_sleep_what_nobody_wants_any_more(stage: Stage) -> None:
    async with stage.run():
        worker, _, sender = await begun(stage)
        with stage.keeper.demand.of(LOW):
            await worker.hear(wire.Wake)
            sender.send(TOP, 1)
            sender.send(LOW, 1)
            await stage.published.wait_for("publish_part", 2)
        slept_before = stage.published.calls.count(f"sleep {LOW}")
        await until(lambda: not stage.keeper.demand.wanted_renditions(), "the end of interest")
        worker.die()
        again = await (await stage.crew.next()).begin()
        assert set(again.next_slots) == {TOP, AUDIO}
        assert stage.published.calls.count(f"sleep {LOW}") > slept_before


async def test_who_comes_while_there_is_no_worker_is_heard_when_there_is_one(stage: Stage) -> None:
    async with stage.run():
        worker, _, _ = await begun(stage)
        stage.crew.is_open.clear()
        spawned = stage.crew.spawned
        worker.die()
        await until(lambda: stage.crew.spawned > spawned, "another worker")
        with stage.keeper.demand.of(LOW):
            stage.crew.is_open.set()
            heir = await stage.crew.next()
            await heir.begin()
            assert (await heir.hear(wire.Wake)).rendition == LOW
