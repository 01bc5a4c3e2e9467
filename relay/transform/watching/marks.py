"""Boxes: as events give them, and drawn into a picture for somebody who wants to see what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import cv2

from relay.transform.watching.watcher import share

if TYPE_CHECKING:
    from relay.transform.frame import Frame

_GREEN: Final = (145, 54, 34)
"""Y, Cb, Cr of (0, 255, 0) in BT.601, limited range: seen on most of what a camera looks at."""
_LINES: Final = 240
"""The picture's height in thicknesses of a line."""


class Box(NamedTuple):
    """A rectangle in shares of the picture's width and height, `x0 < x1`, `y0 < y1`."""

    x0: float
    y0: float
    x1: float
    y1: float

    def around(self, other: Box) -> Box:
        """The smallest box with both in it."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    @property
    def middle(self) -> tuple[float, float]:
        """`(x, y)`, from the left and from the top."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def moved(self, x: float, y: float) -> Box:
        """It, further to the right and down."""
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)

    def grown(self, by: float) -> Box:
        """It, with `by` of its width and height added on each side."""
        x, y = by * (self.x1 - self.x0), by * (self.y1 - self.y0)
        return Box(self.x0 - x, self.y0 - y, self.x1 + x, self.y1 + y)

    def overlap(self, other: Box) -> float:
        """The intersection of both over their union, 0 to 1."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        both = max(0.0, width) * max(0.0, height)
        either = sum((box.x1 - box.x0) * (box.y1 - box.y0) for box in (self, other)) - both
        return both / either if either > 0 else 0.0

    def values(self) -> list[float]:
        """`[x0, y0, x1, y1]` for an event, to a thousandth."""
        return [share(value) for value in self]


def outline(frame: Frame, box: Box) -> None:
    """The outline of `box`, on the planes."""
    thick = max(1, frame.height // _LINES // 2)
    x0, y0, x1, y1 = (
        round(value * side / 2) for value, side in zip(box, (frame.width, frame.height) * 2, strict=True)
    )  # in samples of chroma, so that all three planes have the same outline
    x1, y1 = max(x0, x1 - 1), max(y0, y1 - 1)
    for plane, level, scale in zip(frame.planes, _GREEN, (2, 1, 1), strict=True):
        corner, opposite = (x0 * scale, y0 * scale), (x1 * scale + scale - 1, y1 * scale + scale - 1)
        cv2.rectangle(plane, corner, opposite, (level,), thick * scale)
