"""What must not hurt: cameras that become another while they run, interlaced ones, and whatever sound they send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from fixtures.clock import MS, Clock, S
from fixtures.hostile import Shown, sounding_samples, watch
from fixtures.media import SAMPLE_RATE, TONE_HZ, Clip, write_clip, write_comb, write_takes
from fixtures.rows import (
    COMINGS,
    JOINED_LATE,
    LONG_GOP,
    LOW_LIGHT,
    OTHER_SOUNDS,
    SOUNDS,
    TAKES,
    Becoming,
    Coming,
    Heard,
    Takes,
    write_becoming,
    write_notes,
    write_undescribed,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.mark.parametrize("row", TAKES, ids=lambda row: row.name)
def test_a_camera_that_changes_while_it_runs(tmp_path: Path, row: Takes) -> None:
    shown = takes(tmp_path, row)
    assert set(shown.sizes) == row.sizes
    assert len(shown.slots) >= 74
    assert shown.longest_hole_s <= 0.2
    assert shown.counters["decode_errors"] == 0


def takes(path: Path, row: Takes) -> Shown:
    shown = watch(write_takes(path / "a.ts", *row.takes))
    assert len(shown.found) == 1, "one connection, whatever happened"
    assert shown.states[0] is None
    return shown


def test_rates_that_change_in_low_light(tmp_path: Path) -> None:
    shown = takes(tmp_path, LOW_LIGHT)
    assert len(shown.slots) >= sum(take.frames for take in LOW_LIGHT.takes) - 4
    assert shown.longest_hole_s <= 0.25
    assert shown.counters["stalls"] == 0


def test_a_group_of_pictures_of_twenty_seconds(tmp_path: Path) -> None:
    """Joined just behind its first picture: nothing can be shown for twenty seconds, which is not taken for a fault."""
    shown = watch(write_clip(tmp_path / "a.mkv", LONG_GOP), JOINED_LATE, rate=5)
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


@pytest.mark.parametrize("row", COMINGS, ids=lambda row: row.name)
def test_sound_that_comes_and_goes(tmp_path: Path, row: Coming) -> None:
    shown = watch(write_clip(tmp_path / "a.mkv", Clip(frames=75, audio_codec="aac")), row.edit)
    assert len(shown.slots) >= 74
    assert shown.holes == 0
    assert shown.found[0].audio_codec == "aac"
    first, laid = shown.samples()
    assert laid.shape[1] / SAMPLE_RATE == pytest.approx(row.until_s - row.from_s, abs=0.1)
    if row.from_s != row.until_s:
        assert first / SAMPLE_RATE - shown.times_ns[0] / S == pytest.approx(row.from_s, abs=0.1)


@pytest.mark.parametrize("row", OTHER_SOUNDS, ids=lambda row: row.name)
def test_sound_that_changes_while_it_runs(tmp_path: Path, row: Becoming) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in write_becoming(tmp_path, row)))
    shown = watch(path)
    assert len(shown.found) == 1, "one connection, whatever happened"
    assert shown.unreadable_sound == 0
    _, laid = shown.samples()
    assert laid.shape[1] / SAMPLE_RATE == pytest.approx(4, abs=0.3)
    assert len(sounding_samples(laid, 0.02)) > 0.8 * laid.shape[1]
    for second in (laid[0, :SAMPLE_RATE], laid[0, -SAMPLE_RATE:]):
        assert pitch_hz(second) == pytest.approx(TONE_HZ, abs=3)


def test_sound_that_was_declared_and_never_described(tmp_path: Path) -> None:
    """Its rate is not known."""
    shown = watch(write_undescribed(tmp_path / "a.ts"))
    assert len(shown.slots) >= 49
    assert shown.sound == {}


def test_data_tracks_are_left_alone(tmp_path: Path) -> None:
    shown = watch(write_notes(tmp_path / "a.mkv"))
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
