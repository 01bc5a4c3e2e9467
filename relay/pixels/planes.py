"""The three planes inside an I420 array, and fitting one picture into the size of another."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.uint8]
"""One plane: `uint8`, shape `(rows, columns)`; rows may lie further apart than `columns` bytes."""
I420: TypeAlias = NDArray[np.uint8]
"""A whole picture: `uint8`, C-contiguous, shape `(height * 3 // 2, width)`."""
Bgr: TypeAlias = NDArray[np.uint8]
"""A picture in OpenCV's colour order: `uint8`, shape `(height, width, 3)`."""

BLACK: Final = 16
"""Luma of black in limited range (ITU-R BT.709 §3)."""
NEUTRAL: Final = 128
"""Chroma of every grey."""
_AREA_FROM: Final = 2
"""Shrinking by less, bilinear reads every source pixel and takes an eighth of the time; by more it would skip some."""


class Planes(NamedTuple):
    """Luma, and the two chroma planes of half its width and height."""

    y: Plane
    u: Plane
    v: Plane


def split(i420: I420) -> Planes:
    """The planes of a C-contiguous I420 array, as views: what is written to them is written to the array."""
    width = i420.shape[1]
    height = i420.shape[0] * 2 // 3
    samples = i420.reshape(-1)
    luma, chroma = width * height, width * height // 4
    half = (height // 2, width // 2)
    return Planes(
        i420[:height],
        samples[luma : luma + chroma].reshape(half),
        samples[luma + chroma :].reshape(half),
    )


def new_i420(width: int, height: int) -> I420:
    """An array for a picture of `width` x `height` (both even), its content undefined."""
    return np.empty((height * 3 // 2, width), np.uint8)


def letterbox(i420: I420, width: int, height: int, out: I420 | None = None) -> I420:
    """`i420` at exactly `width` x `height`, its aspect kept, black bars where it does not reach.

    The array itself comes back when the size is right already; else `out` (of the right shape) or a new array.
    """
    from_width, from_height = i420.shape[1], i420.shape[0] * 2 // 3
    if (from_width, from_height) == (width, height):
        return i420
    if out is None:
        out = new_i420(width, height)
    scale = min(width / from_width, height / from_height)
    inner_width = _even_within(from_width * scale, width)
    inner_height = _even_within(from_height * scale, height)
    left, top = (width - inner_width) // 4 * 2, (height - inner_height) // 4 * 2
    if (inner_width, inner_height) != (width, height):
        out[:height] = BLACK
        out[height:] = NEUTRAL
    interpolation = cv2.INTER_AREA if scale <= 1 / _AREA_FROM else cv2.INTER_LINEAR
    for source, target, divisor in zip(split(i420), split(out), (1, 2, 2), strict=True):
        columns, rows = inner_width // divisor, inner_height // divisor
        x, y = left // divisor, top // divisor
        cv2.resize(source, (columns, rows), dst=target[y : y + rows, x : x + columns], interpolation=interpolation)
    return out


def _even_within(size: float, limit: int) -> int:
    return min(limit, max(2, round(size / 2) * 2))
