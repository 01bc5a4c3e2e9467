"""`stabilise`: a camera that shakes in the wind, held still.

How far the picture has moved is measured on a small luma plane by phase correlation (Kuglin and Hines 1975); where it
has wandered to is smoothed over time, and the picture is moved from the one to the other, within a border that is cut
off so that nothing empty comes into view. Turning and zooming of the camera are left as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.timeline import NS_PER_S
from relay.transform.base import Group, Transform
from relay.transform.geometry.warp import Warp, centre
from relay.transform.scratch import Scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import Plane
    from relay.transform.frame import Frame

_COLUMNS: Final = 256
"""The picture is measured at this width: a tenth of its pixel is half a pixel of 1280, and the transform is quick."""
_ROWS_STEP: Final = 16
_MIN_RESPONSE: Final = 0.2
"""Share of the correlation's power at its peak. Of eighty pairs of different scenes the best had 0.16; a shaken scene
has 0.5 and more, and 0.24 and more in heavy noise (a deviation of 30 levels).
"""
_LONGEST_GAP_S: Final = 1.0
"""After that it is another moment: nobody sees the jump."""


@dataclass(slots=True)
class _Eye:
    """Sees how far each picture has moved against the one before."""

    _scratch: Scratch = field(default_factory=Scratch)
    _window: NDArray[np.float32] | None = None
    _newer: int = 0
    _has_older: bool = False

    def forget(self) -> None:
        """The next picture is the first."""
        self._has_older = False

    def look(self, y: Plane) -> tuple[float, float] | None:
        """Pixels that the content of luma moved to the right and down; `None` for the first, and for another scene."""
        height, width = y.shape
        rows = max(2 * _ROWS_STEP, round(_COLUMNS * height / width / _ROWS_STEP) * _ROWS_STEP)
        if self._window is None or self._window.shape[0] != rows:
            # OpenCV would apply it itself, but to the caller's own array where no padding is needed.
            self._window = np.asarray(cv2.createHanningWindow((_COLUMNS, rows), cv2.CV_32F), np.float32)
            self._has_older = False
        small = self._scratch.uint8("small", rows, _COLUMNS)
        cv2.resize(y, (_COLUMNS, rows), dst=small, interpolation=cv2.INTER_AREA)
        self._newer = 1 - self._newer
        newer = self._scratch.float32(f"seen {self._newer}", rows, _COLUMNS)
        older = self._scratch.float32(f"seen {1 - self._newer}", rows, _COLUMNS)
        np.copyto(newer, small)
        np.subtract(newer, cv2.mean(small)[0], out=newer)
        np.multiply(newer, self._window, out=newer)
        if not self._has_older:
            self._has_older = True
            return None
        (right, down), response = cv2.phaseCorrelate(older, newer)
        if not response >= _MIN_RESPONSE:  # also where a black picture made it no number
            return None
        return right * width / _COLUMNS, down * height / rows


@dataclass(slots=True)
class _Axis:
    """Where the content has wandered along one axis, and where it would be if the camera were calm; in pixels."""

    shaken: float = 0.0
    calm: float = 0.0

    def step(self, moved: float, share: float, limit: float) -> float:
        """How far the picture is to be moved now that the content `moved`: never more than `limit`.

        `share` of the way is what the calm one follows; what goes beyond the limit, it follows at once: a pan.
        """
        self.shaken += moved
        self.calm += (self.shaken - self.calm) * share
        self.calm = min(max(self.calm, self.shaken - limit), self.shaken + limit)
        return self.calm - self.shaken


class Stabilise(Transform):
    """Holds the picture of a shaking camera still, and cuts off the border that it needs for that."""

    name: ClassVar = "stabilise"
    group: ClassVar[Group] = "geometry"

    smoothing_s: float = Field(
        default=1.0, ge=0.05, le=30, description="seconds over which movement is evened out; a pan takes that long"
    )
    margin: float = Field(
        default=0.05,
        ge=0.005,
        le=0.25,
        description="the most that the picture is moved, in shares of its sides; so much is cut off all around",
    )
    _eye: _Eye = PrivateAttr(default_factory=_Eye)
    _across: _Axis = PrivateAttr(default_factory=_Axis)
    _down: _Axis = PrivateAttr(default_factory=_Axis)
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _time_ns: int = PrivateAttr(default=0)

    def apply(self, frame: Frame) -> None:
        """Measure, and move every plane."""
        gap_s = (frame.time_ns - self._time_ns) / NS_PER_S
        if frame.size != self._size or not 0 <= gap_s <= _LONGEST_GAP_S:
            self._eye.forget()
        self._size, self._time_ns = frame.size, frame.time_ns
        width, height = frame.size
        right = down = 0.0
        moved = self._eye.look(frame.planes.y)
        if moved is None:
            self._across, self._down = _Axis(), _Axis()
        else:
            share = 1 - math.exp(-gap_s / self.smoothing_s)
            right = self._across.step(moved[0], share, self.margin * width)
            down = self._down.step(moved[1], share, self.margin * height)
        zoom = 1 - 2 * self.margin
        x, y = centre(width, height)
        matrix = np.array([[zoom, 0, x - zoom * x - right], [0, zoom, y - zoom * y - down], [0, 0, 1]])
        Warp.of(frame.size, matrix, "bilinear", fill=None).apply(frame)
