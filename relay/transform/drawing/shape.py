"""`shape`: rectangles, lines, circles and polygons, in shares of the picture so that they fit any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

import cv2
import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from relay.transform.base import Group, Transform, Wants
from relay.transform.colour import Colour, bgr_of
from relay.transform.drawing.stamp import Stamp
from relay.transform.polygon import Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.transform.frame import Frame

Kind = Literal["rectangle", "line", "circle", "polygon"]
_POINTS: Final = {
    "rectangle": (2, 2, "two opposite corners"),
    "line": (2, 200, "two points or more"),
    "circle": (1, 1, "its center"),
    "polygon": (3, 200, "three corners or more"),
}
_FRACTION_BITS: Final = 4
"""Coordinates are drawn to a sixteenth of a pixel."""


class Shape(Transform):
    """Draws a rectangle, a line, a circle or a polygon."""

    name: ClassVar = "shape"
    group: ClassVar[Group] = "drawing"
    wants: ClassVar[Wants] = "either"

    kind: Kind = Field(description="what is drawn")
    points: Points = Field(
        description='as shares of the picture, "x,y x,y": two corners of a rectangle, points of a line, the center of '
        "a circle, the corners of a polygon"
    )
    radius: float | None = Field(default=None, gt=0, le=2, description="of a circle, in shares of the picture's height")
    colour: Colour = Field(default="red", description="a name or #rrggbb")
    opacity: float = Field(default=1.0, ge=0, le=1, description="0 is clear, 1 hides what is behind")
    thickness: float = Field(default=0.005, gt=0, le=0.5, description="of lines, in shares of the picture's height")
    filled: bool = Field(default=False, description="the whole area, and not its edge alone")
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _stamp: Stamp | None = PrivateAttr(default=None)
    _corner: tuple[int, int] = PrivateAttr(default=(0, 0))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        least, most, words = _POINTS[self.kind]
        if not least <= len(self.points) <= most:
            raise ValueError(f"a {self.kind} is given by {words}, and points has {len(self.points)}")
        if (self.kind == "circle") is (self.radius is None):
            raise ValueError("a circle needs a radius, and nothing else has one")
        if self.kind == "line" and self.filled:
            raise ValueError("a line cannot be filled: a polygon can")
        return self

    def apply(self, frame: Frame) -> None:
        """Blend the shape in; it is drawn once for each size of picture."""
        if self._stamp is None or self._size != frame.size:
            self._draw(*frame.size)
            self._size = frame.size
        if self._stamp is not None:
            self._stamp.blend(frame, *self._corner)

    def _draw(self, width: int, height: int) -> None:
        """Draw into a mask of the whole picture, and keep the part of it that there is something in."""
        mask = np.zeros((height, width), np.uint8)
        thickness = -1 if self.filled else _thickness(round(self.thickness * height))
        points = np.asarray(np.rint((np.array(self.points) * (width, height) - 0.5) * (1 << _FRACTION_BITS)), np.int32)
        self._stroke(mask, points, thickness, round((self.radius or 0) * height * (1 << _FRACTION_BITS)))
        left, top, columns, rows = cv2.boundingRect(mask)
        if not columns:
            self._stamp = None
            return
        x, y = left // 2 * 2, top // 2 * 2
        inked = mask[y : top + rows, x : left + columns]
        bgra = np.empty((*inked.shape, 4), np.uint8)
        bgra[..., :3] = bgr_of(self.colour)
        bgra[..., 3] = np.rint(inked * self.opacity)
        self._stamp, self._corner = Stamp(bgra), (x, y)

    def _stroke(self, mask: NDArray[np.uint8], points: NDArray[np.int32], thickness: int, radius: int) -> None:
        ink, smooth, shift = (255,), cv2.LINE_AA, _FRACTION_BITS
        if self.kind == "rectangle":
            (x0, y0), (x1, y1) = np.sort(points, axis=0).tolist()
            points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.int32)
        if self.kind == "circle":
            x, y = points[0].tolist()
            cv2.circle(mask, (x, y), radius, ink, thickness, smooth, shift)
        elif self.filled:
            cv2.fillPoly(mask, [points], ink, smooth, shift)
        else:
            cv2.polylines(mask, [points], self.kind != "line", ink, thickness, smooth, shift)


def _thickness(pixels: int) -> int:
    """What OpenCV draws a line with that covers so many pixels: those with smooth edges are wider than they are told.

    1 covers 1.3 pixels, and 2, 4, 6 ... 1.4 more than that; odd ones are drawn as the even ones behind them.
    """
    return max(1, (pixels - 1) // 2 * 2)
