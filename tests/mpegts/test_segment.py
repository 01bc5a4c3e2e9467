"""TS segments, judged by the rules and read by FFmpeg."""

from __future__ import annotations

import io
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.boxes import IDR, SLICE, nal
from fixtures.media import moving_picture, tone
from fixtures.transport import (
    DELIMITER,
    EPOCH_S,
    INIT,
    PPS,
    SPS,
    TIMESCALE,
    audio_segment,
    gop,
    picture,
    video_segment,
)
from relay.check.transport_packets import read_packets, read_pes, read_program, since
from relay.check.transport_stream import TransportEnd, check_transport_segment, transport_end
from relay.encode import AudioEncoder, VideoEncoder
from relay.ladder import only_rung
from relay.model import Latency, LatencyProfile, StreamFormat
from relay.mpegts import overhead_bps, transport_segment
from relay.mpegts.packets import AUDIO_PID, VIDEO_PID
from relay.packager import AudioPackager, VideoPackager, make_video_init
from relay.packager.annexb import nal_units
from relay.packager.boxes import Sample
from relay.timeline import SAMPLES_PER_AAC_FRAME, USUAL_RATES, Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.check.finding import Finding
    from relay.model import AccessUnit

WRAP = 1 << 33
LAST_OF_A_WRAP_S = Fraction((EPOCH_S * 90_000 // WRAP + 1) * WRAP, 90_000)
"""Seconds since the epoch at which the 33 bits begin anew."""


def segments_of(rate: Fraction, start_s: Fraction, count: int, sizes: Sequence[int] = ()) -> list[bytes]:
    """`count` segments of about two seconds with sound, from about `start_s` on."""
    grid = Grid(rate, 1, max(1, round(2 * rate)))
    first = grid.next_segment_slot(int(start_s * rate))
    made = []
    for slot in range(first, first + count * grid.slots_per_segment, grid.slots_per_segment):
        frame, end_frame = grid.audio_frames_before(slot), grid.audio_frames_before(slot + grid.slots_per_segment)
        pictures = gop(grid.slots_per_segment, sizes)
        video = video_segment(pictures, grid.tfdt(slot), grid.ticks_per_slot)
        sizes_of_sounds = [*sizes, *[9] * (end_frame - frame)]
        sounds = [bytes([size % 256]) * (1 + size) for size in sizes_of_sounds[: end_frame - frame]]
        made.append(transport_segment(INIT, grid.timescale, video, audio_segment(sounds, frame)))
    return made


def faults_of(segments: Sequence[bytes], duration_s: Fraction | None = None) -> list[Finding]:
    findings: list[Finding] = []
    end = TransportEnd()
    for data in segments:
        findings += check_transport_segment(data, end, must_start_independent=True, duration_s=duration_s)
        end = transport_end(data)
    return findings


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(USUAL_RATES), st.integers(0, WRAP * 3), st.lists(st.integers(0, 900), max_size=40))
def test_segments_of_any_rate_and_time_join(rate: Fraction, start: int, sizes: list[int]) -> None:
    duration_s = max(1, round(2 * rate)) / rate
    segments = segments_of(rate, EPOCH_S + Fraction(start, 90_000), 2, sizes)
    assert faults_of(segments, duration_s) == []
    assert all(len(data) <= 188 * 3000 for data in segments)


def test_stamps_begin_anew_within_a_segment() -> None:
    segments = segments_of(Fraction(30), LAST_OF_A_WRAP_S - 3, 3)
    packets = [read_packets(data) for data in segments]
    shown = [unit.shown or 0 for one in packets for unit in read_pes(one, VIDEO_PID)]
    assert [after - before for before, after in pairwise(shown)].count(3000 - WRAP) == 1
    assert {since(after, before) for before, after in pairwise(shown)} == {3000}
    assert faults_of(segments, Fraction(2)) == []


def test_a_stamp_is_the_time_since_the_epoch() -> None:
    (data,) = segments_of(Fraction(30), Fraction(EPOCH_S), 1)
    packets = read_packets(data)
    assert read_pes(packets, VIDEO_PID)[0].shown == EPOCH_S * 90_000 % WRAP
    frame = EPOCH_S * 48_000 // SAMPLES_PER_AAC_FRAME
    assert read_pes(packets, AUDIO_PID)[0].shown == frame * 1920 % WRAP
    assert next(packet.clock for packet in packets if packet.clock is not None) == (EPOCH_S * 90_000 - 45_000) % WRAP


def test_a_keyframe_that_has_its_parameter_sets_is_not_given_them_again() -> None:
    """As those of copied streams have."""
    coded, other = b"\x65\x88", b"\x41\x9a"
    has_them = Sample(nal(SPS) + nal(PPS) + nal(coded), is_sync=True)
    for first in (picture(coded, is_sync=True), has_them):
        data = transport_segment(INIT, TIMESCALE, video_segment([first, picture(other)], 0, 2000), None)
        units = [tuple(nal_units(unit.data)) for unit in read_pes(read_packets(data), VIDEO_PID)]
        assert units == [(DELIMITER, SPS, PPS, coded), (DELIMITER, other)]


def test_counters_join_whichever_segments_are_left_out() -> None:
    segments = segments_of(Fraction(25), Fraction(EPOCH_S), 4, [700, 5, 300])
    for left_out in ([0, 3], [1, 1], [3, 0]):
        rules = {finding.rule for finding in faults_of([segments[index] for index in left_out])}
        assert "T2" not in rules


def encoded(
    first: int, segments: int, profile: LatencyProfile
) -> tuple[list[AccessUnit], list[AccessUnit], list[bytes]]:
    """Real pictures and sound from slot `first` on, and the TS segments of them."""
    stream = StreamFormat(160, 90, Fraction(30), audio=True, latency=Latency.LAN, latency_profile=profile)
    grid = Grid.of(stream)
    end = first + segments * grid.slots_per_segment
    rung, frames = only_rung(stream), range(grid.audio_frames_before(first), grid.audio_frames_before(end))
    video_encoder = VideoEncoder(stream, rung)
    pictures = [
        unit
        for slot in range(first, end)
        for unit in video_encoder.encode(moving_picture(160, 90, slot), slot, is_idr=grid.starts_segment(slot))
    ] + video_encoder.flush()
    audio_encoder = AudioEncoder(64, frames.start)
    heard = [
        tone(frame * SAMPLES_PER_AAC_FRAME, SAMPLES_PER_AAC_FRAME).to_ndarray()
        for frame in range(frames.start, frames.stop + 3)
    ]
    sounds = [
        unit for samples in heard for unit in audio_encoder.encode(samples.astype(np.float32)) if unit.pts in frames
    ]
    init = make_video_init(stream, rung, pictures[0], 1, 1)
    video, audio = VideoPackager(grid), AudioPackager(grid)
    parts = [part for unit in pictures if (part := video.add(unit))]
    parts += [part for unit in sounds if (part := audio.add(unit))]
    data = defaultdict[tuple[str, int], bytes](bytes)
    for part in parts:
        data[part.rendition, part.msn] += part.data
    made = [
        transport_segment(init.data, init.timescale, data["video", msn], data["audio", msn])
        for msn in range(grid.msn(first), grid.msn(end))
    ]
    return pictures, sounds, made


@pytest.mark.parametrize("profile", LatencyProfile, ids=str)
def test_ffmpeg_reads_what_was_encoded(profile: LatencyProfile) -> None:
    grid = Grid(Fraction(30), 6, 10)
    pictures, sounds, segments = encoded(grid.next_segment_slot(int((LAST_OF_A_WRAP_S - 3) * 30)), 3, profile)
    read: dict[str, list[tuple[int, bool, bytes]]] = {"video": [], "audio": []}
    decoded = []
    with av.open(io.BytesIO(b"".join(segments)), format="mpegts") as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        for packet in container.demux():
            if packet.size:  # what is asked of a packet once its container is closed is a crash
                assert not packet.is_corrupt
                if packet.stream.type == "video":
                    decoded.append(packet.dts)
                read[packet.stream.type].append((packet.pts or 0, packet.is_keyframe, bytes(packet)))
    video, audio = read["video"], read["audio"]
    assert faults_of(segments, Fraction(2)) == []
    assert [tuple(nal_units(data)) for *_, data in video] == [(b"\x09\xf0", *nal_units(unit.data)) for unit in pictures]
    assert [is_keyframe for _, is_keyframe, _ in video] == [unit.is_idr for unit in pictures]
    lead = pictures[0].pts - pictures[0].dts
    shown = [(stamp - video[0][0]) // 3000 for stamp, *_ in video]
    assert shown == [unit.pts - pictures[0].pts for unit in pictures]
    assert decoded == [video[0][0] + (n - lead) * 3000 for n in range(len(pictures))]
    assert [data[7:] for *_, data in audio] == [unit.data for unit in sounds]
    assert {after[0] - before[0] for before, after in pairwise(audio)} == {1920}
    assert audio[0][0] - video[0][0] == sounds[0].pts * 1920 - pictures[0].pts * 3000


def test_a_stream_without_sound_and_a_segment_without() -> None:
    video = video_segment(gop(60), EPOCH_S * TIMESCALE, 2000)
    silent = transport_segment(INIT, TIMESCALE, video, None)
    missing = transport_segment(INIT, TIMESCALE, video, b"")
    for data, pids in ((silent, {VIDEO_PID}), (missing, {VIDEO_PID, AUDIO_PID})):
        assert check_transport_segment(data, must_start_independent=True, duration_s=Fraction(2)) == []
        assert set(read_program(read_packets(data)).streams) == pids
    assert len(silent) == len(missing)


def reordered(step: int) -> list[Sample]:
    """I P B b P B b ... in decoding order, where no offset is written as if a picture could be shown at once."""
    offsets = [0, *([2 * step, -step, -step] * 9)]
    return [picture(IDR, is_sync=True), *(picture(SLICE, offset=offset) for offset in offsets[1:])]


def test_pictures_that_are_reordered_are_decoded_before_they_are_shown() -> None:
    video = video_segment(reordered(2000), EPOCH_S * TIMESCALE, 2000)
    data = transport_segment(INIT, TIMESCALE, video, None)
    assert check_transport_segment(data, must_start_independent=True) == []
    units = read_pes(read_packets(data), VIDEO_PID)
    shown = [since(unit.shown or 0, EPOCH_S * 90_000) // 3000 for unit in units]
    assert shown[:7] == [0, 3, 1, 2, 6, 4, 5]
    assert [since(unit.decoded or 0, EPOCH_S * 90_000) // 3000 for unit in units][:4] == [-1, 0, 1, 2]


def test_a_picture_that_stands_for_long_has_a_clock_beside_it() -> None:
    pictures = [picture(IDR, is_sync=True, duration=TIMESCALE * 3), picture(SLICE)]
    data = transport_segment(INIT, TIMESCALE, video_segment(pictures, EPOCH_S * TIMESCALE, 2000), None)
    clocks = [packet for packet in read_packets(data) if packet.clock is not None]
    assert len(clocks) == 31
    assert check_transport_segment(data) == []


def test_a_picture_too_large_for_a_length_has_none() -> None:
    pictures = [picture(IDR + b"\1" * 70_000, is_sync=True), picture(SLICE)]
    data = transport_segment(INIT, TIMESCALE, video_segment(pictures, EPOCH_S * TIMESCALE, 2000), None)
    assert check_transport_segment(data) == []
    assert [unit.declared for unit in read_pes(read_packets(data), VIDEO_PID)] == [0, 3 + 5 + 6 + 4 + len(SLICE)]


@pytest.mark.parametrize("rate", [Fraction(5), Fraction(15, 2), Fraction(30), Fraction(60)])
@pytest.mark.parametrize("size", [1, 150, 3000])
def test_the_overhead_is_never_more_than_was_said(rate: Fraction, size: int) -> None:
    grid = Grid(rate, 1, round(2 * rate))
    slot = grid.next_segment_slot(EPOCH_S * int(rate))
    frame, end_frame = grid.audio_frames_before(slot), grid.audio_frames_before(slot + grid.slots_per_segment)
    pictures = gop(grid.slots_per_segment, [size] * grid.slots_per_segment)
    video = video_segment(pictures, grid.tfdt(slot), grid.ticks_per_slot)
    audio = audio_segment([bytes(size % 700)] * (end_frame - frame), frame)
    data = transport_segment(INIT, grid.timescale, video, audio)
    cmaf_bps = int((len(video) + len(audio)) * 8 / grid.segment_s)
    more_bps = (len(data) - len(video) - len(audio)) * 8 / grid.segment_s
    assert 0 < more_bps <= overhead_bps(rate, grid.segment_s, cmaf_bps)
