"""Arrays that a transform works in, made once and used for every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Scratch:
    """Arrays by name. Each is made when it is asked for first, and anew when another shape is: memory stays bounded.

    What is in an array stays there until its owner, one transform in one thread, writes to it; in a new one it is
    undefined.
    """

    def __init__(self) -> None:
        self._uint8: dict[str, NDArray[np.uint8]] = {}
        self._float32: dict[str, NDArray[np.float32]] = {}

    def uint8(self, name: str, *shape: int) -> NDArray[np.uint8]:
        """The array of samples called `name`, C-contiguous."""
        array = self._uint8.get(name)
        if array is None or array.shape != shape:
            array = self._uint8[name] = np.empty(shape, np.uint8)
        return array

    def float32(self, name: str, *shape: int) -> NDArray[np.float32]:
        """The array of numbers called `name`, C-contiguous."""
        array = self._float32.get(name)
        if array is None or array.shape != shape:
            array = self._float32[name] = np.empty(shape, np.float32)
        return array
