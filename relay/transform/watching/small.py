"""Small pictures to look at: the luma halved until it is small enough, or sampled; and how alike two of them are.

Halving by the mean of two by two samples is what OpenCV does fastest, it takes most of a sensor's noise away, and every
sample counts. Sampling keeps the noise as it is. All arrays are used again: what `of` returns is valid until the next
call, and must not be written to, since a picture that is small already comes back itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import Plane

FLAT: Final = 2.0
"""A picture whose luma strays by less than this (standard deviation, in levels) shows nothing."""
_SMALLEST: Final = 2
"""No side is halved below this."""


class Halved:
    """Planes halved until their longest side is at most `longest`, but no more than `most` times."""

    def __init__(self, longest: int = _SMALLEST, most: int = 16) -> None:
        self._longest = longest
        self._most = most
        self._shape: tuple[int, ...] = ()
        self._steps: list[Plane] = []

    def of(self, plane: Plane) -> Plane:
        """`plane` in small: `uint8` of shape `(rows, columns)`."""
        if plane.shape != self._shape:
            self._prepare(plane.shape[0], plane.shape[1])
        for target in self._steps:
            rows, columns = target.shape
            even = plane[: rows * 2, : columns * 2]  # an odd row left over would take OpenCV's slow way
            cv2.resize(even, (columns, rows), dst=target, interpolation=cv2.INTER_AREA)
            plane = target
        return plane

    def _prepare(self, rows: int, columns: int) -> None:
        self._shape = (rows, columns)
        self._steps = []
        while max(rows, columns) > self._longest and min(rows, columns) >= 2 * _SMALLEST:
            if len(self._steps) == self._most:
                break
            rows, columns = rows // 2, columns // 2
            self._steps.append(np.empty((rows, columns), np.uint8))


class Sampled:
    """Single samples of planes, on a grid that is at most `longest` long on its longer side."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._buffer: Plane = np.empty((0, 0), np.uint8)

    def of(self, plane: Plane) -> Plane:
        """`plane` in small: `uint8` of shape `(rows, columns)`, in proportion."""
        rows, columns = plane.shape
        by = max(rows, columns) / self._longest
        if by <= 1:
            return plane
        rows, columns = max(1, int(rows / by)), max(1, int(columns / by))
        if self._buffer.shape != (rows, columns):
            self._buffer = np.empty((rows, columns), np.uint8)
        cv2.resize(plane, (columns, rows), dst=self._buffer, interpolation=cv2.INTER_NEAREST)
        return self._buffer


def likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """How alike two pictures of one size and type (`uint8` or `float32`) are, whatever their brightness and contrast.

    It is their correlation: 1 for the same picture, about 0 for another, also where one of the two is flat. Two flat
    ones are alike.
    """
    is_flat = [float(cv2.meanStdDev(picture)[1][0, 0]) < FLAT for picture in (one, other)]
    if any(is_flat):
        return float(all(is_flat))
    return float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0])
