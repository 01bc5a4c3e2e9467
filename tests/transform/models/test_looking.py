"""A detector is shown the frame, small and whole, as planes or as BGR."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fixtures.hidden import background
from fixtures.pictures import four_colours
from relay.transform import Frame
from relay.transform.models.looking import SmallPicture


@pytest.mark.parametrize(
    ("size", "longest", "small"),
    [
        ((640, 360), 320, (320, 180)),
        ((360, 640), 320, (180, 320)),
        ((640, 360), 500, (500, 282)),
        ((64, 48), 320, (64, 48)),
    ],
)
def test_the_small_picture_has_the_frames_shape_and_colours(
    size: tuple[int, int], longest: int, small: tuple[int, int]
) -> None:
    bgr = SmallPicture().of(Frame(four_colours(*size)), longest)
    assert bgr.shape == (small[1], small[0], 3)
    whole = cv2.resize(Frame(four_colours(*size)).bgr, small, interpolation=cv2.INTER_AREA)
    for y, x in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)):
        at = int(y * small[1]), int(x * small[0])
        np.testing.assert_allclose(bgr[at].astype(int), whole[at].astype(int), atol=2)


def test_a_frame_that_is_bgr_is_shown_as_it_is() -> None:
    frame = Frame(background())
    bgr = frame.bgr
    assert SmallPicture().of(frame, 100) is bgr
    assert frame.is_bgr


def test_a_frame_of_planes_stays_planes() -> None:
    frame = Frame(background())
    frame.crop(16, 16, 100, 60)
    assert SmallPicture().of(frame, 640).shape == (60, 100, 3)
    assert not frame.is_bgr
