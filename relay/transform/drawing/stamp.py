"""Small pictures with alpha: made ready once, and blended into frames wherever they are to be."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import cv2
import numpy as np

from relay.pixels import ycbcr_from_bgr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import Plane
    from relay.transform.frame import Frame

Anchor = Literal["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]
"""Where in the picture something stands: a corner, the middle of an edge, or the middle."""
_OPAQUE: Final = 255


class _Layer(NamedTuple):
    """What becomes of one plane, or of BGR: `keep / 255` of each sample stays, and `ink` is added."""

    keep: NDArray[np.uint8]
    ink: NDArray[np.uint8]


class Stamp:
    """A picture with alpha of any size, blended into planes or BGR without a conversion.

    Colours are those of BT.601, as `Frame.bgr` has them, so that both ways look the same.
    """

    def __init__(self, bgra: NDArray[np.uint8]) -> None:
        """`bgra` has shape `(height, width, 4)`, its colours not multiplied by alpha; odd sides get a clear edge."""
        rows, columns = bgra.shape[:2]
        if rows % 2 or columns % 2:
            bgra = np.pad(bgra, ((0, rows % 2), (0, columns % 2), (0, 0)))
        self._bgra = bgra
        self.height, self.width = bgra.shape[:2]

    @cached_property
    def _share(self) -> NDArray[np.float32]:
        return np.asarray(self._bgra[..., 3] / np.float32(_OPAQUE), np.float32)

    @cached_property
    def _of_planes(self) -> tuple[_Layer, _Layer, _Layer]:
        ycbcr = ycbcr_from_bgr(np.ascontiguousarray(self._bgra[..., :3]), "smpte170m")
        inked = ycbcr * self._share[..., np.newaxis]
        half = (self.width // 2, self.height // 2)
        keep = _levels(_OPAQUE * (1 - self._share))
        half_share = cv2.resize(self._share, half, interpolation=cv2.INTER_AREA)
        half_keep = _levels(_OPAQUE * (1 - np.asarray(half_share, np.float32)))
        # A colour counts at half the size by how much of it there is, or clear pixels would tint the edges.
        cb, cr = (
            np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.float32)
            for plane in (np.ascontiguousarray(inked[..., index]) for index in (1, 2))
        )
        return _Layer(keep, _levels(inked[..., 0])), _Layer(half_keep, _levels(cb)), _Layer(half_keep, _levels(cr))

    @cached_property
    def _of_bgr(self) -> _Layer:
        share = self._share[..., np.newaxis]
        keep = np.broadcast_to(_OPAQUE * (1 - share), (self.height, self.width, 3))
        return _Layer(_levels(keep), _levels(self._bgra[..., :3] * share))

    def blend(self, frame: Frame, x: int, y: int) -> None:
        """Blend into `frame` with the top left corner at (`x`, `y`), both even; what reaches out of it is cut off."""
        left, top = max(0, x), max(0, y)
        right, bottom = min(frame.width, x + self.width), min(frame.height, y + self.height)
        if left >= right or top >= bottom:
            return
        targets: tuple[Plane, ...] = (frame.bgr,) if frame.is_bgr else frame.planes
        layers = (self._of_bgr,) if frame.is_bgr else self._of_planes
        for target, layer, divisor in zip(targets, layers, (1, 2, 2), strict=False):
            area = target[top // divisor : bottom // divisor, left // divisor : right // divisor]
            rows = slice((top - y) // divisor, (bottom - y) // divisor)
            columns = slice((left - x) // divisor, (right - x) // divisor)
            cv2.multiply(area, layer.keep[rows, columns], dst=area, scale=1 / _OPAQUE)
            cv2.add(area, layer.ink[rows, columns], dst=area)


def _levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(values), np.uint8)


def place(anchor: Anchor, frame_size: tuple[int, int], size: tuple[int, int], margin: int) -> tuple[int, int]:
    """Where something of `size` stands at `anchor`, `margin` pixels from the edges as far as there is room; even."""
    corner = []
    for side, length, low, high in zip(frame_size, size, ("left", "top"), ("right", "bottom"), strict=True):
        free = side - length
        at = free // 2
        if low in anchor:
            at = min(margin, max(0, at))
        elif high in anchor:
            at = free - min(margin, max(0, at))
        corner.append(at // 2 * 2)
    return corner[0], corner[1]
