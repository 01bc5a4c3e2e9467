"""The picture of the test pattern, drawn straight into I420 planes: what stands still once, the rest copied in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from relay.pixels import new_i420, split
from relay.pixels.lettering import coverage
from relay.source import barcode
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BARS: Final = (
    (180, 128, 128),
    (168, 44, 136),
    (145, 147, 44),
    (133, 63, 52),
    (63, 193, 204),
    (51, 109, 212),
    (28, 212, 120),
    (16, 128, 128),
)
"""Grey, yellow, cyan, green, magenta, red, blue, black at 75 %, BT.709, as in SMPTE RP 219."""

_SWEEP_S: Final = 4
_FLASH_NS: Final = 60_000_000
_CHARACTERS: Final = "0123456789:-. "
_MS: Final = 1_000_000


class Card:
    """Draws frames of one size. At 720p a frame costs about half a millisecond: a copy and some thirty glyphs."""

    def __init__(self, width: int, height: int, name: str) -> None:
        self._width, self._height = width, height
        self._base = new_i420(width, height)
        luma, u, v = split(self._base)
        self._strip = barcode.strip_height(height)
        self._draw_bars(luma, u, v)
        # A dark panel for the readouts, a dark lane under it for what moves; no colour there nor under the strip.
        self._panel = (height // 4 // 2 * 2, height * 5 // 8 // 2 * 2)
        self._lane = (height * 3 // 4 // 2 * 2, height * 7 // 8 // 2 * 2)
        for top, bottom in (self._panel, self._lane, (height - self._strip, height)):
            luma[top:bottom] = 24
            u[top // 2 : bottom // 2] = v[top // 2 : bottom // 2] = 128
        panel_height = self._panel[1] - self._panel[0]
        self._large = _glyphs(width * 9 // 10 // 11, panel_height // 2)
        self._small = _glyphs(width * 9 // 10 // 26, panel_height // 4)
        caption = coverage(name, panel_height // 6)[:, : width * 3 // 10]
        room = luma[self._panel[0] + panel_height * 11 // 16 :, width * 63 // 100 :][
            : caption.shape[0], : caption.shape[1]
        ]
        np.maximum(room, (caption[: room.shape[0], : room.shape[1]] // 255 * 180).astype(np.uint8), out=room)

    def draw(self, time_ns: int, counter: int) -> NDArray[np.uint8]:
        """The frame for `time_ns`, the `counter`-th since the epoch: a new array (height * 3 // 2, width)."""
        i420 = self._base.copy()
        luma = i420[: self._height]
        seconds, rest_ns = divmod(time_ns, NS_PER_S)
        moment = datetime.fromtimestamp(seconds, UTC)
        top, bottom = self._panel
        margin = self._width // 20
        _write(luma, self._large, f"{moment:%H:%M:%S}.{rest_ns // 10_000_000:02d}", margin, top + (bottom - top) // 8)
        _write(luma, self._small, f"{moment:%Y-%m-%d} {counter % 4096:04d}", margin, top + (bottom - top) * 11 // 16)
        self._move(luma, time_ns, is_flash=rest_ns < _FLASH_NS)
        barcode.draw(luma, time_ns // _MS, counter)
        return i420

    def _draw_bars(self, luma: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> None:
        for index, (level, blue, red) in enumerate(_BARS):
            left, right = (self._width * edge // len(_BARS) // 2 * 2 for edge in (index, index + 1))
            luma[:, left:right] = level
            u[:, left // 2 : right // 2] = blue
            v[:, left // 2 : right // 2] = red

    def _move(self, luma: NDArray[np.uint8], time_ns: int, *, is_flash: bool) -> None:
        """A block that crosses the lane in four seconds, and beside the clock a square that lights with the beep."""
        top, bottom = self._lane
        side = bottom - top
        left = (self._width - side) * (time_ns % (_SWEEP_S * NS_PER_S)) // (_SWEEP_S * NS_PER_S)
        luma[top + side // 8 : bottom - side // 8, left : left + side] = 200
        if is_flash:
            luma[
                self._panel[1] - side // 2 : self._panel[1] - side // 8, self._width - side : self._width - side // 4
            ] = 235


def _glyphs(width: int, height: int) -> dict[str, NDArray[np.uint8]]:
    """Every character that changes, as a block of luma of one size."""
    width, height = max(4, width), max(8, height)
    scale = min(width / 20, height / 30)
    thickness = max(1, round(scale * 2))
    glyphs = {}
    for character in _CHARACTERS:
        block = np.full((height, width), 24, np.uint8)
        (drawn, above), _ = cv2.getTextSize(character, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        corner = ((width - drawn) // 2, (height + above) // 2)
        cv2.putText(block, character, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, 235, thickness, cv2.LINE_AA)
        glyphs[character] = block
    return glyphs


def _write(luma: NDArray[np.uint8], glyphs: dict[str, NDArray[np.uint8]], text: str, left: int, top: int) -> None:
    for character in text:
        block = glyphs[character]
        height, width = block.shape
        room = luma[top : top + height, left : left + width]
        room[:] = block[: room.shape[0], : room.shape[1]]
        left += width
