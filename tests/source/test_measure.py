from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from fixtures.clock import MS, S
from relay.model import SourceInfo
from relay.source.advice import advise
from relay.source.measure import SETTLE_NS, Measured, Meter

BEGIN = SETTLE_NS

GOOD = Measured(
    seconds=5,
    frames=125,
    rate=25,
    bitrate_kbps=2000,
    keyframes=3,
    keyframe_interval_s=2,
    jitter_ms=8,
    longest_gap_s=0.05,
    missing_timestamps=0,
    repeated_timestamps=0,
    backward_timestamps=0,
    jumps=0,
    has_b_frames=False,
    audio_packets=200,
    decode_ms=3,
    decode_errors=0,
)
H264 = SourceInfo(1280, 720, Fraction(25), "h264", "yuv420p", "bt709", "aac", 48_000, 2)


def listened(frames: list[tuple[int | None, int, bool]], seconds: int = 5) -> Measured:
    """(pts in ms, delay in ms, keyframe?) of frames that come every 40 ms."""
    meter = Meter(0)
    for index, (pts_ms, delay_ms, is_keyframe) in enumerate(frames):
        pts_ns = None if pts_ms is None else pts_ms * MS
        meter.add_video(pts_ns, None, BEGIN + index * 40 * MS + delay_ms * MS, 1000, is_keyframe=is_keyframe)
    return meter.measured(BEGIN + seconds * S)


def even(count: int, gop: int = 50) -> list[tuple[int | None, int, bool]]:
    return [(index * 40, 0, index % gop == 0) for index in range(count)]


def test_an_even_camera() -> None:
    measured = listened(even(126))
    assert (measured.frames, measured.rate, measured.keyframes) == (126, 25, 3)
    assert measured.bitrate_kbps == pytest.approx(126 * 8 / 5)
    assert measured.keyframe_interval_s == 2
    assert (measured.jitter_ms, measured.seconds) == (0, 5)
    assert measured.longest_gap_s == pytest.approx(0.04)


def test_the_burst_of_probing_is_not_counted_but_its_keyframe_is() -> None:
    meter = Meter(0)
    for index in range(150):
        arrival_ns = max(MS, index * 40 * MS - S)
        meter.add_video(index * 40 * MS, index * 40 * MS, arrival_ns, 9, is_keyframe=index == 0)
    measured = meter.measured(5 * S)
    assert measured.jitter_ms == 0
    assert measured.frames < 120
    assert measured.keyframes == 1
    assert measured.keyframe_interval_s == pytest.approx(5, abs=0.1)


def test_jitter_is_the_95th_percentile_above_the_fastest() -> None:
    frames = [(pts, 90 if index % 10 == 0 else 0, False) for index, (pts, _, _) in enumerate(even(100))]
    assert listened(frames).jitter_ms == 90
    assert listened(frames[:5]).jitter_ms is None


def test_faults_of_the_timestamps() -> None:
    stamps = [None, 0, 40, 40, 20, 80, 9_000_080, 9_000_120]
    measured = listened([(stamp, 0, False) for stamp in stamps])
    assert measured.missing_timestamps == 1
    assert measured.repeated_timestamps == 1
    assert measured.backward_timestamps == 1
    assert measured.jumps == 1
    assert measured.keyframe_interval_s is None


def test_b_frames_are_known_by_their_order() -> None:
    meter = Meter(0)
    for index, shown in enumerate((2, 4, 3, 6, 5, 8, 7)):
        arrival_ns = BEGIN + index * 40 * MS
        meter.add_video(shown * 40 * MS, index * 40 * MS, arrival_ns, 1, is_keyframe=False)
    measured = meter.measured(BEGIN + S)
    assert measured.has_b_frames
    assert measured.backward_timestamps == 0


def test_sound_and_the_cost_of_decoding() -> None:
    meter = Meter(0)
    meter.add_audio(0)
    meter.add_audio(BEGIN)
    for cost_ms in (1, 2, 30):
        meter.add_decoding(cost_ms * MS)
    measured = meter.measured(BEGIN + S)
    assert (measured.audio_packets, measured.decode_ms, measured.frames, measured.rate) == (1, 2, 0, None)


def test_a_good_camera_gets_no_advice() -> None:
    assert advise(H264, GOOD) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": 0}, "No video came"),
        ({"keyframe_interval_s": 8.0}, "8 s apart"),
        ({"keyframe_interval_s": None}, "No keyframe in 5 s"),
        ({"jitter_ms": 400.0}, "Wi-Fi"),
        ({"decode_errors": 3}, "damaged"),
        ({"jumps": 1}, "NTP"),
        ({"backward_timestamps": 2, "repeated_timestamps": 1}, "3 timestamps"),
        ({"missing_timestamps": 125}, "no timestamps"),
        ({"has_b_frames": True}, "B-frames"),
        ({"decode_ms": 20.0}, "sub"),
    ],
)
def test_each_trouble_has_its_advice(change: dict[str, object], words: str) -> None:
    (sentence,) = advise(H264, replace(GOOD, **change))  # type: ignore[arg-type]  # fields of many types
    assert words in sentence


def test_advice_that_depends_on_the_source() -> None:
    (mjpeg,) = advise(replace(H264, video_codec="mjpeg"), replace(GOOD, bitrate_kbps=40_000, decode_ms=None))
    assert "MJPEG takes 40 Mbit/s" in mjpeg
    (lost,) = advise(H264, replace(GOOD, decode_errors=3), is_udp=True)
    assert 'rtsp_transport = "tcp"' in lost
    (huge,) = advise(replace(H264, width=3840, height=2160), GOOD)
    assert "1920x1080" in huge
    assert advise(H264, replace(GOOD, keyframe_interval_s=9, has_b_frames=True), is_file=True) == []
