"""Points and polygons: both ways to write them, masks that cover what they name, and errors that say what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from relay.transform.polygon import Points, Polygon

SQUARE = "0.25,0.25 0.75,0.25 0.75,0.75 0.25,0.75"


class Zone(BaseModel):
    area: Polygon
    way: Points = ()


def polygon(value: object) -> Polygon:
    return TypeAdapter(Polygon).validate_python(value)


def test_text_and_pairs_are_the_same_polygon() -> None:
    pairs = [[0.25, 0.25], [0.75, 0.25], (0.75, 0.75), ["0.25", "0.75"]]
    assert polygon(SQUARE) == polygon(pairs)
    assert hash(polygon(SQUARE)) == hash(polygon(pairs))
    assert polygon(SQUARE) != polygon("0,0 1,0 1,1")
    zone = Zone.model_validate({"area": SQUARE, "way": "0,0 1,0.5"})
    assert zone.area == polygon(SQUARE)
    assert zone.way == ((0.0, 0.0), (1.0, 0.5))
    assert Zone.model_validate(zone.model_dump()) == zone
    assert Zone(area=zone.area).area == zone.area


def test_a_polygon_that_is_closed_by_hand_is_the_same() -> None:
    assert polygon(f"{SQUARE} 0.25,0.25") == polygon(SQUARE)


def test_a_mask_is_255_within_and_0_without() -> None:
    mask = polygon(SQUARE).mask(64, 48)
    assert mask.shape == (48, 64)
    assert mask.dtype == np.uint8
    assert (mask[12:36, 16:48] == 255).all()
    outside = np.ones(mask.shape, bool)
    outside[11:37, 15:49] = False
    assert (mask[outside] == 0).all()


@pytest.mark.parametrize("size", [(64, 48), (2, 2), (1, 1), (33, 7), (640, 360)])
def test_the_whole_picture_is_covered_to_its_last_pixel(size: tuple[int, int]) -> None:
    assert (polygon("0,0 1,0 1,1 0,1").mask(*size) == 255).all()


def test_any_shape_is_filled_and_its_dents_are_not() -> None:
    mask = polygon("0,0 1,0 1,1 0.5,0.2 0,1").mask(100, 100)
    assert mask[5, 50] == 255
    assert mask[60, 10] == mask[60, 90] == 255
    assert mask[60, 50] == 0


def test_masks_are_made_once_for_each_size_and_cannot_be_changed() -> None:
    area = polygon(SQUARE)
    assert area.mask(64, 48) is area.mask(64, 48)
    assert area.mask(32, 24).shape == (24, 32)
    with pytest.raises(ValueError, match="read-only"):
        area.mask(64, 48)[0, 0] = 1


def test_a_camera_that_keeps_changing_its_size_does_not_fill_the_memory() -> None:
    area = polygon(SQUARE)
    for width in range(10, 100):
        area.mask(width, 10)
    assert len(area._masks) <= 8


def test_polygons_stay_equal_whatever_they_were_used_for() -> None:
    used = polygon(SQUARE)
    used.mask(64, 48)
    assert used == polygon(SQUARE)
    assert used != SQUARE


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0,0 1,1", "a polygon has three corners or more, and this one 2"),
        ("", "a polygon has three corners or more, and this one 0"),
        ("0,0 1,0 1", "point 3 is '1': a point is two numbers, x,y"),
        ("0,0 1,0 1,1,1", "point 3 is '1,1,1': a point is two numbers, x,y"),
        ([[0, 0], [1, 0], 7], "point 3 is 7: a point is two numbers, x,y"),
        ("0,0 1,0 1,wide", "point 3 has 'wide', which is no number"),
        ([[0, 0], [1, 0], [True, 1]], "point 3 has True, which is no number"),
        ([[0, 0], [1, 0], [None, 1]], "point 3 has None, which is no number"),
        ("0,0 320,0 320,240", "point 2 has 320: coordinates are shares of width and height, from 0 to 1"),
        ("0,0 1,0 1,-0.1", "point 3 has -0.1: coordinates are shares"),
        ("0,0 1,0 1,nan", "point 3 has nan: coordinates are shares"),
        ("0,0 1,1 1,0 0,1", "edges 1 and 3 cross: name the corners in their order around the area"),
        ("0.1,0.1 0.5,0.5 0.9,0.9", "it encloses nothing: its corners are on one line"),
        ("0.1,0.1 0.1,0.1 0.1,0.1", "it encloses nothing"),
        (5, 'points are written "x,y x,y ...", or as a list of pairs'),
        ("0,0 " * 201, "201 points are too many: 200 will do for any shape"),
    ],
)
def test_what_is_wrong_is_said(value: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        polygon(value)
    assert words in str(caught.value)


def test_edges_that_touch_do_not_cross() -> None:
    assert polygon("0,0 0.5,0 1,0 1,1 0.5,0 0,1").mask(10, 10).any()
