"""What of a picture is surely background: what has looked the same for some time, with nobody found there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from relay.pixels import Plane

_COLUMNS: Final = 160
"""Of the small picture that is watched: a person far away is two or three cells wide, and noise is averaged away."""
_LEAST_CELL_PX: Final = 4
"""The mean of fewer pixels still has their noise."""
_AROUND: Final = 2
"""Cells around what is not sure that are not either: limbs, shadows, and what a cell's mean does not show."""
_ADAPTS_S: Final = 20.0
"""What changes so slowly is light: an evening. It may go by `tolerance` in half of this time."""
_LONGEST_STEP_S: Final = 1.0
"""What happened in a longer hole nobody saw: it does not count as calm."""


class Background:
    """Watches pictures in the order of their times, in a small grid of their luma."""

    def __init__(self, settle_s: float, tolerance: int) -> None:
        """A cell is sure once it has stayed within `tolerance` levels for `settle_s`."""
        self._settle_s = settle_s
        self._tolerance = tolerance
        self._time_ns = 0
        self._kernel = np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8)
        self._start(0, 0)

    def see(self, luma: Plane, time_ns: int, people: Sequence[NDArray[np.float32]]) -> Plane:
        """The grid: 255 where it is not sure that there is only background; the next picture overwrites it.

        `people` are convex polygons in shares of the picture in which somebody is: nothing in them is calm.
        """
        rows, columns = _grid_of(luma)
        if self._now.shape != (rows, columns):
            self._start(rows, columns)
        step_s = (time_ns - self._time_ns) / NS_PER_S
        self._time_ns = time_ns
        cv2.resize(luma, (columns, rows), dst=self._now, interpolation=cv2.INTER_AREA)
        cv2.convertScaleAbs(self._usual, dst=self._expected)
        cv2.absdiff(self._now, self._expected, dst=self._unsure)
        cv2.threshold(self._unsure, self._tolerance, 255, cv2.THRESH_BINARY, dst=self._unsure)
        np.not_equal(self._unsure, 0, out=self._changed)
        np.copyto(self._usual, self._now, where=self._changed)
        cv2.accumulateWeighted(self._now, self._usual, min(1.0, max(0.0, step_s / _ADAPTS_S)))
        for corners in people:
            points = np.round(corners * np.array([columns, rows], np.float32)).astype(np.int32)
            cv2.fillConvexPoly(self._unsure, points, (255,))
        self._count(step_s)
        cv2.dilate(self._unsure, self._kernel, dst=self._grown)
        return self._grown

    def _count(self, step_s: float) -> None:
        """How long each cell has been calm, and which are not so for long enough."""
        if 0 <= step_s <= _LONGEST_STEP_S:
            np.add(self._calm_s, step_s, out=self._calm_s)
        np.not_equal(self._unsure, 0, out=self._changed)
        np.copyto(self._calm_s, 0, where=self._changed)
        np.less(self._calm_s, self._settle_s, out=self._changed)
        np.copyto(self._unsure, 255, where=self._changed)

    def _start(self, rows: int, columns: int) -> None:
        """Know nothing: all is unsure for `settle_s`."""
        shape = (rows, columns)
        self._now: Plane = np.zeros(shape, np.uint8)
        self._expected: Plane = np.zeros(shape, np.uint8)
        self._unsure: Plane = np.zeros(shape, np.uint8)
        self._grown: Plane = np.zeros(shape, np.uint8)
        self._usual: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._calm_s: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._changed: NDArray[np.bool_] = np.zeros(shape, np.bool_)


def _grid_of(luma: Plane) -> tuple[int, int]:
    """Rows and columns: cells that are nearly square."""
    height, width = luma.shape
    columns = max(1, min(_COLUMNS, width // _LEAST_CELL_PX))
    return max(1, round(height * columns / width)), columns
