"""Something flat that was seen at an angle is what it was before, in all planes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.transforms import applied, moment, planes_of, psnr, scene
from relay.pixels import I420, new_i420, split
from relay.transform.geometry.perspective import Perspective

WIDTH, HEIGHT = 320, 180
CORNERS = ((0.2, 0.15), (0.8, 0.25), (0.85, 0.9), (0.1, 0.8))


def slanted(flat: I420) -> I420:
    """`flat` as it is seen from the side: its corners at `CORNERS`, each plane by itself and from edge to edge."""
    seen = new_i420(WIDTH, HEIGHT)
    for source, target in zip(split(flat), split(seen), strict=True):
        rows, columns = target.shape
        whole = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        ends = np.asarray(np.array(CORNERS) * (columns, rows) - 0.5, np.float32)
        beginnings = np.asarray(whole * source.shape[::-1] - 0.5, np.float32)
        matrix = cv2.getPerspectiveTransform(beginnings, ends)
        cv2.warpPerspective(source, matrix, (columns, rows), dst=target, flags=cv2.INTER_CUBIC)
    return seen


@pytest.mark.parametrize("is_bgr", [False, True])
@pytest.mark.parametrize("corners", [CORNERS, " ".join(f"{x},{y}" for x, y in CORNERS)])
def test_what_was_slanted_is_straight_again(corners: object, is_bgr: bool) -> None:
    flat = cv2_smooth(scene(WIDTH, HEIGHT))
    link = Perspective.model_validate({"corners": corners, "interpolation": "bicubic"})
    planes = planes_of(link, slanted(flat), is_bgr=is_bgr)
    for plane, before in zip(planes, split(flat), strict=True):
        assert psnr(plane, before, border=4) > 30


def cv2_smooth(i420: I420) -> I420:
    """Without what a slanted view is too small to show."""
    for plane in split(i420):
        cv2.GaussianBlur(plane, (0, 0), 2.5, dst=plane)
    return i420


def test_the_result_has_the_size_that_is_asked_for() -> None:
    link = Perspective(corners=CORNERS, width=100, height=140)
    (picture,) = applied(link, moment(scene(WIDTH, HEIGHT)))
    assert (picture.width, picture.height) == (100, 140)


def test_the_whole_picture_stays_what_it_is() -> None:
    before = scene(WIDTH, HEIGHT)
    link = Perspective.model_validate({"corners": "0,0 1,0 1,1 0,1"})
    for plane, source in zip(planes_of(link, before), split(before), strict=True):
        assert np.abs(plane.astype(int) - source).max() <= 1


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ("0,0 1,0 1,1", r"four corners are needed \(top left, .*\), not 3"),
        ("0,0 1,0 1,1 0,1 0,0.5", "four corners are needed .*, not 5"),
        ("0,0 0,1 1,1 1,0", "the corners are named clockwise from the top left one"),
        ("0,0 1,0 0.2,0.2 0,1", "none may lie within the others or in line with them"),
        ("0,0 0.5,0 1,0 0,1", "none may lie within the others or in line with them"),
        ("0,0 1,1 1,0 0,1", "the corners are named clockwise"),
    ],
)
def test_corners_that_make_no_picture_are_refused(corners: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Perspective.model_validate({"corners": corners})
