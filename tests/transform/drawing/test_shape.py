"""Shapes are where their points say, at any size of picture, and cover what they should."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.transforms import applied, moment, plain, planes_of
from relay.transform.colour import yuv_of
from relay.transform.drawing.shape import Shape

if TYPE_CHECKING:
    from relay.pixels import Plane


def luma(width: int = 200, height: int = 100, *, is_bgr: bool = False, **parameters: Any) -> Plane:
    """Luma of a shape in white on black, so that its levels are coverage."""
    link = Shape.model_validate({"colour": "white", **parameters})
    return planes_of(link, plain(width, height, (16, 128, 128)), is_bgr=is_bgr)[0]


@pytest.mark.parametrize("is_bgr", [False, True])
@pytest.mark.parametrize("size", [(200, 100), (400, 200)])
def test_a_filled_rectangle_covers_its_area(size: tuple[int, int], is_bgr: bool) -> None:
    width, height = size
    y = luma(*size, kind="rectangle", points="0.25,0.2 0.75,0.8", filled=True, is_bgr=is_bgr)
    inner = y[height // 5 + 1 : height * 4 // 5 - 1, width // 4 + 1 : width * 3 // 4 - 1]
    assert inner.min() >= 233
    y[height // 5 - 2 : height * 4 // 5 + 2, width // 4 - 2 : width * 3 // 4 + 2] = 16
    assert y.max() <= 17


def test_the_colour_is_in_all_planes() -> None:
    link = Shape.model_validate({"kind": "rectangle", "points": "0.2,0.2 0.8,0.8", "filled": True, "colour": "orange"})
    for plane, level in zip(planes_of(link, plain(200, 100)), yuv_of("orange"), strict=True):
        rows, columns = plane.shape
        assert plane[rows // 2, columns // 2] == level
        assert plane[2, 2] == 128


def test_an_edge_alone_leaves_the_inside() -> None:
    y = luma(kind="rectangle", points="0.25,0.2 0.75,0.8", thickness=0.04)
    assert y[50, 100] == 16
    assert y[20, 100] > 200
    assert y[50, 50] > 200


def test_corners_may_come_in_any_order() -> None:
    one, other = (
        luma(kind="rectangle", points=points, filled=True) for points in ("0.2,0.2 0.8,0.8", "0.8,0.2 0.2,0.8")
    )
    np.testing.assert_array_equal(one, other)


def test_a_circle_is_round_in_a_wide_picture() -> None:
    y = luma(kind="circle", points="0.5,0.5", radius=0.3, filled=True)
    coverage = (y.astype(float) - 16) / 219
    assert coverage.sum() == pytest.approx(math.pi * 30**2, rel=0.05)  # smooth edges reach half a pixel out
    rows, columns = np.nonzero(y > 125)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
    assert abs(rows.mean() - 49.5) < 1
    assert abs(columns.mean() - 99.5) < 1


def test_a_line_goes_through_its_points_and_has_its_thickness() -> None:
    y = luma(kind="line", points="0.1,0.5 0.5,0.5 0.5,0.9", thickness=0.06)
    assert y[50, 60] > 200
    assert y[70, 100] > 200
    assert y[70, 60] == 16
    assert 5 <= (y[:, 60] > 125).sum() <= 7


def test_a_polygon_has_the_area_of_its_corners() -> None:
    y = luma(kind="polygon", points="0.1,0.1 0.9,0.1 0.5,0.9", filled=True)
    assert ((y.astype(float) - 16) / 219).sum() == pytest.approx(160 * 80 / 2, rel=0.05)


def test_half_opacity_is_between() -> None:
    y = luma(kind="polygon", points="0,0 1,0 1,1 0,1", filled=True, opacity=0.5)
    assert abs(int(y[50, 100]) - 126) <= 1


def test_it_is_drawn_once_for_each_size() -> None:
    link = Shape.model_validate({"kind": "line", "points": "0,0 1,1"})
    applied(link, moment(plain(64, 48)))
    first = link._stamp
    applied(link, moment(plain(64, 48)))
    assert link._stamp is first
    applied(link, moment(plain(128, 96)))
    assert link._stamp is not first


def test_what_is_too_small_to_be_seen_draws_nothing() -> None:
    before = plain(4, 4, (16, 128, 128))
    link = Shape.model_validate({"kind": "circle", "points": "0.5,0.5", "radius": 0.001, "filled": True, "opacity": 0})
    assert applied(link, moment(before))[0].i420.shape == before.shape


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"kind": "rectangle", "points": "0,0 1,0 1,1"},
            "a rectangle is given by two opposite corners, and points has 3",
        ),
        ({"kind": "line", "points": "0,0"}, "a line is given by two points or more, and points has 1"),
        ({"kind": "circle", "points": "0,0 1,1", "radius": 0.1}, "a circle is given by its center, and points has 2"),
        ({"kind": "polygon", "points": "0,0 1,1"}, "a polygon is given by three corners or more, and points has 2"),
        ({"kind": "circle", "points": "0,0"}, "a circle needs a radius, and nothing else has one"),
        ({"kind": "line", "points": "0,0 1,1", "radius": 0.1}, "a circle needs a radius, and nothing else has one"),
        ({"kind": "line", "points": "0,0 1,1", "filled": True}, "a line cannot be filled: a polygon can"),
        ({"kind": "line", "points": "0,0 100,100"}, "coordinates are shares of width and height"),
    ],
)
def test_what_makes_no_shape_is_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Shape.model_validate(parameters)
