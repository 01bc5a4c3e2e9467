"""One fault in good media, one finding."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from fixtures.boxes import (
    AUDIO,
    GOP,
    IDR,
    NON_SYNC_FLAGS,
    SLICE,
    SYNC_FLAGS,
    VIDEO,
    SampleBytes,
    TrackBoxes,
    TrackRun,
    audio_entry,
    box,
    fragment,
    init_segment,
    nal,
    visual_entry,
)
from relay.check.boxes import read_init
from relay.check.finding import Finding, faults
from relay.check.media import check_init, check_parts, check_segment, segment_end

INIT = init_segment()
START = TrackRun().decode_time
AAC = tuple(SampleBytes(b"\x21" * 30, 1024, SYNC_FLAGS) for _ in range(4))


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


@pytest.mark.parametrize(
    "data", [INIT, init_segment(VIDEO, AUDIO), init_segment(TrackBoxes(wide=True)), init_segment(brands=("iso6",))]
)
def test_a_good_init_segment(data: bytes) -> None:
    assert check_init(data) == []


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("M0", b"<html>not found</html>"),
        ("M1", init_segment(brands=("mp42", "isom"))),
        ("M1", init_segment(brands=())),
        ("M1", INIT + box("mdat")),
        ("M2", init_segment(mvex=False)),
        ("M2", init_segment(replace(VIDEO, trex=False))),
        ("M2", box("ftyp", b"cmfc", bytes(4)) + box("moov", box("mvex"))),
        ("M3", init_segment(duration=1)),
        ("M3", init_segment(replace(VIDEO, duration=1))),
        ("M3", init_segment(replace(VIDEO, samples=1))),
        ("M4", init_segment(replace(VIDEO, entry=visual_entry("avc3")))),
        ("M4", init_segment(replace(VIDEO, entry=visual_entry("avc1", box("pasp"))))),
        ("M4", init_segment(replace(AUDIO, entry=audio_entry("mp4a")))),
        ("M4", init_segment(replace(VIDEO, timescale=0))),
        ("M5", init_segment(replace(VIDEO, edit_list=True))),
    ],
)
def test_an_init_segment_with_a_single_fault(rule: str, data: bytes) -> None:
    assert rules(check_init(data)) == [rule]


def test_a_good_segment_of_parts_with_times_from_the_epoch() -> None:
    first = fragment(sequence=1)
    end = segment_end(first, INIT)
    assert end == {1: 105_000_000_006_000}
    second = fragment(TrackRun(decode_time=end[1]), sequence=2)
    info = read_init(INIT)
    part_s = Fraction(1, 10)
    assert check_segment(first, info, must_start_independent=True, duration_s=part_s) == []
    assert check_segment(second, info, end, must_start_independent=True, duration_s=part_s) == []
    assert check_segment(first + second, INIT, None, must_start_independent=True, duration_s=Fraction(1, 5)) == []
    assert check_parts([first, second], first + second) == []
    assert rules(check_parts([first], first + second)) == ["M14"]


def test_audio_and_video_in_one_fragment() -> None:
    init = init_segment(VIDEO, AUDIO)
    data = fragment(TrackRun(), TrackRun(2, 1024 * 9, AAC))
    assert check_segment(data, init, {2: 1024 * 9}, must_start_independent=True) == []
    assert segment_end(data, read_init(init)) == {1: 105_000_000_006_000, 2: 1024 * 13}


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("M0", b"\0"),
        ("M6", b""),
        ("M6", fragment(sequence=2) + fragment(TrackRun(decode_time=105_000_000_006_000), sequence=2)),
        ("M6", fragment(TrackRun(track_id=5))),
        ("M7", fragment(TrackRun(decode_time=None))),
        ("M7", fragment(TrackRun(decode_time=7, tfdt_version=0))),
        ("M8", fragment(TrackRun(tfhd_flags=0))),
        ("M8", fragment(TrackRun(tfhd_flags=0x20001))),
        ("M9", fragment(surplus=b"more")),
        ("M9", box("mdat") + fragment()[: -8 - sum(len(sample.data) for sample in GOP)]),
        ("M10", fragment(sequence=1) + fragment(TrackRun(decode_time=105_000_000_006_001), sequence=2)),
        ("M12", fragment(TrackRun(samples=GOP[1:]))),
        ("M12", fragment(TrackRun(samples=(*GOP, SampleBytes(nal(SLICE), flags=SYNC_FLAGS))))),
        ("M12", fragment(TrackRun(samples=(*GOP, SampleBytes(nal(IDR), flags=NON_SYNC_FLAGS))))),
        ("M13", fragment(TrackRun(samples=(*GOP, SampleBytes(nal(SLICE) + b"\0"))))),
        ("M13", fragment(TrackRun(samples=(*GOP, SampleBytes(b""))))),
    ],
)
def test_a_segment_with_a_single_fault(rule: str, data: bytes) -> None:
    assert rules(check_segment(data, INIT, must_start_independent=True)) == [rule]


def test_samples_that_lie_elsewhere() -> None:
    audio = init_segment(AUDIO)
    late = fragment(TrackRun(2, 0, AAC, offset_error=1))
    assert rules(check_segment(late, audio)) == ["M9"]
    early = fragment(TrackRun(2, 0, AAC, offset_error=-1))
    assert rules(check_segment(early, audio)) == ["M9"]
    two = init_segment(AUDIO, replace(AUDIO, track_id=3))
    overlapping = fragment(TrackRun(2, 0, AAC), TrackRun(3, 0, AAC, offset_error=-10))
    assert rules(check_segment(overlapping, two)) == ["M9"]
    assert check_segment(fragment(TrackRun(2, 0, ())), audio) == []
    assert rules(check_segment(fragment(TrackRun(2, 0, ())), audio, must_start_independent=True)) == ["M12"]


def test_media_that_does_not_last_as_promised() -> None:
    data = fragment()
    assert check_segment(data, INIT, duration_s=Fraction("0.1001")) == []
    assert rules(check_segment(data, INIT, duration_s=Fraction("0.1334"))) == ["M11"]
    assert rules(check_segment(data, INIT, {1: 5})) == ["M10"]
    assert check_segment(data, init_segment(replace(VIDEO, timescale=0)), duration_s=Fraction(9)) == []


def test_codecs_whose_nal_units_are_not_known_are_only_walked() -> None:
    avcc = box("avcC", bytes.fromhex("0164001fffe1"), bytes(8))
    init = init_segment(replace(VIDEO, entry=visual_entry("encv", avcc)))
    assert check_segment(fragment(TrackRun(samples=GOP[1:])), init) == []


def test_what_ffmpeg_writes(ffmpeg_init: bytes, ffmpeg_fragments: list[bytes]) -> None:
    assert check_init(ffmpeg_init) == []
    ends: dict[int, int] = {}
    for data in ffmpeg_fragments:
        assert faults(check_segment(data, ffmpeg_init, ends, must_start_independent=True)) == []
        ends = segment_end(data, ffmpeg_init)
    assert len(ffmpeg_fragments) == 2


def test_h265_starts_at_pictures_of_its_own_types() -> None:
    record = bytes.fromhex("01 01 60000000 900000000000 5d f000 fc fd f8 f8 0000 0f 00")
    init = init_segment(replace(VIDEO, entry=visual_entry("hvc1", box("hvcC", record))))
    clean = SampleBytes(nal(b"\x2a\x01\xaf"), flags=SYNC_FLAGS)
    trailing = SampleBytes(nal(b"\x02\x01\xd0"), flags=NON_SYNC_FLAGS)
    assert check_segment(fragment(TrackRun(samples=(clean, trailing))), init, must_start_independent=True) == []
    lying = SampleBytes(trailing.data, flags=SYNC_FLAGS)
    assert rules(check_segment(fragment(TrackRun(samples=(clean, lying))), init)) == ["M12"]


AV1_INIT = init_segment(replace(VIDEO, entry=visual_entry("av01", box("av1C", b"\x81\x05\x0c\x00"))))
SEQUENCE_HEADER, KEY_FRAME, FRAME = b"\x0a\x01\xaa", b"\x32\x02\x10\xbb", b"\x32\x02\x30\xbb"
AV1_GOP = (SampleBytes(SEQUENCE_HEADER + KEY_FRAME, flags=SYNC_FLAGS), SampleBytes(FRAME))


def test_av1_starts_at_key_frames_behind_a_sequence_header() -> None:
    assert check_init(AV1_INIT) == []
    assert check_segment(fragment(TrackRun(samples=AV1_GOP)), AV1_INIT, must_start_independent=True) == []
    extended = SampleBytes(b"\x36\x08\x02\x30\xbb")
    unsized = SampleBytes(b"\x30\x30\xbb")
    long = SampleBytes(b"\x32\x81\x01\x30" + bytes(128))
    assert check_segment(fragment(TrackRun(samples=(*AV1_GOP, extended, unsized, long))), AV1_INIT) == []


@pytest.mark.parametrize(
    ("rule", "sample"),
    [
        ("M12", SampleBytes(KEY_FRAME, flags=SYNC_FLAGS)),
        ("M12", SampleBytes(SEQUENCE_HEADER + FRAME, flags=SYNC_FLAGS)),
        ("M12", SampleBytes(SEQUENCE_HEADER + b"\x32\x01\x00", flags=SYNC_FLAGS)),
        ("M12", SampleBytes(SEQUENCE_HEADER + b"\x32\x00", flags=SYNC_FLAGS)),
        ("M12", SampleBytes(SEQUENCE_HEADER, flags=SYNC_FLAGS)),
        ("M12", SampleBytes(SEQUENCE_HEADER + KEY_FRAME)),
        ("M13", SampleBytes(b"\x12\x00" + FRAME)),
        ("M13", SampleBytes(FRAME + b"\x7a\x02\x00\x80")),
        ("M13", SampleBytes(FRAME[:-1])),
        ("M13", SampleBytes(b"\x32\x80")),
        ("M13", SampleBytes(b"\x34")),
        ("M13", SampleBytes(b"\xb2\x01\x30")),
        ("M13", SampleBytes(b"")),
    ],
)
def test_a_sample_of_av1_with_a_single_fault(rule: str, sample: SampleBytes) -> None:
    assert rules(check_segment(fragment(TrackRun(samples=(*AV1_GOP, sample))), AV1_INIT)) == [rule]


def test_av1_without_its_configuration_is_told() -> None:
    init = init_segment(replace(VIDEO, entry=visual_entry("av01", box("pasp"))))
    assert rules(check_init(init)) == ["M4"]
