"""Buffers that are used again once nobody holds them, so that a warm pipeline allocates no pictures."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IDLE_REFERENCES: Final = 2
"""The pool's own list and the argument of `getrefcount`. Every view of an array, however made, holds its owner."""


class Pool:
    """Arrays by shape. One is free when no array, view or frame refers to it any more: nobody has to give it back.

    That is what makes it safe across threads: the encoder may hold a picture for as long as it repeats it, a user's
    transform may keep one for ever, and neither sees it overwritten. One thread takes from a pool; any may drop.
    """

    MAX_PER_SHAPE: Final = 8
    """Beyond that somebody collects pictures: what is taken then belongs to them alone."""
    MAX_SHAPES: Final = 16
    """Shapes longest not asked for are forgotten: a camera may come back in another size, again and again."""

    def __init__(self, max_per_shape: int = MAX_PER_SHAPE) -> None:
        self._max_per_shape = max_per_shape
        self._buffers: dict[tuple[int, ...], list[NDArray[np.uint8]]] = {}

    def take(self, *shape: int) -> NDArray[np.uint8]:
        """A C-contiguous `uint8` array of `shape`, its content undefined, that nothing else refers to."""
        buffers = self._buffers.pop(shape, [])
        self._buffers[shape] = buffers
        if len(self._buffers) > self.MAX_SHAPES:
            del self._buffers[next(iter(self._buffers))]
        for index in range(len(buffers)):
            if sys.getrefcount(buffers[index]) <= _IDLE_REFERENCES:
                return buffers[index]
        buffer = np.empty(shape, np.uint8)
        if len(buffers) < self._max_per_shape:
            buffers.append(buffer)
        return buffer

    def i420(self, width: int, height: int) -> NDArray[np.uint8]:
        """A buffer for a picture of `width` x `height`."""
        return self.take(height * 3 // 2, width)
