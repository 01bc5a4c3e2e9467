"""A place shows its stream's newest picture in its own size and colours, and says so when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fixtures.taps import BLUE, GREEN, RED, Stream, Ticker
from fixtures.transforms import plain, scene
from relay.pixels import new_i420, split
from relay.taps import Tile, paste

if TYPE_CHECKING:
    from pathlib import Path

    from relay.model import Matrix
    from relay.pixels import I420


@pytest.fixture
def stream(tmp_path: Path, ticker: Ticker) -> Stream:
    return Stream(tmp_path, "front-door", ticker)


@pytest.fixture
def tile(tmp_path: Path, ticker: Ticker) -> Tile:
    return Tile(str(tmp_path), "front-door", is_named=False, monotonic_ns=ticker)


def levels(i420: I420, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    """Y, Cb and Cr at a place in shares of the picture."""
    return tuple(int(plane[int(y * plane.shape[0]), int(x * plane.shape[1])]) for plane in split(i420))


def says_offline(i420: I420) -> bool:
    """Whether it is dark, grey, and has letters in the middle, above and below."""
    y, u, v = split(i420)
    letters = np.flatnonzero((y > 120).any(axis=1))
    is_plain = bool((u == 128).all() and (v == 128).all() and np.median(y) == 34)
    return is_plain and letters.size > 4 and letters[0] < y.shape[0] / 2 < letters[-1]


def test_a_picture_is_scaled_to_the_place_with_its_own_shape(stream: Stream, tile: Tile) -> None:
    stream.show(RED, 128, 72)
    assert tile.look(96, 96, "bt709")
    assert tile.i420.shape == (144, 96)
    assert levels(tile.i420) == RED
    assert levels(tile.i420, y=0.1) == levels(tile.i420, y=0.95) == (16, 128, 128)
    assert tile.source_size == (128, 72)
    assert not tile.look(96, 96, "bt709"), "it is the same picture"


def test_a_picture_of_the_same_size_is_the_same_picture(stream: Stream, tile: Tile) -> None:
    street = scene(64, 48)
    stream.leave(street)
    assert tile.look(64, 48, "bt709")
    np.testing.assert_array_equal(tile.i420, street)


def test_without_a_new_picture_it_says_that_the_stream_is_offline(stream: Stream, tile: Tile, ticker: Ticker) -> None:
    assert tile.look(160, 90, "bt709")
    assert says_offline(tile.i420)
    assert not tile.look(160, 90, "bt709"), "that is written once"
    stream.show(GREEN)
    ticker.advance(0.3)
    assert tile.look(160, 90, "bt709")
    assert levels(tile.i420) == GREEN
    ticker.advance(1.6)
    assert not tile.look(160, 90, "bt709")
    assert levels(tile.i420) == GREEN
    ticker.advance(0.2)
    assert tile.look(160, 90, "bt709")
    assert says_offline(tile.i420)
    stream.show(BLUE)
    assert tile.look(160, 90, "bt709")
    assert levels(tile.i420) == BLUE


def test_in_another_size_it_is_drawn_again(stream: Stream, tile: Tile) -> None:
    stream.show(RED)
    tile.look(64, 36, "bt709")
    assert tile.look(32, 18, "bt709")
    assert (tile.i420.shape, levels(tile.i420)) == ((27, 32), RED)


@pytest.mark.parametrize(("of", "to"), [("bt709", "smpte170m"), ("smpte170m", "bt709")])
def test_colours_stay_what_they_are_in_a_stream_of_another_matrix(
    stream: Stream, tile: Tile, of: Matrix, to: Matrix
) -> None:
    reds = {"bt709": (63, 102, 240), "smpte170m": (81, 90, 240)}
    stream.show(reds[of], matrix=of)
    tile.look(64, 36, to)
    assert np.abs(np.subtract(levels(tile.i420), reds[to])).max() <= 2


def test_its_name_stands_in_the_corner_and_nowhere_else(stream: Stream, tmp_path: Path, ticker: Ticker) -> None:
    stream.show(RED, 320, 180)
    named = Tile(str(tmp_path), "front-door", is_named=True, monotonic_ns=ticker)
    named.look(320, 180, "bt709")
    luma, *_ = split(named.i420)
    lit = np.argwhere(luma > 150)
    assert lit.size > 0
    assert lit.max(axis=0)[0] < 40
    assert lit.max(axis=0)[1] < 160
    assert levels(named.i420) == RED
    small = Tile(str(tmp_path), "front-door", is_named=True, monotonic_ns=ticker)
    small.look(64, 36, "bt709")
    assert (split(small.i420).y == 63).all(), "there it could not be read"


@pytest.mark.parametrize("size", [(16, 8), (64, 36), (2, 2)])
def test_where_letters_have_no_room_it_is_just_dark(tile: Tile, size: tuple[int, int]) -> None:
    tile.look(*size, "bt709")
    assert (split(tile.i420).y == 34).all()


def test_a_long_name_is_written_smaller(tmp_path: Path, ticker: Ticker) -> None:
    tile = Tile(str(tmp_path), "the-camera-behind-the-house-beside-the-old-tree", is_named=False, monotonic_ns=ticker)
    tile.look(640, 360, "bt709")
    columns = np.flatnonzero((split(tile.i420).y > 120).any(axis=0))
    assert 0 < columns[0] < columns[-1] < 639


def test_it_is_put_where_it_belongs() -> None:
    canvas = new_i420(32, 24)
    canvas[:] = 50
    paste(split(canvas), plain(8, 6, RED), 10, 4)
    for plane, level, divisor in zip(split(canvas), RED, (1, 2, 2), strict=True):
        inside = plane[4 // divisor : 10 // divisor, 10 // divisor : 18 // divisor]
        assert (inside == level).all()
        assert (plane == level).sum() == inside.size


def test_opencv_reads_memory_that_it_may_not_write() -> None:
    source = np.full((8, 8), 9, np.uint8)
    source.flags.writeable = False
    assert (cv2.resize(source, (4, 4)) == 9).all()
