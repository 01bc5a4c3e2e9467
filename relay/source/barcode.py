"""The machine-readable strip of the test pattern: what time it was, and which frame this is, in the picture itself.

One row of 64 cells along the bottom, each `width // 64` wide, all `max(16, height // 24)` high, black (luma 16) or
white (235), chroma 128. Most significant bit first: 8 bits of sync (0b10110010), 44 bits of Unix milliseconds (mod
2**44, good until the year 2527), 12 bits of frame counter (mod 4096). It survives scaling and every bitrate that a
viewer would accept, so latency is measured from the screen and not from a player's own estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS: Final = 64
SYNC: Final = 0b10110010
TIME_BITS: Final = 44
COUNTER_BITS: Final = 12
BLACK: Final = 16
WHITE: Final = 235


def strip_height(height: int) -> int:
    """Rows of the strip in a picture of `height` rows."""
    return max(16, height // 24)


def cell_width(width: int) -> int:
    """Columns of each cell in a picture of `width` columns; what is left over at the right stays picture."""
    return width // CELLS


def bits_of(unix_ms: int, counter: int) -> int:
    """The 64 bits of the strip, the leftmost cell highest."""
    time_bits = unix_ms % (1 << TIME_BITS)
    return (SYNC << TIME_BITS | time_bits) << COUNTER_BITS | counter % (1 << COUNTER_BITS)


def draw(luma: NDArray[np.uint8], unix_ms: int, counter: int) -> None:
    """Write the strip over the bottom of `luma` (rows, columns), in place. The chroma under it is the caller's."""
    height, width = luma.shape
    bits = np.array([bits_of(unix_ms, counter)], dtype=">u8").view(np.uint8)
    cells = np.where(np.unpackbits(bits), WHITE, BLACK).astype(np.uint8)
    luma[height - strip_height(height) :, : CELLS * cell_width(width)] = np.repeat(cells, cell_width(width))
