"""A picture goes into a network's input and its boxes come back to where they were; of overlapping boxes one stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform.models.boxes import Detection, Fitted, in_steps, letterbox, stretched, suppress


@pytest.mark.parametrize(
    ("picture", "into", "fitted"),
    [
        ((1280, 720), (640, 640), Fitted(640, 640, 0, 140, 640, 360)),
        ((720, 1280), (640, 640), Fitted(640, 640, 140, 0, 360, 640)),
        ((100, 100), (64, 32), Fitted(64, 32, 16, 0, 32, 32)),
        ((64, 32), (64, 32), Fitted(64, 32, 0, 0, 64, 32)),
        ((30, 20), (300, 300), Fitted(300, 300, 0, 50, 300, 200)),
        ((4000, 2), (64, 64), Fitted(64, 64, 0, 31, 64, 1)),
    ],
)
def test_a_picture_lies_in_the_middle_as_large_as_it_will_go(
    picture: tuple[int, int], into: tuple[int, int], fitted: Fitted
) -> None:
    assert letterbox(picture, into) == fitted


def test_a_stretched_picture_fills_the_input() -> None:
    assert stretched((640, 480)) == Fitted(640, 480, 0, 0, 640, 480)


@pytest.mark.parametrize(
    ("picture", "longest", "fitted"),
    [
        ((1280, 720), 480, Fitted(480, 288, 0, 9, 480, 270)),
        ((720, 1280), 480, Fitted(288, 480, 9, 0, 270, 480)),
        ((1920, 1080), 320, Fitted(320, 192, 0, 6, 320, 180)),
        ((640, 640), 480, Fitted(480, 480, 0, 0, 480, 480)),
    ],
)
def test_an_input_of_any_size_comes_in_whole_steps(picture: tuple[int, int], longest: int, fitted: Fitted) -> None:
    assert in_steps(picture, longest, 32) == fitted


sides = st.integers(2, 4000)
shares = st.floats(0, 1)


@given(sides, sides, sides, sides, shares, shares, shares, shares)
def test_a_box_comes_back_to_where_it_was(
    width: int, height: int, to_width: int, to_height: int, x0: float, y0: float, x1: float, y1: float
) -> None:
    fitted = letterbox((width, height), (to_width, to_height))
    assert fitted.inner_width == to_width or fitted.inner_height == to_height
    assert 0 <= fitted.left <= fitted.left + fitted.inner_width <= to_width
    assert 0 <= fitted.top <= fitted.top + fitted.inner_height <= to_height
    box = np.array([[x0, y0, x1, y1]], np.float32)
    inside = box * np.array([fitted.inner_width, fitted.inner_height] * 2, np.float32)
    inside += np.array([fitted.left, fitted.top] * 2, np.float32)
    np.testing.assert_allclose(fitted.back(inside), box, atol=2e-3)


def test_what_lies_in_the_border_is_cut_off() -> None:
    fitted = letterbox((1280, 720), (640, 640))
    back = fitted.back(np.array([[-50, 0, 320, 320], [0, 0, 640, 640]], np.float32))
    np.testing.assert_allclose(back, np.array([[0, 0, 0.5, 0.5], [0, 0, 1, 1]]))


@pytest.mark.parametrize("size", [(40, 20), (20, 40), (400, 200), (64, 64)])
def test_the_picture_is_written_into_its_place_and_nowhere_else(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), (10, 20, 30), np.uint8)
    picture[: size[1] // 2] = (200, 100, 50)
    fitted = letterbox(size, (64, 64))
    canvas = np.full((64, 64, 3), 114, np.uint8)
    fitted.place(picture, canvas)
    bottom, right = fitted.top + fitted.inner_height, fitted.left + fitted.inner_width
    inner = canvas[fitted.top : bottom, fitted.left : right]
    assert (inner[: len(inner) // 2 - 2] == (200, 100, 50)).all()
    assert (inner[len(inner) // 2 + 2 :] == (10, 20, 30)).all()
    outside = np.ones((64, 64), bool)
    outside[fitted.top : bottom, fitted.left : right] = False
    assert (canvas[outside] == 114).all()


def test_of_two_boxes_of_one_thing_the_surer_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]], np.float32)
    assert suppress(boxes, [0.5, 0.9, 0.7], [0, 0, 0], 0.5) == [1, 2]


def test_boxes_of_different_things_stay_beside_each_other() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11]], np.float32)
    assert suppress(boxes, [0.5, 0.9], [0, 1], 0.5) == [1, 0]


def test_boxes_that_overlap_by_less_stay() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10]], np.float32)  # a third of what both cover
    assert sorted(suppress(boxes, [0.5, 0.9], [0, 0], 0.4)) == [0, 1]
    assert suppress(boxes, [0.5, 0.9], [0, 0], 0.3) == [1]


def test_of_no_boxes_none_stay() -> None:
    assert suppress(np.zeros((0, 4), np.float32), [], [], 0.5) == []


def test_a_detection_knows_its_middle_and_what_it_holds() -> None:
    found = Detection(0.2, 0.4, 0.4, 0.8, 0.9, "face")
    assert found.centre == pytest.approx((0.3, 0.6))
    assert found.holds(0.2, 0.8)
    assert not found.holds(0.5, 0.6)
    assert not found.holds(0.3, 0.3)
