"""The comb of something that moves is gone, what stands still stays, and no picture is lost."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from fixtures.transforms import applied, moment, plain, scene
from relay.pixels import I420, Plane, split
from relay.transform.correction.deinterlace import Deinterlace, _bob

METHODS: list[Literal["blend", "bob", "yadif"]] = ["blend", "bob", "yadif"]


def bar(x: int) -> I420:
    """A white bar on black, from column `x` on."""
    i420 = plain(96, 64, (30, 110, 140))
    for plane, level, divisor in zip(split(i420), (200, 140, 110), (1, 2, 2), strict=True):
        plane[:, x // divisor : (x + 16) // divisor] = level
    return i420


def interlaced(number: int, *, top_first: bool = True) -> I420:
    """The bar, which goes 4 pixels further in each half picture, in lines of one half and then of the other."""
    i420 = bar(8 + 8 * number)
    first = 0 if top_first else 1
    for plane, later in zip(split(i420), split(bar(12 + 8 * number)), strict=True):
        plane[1 - first :: 2] = later[1 - first :: 2]
    return i420


def comb(plane: Plane) -> float:
    """How much lines differ from those beside them."""
    lines = plane.astype(float)
    return float(np.mean(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("first", ["top", "bottom"])
def test_the_comb_is_gone(method: Literal["blend", "bob", "yadif"], first: Literal["top", "bottom"]) -> None:
    pictures = [moment(interlaced(number, top_first=first == "top"), number) for number in range(6)]
    after = applied(Deinterlace(method=method, first=first), *pictures)
    assert [picture.slot for picture in after] == list(range(6))
    for picture, before in zip(after[1:-1], pictures[1:-1], strict=True):
        for plane, source in zip(split(picture.i420), split(before.i420), strict=True):
            assert comb(source) > 1
            assert comb(plane) < comb(source) / 4


def test_bob_shows_the_earlier_half() -> None:
    for first in ("top", "bottom"):
        before = interlaced(2, top_first=first == "top")
        link = Deinterlace.model_validate({"method": "bob", "first": first})
        for plane, wanted in zip(split(applied(link, moment(before))[0].i420), split(bar(24)), strict=True):
            np.testing.assert_array_equal(plane, wanted)


def test_bob_keeps_its_lines_and_makes_those_between() -> None:
    ramp = np.repeat(np.arange(0, 70, 10, dtype=np.uint8)[:, np.newaxis], 6, axis=1)
    for rows in (2, 3, 4, 7):
        for is_top in (True, False):
            plane = ramp[:rows].copy()
            _bob(plane, is_top=is_top)
            kept = slice(0 if is_top else 1, None, 2)
            np.testing.assert_array_equal(plane[kept], ramp[:rows][kept])
            inner = plane[1:-1]
            np.testing.assert_array_equal(inner, ramp[1 : rows - 1])


def test_a_single_line_is_left_alone() -> None:
    for is_top in (True, False):
        plane = np.full((1, 6), 7, np.uint8)
        _bob(plane, is_top=is_top)
        assert (plane == 7).all()


def test_yadif_keeps_what_stands_still() -> None:
    still = scene(160, 96)
    after = applied(Deinterlace(), *(moment(still, number) for number in range(6)))
    assert len(after) == 6
    for picture in after[2:-1]:
        assert np.abs(picture.i420.astype(int) - still).max() <= 3


def test_what_is_held_is_told() -> None:
    assert Deinterlace().delay_frames == 1
    assert Deinterlace(method="bob").delay_frames == 0
