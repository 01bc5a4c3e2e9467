"""Colours as people write them, by name or as `#rrggbb`, and as planes and BGR have them."""

from __future__ import annotations

import functools
import re
from typing import Annotated, Final

import numpy as np
from pydantic import AfterValidator

from relay.pixels import ycbcr_from_bgr

_NAMED: Final = {
    "aqua": "#00ffff",
    "black": "#000000",
    "blue": "#0000ff",
    "brown": "#a52a2a",
    "cyan": "#00ffff",
    "gray": "#808080",
    "green": "#008000",
    "grey": "#808080",
    "lime": "#00ff00",
    "magenta": "#ff00ff",
    "maroon": "#800000",
    "navy": "#000080",
    "olive": "#808000",
    "orange": "#ffa500",
    "pink": "#ffc0cb",
    "purple": "#800080",
    "red": "#ff0000",
    "silver": "#c0c0c0",
    "teal": "#008080",
    "white": "#ffffff",
    "yellow": "#ffff00",
}
"""Those of CSS Color Module Level 4 §6.1 that people know by heart."""
_HEXADECIMAL: Final = re.compile(r"#[0-9a-f]{6}")


def _check(text: str) -> str:
    colour = text.strip().lower()
    if colour not in _NAMED and not _HEXADECIMAL.fullmatch(colour):
        raise ValueError(f"is #rrggbb or one of {', '.join(_NAMED)}")
    return colour


Colour = Annotated[str, AfterValidator(_check)]
"""A parameter that is a colour: a name in lower case, or `#rrggbb`."""


def bgr_of(colour: str) -> tuple[int, int, int]:
    """Blue, green and red of a `Colour`, 0 to 255."""
    red, green, blue = bytes.fromhex(_NAMED.get(colour, colour)[1:])
    return blue, green, red


@functools.lru_cache(maxsize=64)
def yuv_of(colour: str) -> tuple[int, int, int]:
    """Y, Cb and Cr of a `Colour` in limited range: of BT.601, as `Frame.bgr` is, so that both come out alike."""
    y, u, v = ycbcr_from_bgr(np.array([[bgr_of(colour)]], np.uint8), "smpte170m")[0, 0]
    return int(y), int(u), int(v)
