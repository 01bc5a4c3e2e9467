"""Segments of copied pictures, and of the sound beside them: judged by the rules of CMAF, and decoded."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.media import Clip, write_clip
from relay.check.boxes import read_fragments
from relay.check.finding import faults
from relay.check.media import check_init, check_segment, segment_end
from relay.errors import EncodeError
from relay.model import AccessUnit, CodedPicture, Init, Part, VideoCodec
from relay.packager import (
    COPIED_TIMESCALE,
    CopiedPackager,
    KeyframeCut,
    Run,
    Span,
    SpanAudioPackager,
    VideoShape,
    make_copied_init,
    nal,
)
from relay.packager.copied import MAX_WAITING_FRAMES, frames_before
from relay.timeline import NS_PER_S, SAMPLES_PER_AAC_FRAME, aac_frame_start_ns

if TYPE_CHECKING:
    from pathlib import Path

START_NS = 1_790_000_000 * NS_PER_S
MSN = 895_000_000
CLIPS: dict[VideoCodec, Clip] = {
    "h264": Clip(frames=75, gop=25, b_frames=2, codec_options={"x264-params": "scenecut=0"}),
    "hevc": Clip(
        codec="libx265",
        frames=75,
        gop=25,
        b_frames=3,
        codec_options={"preset": "ultrafast", "x265-params": "log-level=error:keyint=25:min-keyint=25:scenecut=0"},
    ),
}


def copied(path: Path, codec: VideoCodec) -> tuple[Init, list[Part]]:
    """All of a file, as a copied stream of it would be sent."""
    cut, packager = KeyframeCut(NS_PER_S, 4 * NS_PER_S), CopiedPackager("video", MSN)
    runs: list[Run] = []
    init = None
    with av.open(path) as container:
        video = container.streams.video[0]
        sets, length_bytes = nal.configuration(video.codec_context.extradata or b"", codec)
        for packet in container.demux(video):
            if not packet.size or packet.pts is None or packet.time_base is None:
                continue
            units = nal.split_units(bytes(packet), length_bytes)
            sets = nal.parameter_sets(units, codec, sets)
            media = nal.media_units(units, codec, sets)
            if init is None:
                shape = VideoShape(codec, 320, 180, Fraction(25), COPIED_TIMESCALE)
                init = make_copied_init("video", shape, nal.byte_stream((*sets, *media)), 2, 1)
            time_ns = START_NS + int(packet.pts * packet.time_base * NS_PER_S)
            runs += cut.add(CodedPicture(time_ns, nal.is_keyframe(units, codec), media))
    assert init is not None
    return init, [packager.add(run)[0] for run in runs + cut.break_off()]


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
@pytest.mark.parametrize("codec", list(CLIPS))
def test_what_a_file_holds_comes_out_as_it_was(codec: VideoCodec, suffix: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / f"clip{suffix}", CLIPS[codec])
    init, parts = copied(path, codec)
    assert [float(part.duration_s) for part in parts] == [1.0, 1.0, 1.0]
    assert [part.msn for part in parts] == [MSN, MSN + 1, MSN + 2]
    assert init.codecs.startswith({"h264": "avc1.", "hevc": "hvc1.1."}[codec])
    assert list(faults(check_init(init.data))) == []
    ends: dict[int, int] | None = None
    for part in parts:
        promised = {"must_start_independent": True, "duration_s": part.duration_s}
        assert list(faults(check_segment(part.data, init.data, ends, **promised))) == []  # type: ignore[arg-type]
        ends = segment_end(part.data, init.data)
    with av.open(path) as before, av.open(io.BytesIO(init.data + b"".join(part.data for part in parts))) as after:
        pictures = [frame.to_ndarray() for frame in before.decode(video=0)]
        came = list(after.decode(video=0))
    assert [(one == other.to_ndarray()).all() for one, other in zip(pictures, came, strict=True)] == [True] * 75
    stamps = [frame.pts for frame in came]
    assert stamps[0] == parts[0].pdt_ns * COPIED_TIMESCALE // NS_PER_S, "FFmpeg, too, shows it when it is to be shown"
    assert {b - a for a, b in pairwise(stamps) if a is not None and b is not None} == {COPIED_TIMESCALE // 25}


@given(st.lists(st.integers(-NS_PER_S, NS_PER_S), min_size=1, max_size=40), st.integers(1, 3 * NS_PER_S))
def test_decoding_times_rise_whatever_the_camera_says(offsets_ns: list[int], lasts_ns: int) -> None:
    pictures = tuple(CodedPicture(START_NS + offset, not i, (b"\x65x",)) for i, offset in enumerate(offsets_ns))
    part, span = CopiedPackager("video", MSN).add(Run(pictures, START_NS, START_NS + lasts_ns, False))
    ((traf,),) = [fragment.tracks for fragment in read_fragments(part.data)]
    assert traf.decode_time == part.start_ticks
    assert all(sample.duration > 0 for sample in traf.samples)
    assert sum(sample.duration for sample in traf.samples) == part.duration_ticks
    assert span == Span(MSN, START_NS, START_NS + lasts_ns, False)


def unit(frame: int) -> AccessUnit:
    return AccessUnit("audio", frame, frame, True, b"AAC")


FIRST = frames_before(START_NS)


def span(msn: int, begin_s: float, end_s: float, *, is_discontinuous: bool = False) -> Span:
    return Span(msn, START_NS + round(begin_s * NS_PER_S), START_NS + round(end_s * NS_PER_S), is_discontinuous)


def test_sound_is_cut_where_the_pictures_are_once_it_has_come() -> None:
    packager = SpanAudioPackager()
    parts = packager.cut(span(7, 0, 1))
    parts += [part for n in range(120) for part in packager.add(unit(FIRST + n))]
    parts += packager.cut(span(8, 1, 2, is_discontinuous=True))
    assert [(part.msn, part.is_discontinuous, part.is_last, part.index) for part in parts] == [
        (7, False, True, 0),
        (8, True, True, 0),
    ]
    assert parts[0].start_ticks + parts[0].duration_ticks == parts[1].start_ticks
    assert parts[0].pdt_ns == aac_frame_start_ns(FIRST)
    assert abs(parts[1].duration_s - 1) < Fraction(SAMPLES_PER_AAC_FRAME, 48_000)


def test_between_two_spans_with_a_hole_sound_is_left_out() -> None:
    packager = SpanAudioPackager()
    for n in range(300):
        assert packager.add(unit(FIRST + n)) == []
    (first,) = packager.cut(span(7, 0, 1))
    (second,) = packager.cut(span(8, 2, 3, is_discontinuous=True))
    assert second.start_ticks - (first.start_ticks + first.duration_ticks) >= 47_000


def test_a_segment_before_there_was_sound_has_none() -> None:
    packager = SpanAudioPackager()
    assert packager.cut(span(7, -2, -1)) == []
    assert packager.cut(span(8, -1, 0.5)) == []
    (part,) = [part for n in range(60) for part in packager.add(unit(FIRST + n))]
    assert (part.msn, part.start_ticks) == (8, FIRST * SAMPLES_PER_AAC_FRAME)


def test_after_a_hole_in_the_sound_a_segment_holds_what_was_before_it() -> None:
    packager = SpanAudioPackager()
    for n in (0, 1, 2, 60, 61):
        packager.add(unit(FIRST + n))
    (part,) = packager.cut(span(7, 0, 1))
    assert part.duration_ticks == 3 * SAMPLES_PER_AAC_FRAME


def test_sound_goes_forward_and_does_not_wait_for_ever() -> None:
    packager = SpanAudioPackager()
    for n in range(MAX_WAITING_FRAMES + 10):
        packager.add(unit(FIRST + n))
    assert packager.cut(span(7, 0, 0.1)) == []
    with pytest.raises(EncodeError, match="came where"):
        packager.add(unit(FIRST))
