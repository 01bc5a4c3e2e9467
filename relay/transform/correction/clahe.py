"""`clahe`: detail in the dark and the bright parts, by adaptive histogram equalisation (Zuiderveld 1994)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.transform.base import Group, Transform

if TYPE_CHECKING:
    from relay.transform.frame import Frame

_BLACK, _WHITE = 16, 235
_LEVELS: Final = np.arange(256)
_FULL: Final = np.asarray(np.rint(np.clip((_LEVELS - _BLACK) * 255 / (_WHITE - _BLACK), 0, 255)), np.uint8)
_LIMITED: Final = np.asarray(np.rint(_BLACK + _LEVELS * (_WHITE - _BLACK) / 255), np.uint8)
"""Equalisation spreads levels over all 256: luma is brought to full range for it, and back."""


class Clahe(Transform):
    """Brings out what is hidden in dark and in bright parts: for low light and for windows behind people."""

    name: ClassVar = "clahe"
    group: ClassVar[Group] = "correction"

    clip: float = Field(
        default=2.0, ge=0.1, le=40, description="the steepest that a level becomes; higher shows more detail and noise"
    )
    tiles: int = Field(default=8, ge=1, le=64, description="parts of each side, which are equalised by themselves")
    _equaliser: cv2.CLAHE | None = PrivateAttr(default=None)

    def apply(self, frame: Frame) -> None:
        """Equalise luma; chroma stays."""
        if self._equaliser is None:
            self._equaliser = cv2.createCLAHE(clipLimit=self.clip, tileGridSize=(self.tiles, self.tiles))
        y = frame.planes.y
        cv2.LUT(y, _FULL, dst=y)
        self._equaliser.apply(y, dst=y)
        cv2.LUT(y, _LIMITED, dst=y)
