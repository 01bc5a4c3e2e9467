"""A real face, in the photograph that scikit-image has of an astronaut, is gone to the detector that found it."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fixtures.hidden import RATE, START_NS, let_out
from relay.model import Picture
from relay.pixels import i420_from_bgr
from relay.transform import Frame
from relay.transform.models.descriptor import DescribedDetector
from relay.transform.models.detectors import CENTERFACE_OUTPUTS, centerface, make_detector
from relay.transform.privacy.faces import Faces

if TYPE_CHECKING:
    from relay.pixels import Bgr
    from relay.transform.models.boxes import Detection

WIDTH, HEIGHT = 640, 512
STEP = 8
"""Pixels that the photograph moves in a frame."""


@functools.cache
def photograph() -> Bgr:
    """The astronaut, 512 x 512, out of the installed package and without importing it."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        pytest.fail("scikit-image is missing, of which a test takes a photograph: pip install --no-deps scikit-image")
    picture = cv2.imread(str(Path(found.origin).parent / "data/astronaut.png"))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def frame_of(slot: int) -> Picture:
    """The photograph on a grey ground, a little further right in each frame."""
    bgr = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    bgr[:, slot * STEP : slot * STEP + 512] = photograph()
    return Picture(slot, START_NS + slot * 1_000_000_000 // RATE, i420_from_bgr(bgr, "smpte170m"))


@functools.cache
def detector() -> DetectorOf:
    return DetectorOf()


class DetectorOf:
    """CenterFace at the size of the picture, less sure than the transform has to be."""

    def __init__(self) -> None:
        said = DescribedDetector(layout="centerface", outputs=CENTERFACE_OUTPUTS, input=WIDTH, threshold=0.15)
        self._detector = make_detector(centerface(), said)

    def faces(self, picture: Picture) -> list[Detection]:
        return self._detector.detect(Frame(picture).bgr)


@functools.cache
def face_in(slot: int) -> Detection:
    """Where it is before anything is hidden."""
    return max(detector().faces(frame_of(slot)), key=lambda face: face.score)


def test_there_is_one_face_in_the_photograph_and_a_detector_is_sure_of_it() -> None:
    found = face_in(0)
    assert found.score > 0.5
    x, y = found.centre
    assert (x * WIDTH, y * HEIGHT) == pytest.approx((225, 115), abs=40)


@pytest.mark.parametrize("how", ["fill", "blur", "pixelate"])
def test_the_face_is_gone_in_every_frame_and_the_rest_of_the_picture_is_not(how: str) -> None:
    transform = Faces.model_validate({"how": how})
    transform.open()
    count = 4
    shown = let_out(transform, (frame_of(slot) for slot in range(count)))
    assert [picture.slot for picture in shown] == list(range(count))
    for picture in shown:
        before, face = frame_of(picture.slot), face_in(picture.slot)
        assert detector().faces(picture) == []
        rows = slice(round(face.y0 * HEIGHT), round(face.y1 * HEIGHT))
        columns = slice(round(face.x0 * WIDTH), round(face.x1 * WIDTH))
        assert detail(picture.i420[rows, columns]) < detail(before.i420[rows, columns]) / 4
        changed = (picture.i420[:HEIGHT] != before.i420[:HEIGHT]).mean()
        assert changed < 6 * (face.x1 - face.x0) * (face.y1 - face.y0)


def detail(luma: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> float:
    """How much fine structure there is: the mean step from pixel to pixel."""
    return float(np.abs(np.diff(luma.astype(int), axis=1)).mean())
