"""Lips and sound, whatever happens to the timestamps: flash and beep, measured behind decoder and resampler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fixtures.clock import S
from fixtures.hostile import Edit, Shown, unchanged, watch
from fixtures.media import Clip
from fixtures.sync import beeps_s, flashes_s, offsets_ms, write_flashes

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_MS = 40
CLIP = Clip(64, 48, frames=250, audio_codec="aac", gop=25)
"""Ten seconds at 25."""
FIVE_MINUTES = Clip(
    64, 48, rate=Fraction(5), frames=1500, gop=25, audio_codec="pcm_s16le", audio_rate=8000, audio_layout="mono"
)


def measured_ms(shown: Shown) -> list[float]:
    flashes = flashes_s(
        (time_ns / S, float(picture[:48].mean()))
        for time_ns, picture in zip(shown.times_ns, shown.pictures, strict=True)
    )
    return offsets_ms(flashes, beeps_s(*shown.samples()))


def scaled(kind: str, ppm: float) -> Edit:
    """The timestamps of `kind` run slow by so much, while its packets come in time."""

    def edit(_number: int, packet: Any) -> list[Any]:
        if packet.stream.type == kind and packet.pts is not None:
            packet.pts = packet.dts = round(packet.pts * (1 - ppm / 1e6))
        return [packet]

    return edit


def shifted(kinds: tuple[str, ...], by_s: int, from_s: float) -> Edit:
    def edit(_number: int, packet: Any) -> list[Any]:
        if packet.stream.type in kinds and packet.pts is not None and packet.pts * packet.time_base >= from_s:
            packet.pts += round(by_s / packet.time_base)
            packet.dts += round(by_s / packet.time_base)
        return [packet]

    return edit


def missing(from_s: float, until_s: float) -> Edit:
    return lambda _, packet: [] if from_s <= packet.pts * packet.time_base < until_s else [packet]


def late(by_ns: int, from_s: float) -> Edit:
    """From `from_s` on everything comes later, by the same: a network that changed, or a camera that stood still."""
    done = []

    def edit(_number: int, packet: Any) -> list[Any]:
        if done or packet.pts * packet.time_base < from_s:
            return [packet]
        done.append(True)
        return [by_ns, packet]

    return edit


@dataclass(frozen=True)
class Row:
    name: str
    edit: Edit
    clip: Clip = CLIP
    beeps: int = 8


ROWS = [
    Row("good", unchanged),
    Row("a gap of a second", missing(4.5, 5.5), beeps=7),
    Row("both jump by a day", shifted(("video", "audio"), 86_400, 4.5), beeps=7),
    Row("both jump back an hour", shifted(("video", "audio"), -3600, 4.5), beeps=7),
    Row("the picture's clock is set", shifted(("video",), 3600, 4.5), beeps=7),
    Row("all comes 0.3 s later", late(300_000_000, 4.5), beeps=7),
    Row("all comes 1.4 s later", late(1_400_000_000, 4.5), beeps=4),
    Row("sound 400 ppm slow", scaled("audio", 400), replace(FIVE_MINUTES, frames=650), beeps=120),
]
LONG_ROWS = [
    Row("sound 200 ppm slow", scaled("audio", 200), FIVE_MINUTES, beeps=290),
    Row("sound 200 ppm fast", scaled("audio", -200), FIVE_MINUTES, beeps=290),
    Row("picture 200 ppm slow", scaled("video", 200), FIVE_MINUTES, beeps=290),
]


@pytest.mark.parametrize(
    "row", [*ROWS, *(pytest.param(row, marks=pytest.mark.all) for row in LONG_ROWS)], ids=lambda row: row.name
)
def test_sound_stays_with_the_picture(tmp_path: Path, row: Row) -> None:
    shown = watch(write_flashes(tmp_path / "a.mkv", row.clip), row.edit, rate=row.clip.rate)
    offsets = measured_ms(shown)
    assert len(offsets) >= row.beeps
    assert np.abs(offsets).max() <= LIMIT_MS, [round(offset) for offset in offsets]


def test_what_is_measured_is_what_is_off(tmp_path: Path) -> None:
    """The measure itself: sound whose timestamps are 100 ms ahead of the picture's is 100 ms late."""

    def edit(_number: int, packet: Any) -> list[Any]:
        if packet.stream.type == "audio":
            packet.pts += round(Fraction(1, 10) / packet.time_base)
        return [packet]

    offsets = measured_ms(watch(write_flashes(tmp_path / "a.mkv", CLIP), edit))
    assert np.median(offsets) == pytest.approx(100, abs=5)
