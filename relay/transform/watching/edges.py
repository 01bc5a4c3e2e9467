"""Detail as a picture: how far each sample lies from the mean around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from relay.transform.watching.small import Halved

if TYPE_CHECKING:
    from relay.pixels import Plane

PER_LEVEL: Final = 8
"""Detail is given in eighths of a level of luma, so that means of it keep a fraction; over 31 levels it is cut off."""
_AROUND: Final = (7, 7)


class Edges:
    """The detail of pictures, on a small picture whose longest side is at most `longest`."""

    def __init__(self, longest: int) -> None:
        self._small = Halved(longest)
        self._mean: Plane = np.empty((0, 0), np.uint8)
        self._edges: Plane = np.empty((0, 0), np.uint8)

    def of(self, luma: Plane) -> tuple[Plane, Plane]:
        """The small picture and its detail, both `uint8` of one shape and valid until the next call."""
        small = self._small.of(luma)
        if small.shape != self._mean.shape:
            self._mean, self._edges = np.empty(small.shape, np.uint8), np.empty(small.shape, np.uint8)
        cv2.blur(small, _AROUND, dst=self._mean)
        cv2.absdiff(small, self._mean, dst=self._edges)
        cv2.convertScaleAbs(self._edges, dst=self._edges, alpha=PER_LEVEL)
        return small, self._edges
