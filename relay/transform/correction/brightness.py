"""`brightness`: brightness, contrast and gamma in one table for luma, saturation in another for chroma."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field

from relay.transform.base import Group, Transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import Plane
    from relay.transform.frame import Frame

_BLACK, _WHITE = 16, 235
_NEUTRAL, _MOST_COLOUR = 128, 112
"""Limited range (ITU-R BT.709 §3): chroma reaches so far from grey."""
_LEVELS: Final = np.arange(256)


class Brightness(Transform):
    """Makes the picture brighter or darker, harder or softer, more or less colourful."""

    name: ClassVar = "brightness"
    group: ClassVar[Group] = "correction"

    brightness: float = Field(default=0.0, ge=-1, le=1, description="added to every pixel, in shares of white")
    contrast: float = Field(default=1.0, ge=0, le=8, description="differences from middle grey, times this")
    gamma: float = Field(default=1.0, ge=0.1, le=10, description="over 1 lifts the dark parts, under 1 lowers them")
    saturation: float = Field(default=1.0, ge=0, le=8, description="colour, times this; 0 is black and white")

    def apply(self, frame: Frame) -> None:
        """Look every sample up."""
        y, u, v = frame.planes
        if (self.brightness, self.contrast, self.gamma) != (0, 1, 1):
            cv2.LUT(y, _luma_table(self.brightness, self.contrast, self.gamma), dst=y)
        if self.saturation != 1:
            table = _chroma_table(self.saturation)
            for plane in (u, v):
                cv2.LUT(plane, table, dst=plane)


@functools.lru_cache(maxsize=16)
def _luma_table(brightness: float, contrast: float, gamma: float) -> Plane:
    share = np.clip((_LEVELS - _BLACK) / (_WHITE - _BLACK), 0, 1) ** (1 / gamma)
    share = (share - 0.5) * contrast + 0.5 + brightness
    return _table(_BLACK + np.clip(share, 0, 1) * (_WHITE - _BLACK))


@functools.lru_cache(maxsize=16)
def _chroma_table(saturation: float) -> Plane:
    return _table(_NEUTRAL + np.clip((_LEVELS - _NEUTRAL) * saturation, -_MOST_COLOUR, _MOST_COLOUR))


def _table(levels: NDArray[np.float64]) -> Plane:
    return np.asarray(np.rint(levels), np.uint8)
