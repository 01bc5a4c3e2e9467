"""Conversions in the stream's own matrix, against the numbers that ITU-R BT.709 and BT.601 give for pure colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay.pixels import bgr_from_i420, i420_from_bgr, split

if TYPE_CHECKING:
    from relay.model import Matrix


COLOURS = {  # B, G, R: Y, Cb, Cr (SMPTE RP 219 and BT.601 colour bars at 100 %)
    "bt709": {(0, 0, 255): (63, 102, 240), (0, 255, 0): (173, 42, 26), (255, 0, 0): (32, 240, 118)},
    "smpte170m": {(0, 0, 255): (81, 90, 240), (0, 255, 0): (145, 54, 34), (255, 0, 0): (41, 240, 110)},
}
GREYS = {(0, 0, 0): (16, 128, 128), (255, 255, 255): (235, 128, 128), (128, 128, 128): (126, 128, 128)}


@pytest.mark.parametrize("matrix", COLOURS)
def test_pure_colours(matrix: Matrix) -> None:
    for bgr, ycbcr in {**COLOURS[matrix], **GREYS}.items():
        picture = np.full((4, 6, 3), bgr, np.uint8)
        i420 = i420_from_bgr(picture, matrix)
        for plane, level in zip(split(i420), ycbcr, strict=True):
            assert (np.abs(plane.astype(int) - level) <= 1).all()
        assert (np.abs(bgr_from_i420(i420, matrix).astype(int) - picture) <= 2).all()
