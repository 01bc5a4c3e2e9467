"""Real pictures and sound, from the encoders through the packagers, as players and the conformance rules see them."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, pairwise
from typing import cast

import av
import numpy as np
import pytest

from fixtures.media import moving_picture, tone
from relay.check.finding import faults
from relay.check.media import check_init, check_parts, check_segment, segment_end
from relay.encode import AudioEncoder, VideoEncoder
from relay.ladder import only_rung
from relay.model import AccessUnit, Init, Latency, LatencyProfile, Part, StreamFormat
from relay.packager import AudioPackager, VideoPackager, make_audio_init, make_video_init
from relay.timeline import NS_PER_S, Grid

FILM = StreamFormat(160, 90, Fraction(24000, 1001), audio=True, latency=Latency.LAN)
CAMERA = replace(FILM, rate=Fraction(30))
SLOW = replace(FILM, rate=Fraction(25, 2), latency=Latency.INTERNET)
BALANCED = replace(CAMERA, latency_profile=LatencyProfile.BALANCED)
QUALITY = replace(FILM, latency_profile=LatencyProfile.QUALITY)
NOW_NS = 1_790_000_000 * NS_PER_S
SEGMENTS = 3


@dataclass(frozen=True)
class Rendition:
    """What one encoder and packager made of three segments."""

    init: Init
    parts: list[Part]

    @property
    def segments(self) -> list[list[Part]]:
        return [list(parts) for _, parts in groupby(self.parts, key=lambda part: part.msn)]

    def file(self) -> io.BytesIO:
        return io.BytesIO(self.init.data + b"".join(part.data for part in self.parts))


def slots_of(grid: Grid) -> range:
    first = grid.next_segment_slot(grid.slot_at(NOW_NS))
    return range(first, first + SEGMENTS * grid.slots_per_segment)


def video(stream: StreamFormat) -> Rendition:
    grid = Grid.of(stream)
    rung = only_rung(stream)
    encoder, packager = VideoEncoder(stream, rung), VideoPackager(grid)
    units: list[AccessUnit] = []
    for slot in slots_of(grid):
        picture = moving_picture(stream.width, stream.height, slot)
        units += encoder.encode(picture, slot, is_idr=grid.starts_segment(slot))
    units += encoder.flush()
    init = make_video_init(stream, rung, units[0], encoder.bandwidth_bps, encoder.average_bandwidth_bps)
    return Rendition(init, [part for unit in units if (part := packager.add(unit))])


def audio(stream: StreamFormat) -> Rendition:
    grid = Grid.of(stream)
    slots = slots_of(grid)
    first, end = grid.audio_frames_before(slots.start), grid.audio_frames_before(slots.stop)
    encoder, packager = AudioEncoder(128, first), AudioPackager(grid)
    init = make_audio_init("audio", 128, encoder.bandwidth_bps, encoder.average_bandwidth_bps)
    parts = []
    for frame in range(first, end + 2):
        samples = cast("np.ndarray[tuple[int, int], np.dtype[np.float32]]", tone(frame * 1024, 1024).to_ndarray())
        parts += [packager.add(unit) for unit in encoder.encode(samples)]
    return Rendition(init, [part for part in parts if part])


@pytest.fixture(
    scope="module", params=[FILM, CAMERA, SLOW, BALANCED, QUALITY], ids=lambda one: f"{one.rate}-{one.latency_profile}"
)
def stream(request: pytest.FixtureRequest) -> StreamFormat:
    return cast("StreamFormat", request.param)


@pytest.fixture(scope="module", params=[video, audio], ids=["video", "audio"])
def rendition(request: pytest.FixtureRequest, stream: StreamFormat) -> Rendition:
    return cast("Rendition", request.param(stream))


def test_the_conformance_rules_find_nothing(rendition: Rendition) -> None:
    init = rendition.init.data
    assert faults(check_init(init)) == []
    ends: dict[int, int] | None = None
    for parts in rendition.segments:
        segment = b"".join(part.data for part in parts)
        duration_s = sum((part.duration_s for part in parts), Fraction(0))
        assert check_segment(segment, init, ends, must_start_independent=True, duration_s=duration_s) == []
        assert check_parts([part.data for part in parts], segment) == []
        ends = segment_end(segment, init)


def test_every_part_by_itself_is_what_it_says(rendition: Rendition) -> None:
    for part in rendition.parts:
        found = check_segment(
            part.data, rendition.init.data, must_start_independent=part.is_independent, duration_s=part.duration_s
        )
        assert found == []


def test_no_segment_is_larger_than_its_bandwidth(rendition: Rendition, stream: StreamFormat) -> None:
    for parts in rendition.segments:
        bits = 8 * sum(len(part.data) for part in parts)
        assert bits / sum(part.duration_s for part in parts) <= rendition.init.bandwidth


def test_pictures_come_out_at_their_slots(stream: StreamFormat) -> None:
    made, grid = video(stream), Grid.of(stream)
    with av.open(made.file(), "r") as container:
        assert container.streams.video[0].time_base == Fraction(1, grid.timescale)
        frames = list(container.decode(video=0))
    assert [frame.pts for frame in frames] == [grid.tfdt(slot) for slot in slots_of(grid)]
    for slot, frame in zip(slots_of(grid), frames, strict=True):
        assert np.abs(frame.to_ndarray().astype(int) - moving_picture(160, 90, slot)).mean() < 2


def test_any_segment_can_be_the_first_that_a_player_reads(stream: StreamFormat) -> None:
    made, grid = video(stream), Grid.of(stream)
    last = b"".join(part.data for part in made.segments[-1])
    with av.open(io.BytesIO(made.init.data + last), "r") as container:
        frames = list(container.decode(video=0))
    assert [frame.pts for frame in frames] == [grid.tfdt(s) for s in slots_of(grid)[-grid.slots_per_segment :]]


def test_sound_comes_out_at_its_place_on_the_sample_clock(stream: StreamFormat) -> None:
    made = audio(stream)
    with av.open(made.file(), "r") as container:
        frames = list(container.decode(audio=0))
    first = made.parts[0].start_ticks
    assert [frame.pts for frame in frames] == [first + 1024 * n for n in range(len(frames))]
    sound = np.hstack([frame.to_ndarray() for frame in frames])
    difference = np.subtract(sound, tone(first, sound.shape[1]).to_ndarray())
    assert np.abs(difference)[:, 1024:].max() < 0.01  # a decoder's first frame lacks the one before


def test_picture_and_sound_of_a_part_begin_together_to_within_a_frame(stream: StreamFormat) -> None:
    for picture, sound in zip(video(stream).parts, audio(stream).parts, strict=True):
        assert (picture.msn, picture.index, picture.is_last) == (sound.msn, sound.index, sound.is_last)
        assert 0 <= picture.pdt_ns - sound.pdt_ns <= 1024 * NS_PER_S // 48_000


def test_running_numbers_rise_by_one(rendition: Rendition) -> None:
    numbers = [int.from_bytes(part.data[20:24], "big") for part in rendition.parts]
    assert all(after == number + 1 for number, after in pairwise(numbers))
