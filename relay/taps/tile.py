"""One stream's place in a larger picture: what it shows, in the size of the place, or the words that it is offline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from relay.pixels import letterbox, lettering, new_i420, recolour, split
from relay.pixels.planes import BLACK, NEUTRAL
from relay.taps.memory import Sight, TapReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.model import Matrix
    from relay.pixels import I420, Plane, Planes
    from relay.taps.memory import Seen

OFFLINE: Final = "Offline"
_DARK: Final = 34
"""Luma where there is no picture: as a slate's background, so that it is not taken for a black one."""
_NAME_LUMA, _STATE_LUMA = 235, 165
_LEAST_PX: Final = 9
"""Below this no letters can be read, so there are none."""
_NAME_OF_HEIGHT: Final = 1 / 8
_LABEL_OF_HEIGHT: Final = 1 / 16
_STATE_OF_NAME: Final = 0.7
_LEAST_BAR: Final = 2
"""In pixels. Sides are even, so that no shape is kept exactly."""
_AREA_FROM: Final = 0.5
"""As in `pixels.letterbox`: shrinking by less, bilinear misses no pixel and takes an eighth of the time."""
_SHADE: Final = 0.35
"""What is left of the brightness behind a name that stands in a picture."""


class Tile:
    """Shows the stream `stream`, whose pictures lie in `folder`, with its name in the corner if `is_named`.

    A picture that is not too old is what is shown, and nothing else: where none came for as long as the stream itself
    waits (`stall_after_s`), the place says the stream's name, and that it is offline. One thread.
    """

    def __init__(
        self, folder: str, stream: str, *, is_named: bool, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._stream = stream
        self._is_named = is_named
        self._reader = TapReader(Path(folder), stream, monotonic_ns)
        self._asked: tuple[int, int, Matrix] = (0, 0, "bt709")
        self._shown = self._spare = new_i420(0, 0)
        self._label: _Label | None = None
        self._has_picture = self._is_painted = False

    @property
    def i420(self) -> I420:
        """What is shown, in the size that was last asked for; until the next `look`."""
        return self._shown

    @property
    def source_size(self) -> tuple[int, int] | None:
        """Width and height of the stream's own pictures, once there are any."""
        return self._reader.size

    def look(self, width: int, height: int, matrix: Matrix) -> bool:
        """Bring it up to date, in this size (both even) and these colours. Whether what it shows is another picture."""
        if (width, height, matrix) != self._asked:
            self._begin(width, height, matrix)
        sight = self._reader.look(self._draw)
        if sight is Sight.NEW:
            self._shown, self._spare = self._spare, self._shown
            self._has_picture, self._is_painted = True, False
            return True
        if self._is_painted or (sight is Sight.SAME and self._has_picture):
            return False
        _paint_offline(self._shown, self._stream)
        self._has_picture, self._is_painted = False, True
        return True

    def _begin(self, width: int, height: int, matrix: Matrix) -> None:
        self._asked = (width, height, matrix)
        self._shown, self._spare = new_i420(width, height), new_i420(width, height)
        self._label = _Label(self._stream, width, height) if self._is_named else None
        self._has_picture = self._is_painted = False
        self._reader.forget()

    def _draw(self, seen: Seen) -> None:
        """`seen` as it is to be shown, into the spare picture: it is not known yet whether it was whole."""
        matrix = self._asked[2]
        _fit(seen.i420, self._spare)
        if seen.matrix != matrix:
            recolour(self._spare, seen.matrix, matrix)
        if self._label is not None:
            self._label.draw(split(self._spare))


class _Label:
    """A stream's name on a darker ground, in the top left corner; nothing where it could not be read."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self._ink: Plane = np.zeros((0, 0), np.uint8)
        size_px = round(height * _LABEL_OF_HEIGHT)
        if size_px < _LEAST_PX:
            return
        mask = _inked(lettering.coverage(name, size_px), _NAME_LUMA)
        rows, columns = mask.shape
        margin = size_px // 2
        self._ink = np.zeros((min(height, (rows + 1) // 2 * 2), min(width, (columns + 2 * margin) // 2 * 2)), np.uint8)
        room = self._ink[:rows, margin : margin + columns]
        np.copyto(room, mask[: room.shape[0], : room.shape[1]])

    def draw(self, planes: Planes) -> None:
        """Darken the ground, and write on it."""
        rows, columns = self._ink.shape
        if not rows or not columns:
            return
        luma = planes.y[:rows, :columns]
        cv2.convertScaleAbs(luma, dst=luma, alpha=_SHADE, beta=BLACK * (1 - _SHADE))
        cv2.max(luma, self._ink, dst=luma)
        for plane in planes[1:]:
            chroma = plane[: rows // 2, : columns // 2]
            cv2.convertScaleAbs(chroma, dst=chroma, alpha=_SHADE, beta=NEUTRAL * (1 - _SHADE))


def _fit(i420: I420, out: I420) -> None:
    """`i420` in the size of `out`, with bars where its shape is another one: a bar of a pixel or two is none."""
    width, height = out.shape[1], out.shape[0] * 2 // 3
    from_width, from_height = i420.shape[1], i420.shape[0] * 2 // 3
    scale = min(width / from_width, height / from_height)
    if max(width - from_width * scale, height - from_height * scale) >= _LEAST_BAR:
        letterbox(i420, width, height, out=out)
        return
    interpolation = cv2.INTER_AREA if scale <= _AREA_FROM else cv2.INTER_LINEAR
    for source, target in zip(split(i420), split(out), strict=True):
        cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=interpolation)


def paste(canvas: Planes, i420: I420, x: int, y: int) -> None:
    """Put the picture `i420` into the planes `canvas`, with its corner at (`x`, `y`), both even; all of it has room."""
    for target, source, divisor in zip(canvas, split(i420), (1, 2, 2), strict=True):
        rows, columns = source.shape
        top, left = y // divisor, x // divisor
        np.copyto(target[top : top + rows, left : left + columns], source)


def _paint_offline(i420: I420, name: str) -> None:
    """The name in the middle, and below it that there is no picture: in grey, as far as it can be read."""
    planes = split(i420)
    planes.y[:] = _DARK
    planes.u[:] = planes.v[:] = NEUTRAL
    height, width = planes.y.shape
    size_px = round(height * _NAME_OF_HEIGHT)
    wide = lettering.width_of(name, max(size_px, _LEAST_PX), bold=True)
    size_px = min(size_px, int(size_px * 0.9 * width / max(1, wide)))
    if size_px < _LEAST_PX:
        return
    state_px = max(_LEAST_PX, round(size_px * _STATE_OF_NAME))
    top = (height - lettering.line_height(size_px) - lettering.line_height(state_px)) // 2
    _write(planes.y, lettering.coverage(name, size_px, bold=True), top, _NAME_LUMA)
    _write(planes.y, lettering.coverage(OFFLINE, state_px), top + lettering.line_height(size_px), _STATE_LUMA)


def _write(luma: Plane, mask: Plane, top: int, level: int) -> None:
    """Letters of `level` onto a dark ground, in the middle of the width."""
    left = max(0, (luma.shape[1] - mask.shape[1]) // 2)
    area = luma[max(0, top) : top + mask.shape[0], left : left + mask.shape[1]]
    np.maximum(area, _inked(mask, level)[: area.shape[0], : area.shape[1]], out=area)


def _inked(mask: Plane, level: int) -> Plane:
    """Coverage as the luma that letters of `level` add."""
    return np.asarray(cv2.convertScaleAbs(mask, alpha=level / 255), np.uint8)
