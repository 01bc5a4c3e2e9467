"""What must not hurt: every kind of media that a camera sends, and every way in which its timestamps are wrong.

Each row plays through the real source, decoder, slots and sample grid, see `fixtures.hostile`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from fixtures.hostile import watch
from fixtures.media import SAMPLE_RATE, write_clip
from fixtures.rows import KINDS, LONG, STAMPS, Kind, Stamps

if TYPE_CHECKING:
    from pathlib import Path


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
