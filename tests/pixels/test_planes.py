"""Planes are views of the right bytes, and a picture of any size fits into any other with its aspect kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.pixels import letterbox, new_i420, split

if TYPE_CHECKING:
    from relay.pixels import I420


SIDES = st.integers(1, 60).map(lambda half: half * 2)


def filled(width: int, height: int, levels: tuple[int, int, int] = (200, 90, 60)) -> I420:
    i420 = new_i420(width, height)
    for plane, level in zip(split(i420), levels, strict=True):
        plane[:] = level
    return i420


@pytest.mark.parametrize(("width", "height"), [(8, 4), (6, 10), (2, 2), (1280, 722)])
def test_planes_cover_every_byte_once(width: int, height: int) -> None:
    i420 = new_i420(width, height)
    i420[:] = 0
    for plane in split(i420):
        assert plane.base is i420
        np.add(plane, 1, out=plane)
    assert (i420 == 1).all()
    assert [plane.shape for plane in split(i420)] == [(height, width)] + [(height // 2, width // 2)] * 2


def test_the_right_size_comes_back_as_it_is() -> None:
    picture = filled(64, 48)
    assert letterbox(picture, 64, 48) is picture


@pytest.mark.parametrize(
    ("from_size", "to_size", "bars"),
    [
        ((64, 48), (128, 96), (0, 0)),
        ((640, 480), (320, 240), (0, 0)),
        ((64, 48), (128, 48), (32, 0)),
        ((64, 48), (64, 96), (0, 24)),
        ((160, 90), (128, 96), (0, 12)),
        ((80, 160), (96, 96), (24, 0)),
    ],
)
def test_bars_are_black_and_where_they_belong(
    from_size: tuple[int, int], to_size: tuple[int, int], bars: tuple[int, int]
) -> None:
    out = letterbox(filled(*from_size), *to_size)
    for plane, level, black, divisor in zip(split(out), (200, 90, 60), (16, 128, 128), (1, 2, 2), strict=True):
        across, down = bars[0] // divisor, bars[1] // divisor
        rows, columns = plane.shape
        inside = np.zeros(plane.shape, bool)
        inside[down : rows - down, across : columns - across] = True
        assert (plane[inside] == level).all()
        assert (plane[~inside] == black).all()


def test_the_callers_buffer_is_filled_and_returned() -> None:
    out = new_i420(128, 48)
    assert letterbox(filled(64, 48), 128, 48, out) is out
    np.testing.assert_array_equal(out, letterbox(filled(64, 48), 128, 48))


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_any_size_fits_into_any_other(width: int, height: int, to_width: int, to_height: int) -> None:
    out = letterbox(filled(width, height), to_width, to_height)
    assert out.shape == (to_height * 3 // 2, to_width)
    for plane, level, black in zip(split(out), (200, 90, 60), (16, 128, 128), strict=True):
        assert set(np.unique(plane)) <= {level, black}
        assert level in plane
    y = split(out).y
    inner_rows, inner_columns = (y == 200).any(1).sum(), (y == 200).any(0).sum()
    assert inner_rows in range(to_height - 1, to_height + 1) or inner_columns in range(to_width - 1, to_width + 1)
