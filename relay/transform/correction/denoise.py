"""`denoise`: noise averaged away, over time where nothing moves, or over the neighbourhood of each pixel.

Over time: each plane has a running average. Where the picture differs from it by more than noise does, in the mean of
a small neighbourhood, something has moved, and the average begins anew there: what has left leaves no ghost.

Over the neighbourhood: the bilateral filter (Tomasi and Manduchi 1998), or non-local means (Buades et al. 2005), which
keeps more and costs many times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.transform.base import Group, Transform
from relay.transform.scratch import Scratch

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame

_FOLLOWS: Final = 0.15
"""The share of a new sample in the average: noise falls to sqrt(0.15 / 1.85) = 0.28 of itself, by 11 dB."""
_NEIGHBOURHOOD: Final = (5, 5)
_MOVED: Final = 1.6
"""Times the noise. A normal one is 0.8 of itself in the mean, and the mean of 25 samples of it hardly ever 1.4."""
_DIAMETER: Final = 5
_SIGMA_SPACE: Final = 2.0
_SIGMA_LEVELS: Final = 3.0
"""Of the bilateral filter, times the noise: two levels further apart than that are an edge."""
_PATCH, _SEARCH = 5, 13


class Denoise(Transform):
    """Takes the noise out of a picture: over time where nothing moves, or in each picture by itself."""

    name: ClassVar = "denoise"
    group: ClassVar[Group] = "correction"

    method: Literal["temporal", "bilateral", "nlm"] = Field(
        default="temporal",
        description="temporal: what stands still is averaged over time, and stays sharp; bilateral: each picture by "
        "itself; nlm: the same and better, and many times slower: for small or slow pictures",
    )
    strength: float = Field(
        default=5.0,
        ge=0.5,
        le=50,
        description="the noise in levels of 255: a standard deviation, 2 by day and 10 at night",
    )
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _scratch: Scratch = PrivateAttr(default_factory=Scratch)

    def apply(self, frame: Frame) -> None:
        """Denoise every plane."""
        planes = frame.planes
        if self.method == "temporal":
            is_new = self._size != frame.size
            self._size = frame.size
            for name, plane in zip("yuv", planes, strict=True):
                self._average(name, plane, is_new=is_new)
            return
        smooth = self._bilateral if self.method == "bilateral" else self._non_local
        frame.map(*frame.size, smooth)

    def _average(self, name: str, plane: Plane, *, is_new: bool) -> None:
        rows, columns = plane.shape
        average = self._scratch.float32(f"average of {name}", rows, columns)
        if is_new:
            np.copyto(average, plane)
            return
        kind = "luma" if name == "y" else "chroma"
        before, differs = (self._scratch.uint8(f"{use} of {kind}", rows, columns) for use in ("before", "difference"))
        cv2.convertScaleAbs(average, dst=before)
        cv2.absdiff(plane, before, dst=before)
        cv2.blur(before, _NEIGHBOURHOOD, dst=differs)
        cv2.threshold(differs, self.strength * _MOVED, 255, cv2.THRESH_BINARY, dst=differs)
        cv2.accumulateWeighted(plane, average, _FOLLOWS)
        cv2.accumulateWeighted(plane, average, 1.0, mask=differs)
        cv2.convertScaleAbs(average, dst=plane)

    def _bilateral(self, source: Plane, target: Plane) -> None:
        cv2.bilateralFilter(source, _DIAMETER, self.strength * _SIGMA_LEVELS, _SIGMA_SPACE, dst=target)

    def _non_local(self, source: Plane, target: Plane) -> None:
        cv2.fastNlMeansDenoising(
            source, dst=target, h=self.strength, templateWindowSize=_PATCH, searchWindowSize=_SEARCH
        )
