"""One picture in the sizes of a ladder's rungs, each made once however often it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.pixels import Pool, letterbox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Sizes:
    """The sizes of the picture that it was last asked for. One thread.

    A size below the half is scaled from the half, which is made once for all (as exact means of four pixels): bilinear
    from there is a tenth of the work of averaging areas (0.2 ms for 2.1 ms, 720p to 240p), and within 2 to 4 dB of it,
    where the encoder loses more. Out of another rung it would be 5 to 12 dB. What is repeated is not scaled again.
    """

    def __init__(self) -> None:
        self._pool = Pool()
        self._whole: NDArray[np.uint8] | None = None
        self._scaled: dict[tuple[int, int], NDArray[np.uint8]] = {}

    def of(self, i420: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        """`i420`, the same object as the last time where it is the same picture, at that size."""
        if i420 is not self._whole:
            self._whole = i420
            self._scaled = {(i420.shape[1], i420.shape[0] * 2 // 3): i420}
        return self._in_size(i420, width, height)

    def _in_size(self, i420: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        """`i420`, or what was made of it before, at that size."""
        found = self._scaled.get((width, height))
        if found is None:
            from_width, from_height = i420.shape[1], i420.shape[0] * 2 // 3
            is_small = 2 * width < from_width and 2 * height < from_height
            if is_small and from_width % 4 == from_height % 4 == 0:  # the half has halves of its chroma
                return self._in_size(self._in_size(i420, from_width // 2, from_height // 2), width, height)
            found = letterbox(i420, width, height, self._pool.i420(width, height))
            self._scaled[width, height] = found
        return found
