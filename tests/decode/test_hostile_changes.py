"""What must not hurt: cameras that become another while they run, interlaced ones, and whatever sound they send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from fixtures.clock import MS, Clock, S
from fixtures.hostile import Edit, Shown, sounding_samples, watch
from fixtures.media import SAMPLE_RATE, TONE_HZ, Clip, write_clip, write_comb, write_takes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TAKE = Clip(frames=40)
X265 = {"x265-params": "log-level=none", "preset": "ultrafast"}


def takes(path: Path, *changed: Clip, rate: int = 25) -> Shown:
    shown = watch(write_takes(path / "a.ts", *changed), rate=rate)
    assert len(shown.found) == 1, "one connection, whatever happened"
    assert shown.states[0] is None
    return shown


@pytest.mark.parametrize(
    ("first", "second", "sizes"),
    [
        pytest.param({}, {"width": 640, "height": 360}, {(320, 180), (640, 360)}, id="size up"),
        pytest.param({"width": 640, "height": 360}, {}, {(640, 360), (320, 180)}, id="size down"),
        pytest.param({}, {"pixel_format": "yuv444p"}, {(320, 180)}, id="4:2:0 to 4:4:4"),
        pytest.param({}, {"pixel_format": "yuv420p10le"}, {(320, 180)}, id="8 to 10 bit"),
        pytest.param({}, {"b_frames": 2, "codec_options": {"x264-params": "b-adapt=0"}}, {(320, 180)}, id="B-frames"),
        pytest.param(
            {"sample_aspect": Fraction(1)},
            {"sample_aspect": Fraction(4, 3)},
            {(320, 180), (426, 180)},
            id="non-square pixels",
        ),
    ],
)
def test_a_camera_that_changes_while_it_runs(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], sizes: set[tuple[int, int]]
) -> None:
    shown = takes(tmp_path, replace(TAKE, **first), replace(TAKE, **second))
    assert set(shown.sizes) == sizes
    assert len(shown.slots) >= 74
    assert shown.longest_hole_s <= 0.2
    assert shown.counters["decode_errors"] == 0


def test_rates_that_change_in_low_light(tmp_path: Path) -> None:
    shown = takes(
        tmp_path, TAKE, replace(TAKE, rate=Fraction(5), frames=10), replace(TAKE, rate=Fraction(25, 2), frames=20), TAKE
    )
    assert len(shown.slots) >= 40 + 10 + 20 + 40 - 4
    assert shown.longest_hole_s <= 0.25
    assert shown.counters["stalls"] == 0


def test_a_group_of_pictures_of_twenty_seconds(tmp_path: Path) -> None:
    """Joined just behind its first picture: nothing can be shown for twenty seconds, which is not taken for a fault."""
    clip = Clip(rate=Fraction(5), frames=150, gop=100)
    shown = watch(write_clip(tmp_path / "a.mkv", clip), only("video", 1, 999), rate=5)
    assert len(shown.slots) == 50
    assert shown.holes == 0
    assert len(shown.states) == 2


# Interlaced


def combing(i420: NDArray[np.uint8], height: int) -> float:
    """How much each line differs from the mean of its neighbours: high where two fields were caught apart."""
    luma = i420[:height].astype(float)
    return float(np.abs(luma[1:-1] - (luma[:-2] + luma[2:]) / 2).mean())


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_interlaced_pictures_have_no_combs(tmp_path: Path, codec: str) -> None:
    path = write_comb(tmp_path / "a.ts", codec)
    with av.open(path) as container:
        combed = [combing(frame.to_ndarray(format="gray"), 288) for frame in container.decode(video=0)]
    shown = watch(path)
    assert np.median(combed) > 10
    assert max(combing(picture, 288) for picture in shown.pictures[2:-2]) < 3
    assert len(shown.slots) >= len(combed) - 8
    assert shown.holes == 0
    assert set(shown.sizes) == {(352, 288)}


# Sound


@dataclass(frozen=True)
class Heard:
    """A row: sound of some kind beside three seconds of pictures, which has to be heard, whole and in its place."""

    name: str
    codec: str
    rate: int = SAMPLE_RATE
    layout: str = "stereo"
    suffix: str = "mkv"


SOUNDS = [
    Heard("G.711 A-law", "pcm_alaw", 8000, "mono", "avi"),
    Heard("G.711 µ-law", "pcm_mulaw", 8000, "mono", "avi"),
    Heard("G.726", "adpcm_g726", 8000, "mono", "asf"),
    Heard("PCM 16 bit", "pcm_s16le", 16_000, "mono"),
    Heard("PCM 24 bit 44.1 kHz", "pcm_s24le", 44_100),
    Heard("AAC 8 kHz mono", "aac", 8000, "mono", "ts"),
    Heard("AAC 16 kHz mono", "aac", 16_000, "mono"),
    Heard("AAC 22.05 kHz", "aac", 22_050),
    Heard("AAC 32 kHz", "aac", 32_000),
    Heard("AAC 44.1 kHz", "aac", 44_100, suffix="ts"),
    Heard("AAC 48 kHz", "aac", suffix="mp4"),
    Heard("AAC 5.1", "aac", layout="5.1"),
    Heard("Opus", "libopus"),
    Heard("Opus mono", "libopus", layout="mono"),
    Heard("MP3", "libmp3lame", 44_100, suffix="avi"),
    Heard("MP2", "mp2", suffix="ts"),
    Heard("AC-3", "ac3", suffix="ts"),
    Heard("AC-3 5.1", "ac3", layout="5.1", suffix="ts"),
]


def pitch_hz(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / len(samples)


@pytest.mark.parametrize("row", SOUNDS, ids=lambda row: row.name)
def test_sound(tmp_path: Path, row: Heard) -> None:
    clip = Clip(64, 48, frames=75, audio_codec=row.codec, audio_rate=row.rate, audio_layout=row.layout)
    shown = watch(write_clip(tmp_path / f"a.{row.suffix}", clip))
    assert shown.unreadable_sound == 0
    first, laid = shown.samples()
    assert laid.shape[1] / SAMPLE_RATE == pytest.approx(3, abs=0.25)
    # Sound from before the first picture, at most a packet of it, is not kept.
    assert abs(first / SAMPLE_RATE - shown.times_ns[0] / S) < 0.3
    middle = laid[:, SAMPLE_RATE // 2 : -SAMPLE_RATE // 2]
    assert pitch_hz(middle[0]) == pytest.approx(TONE_HZ, abs=2)
    # Mixed to one channel it is louder, and out of six, of which four are silent, softer.
    assert 0.08 < np.sqrt(np.mean(middle**2)) < 0.31
    assert len(sounding_samples(middle, 0.02)) > 0.8 * middle.shape[1]
    assert len(shown.slots) >= 74


def only(kind: str, begin: int, end: int) -> Edit:
    """Packets of `kind` within `begin` and `end` alone."""
    return lambda number, packet: [packet] if packet.stream.type != kind or begin <= number < end else []


@pytest.mark.parametrize(
    ("edit", "from_s", "until_s"),
    [
        pytest.param(only("audio", 47, 999), 1.0, 3.0, id="starts late"),
        pytest.param(only("audio", 0, 94), 0.0, 2.0, id="stops"),
        pytest.param(only("audio", 47, 94), 1.0, 2.0, id="is there for a second"),
        pytest.param(only("audio", 0, 0), 0.0, 0.0, id="declared and silent"),
    ],
)
def test_sound_that_comes_and_goes(tmp_path: Path, edit: Edit, from_s: float, until_s: float) -> None:
    shown = watch(write_clip(tmp_path / "a.mkv", Clip(frames=75, audio_codec="aac")), edit)
    assert len(shown.slots) >= 74
    assert shown.holes == 0
    assert shown.found[0].audio_codec == "aac"
    first, laid = shown.samples()
    assert laid.shape[1] / SAMPLE_RATE == pytest.approx(until_s - from_s, abs=0.1)
    if from_s != until_s:
        assert first / SAMPLE_RATE - shown.times_ns[0] / S == pytest.approx(from_s, abs=0.1)


def test_sound_that_was_declared_and_never_described(tmp_path: Path) -> None:
    """An AAC track in the program map of MPEG-TS, of which no packet ever came: its rate is not known."""
    path = tmp_path / "a.ts"
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height = 320, 180
        container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        for index in range(50):
            frame = av.VideoFrame(320, 180, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    shown = watch(path)
    assert len(shown.slots) >= 49
    assert shown.sound == {}


def test_data_tracks_are_left_alone(tmp_path: Path) -> None:
    """ONVIF metadata, KLV, subtitles: here a track that sends more than the picture does."""
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height = 320, 180
        notes = container.add_mux_stream("subrip")
        for index in range(50):
            frame = av.VideoFrame(320, 180, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
            for _ in range(3):
                note = av.Packet(b"<tt:MetadataStream/>")
                note.stream, note.pts, note.dts, note.time_base = notes, index * 40, index * 40, Fraction(1, 1000)
                note.duration = 10
                container.mux(note)
        container.mux(video.encode())
    shown = watch(path)
    assert len(shown.slots) == 50
    assert shown.holes == 0


@pytest.mark.parametrize("seconds", [2, 5, 3600, 86_400])
def test_the_relays_clock_is_set_forward(tmp_path: Path, seconds: int) -> None:
    """The supervisor follows a step forward, and skips; a step back it does not follow. Sound goes with the picture."""
    clock = Clock()

    def edit(number: int, packet: Any) -> list[Any]:
        if packet.stream.type == "video" and number == 50:
            clock.step_ns = seconds * S
        return [packet]

    shown = watch(write_clip(tmp_path / "a.mkv", Clip(frames=200, audio_codec="aac")), edit, clock=clock)
    assert len(shown.slots) >= 198
    late_ns = shown.clock.unix_ns() - shown.times_ns[-1]
    assert late_ns < 100 * MS
    last = max(shown.sound)
    assert abs((last + shown.sound[last].shape[1]) / SAMPLE_RATE - shown.times_ns[-1] / S) < 0.2
