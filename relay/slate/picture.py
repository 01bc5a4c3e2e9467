"""Draws the slate: a background out of the last picture, and the lines that `layout` arranged."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from relay.pixels import letterbox, lettering, new_i420, split
from relay.pixels.planes import NEUTRAL
from relay.slate.layout import NAME, Line, Words, arrange

if TYPE_CHECKING:
    from relay.pixels import I420, Plane, Planes

_DARK: Final = 34
"""Luma of the plain background: dark grey, so that it is not taken for a black, broken picture."""
_DIM: Final = 0.42
_FADE: Final = 0.55
"""What is left of the last picture's brightness and colour: every grey used for text stays readable on it."""
_SHADE: Final = 0.3
"""What is left of the brightness of an owner's image behind the words: on white they are as readable as on black."""
_BLUR_COLUMNS: Final = 32
"""The picture shrunk to this width and blown up again: nobody is recognised in it, and any size costs the same."""
_RULE_LUMA: Final = 150
_RULE_CHROMA: Final = (72, 170)
"""A short amber line under the name: the one place with colour, near enough the same in BT.601 and BT.709."""


def render(width: int, height: int, words: Words, base: I420 | None = None, *, is_image: bool = False) -> I420:
    """The slate as I420 of `width` x `height` (both even, from 64 x 64), limited range.

    `base` (any size; it is not changed) is the last good picture, which is blurred and dimmed, or an image of the
    owner's (`is_image`), which has the words below, and is dark only behind them; `None` gives a plain background.
    Text is grey, which is the same in every matrix; the background keeps the matrix of `base`.
    """
    slate = new_i420(width, height)
    planes = split(slate)
    lines = arrange(words, width, height)
    if base is None:
        _fill_plain(planes)
    elif is_image:
        slate[:] = letterbox(base, width, height)
        lines = _lowered(lines, height)
        _shade(planes, lines)
    else:
        _fill_blurred(planes, letterbox(base, width, height))
    for line in lines:
        mask = lettering.coverage(line.text, line.size_px, bold=line.style.bold)
        _paint(planes, mask, (width - mask.shape[1]) // 2, line.top, line.style.luma)
    for above, below in itertools.pairwise(lines):
        if above.style is NAME and below.style is not NAME:
            _rule(planes, above, below)
    return slate


def _fill_plain(planes: Planes) -> None:
    """A dark grey, a little lighter towards the top: plainly made, and cheap to encode."""
    rows = np.linspace(_DARK + 8, _DARK - 6, planes.y.shape[0])
    planes.y[:] = np.asarray(rows.round(), np.uint8)[:, np.newaxis]
    planes.u[:] = NEUTRAL
    planes.v[:] = NEUTRAL


def _fill_blurred(planes: Planes, base: I420) -> None:
    for source, target, black, share in zip(split(base), planes, (16, 128, 128), (_DIM, _FADE, _FADE), strict=True):
        rows, columns = target.shape
        small_columns = min(columns, _BLUR_COLUMNS)
        small_size = (small_columns, max(1, round(rows * small_columns / columns)))
        small = cv2.GaussianBlur(cv2.resize(source, small_size, interpolation=cv2.INTER_AREA), (0, 0), 1.5)
        small = cv2.addWeighted(small, share, small, 0, black * (1 - share))
        cv2.resize(small, (columns, rows), dst=target, interpolation=cv2.INTER_CUBIC)


def _lowered(lines: list[Line], height: int) -> list[Line]:
    """`lines` as near to the lower edge as to the sides of the band that they stand in."""
    if not lines:
        return []
    bottom = lines[-1].top + lettering.line_height(lines[-1].size_px) + lines[0].size_px // 2
    return [replace(line, top=line.top + max(0, height - bottom)) for line in lines]


def _shade(planes: Planes, lines: list[Line]) -> None:
    """Darken the picture behind the words and below, over its whole width."""
    if not lines:
        return
    top = max(0, lines[0].top - lines[0].size_px // 2)
    for plane, black, share, divisor in zip(planes, (16, 128, 128), (_SHADE, _FADE, _FADE), (1, 2, 2), strict=True):
        band = plane[top // 2 * 2 // divisor :]
        band[:] = cv2.addWeighted(band, share, band, 0, black * (1 - share))


def _paint(planes: Planes, mask: Plane, x: int, y: int, luma: int) -> None:
    """Blend grey of `luma` into the planes through `mask`, whose top left corner is at (x, y), cut off at the edges."""
    rows, columns = planes.y.shape
    left, top = max(0, x), max(0, y)
    right, bottom = min(columns, x + mask.shape[1]), min(rows, y + mask.shape[0])
    full = np.zeros((-(-bottom // 2) * 2 - top // 2 * 2, -(-right // 2) * 2 - left // 2 * 2), np.uint8)
    inner = full[top % 2 : top % 2 + bottom - top, left % 2 : left % 2 + right - left]
    inner[:] = mask[top - y : bottom - y, left - x : right - x]
    half = cv2.resize(full, (full.shape[1] // 2, full.shape[0] // 2), interpolation=cv2.INTER_AREA)
    for plane, cover, level, divisor in zip(
        planes, (full, half, half), (luma, NEUTRAL, NEUTRAL), (1, 2, 2), strict=True
    ):
        row, column = top // 2 * 2 // divisor, left // 2 * 2 // divisor
        area = plane[row : row + cover.shape[0], column : column + cover.shape[1]]
        share = cover.astype(np.int32)
        area[:] = (area * (255 - share) + level * share + 127) // 255


def _rule(planes: Planes, above: Line, below: Line) -> None:
    """The short line between the name and the rest, in the space that `layout` leaves there."""
    gap_top = above.top + lettering.line_height(above.size_px)
    thickness = max(2, above.size_px // 12 // 2 * 2)
    columns = planes.y.shape[1]
    y = (gap_top + below.top - thickness) // 4 * 2
    half_length = min(columns // 4, above.size_px)
    x = (columns // 2 - half_length) // 2 * 2
    for plane, level, divisor in zip(planes, (_RULE_LUMA, *_RULE_CHROMA), (1, 2, 2), strict=True):
        plane[y // divisor : (y + thickness) // divisor, x // divisor : (x + 2 * half_length) // divisor] = level
