"""A stamp covers what it should, mixes as its alpha says, and looks the same in planes and in BGR."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fixtures.transforms import moment, plain, scene
from relay.pixels import I420, split
from relay.transform import Frame
from relay.transform.colour import yuv_of
from relay.transform.drawing.stamp import Anchor, Stamp, place


def patch(height: int, width: int, alpha: int, bgr: tuple[int, int, int] = (0, 0, 255)) -> Stamp:
    return Stamp(np.full((height, width, 4), (*bgr, alpha), np.uint8))


def stamped(i420: I420, stamp: Stamp, x: int, y: int, *, is_bgr: bool = False) -> I420:
    frame = Frame(moment(i420.copy()))
    if is_bgr:
        assert frame.bgr.size
    stamp.blend(frame, x, y)
    return frame.picture().i420


def test_an_opaque_stamp_hides_what_is_behind_and_nothing_else() -> None:
    before = scene(64, 48)
    for plane, source, level, divisor in zip(
        split(stamped(before, patch(8, 12, 255), 10, 20)), split(before), yuv_of("red"), (1, 2, 2), strict=True
    ):
        area = np.zeros(plane.shape, bool)
        area[20 // divisor : 28 // divisor, 10 // divisor : 22 // divisor] = True
        assert (plane[area] == level).all()
        np.testing.assert_array_equal(plane[~area], source[~area])


def test_half_an_alpha_is_half_of_each() -> None:
    for plane, level, behind in zip(
        split(stamped(plain(32, 32, (100, 120, 130)), patch(32, 32, 128), 0, 0)),
        yuv_of("red"),
        (100, 120, 130),
        strict=True,
    ):
        assert np.abs(plane.astype(float) - (level * 128 + behind * 127) / 255).max() <= 1


def test_what_is_clear_changes_no_sample() -> None:
    before = scene(64, 48)
    np.testing.assert_array_equal(stamped(before, patch(48, 64, 0), 0, 0), before)


@pytest.mark.parametrize(("x", "y"), [(-6, -4), (58, 44), (-100, 0), (0, 48), (64, 0), (-6, 20)])
def test_what_reaches_out_of_the_picture_is_cut_off(x: int, y: int) -> None:
    before = plain(64, 48)
    after = split(stamped(before, patch(8, 12, 255), x, y)).y
    area = np.zeros(after.shape, bool)
    area[max(0, y) : max(0, y + 8), max(0, x) : max(0, x + 12)] = True
    np.testing.assert_array_equal(after != 128, area)


def test_odd_sides_get_a_clear_edge() -> None:
    stamp = patch(5, 7, 255)
    assert (stamp.width, stamp.height) == (8, 6)
    y, u, _ = split(stamped(plain(16, 16), stamp, 0, 0))
    assert (y[:5, :7] == yuv_of("red")[0]).all()
    assert (y[5] == 128).all()
    assert (y[:, 7] == 128).all()
    assert 109 - 2 <= int(u[0, 3]) <= 109 + 2  # half red, half grey


def test_colours_of_clear_pixels_do_not_shine_through() -> None:
    bgra = np.zeros((8, 8, 4), np.uint8)
    bgra[..., :3] = (255, 0, 0)
    bgra[:, ::2] = (0, 0, 255, 255)
    _, u, v = split(stamped(plain(8, 8), Stamp(bgra), 0, 0))
    assert np.abs(u.astype(int) - 109).max() <= 2
    assert np.abs(v.astype(int) - 184).max() <= 2


def test_planes_and_bgr_look_the_same() -> None:
    rng = np.random.default_rng(4)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (24, 32, 4), np.uint8), (0, 0), 3)
    stamp, before = Stamp(np.asarray(smooth, np.uint8)), plain(64, 48, (100, 120, 130))
    difference = stamped(before, stamp, 8, 8).astype(int) - stamped(before, stamp, 8, 8, is_bgr=True)
    assert np.abs(difference).max() <= 4
    assert np.abs(difference).mean() < 1


@pytest.mark.parametrize(
    ("anchor", "where"),
    [
        ("top-left", (6, 6)), ("top", (40, 6)), ("top-right", (74, 6)), ("left", (6, 20)), ("center", (40, 20)),
        ("right", (74, 20)), ("bottom-left", (6, 34)), ("bottom", (40, 34)), ("bottom-right", (74, 34)),
    ],
)  # fmt: skip
def test_anchors(anchor: Anchor, where: tuple[int, int]) -> None:
    assert place(anchor, (100, 60), (20, 20), 6) == where


def test_a_margin_gives_way_where_there_is_no_room() -> None:
    assert place("bottom-right", (100, 60), (98, 58), 10) == (0, 0)
    assert place("top-left", (100, 60), (98, 58), 10) == (0, 0)
