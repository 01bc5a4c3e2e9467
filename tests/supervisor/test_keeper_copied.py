"""A stream whose pictures are copied: what its workers are told, and when its format changes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import a_camera
from fixtures.keeping import Stage
from fixtures.published import AUDIO_INIT, VIDEO_INIT
from relay import wire
from relay.config import StreamSettings
from relay.model import Copied, CopyOffer, Latency, Part, StreamFormat
from relay.supervisor import keeper as keeper_module
from relay.supervisor.formats import Remembered, settings_key
from relay.timeline import Grid

if TYPE_CHECKING:
    from relay.supervisor.memory import DataFolder

COPY, AUTO = (StreamSettings(source="rtsp://door/", video=video) for video in ("copy", "auto"))
COPIED = StreamFormat(640, 360, Fraction(15), audio=True, latency=Latency.LAN, matrix="bt709", copied=Copied("h264", 4))


def offering(longest_gop_s: float = 2.0) -> wire.Found:
    return replace(a_camera(), offer=CopyOffer("h264", longest_gop_s))


def whole(msn: int) -> list[wire.PartReady]:
    """A segment of pictures and of sound."""
    parts = [
        Part(name, msn, 0, msn * 180_000, 180_000, 90_000, msn * 2_000_000_000, True, True, b"segment")
        for name in ("video", "audio")
    ]
    return [wire.PartReady(part) for part in parts]


async def test_the_first_offer_decides_and_numbers_count_up_from_the_grid(folder: DataFolder) -> None:
    stage = Stage(folder, COPY)
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(offering())
        assert start.format == COPIED
        grid = Grid.of(COPIED)
        msn = grid.msn(start.next_slots["video"])
        worker.say(wire.InitReady(VIDEO_INIT), wire.InitReady(AUDIO_INIT), *whole(msn), *whole(msn + 1))
        await stage.published.wait_for("publish_part", 4)
        worker.inbox.transport.close()
        second = await stage.crew.next()
        again = await second.begin()
        assert grid.msn(again.next_slots["video"]) == msn + 2
        assert again.format == COPIED


async def test_what_codecs_says_is_told_to_the_next_worker_and_kept_for_the_next_run(folder: DataFolder) -> None:
    stage = Stage(folder, COPY)
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin(offering())
        assert start.format.copied is not None
        assert start.format.copied.codecs == ""
        msn = Grid.of(COPIED).msn(start.next_slots["video"])
        worker.say(wire.InitReady(VIDEO_INIT), wire.InitReady(AUDIO_INIT), *whole(msn))
        await stage.published.wait_for("publish_part", 2)
        worker.inbox.transport.close()
        second = await stage.crew.next()
        again = await second.begin()
        assert again.format.copied is not None
        assert again.format.copied.codecs == VIDEO_INIT.codecs
        await stage.stored_when(
            lambda stored: bool(stored) and stored["format"]["copied"]["codecs"] == VIDEO_INIT.codecs
        )
    assert [number for number, _ in stage.published.generations] == [1]


async def test_keyframes_too_far_apart_for_the_format_begin_a_new_generation(folder: DataFolder) -> None:
    stage = Stage(folder, COPY)
    async with stage.run():
        worker = await stage.crew.next()
        await worker.begin(offering())
        worker.say(offering(2.2))
        worker.say(offering(8.0))
        await worker.hear(wire.Stop)
        worker.inbox.transport.close()
        second = await stage.crew.next()
        start = await second.begin()
        assert start.format.copied == Copied("h264", 12)
        assert [number for number, _ in stage.published.generations] == [1, 2]


async def test_what_auto_has_decided_to_encode_is_not_looked_at_again(folder: DataFolder) -> None:
    stage = Stage(folder, AUTO)
    async with stage.run():
        worker = await stage.crew.next()
        configure = await worker.hear(wire.Configure)
        assert configure.settings["video"] == "auto"
        worker.say(wire.Hello(1), a_camera())
        start = await worker.hear(wire.Start)
        assert start.format.copied is None
        worker.inbox.transport.close()
        second = await stage.crew.next()
        assert (await second.hear(wire.Configure)).settings["video"] == "encode"


@pytest.fixture
def known(folder: DataFolder) -> Stage:
    """A stream that was copied in an earlier run."""
    folder.remember("door", Remembered(COPIED, 3, seen=True, key=settings_key(AUTO)))
    return Stage(folder, AUTO)


async def test_auto_gives_up_copying_when_the_camera_cannot_be_copied_any_more(known: Stage) -> None:
    stage = known
    async with stage.run():
        worker = await stage.crew.next()
        start = await worker.begin()
        assert start.format == COPIED
        worker.say(a_camera())
        await worker.hear(wire.Stop)
        worker.inbox.transport.close()
        second = await stage.crew.next()
        assert (await second.begin()).format == replace(COPIED, copied=None)
        assert [number for number, _ in stage.published.generations] == [3, 4]


@pytest.mark.parametrize(("settings", "waits"), [(COPY, True), (StreamSettings(source="rtsp://door/"), False)])
async def test_keyframes_are_waited_for_before_a_format_without_a_camera_is_begun(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, settings: StreamSettings, waits: bool
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_PROBE_WITHIN_S", 0.0)
    stage = Stage(folder, settings)
    async with stage.run():
        worker = await stage.crew.next()
        await worker.hear(wire.Configure)
        worker.say(wire.Hello(1), wire.Stats())
        if waits:
            worker.say(offering())
        start = await worker.hear(wire.Start)
        assert (start.format.copied is not None) == waits
