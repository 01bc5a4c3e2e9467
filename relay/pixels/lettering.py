"""Text as coverage masks, in any language that the installed OpenCV can write.

OpenCV 5 brings outline fonts with Latin, Greek, Cyrillic, Hebrew, Arabic and CJK. OpenCV 4 has only stroke fonts with
ASCII: text is transliterated there as far as it goes, and the rest becomes question marks.
"""

from __future__ import annotations

import threading
import unicodedata
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from relay.pixels.planes import Plane

HAS_OUTLINE_FONTS: Final = hasattr(cv2, "FontFace")
_REGULAR, _BOLD = 400, 600
_ASCENT: Final = 1.05
_LINE: Final = 1.45
"""Height of a line as a share of the font size: room for accents on capitals above and for descenders below."""
_ANY_SIZE: Final = (1 << 15, 1 << 15)
_STROKE_CAPITAL_PX: Final = 22
_CAPITAL: Final = 0.7
"""Height of a capital as a share of the font size, so that both kinds of font come out alike."""
_LATIN: Final = str.maketrans({
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "þ": "th", "ð": "d", "\u0131": "i", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
    "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u2026": "...", "\u00b7": "-",
})  # fmt: skip
"""Letters and marks that Unicode does not decompose into ASCII, so that NFKD alone would lose them."""

_local = threading.local()


def line_height(size_px: int) -> int:
    """Rows of every mask of text at `size_px`."""
    return round(size_px * _LINE)


def width_of(text: str, size_px: int, *, bold: bool = False) -> int:
    """Columns that `text` takes in one line."""
    if HAS_OUTLINE_FONTS:
        x, _, width, _ = cv2.getTextSize(_ANY_SIZE, text, (0, 0), _font(), size_px, _weight(bold=bold))
        return int(x + width)
    (width, _), _ = cv2.getTextSize(ascii_only(text), cv2.FONT_HERSHEY_DUPLEX, *_stroke(size_px, bold=bold))
    return int(width)


def coverage(text: str, size_px: int, *, bold: bool = False) -> Plane:
    """One line of `text`: shape `(line_height, width)`, 0 where there is no ink and 255 where there is."""
    mask = np.zeros((line_height(size_px), max(1, width_of(text, size_px, bold=bold))), np.uint8)
    origin = (0, round(size_px * _ASCENT))
    if HAS_OUTLINE_FONTS:
        cv2.putText(mask, text, origin, (255,), _font(), size_px, _weight(bold=bold))
    else:
        scale, thickness = _stroke(size_px, bold=bold)
        cv2.putText(mask, ascii_only(text), origin, cv2.FONT_HERSHEY_DUPLEX, scale, (255,), thickness, cv2.LINE_AA)
    return mask


def ascii_only(text: str) -> str:
    """`text` in ASCII: accents dropped, ligatures spelled out, `?` for what has no Latin letter."""
    plain = unicodedata.normalize("NFKD", text.translate(_LATIN))
    letters = (character for character in plain if not unicodedata.combining(character))
    return "".join(character if " " <= character <= "~" else "?" for character in letters)


def _weight(*, bold: bool) -> int:
    return _BOLD if bold else _REGULAR


def _stroke(size_px: int, *, bold: bool) -> tuple[float, int]:
    """Scale and thickness of the stroke font that stands for an outline font of `size_px`."""
    return size_px * _CAPITAL / _STROKE_CAPITAL_PX, max(1, round(size_px / (11 if bold else 18)))


def _font() -> cv2.FontFace:
    """The font of this thread: setting its weight changes it, and drawing runs without the interpreter's lock."""
    try:
        font: cv2.FontFace = _local.font
    except AttributeError:
        font = _local.font = cv2.FontFace("sans")
    return font
