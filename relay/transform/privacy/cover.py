"""Hiding a part of a picture, plane by plane, so that what was there cannot be had back.

`fill` puts one colour there. `pixelate` and `blur` first reduce the part to a few cells, each the mean of what it
covers, and make it large again, in blocks or smoothly: unlike a filter, of which much can be computed back, all that is
left are those cells. Chroma is treated as luma is: it alone can show who somebody is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import cv2
import numpy as np

from relay.transform.colour import yuv_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import Plane, Planes

How = Literal["fill", "blur", "pixelate"]
_LEAST_CELL_PX: Final = 4
"""A cell of fewer pixels hides nothing: what is small gets fewer cells."""
_ROOM: Final = 1.25
"""What is taken beyond what is needed, so that a face that comes nearer does not need new memory in every frame."""


class Area(NamedTuple):
    """A part of a picture: a rectangle with even corners, and 255 for each of its samples that is meant.

    `luma` has the shape `(height, width)`, `chroma` half of that: a sample of chroma is meant where any of its four
    pixels is.
    """

    x: int
    y: int
    width: int
    height: int
    luma: Plane
    chroma: Plane

    def part(self, plane: Plane, divisor: int) -> Plane:
        """The rectangle in a plane that is `divisor` times smaller than the picture, as a view."""
        x, y, width, height = (value // divisor for value in self[:4])
        return plane[y : y + height, x : x + width]


class Room:
    """Planes by name, in memory as large as was ever needed: what is hidden has another size in every frame."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[np.uint8]] = {}

    def take(self, name: str, rows: int, columns: int) -> Plane:
        """A contiguous plane of this size, its content undefined, which the next of this name overwrites."""
        kept = self._kept.get(name)
        if kept is None or kept.size < rows * columns:
            kept = self._kept[name] = np.zeros(int(rows * columns * _ROOM), np.uint8)
        return kept[: rows * columns].reshape(rows, columns)


class Cover:
    """Hides areas of pictures, in one way and one colour."""

    def __init__(self, how: How, colour: str = "#000000") -> None:
        self._how = how
        self._levels = yuv_of(colour)
        self._room = Room()

    def hide(self, planes: Planes, area: Area, columns: int, rows: int) -> None:
        """Hide `area`, of which at most `columns` x `rows` cells are left where that is how."""
        columns = max(1, min(columns, area.width // _LEAST_CELL_PX))
        rows = max(1, min(rows, area.height // _LEAST_CELL_PX))
        masks = (area.luma, area.chroma, area.chroma)
        for plane, mask, level, divisor in zip(planes, masks, self._levels, (1, 2, 2), strict=True):
            part = area.part(plane, divisor)
            cv2.copyTo(self._hidden(part, level, columns, rows), mask, part)

    def _hidden(self, part: Plane, level: int, columns: int, rows: int) -> Plane:
        """What is shown in place of `part`."""
        hidden = self._room.take("hidden", *part.shape)
        if self._how == "fill":
            hidden.fill(level)
            return hidden
        cells = self._room.take("cells", rows, columns)
        cv2.resize(part, (columns, rows), dst=cells, interpolation=cv2.INTER_AREA)
        interpolation = cv2.INTER_LINEAR if self._how == "blur" else cv2.INTER_NEAREST
        cv2.resize(cells, (part.shape[1], part.shape[0]), dst=hidden, interpolation=interpolation)
        return hidden


class Stencil:
    """Makes areas of polygons."""

    def __init__(self) -> None:
        self._room = Room()

    def convex(self, corners: NDArray[np.float32], width: int, height: int) -> Area | None:
        """The convex polygon of `corners`, shape `(n, 2)` in shares, in a picture of `width` x `height`.

        It holds every pixel that it touches. `None` where it lies outside. The next one overwrites it.
        """
        pixels = corners * np.array([width, height], np.float32)
        left, top = (max(0, int(edge) // 2 * 2) for edge in np.floor(pixels.min(axis=0)))
        right, bottom = (
            min(side, (int(edge) + 1) // 2 * 2)
            for side, edge in zip((width, height), np.ceil(pixels.max(axis=0)), strict=True)
        )
        if right <= left or bottom <= top:
            return None
        luma = self._room.take("luma", bottom - top, right - left)
        luma.fill(0)
        points = np.round(pixels - np.array([left, top], np.float32)).astype(np.int32)
        cv2.fillConvexPoly(luma, points, (255,))
        chroma = chroma_of(luma, self._room.take("chroma", (bottom - top) // 2, (right - left) // 2))
        return Area(left, top, right - left, bottom - top, luma, chroma)

    def whole(self, luma: Plane) -> Area:
        """A mask of the whole picture; the next one overwrites its chroma."""
        height, width = luma.shape
        return Area(0, 0, width, height, luma, chroma_of(luma, self._room.take("chroma", height // 2, width // 2)))


def chroma_of(luma: Plane, out: Plane) -> Plane:
    """A mask for chroma, half as wide and high: 255 where any of the four pixels of a sample is."""
    cv2.resize(luma, (out.shape[1], out.shape[0]), dst=out, interpolation=cv2.INTER_AREA)
    cv2.threshold(out, 0, 255, cv2.THRESH_BINARY, dst=out)
    return out
