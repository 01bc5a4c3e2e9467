"""`perspective`: four corners of something flat, a board or a court, become the corners of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import cv2
import numpy as np
from pydantic import AfterValidator, Field, PrivateAttr

from relay.transform.base import Group, Side, Transform, Wants
from relay.transform.geometry.warp import Interpolation, Warp
from relay.transform.polygon import Points

if TYPE_CHECKING:
    from relay.transform.frame import Frame
    from relay.transform.polygon import Point

_FLATTEST: Final = 1e-4
"""Twice the area of the smallest triangle of three corners: below that, no map between the two shapes is stable."""


def _check_corners(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    if len(corners) != 4:
        names = "top left, top right, bottom right, bottom left"
        raise ValueError(f"four corners are needed ({names}), not {len(corners)}")
    for number in range(4):
        (x0, y0), (x1, y1), (x2, y2) = (corners[(number + step) % 4] for step in range(3))
        if (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1) < _FLATTEST:
            raise ValueError(
                "the corners are named clockwise from the top left one; "
                "none may lie within the others or in line with them"
            )
    return corners


class Perspective(Transform):
    """Takes something flat that is seen at an angle, by its four corners, and shows it from straight in front."""

    name: ClassVar = "perspective"
    group: ClassVar[Group] = "geometry"
    wants: ClassVar[Wants] = "either"
    changes_size: ClassVar[bool] = True

    corners: Annotated[Points, AfterValidator(_check_corners)] = Field(
        description='top left, top right, bottom right and bottom left, as shares of the picture: "0.2,0.1 0.8,0.2 ..."'
    )
    width: Side | None = Field(default=None, description="width of the result in pixels, even; the picture's own")
    height: Side | None = Field(default=None, description="height of the result in pixels, even; the picture's own")
    interpolation: Interpolation = Field(default="bilinear", description="how pixels in between are made")
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _warp: Warp | None = PrivateAttr(default=None)

    def apply(self, frame: Frame) -> None:
        """Stretch the four corners to those of the picture."""
        if self._warp is None or self._size != frame.size:
            self._warp, self._size = self._stretch(*frame.size), frame.size
        self._warp.apply(frame)

    def _stretch(self, width: int, height: int) -> Warp:
        size = (self.width or width, self.height or height)
        whole = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        # Shares are of the picture from edge to edge, and a pixel's centre is half a pixel from its edge.
        ends = np.asarray(whole * size - 0.5, np.float32)
        beginnings = np.asarray(np.array(self.corners) * (width, height) - 0.5, np.float32)
        matrix = np.asarray(cv2.getPerspectiveTransform(ends, beginnings), np.float64)
        return Warp.of(size, matrix, self.interpolation, fill=None)
