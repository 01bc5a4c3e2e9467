"""What must not hurt: every kind of media that a camera sends, and every way in which its timestamps are wrong.

Each row plays through the real source, decoder, slots and sample grid, see `fixtures.hostile`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.clock import MS, S
from fixtures.hostile import Edit, unchanged, watch
from fixtures.media import SAMPLE_RATE, Clip, write_clip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = 86_400 * S
LONG = Clip(frames=75, audio_codec="aac")
"""Three seconds at 25."""


def stamped(move: Callable[[int, int], int | None], kinds: tuple[str, ...] = ("video", "audio")) -> Edit:
    """Timestamps in ns changed by `move` of the packet's number and its own timestamp; `None` takes them away."""

    def edit(number: int, packet: Any) -> list[Any]:
        if packet.stream.type in kinds:
            for name in ("dts", "pts"):
                stamp = getattr(packet, name)
                moved = None if stamp is None else move(number, int(stamp * packet.time_base * S))
                setattr(packet, name, None if moved is None else round(Fraction(moved, S) / packet.time_base))
        return [packet]

    return edit


def jumping(by_ns: int, back_at: int | None = None) -> Edit:
    """From media time 1 s on, sound and picture alike."""
    until_ns = 10 * DAY if back_at is None else back_at * S
    return stamped(lambda _, at_ns: at_ns + (by_ns if S <= at_ns < until_ns else 0))


def lost(numbers: range) -> Edit:
    return lambda number, packet: [] if packet.stream.type == "video" and number in numbers else [packet]


def frozen(at: int, for_s: float) -> Edit:
    """At frame `at` nothing comes for so long, and its timestamps do not count that time."""
    return lambda number, packet: (
        [round(for_s * S), packet] if packet.stream.type == "video" and number == at else [packet]
    )


@dataclass(frozen=True)
class Stamps:
    """A row: what is done to the timestamps of `LONG`, and what it may cost."""

    name: str
    edit: Edit
    lost_frames: int = 0
    hole_s: float = 0.04
    silence_s: float = 0.0


STAMPS = [
    Stamps("good", unchanged),
    Stamps("first packet without", stamped(lambda n, at: None if n == 0 else at), 1),
    Stamps("first three without", stamped(lambda n, at: None if n < 3 else at), 3, silence_s=0.1),
    Stamps("one missing", stamped(lambda n, at: None if n == 40 else at, ("video",)), 1, 0.08),
    Stamps("every tenth missing", stamped(lambda n, at: None if n % 10 == 5 else at, ("video",)), 8, 0.08),
    Stamps("none at all", stamped(lambda n, at: None), 3, 0.16, silence_s=1.1),
    Stamps("ceasing", stamped(lambda n, at: None if n > 30 else at, ("video",)), 3, 0.2),
    Stamps("repeated", stamped(lambda n, at: at - 40 * MS if n % 10 == 5 else at, ("video",)), 8, 0.08),
    Stamps("one backward", stamped(lambda n, at: at - 500 * MS if n == 40 else at, ("video",)), 1, 0.08),
    Stamps("one an hour ahead", stamped(lambda n, at: at + 3600 * S if n == 40 else at, ("video",)), 1, 0.12),
    Stamps("one an hour back", stamped(lambda n, at: at - 3600 * S if n == 40 else at, ("video",)), 1, 0.12),
    *(
        Stamps(f"jump by {by_ns / S:+.0f} s", jumping(by_ns), 1, 0.12, silence_s=0.1)
        for by_ns in (3600 * S, -3600 * S, DAY, -DAY)
    ),
    Stamps("an hour ahead and back again", jumping(3600 * S, back_at=2), 2, 0.12, silence_s=0.2),
    Stamps("a step ahead of 1 s", jumping(S), 1, 0.12, silence_s=1.1),
    Stamps("a step back of half a second", jumping(-S // 2), 14, 0.6, silence_s=1.1),
    Stamps("standing still", stamped(lambda n, at: 0, ("video",)), 75, 1.2, silence_s=1.1),
    Stamps("only the picture jumps", stamped(lambda n, at: at + (DAY if n > 30 else 0), ("video",)), 1, 0.12),
    Stamps("only the sound jumps", stamped(lambda n, at: at + (DAY if n > 40 else 0), ("audio",)), silence_s=1.1),
    Stamps("frozen for 2.5 s", frozen(30, 1.9), 60, 4.2, silence_s=4),
    # The rest of the group of pictures cannot be decoded without them; it is shown as well as it can be.
    Stamps("ten frames lost", lost(range(40, 50)), 11, 0.6),
]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("stamps") / "a.mkv", LONG)


@pytest.mark.parametrize("row", STAMPS, ids=lambda row: row.name)
def test_timestamps(long_clip: Path, row: Stamps) -> None:
    shown = watch(long_clip, row.edit)
    assert len(shown.slots) >= LONG.frames - row.lost_frames
    assert shown.longest_hole_s <= row.hole_s + 1e-6
    assert all(before < after for before, after in pairwise(shown.slots))
    assert shown.states[0] is None
    assert len(shown.states) == 2
    _, laid = shown.samples()
    assert laid.shape[1] >= (2.9 - row.silence_s) * SAMPLE_RATE
    assert shown.loudness() > 0.1


B_FRAMES = {"x264-params": "b-adapt=0"}
OPEN_GOP = {"x264-params": "open-gop=1:b-adapt=0"}
QUIET = {"x265-params": "log-level=none", "preset": "ultrafast"}


def film(**changes: Any) -> Clip:
    return replace(Clip(frames=50), **changes)


@dataclass(frozen=True)
class Kind:
    """A row: a clip that has to come out whole, and upright at its display size."""

    name: str
    clip: Clip
    suffix: str = "mkv"
    size: tuple[int, int] = (320, 180)
    edit: Edit = unchanged
    lost_frames: int = 0
    rate: int = 25


KINDS = [
    Kind("33-bit wrap", film(first_pts=(2**33 - 90_000) // 3600), "ts"),
    Kind("32-bit wrap", film(first_pts=(2**32 - 90_000) // 3600), "ts"),
    # A decoder that finds out about B-frames gives the first four at once, and at the end the last.
    Kind("B-frames", film(b_frames=3, codec_options=B_FRAMES), lost_frames=6),
    Kind("open GOP", film(b_frames=2, codec_options=OPEN_GOP), lost_frames=6),
    Kind("joined in an open GOP", film(b_frames=2, codec_options=OPEN_GOP), edit=lost(range(5)), lost_frames=20),
    Kind("joined in mid-GOP", film(gop=12), edit=lost(range(5)), lost_frames=12),
    Kind("H.265", film(codec="libx265", codec_options=QUIET)),
    Kind("H.265 10 bit", film(codec="libx265", pixel_format="yuv420p10le", codec_options=QUIET)),
    Kind("MPEG-2", film(codec="mpeg2video"), "ts", lost_frames=1),
    Kind("MPEG-4", film(codec="mpeg4"), "avi"),
    Kind("VP8", film(codec="libvpx", codec_options={"deadline": "realtime", "cpu-used": "8"})),
    Kind("full-range MJPEG", film(codec="mjpeg", pixel_format="yuvj420p", full_range=True), "avi"),
    Kind("MJPEG 4:2:2", film(codec="mjpeg", pixel_format="yuvj422p", full_range=True), "avi"),
    Kind("4:2:2", film(pixel_format="yuv422p")),
    Kind("4:4:4", film(pixel_format="yuv444p")),
    Kind("10 bit", film(pixel_format="yuv420p10le")),
    Kind("4:2:2 10 bit", film(pixel_format="yuv422p10le")),
    Kind("raw YUY2", film(codec="rawvideo", pixel_format="yuyv422"), "avi"),
    Kind("raw RGB", film(codec="rawvideo", pixel_format="bgr24"), "avi"),
    Kind("grey", film(codec="ffv1", pixel_format="gray")),
    Kind("odd size", film(codec="libx264", pixel_format="yuv444p", width=322, height=180), size=(322, 180)),
    Kind("on its side", film(rotation=90), "mp4", (180, 320)),
    Kind("upside down", film(rotation=180), "mp4"),
    Kind("non-square pixels", film(width=240, sample_aspect=Fraction(4, 3))),
    Kind("narrow pixels", film(sample_aspect=Fraction(8, 9)), size=(284, 180)),
    Kind("5 a second", film(rate=Fraction(5), frames=20), rate=5),
    Kind("7.5 a second", film(rate=Fraction(15, 2), frames=20), rate=Fraction(15, 2)),
    Kind("30000/1001 a second", film(rate=Fraction(30000, 1001)), rate=Fraction(30000, 1001)),
    Kind("60 a second", film(rate=Fraction(60), frames=90), rate=60),
]


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_pictures(tmp_path: Path, row: Kind) -> None:
    shown = watch(write_clip(tmp_path / f"a.{row.suffix}", row.clip), row.edit, rate=row.rate)
    assert len(shown.slots) >= row.clip.frames - row.lost_frames
    assert set(shown.sizes) == {row.size}
    assert (shown.found[0].width, shown.found[0].height) == row.size
    assert shown.counters["decode_errors"] == 0
    assert shown.holes == 0
    luma = shown.pictures[-1][: row.size[1]].astype(int)
    assert 30 < luma.min() < luma.max() < 235
    assert luma.max() - luma.min() > 100  # the ramp
    assert abs(shown.pictures[-1][row.size[1] :].astype(int) - 128).max() <= 3
