"""What is common to everything that writes: where, how large, in which colours; and lines of text as a stamp."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from pydantic import Field, PrivateAttr

from relay.pixels import lettering
from relay.transform.base import Group, Transform, Wants
from relay.transform.colour import Colour, bgr_of
from relay.transform.drawing.stamp import Anchor, Stamp, place

if TYPE_CHECKING:
    from relay.transform.frame import Frame

MAX_LINES: Final = 20
MAX_CHARACTERS: Final = 200
"""Of one line: more is not read in a picture."""
_MIN_SIZE_PX: Final = 8
_MAX_SIZE_PX: Final = 400
_MAX_SHARE: Final = 0.96
"""Of the picture's width: what would be wider is written smaller."""


class Lettered(Transform):
    """Writes lines of text. Its children say which."""

    group: ClassVar[Group] = "drawing"
    wants: ClassVar[Wants] = "either"

    position: Anchor = Field(default="bottom-left", description="corner, edge or center of the picture")
    size: float = Field(default=0.05, gt=0, le=1, description="font size in shares of the picture's height")
    margin: float = Field(default=0.02, ge=0, le=0.5, description="distance from the edges, in shares of the height")
    colour: Colour = Field(default="white", description="of the letters: a name or #rrggbb")
    opacity: float = Field(default=1.0, ge=0, le=1, description="of the letters")
    box: Colour | None = Field(default="black", description="colour behind the text")
    box_opacity: float = Field(default=0.6, ge=0, le=1, description="of the colour behind the text; 0 for none")
    bold: bool = Field(default=False, description="heavier letters")
    _written: tuple[tuple[int, int], str] | None = PrivateAttr(default=None)
    _stamp: Stamp | None = PrivateAttr(default=None)

    def write(self, frame: Frame, text: str) -> None:
        """Draw `text`, its lines parted by newlines. A text that stays the same is drawn once."""
        if not text:
            return
        if self._stamp is None or self._written != (frame.size, text):
            self._stamp, self._written = self._drawn(text, *frame.size), (frame.size, text)
        stamp = self._stamp
        where = place(self.position, frame.size, (stamp.width, stamp.height), round(self.margin * frame.height))
        stamp.blend(frame, *where)

    def _drawn(self, text: str, width: int, height: int) -> Stamp:
        lines = text.split("\n")
        size_px = min(_MAX_SIZE_PX, max(_MIN_SIZE_PX, round(self.size * height)))
        needed = max(lettering.width_of(line, size_px, bold=self.bold) for line in lines) + 4 * _padding(size_px)
        size_px = max(_MIN_SIZE_PX, min(size_px, int(size_px * width * _MAX_SHARE / needed)))
        masks = [lettering.coverage(line, size_px, bold=self.bold) for line in lines]
        padding = _padding(size_px)
        columns = max(mask.shape[1] for mask in masks) + 2 * padding
        ink = np.zeros((sum(len(mask) for mask in masks) + padding, columns), np.float32)
        top = padding // 2
        for mask in masks:
            rows, across = mask.shape
            left = self._indent(columns - 2 * padding - across) + padding
            ink[top : top + rows, left : left + across] = mask / np.float32(255) * self.opacity
            top += rows
        behind = np.float32(self.box_opacity if self.box else 0) * (1 - ink)
        alpha = ink + behind
        weight = (np.maximum(alpha, 1e-6))[..., np.newaxis]
        of_letters, of_box = (np.array(bgr_of(colour), np.float32) for colour in (self.colour, self.box or "black"))
        bgr = (ink[..., np.newaxis] * of_letters + behind[..., np.newaxis] * of_box) / weight
        return Stamp(np.asarray(np.rint(np.dstack([bgr, alpha * 255])), np.uint8))

    def _indent(self, room: int) -> int:
        """How far a line that is `room` shorter than the longest stands in, by the side that the text stands at."""
        if self.position.endswith("left"):
            return 0
        return room if self.position.endswith("right") else room // 2


def _padding(size_px: int) -> int:
    """Pixels between the text and the edge of its box; even."""
    return max(2, size_px // 6 * 2)


def tidy(text: str) -> str:
    """`text` as it can be written: what cannot be printed is a space, and what is too long is cut."""
    lines = text.strip().splitlines()[:MAX_LINES]
    printable = ("".join(letter if letter.isprintable() else " " for letter in line) for line in lines)
    return "\n".join(line[:MAX_CHARACTERS].rstrip() for line in printable)
