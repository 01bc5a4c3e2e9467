"""A stream with a ladder: its generation, and a worker that takes over amid the parts of several renditions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import Worker, a_camera
from fixtures.keeping import GRID, Stage
from fixtures.published import AUDIO_INIT, VIDEO_INIT, make_part
from relay import wire
from relay.config import StreamSettings
from relay.model import MediaKind

if TYPE_CHECKING:
    from relay.model import StreamFormat
    from relay.supervisor import DataFolder

SETTINGS = StreamSettings.model_validate(
    {"source": "rtsp://door/", "renditions": [{"height": 360}, {"height": 240}, {"height": 180, "rate": 5}]}
)
TOP, MIDDLE, LOW, AUDIO = "video", "video-240p", "video-180p5", "audio"


@pytest.fixture
def ladder_stage(folder: DataFolder) -> Stage:
    return Stage(folder, SETTINGS)


def describe(worker: Worker, stream: StreamFormat) -> None:
    inits = {MediaKind.VIDEO: VIDEO_INIT, MediaKind.AUDIO: AUDIO_INIT}
    worker.say(*(wire.InitReady(replace(inits[kind], rendition=name)) for name, kind in stream.renditions.items()))


def send(worker: Worker, start: wire.Start, name: str, parts: int) -> None:
    """That many parts of one rendition, from where the worker was told to begin it."""
    for n in range(parts):
        slot = start.next_slots[name] + n * GRID.slots_per_part
        kind = start.format.renditions[name]
        part = make_part(GRID, kind, GRID.msn(slot), GRID.part_index(slot))
        worker.say(wire.PartReady(replace(part, rendition=name)))


async def test_a_worker_that_takes_over_sends_each_rendition_what_it_lacks(ladder_stage: Stage) -> None:
    sent = {TOP: 12, MIDDLE: 11, LOW: 9, AUDIO: 10}
    async with ladder_stage.run():
        worker = await ladder_stage.crew.next()
        first = await worker.begin(a_camera())
        assert [rung.name for rung in first.format.ladder] == [TOP, MIDDLE, LOW]
        assert GRID.slots_per_part == 3, "the test's own grid is that of the ladder"
        begin = first.next_slots[TOP]
        assert first.next_slots == dict.fromkeys(sent, begin)
        describe(worker, first.format)
        for name, parts in sent.items():
            send(worker, first, name, parts)
        worker.inbox.transport.close()
        second = await ladder_stage.crew.next()
        start = await second.begin()
        assert start.next_slots == {name: begin + parts * GRID.slots_per_part for name, parts in sent.items()}
        describe(second, start.format)
        for name, parts in sent.items():
            send(second, start, name, 15 - parts)
        await ladder_stage.published.wait_for("publish_part", 60)
        for name in sent:
            places = [(part.msn, part.index) for part in ladder_stage.published.parts if part.rendition == name]
            slots = range(begin, begin + 15 * GRID.slots_per_part, GRID.slots_per_part)
            assert places == [(GRID.msn(slot), GRID.part_index(slot)) for slot in slots]
        assert ladder_stage.published.calls.count("open_generation") == 1


async def test_the_highest_number_of_any_rendition_is_remembered(ladder_stage: Stage) -> None:
    async with ladder_stage.run():
        worker = await ladder_stage.crew.next()
        start = await worker.begin(a_camera())
        describe(worker, start.format)
        send(worker, start, LOW, 11)
        send(worker, start, TOP, 1)
        msn = GRID.msn(start.next_slots[TOP]) + 1
        await ladder_stage.stored_when(lambda document: document.get("last_msn") == msn)
        await ladder_stage.published.wait_for("publish_part", 12)
        assert ladder_stage.keeper.status(clock_is_back=False).format == start.format


async def test_another_ladder_is_another_generation_and_the_same_is_not(folder: DataFolder) -> None:
    other = SETTINGS.model_copy(update={"renditions": SETTINGS.renditions[:2]})
    generations = []
    for settings in (SETTINGS, SETTINGS, other, StreamSettings(source="rtsp://door/")):
        stage = await asyncio.to_thread(Stage, folder, settings)
        async with stage.run():
            worker = await stage.crew.next()
            start = await worker.begin(*([a_camera()] if not generations else []))
            describe(worker, start.format)
            send(worker, start, TOP, 1)
            number = stage.published.generations[-1][0]
            await stage.stored_when(
                lambda document, number=number: bool(document.get("last_msn")) and document["generation"] == number
            )
            generations.append((number, len(start.format.ladder)))
    assert generations == [(1, 3), (1, 3), (2, 2), (3, 0)]


async def test_a_part_of_a_rendition_that_was_not_described_ends_the_worker(ladder_stage: Stage) -> None:
    async with ladder_stage.run():
        worker = await ladder_stage.crew.next()
        start = await worker.begin(a_camera())
        worker.say(wire.InitReady(VIDEO_INIT))
        send(worker, start, MIDDLE, 1)
        await worker.hear_the_end()
        await ladder_stage.crew.next()
        assert ladder_stage.published.parts == []
