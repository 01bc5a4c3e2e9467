"""Any angle: what is marked is found where it was turned to, in luma, in chroma and in BGR."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fixtures.transforms import applied, moment, plain, planes_of, psnr, scene
from relay.pixels import I420, Plane, split
from relay.transform.geometry.turning import Rotate

WIDTH, HEIGHT = 160, 120
MARK = (200, 90, 170)


def marked(x: int, y: int, side: int = 8) -> I420:
    """Black, with a square of `MARK` whose top left corner is at (`x`, `y`)."""
    i420 = plain(WIDTH, HEIGHT, (16, 128, 128))
    for plane, level, divisor in zip(split(i420), MARK, (1, 2, 2), strict=True):
        plane[y // divisor : (y + side) // divisor, x // divisor : (x + side) // divisor] = level
    return i420


def middle(plane: Plane, base: int) -> tuple[float, float]:
    """The centre of all that differs from `base`, in pixels of the plane from its left and upper edge."""
    weight = np.abs(plane.astype(float) - base)
    assert weight.max() > 20
    rows, columns = np.indices(plane.shape) + 0.5
    return float((columns * weight).sum() / weight.sum()), float((rows * weight).sum() / weight.sum())


@pytest.mark.parametrize("is_bgr", [False, True])
@pytest.mark.parametrize("degrees", [30, -30, 1.5, 91, 200, 359])
def test_a_mark_is_found_where_it_was_turned_to(degrees: float, is_bgr: bool) -> None:
    x, y = 104, 40
    planes = planes_of(Rotate(degrees=degrees), marked(x, y), is_bgr=is_bgr)
    angle = math.radians(degrees)
    from_x, from_y = x + 4 - WIDTH / 2, y + 4 - HEIGHT / 2
    to_x = WIDTH / 2 + from_x * math.cos(angle) - from_y * math.sin(angle)
    to_y = HEIGHT / 2 + from_x * math.sin(angle) + from_y * math.cos(angle)
    # OpenCV takes chroma from the first of the four pixels of BGR: it is half a pixel too far to both sides.
    most = 0.9 if is_bgr else 0.6
    for plane, base, divisor in zip(planes, (16, 128, 128), (1, 2, 2), strict=True):
        found_x, found_y = middle(plane, base)
        assert math.hypot(found_x * divisor - to_x, found_y * divisor - to_y) < most


def test_clockwise_is_as_with_the_quarters() -> None:
    right = planes_of(Rotate(degrees=90), marked(76, 10))[0]
    slanted = planes_of(Rotate(degrees=89.9), marked(76, 10))[0]
    assert right.shape == (WIDTH, HEIGHT)
    assert middle(right, 16)[0] > HEIGHT / 2
    assert middle(slanted, 16)[0] > WIDTH / 2


@pytest.mark.parametrize("degrees", [12, -40, 75, 100])
def test_the_whole_picture_is_on_the_larger_one(degrees: float) -> None:
    for corner in ((0, 0), (WIDTH - 8, 0), (0, HEIGHT - 8), (WIDTH - 8, HEIGHT - 8)):
        before = marked(*corner)
        after = planes_of(Rotate(degrees=degrees, fit="whole"), before)[0]
        assert (after.astype(int) - 16).sum() == pytest.approx((split(before).y.astype(int) - 16).sum(), rel=0.1)


@pytest.mark.parametrize("degrees", [3, -20, 44, 45, 60, 91, 135, 177])
def test_inside_there_is_no_fill_and_next_to_it_there_is(degrees: float) -> None:
    dark = plain(WIDTH, HEIGHT, (40, 120, 140))
    inside = planes_of(Rotate(degrees=degrees, fit="inside", fill="white"), dark)
    assert [int(plane.max()) - int(plane.min()) for plane in inside] == [0, 0, 0]
    rows, columns = inside[0].shape
    assert min(rows, columns) >= 30
    assert rows % 2 == columns % 2 == 0
    whole = planes_of(Rotate(degrees=degrees, fit="whole", fill="white"), dark)[0]
    y, x = (whole.shape[0] - rows) // 2, (whole.shape[1] - columns) // 2
    wider = whole[y - 6 : y + rows + 6, x - 6 : x + columns + 6]
    assert wider.max() > 200


def test_the_fill_has_its_colour() -> None:
    y, u, v = planes_of(Rotate(degrees=45, fill="red"), plain(WIDTH, HEIGHT))
    assert np.abs(np.array([y[0, 0], u[0, 0], v[0, 0]], int) - (81, 90, 240)).max() <= 1


def test_there_and_back_is_the_same_picture() -> None:
    before = scene(WIDTH, HEIGHT)
    turned = applied(Rotate(degrees=20, fit="whole", interpolation="bicubic"), moment(before))[0]
    back = planes_of(Rotate(degrees=-20, interpolation="bicubic"), turned.i420)
    y, x = (back[0].shape[0] - HEIGHT) // 2, (back[0].shape[1] - WIDTH) // 2
    assert psnr(back[0][y : y + HEIGHT, x : x + WIDTH], split(before).y, border=6) > 32


@pytest.mark.parametrize("degrees", [0, 360, -360])
def test_a_whole_turn_changes_nothing(degrees: float) -> None:
    before = scene(WIDTH, HEIGHT)
    np.testing.assert_array_equal(applied(Rotate(degrees=degrees), moment(before))[0].i420, before)


@pytest.mark.parametrize(("degrees", "same"), [(-90, 270), (-180, 180), (-270, 90)])
def test_quarters_count_from_both_sides(degrees: float, same: float) -> None:
    before = scene(WIDTH, HEIGHT)
    one, other = (applied(Rotate(degrees=angle), moment(before))[0].i420 for angle in (degrees, same))
    np.testing.assert_array_equal(one, other)


def test_a_camera_that_changes_its_size_is_turned_by_the_same_angle() -> None:
    link = Rotate(degrees=10)
    small, large = applied(link, moment(scene(80, 60)), moment(scene(160, 120), 1))
    assert (small.width, large.width) == (80, 160)
    np.testing.assert_array_equal(large.i420, applied(Rotate(degrees=10), moment(scene(160, 120)))[0].i420)
