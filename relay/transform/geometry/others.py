"""`picture-in-picture` and `mosaic`: other streams of the relay beside, or on top of, the stream's own picture.

What they show has left the other streams' transforms. Where the own picture goes out black because something that hides
could not, they are not asked, and all of it is black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from pydantic import Field, PrivateAttr

from relay.fields import StreamName
from relay.pixels import letterbox, split
from relay.pixels.planes import BLACK, NEUTRAL
from relay.taps import Cell, Tile, cells, paste
from relay.transform.base import Group, Showing
from relay.transform.colour import Colour, yuv_of
from relay.transform.scratch import Scratch
from relay.walls import Columns, StreamNames

if TYPE_CHECKING:
    from relay.pixels import I420, Plane, Planes
    from relay.transform.frame import Frame

_LEVELS: Final = (BLACK, NEUTRAL, NEUTRAL)


class PictureInPicture(Showing):
    """Shows another stream of the relay in a small picture on top. Without a new picture it says that it is offline.

    It works in `relay serve`, with the streams of its `relay.toml`. Streams cannot show each other in a circle, and one
    whose pictures are copied (`video = "copy"` or `"auto"`) cannot be shown.
    """

    name: ClassVar = "picture-in-picture"
    group: ClassVar[Group] = "geometry"

    stream: StreamName = Field(description="the name of the other stream")
    x: float = Field(default=0.72, ge=0, le=1, description="left edge, in shares of the width")
    y: float = Field(default=0.7, ge=0, le=1, description="top edge, in shares of the height")
    width: float = Field(
        default=0.25, ge=0.02, le=1, description="in shares of the width; the height follows from its own shape"
    )
    border: float = Field(default=0.006, ge=0, le=0.1, description="in shares of the height; 0 for none")
    colour: Colour = Field(default="white", description="of the border: a name or #rrggbb")
    names: bool = Field(default=False, description="write the stream's name into its corner")
    _tile: Tile | None = PrivateAttr(default=None)

    def open(self) -> None:
        """Begin to look. Raises `TransformError` where there are no other streams."""
        super().open()
        self._tile = Tile(self._taps.folder, self.stream, is_named=self.names)

    def apply(self, frame: Frame) -> None:
        """Draw the border, and the newest picture into it. It is scaled once, however often it is shown."""
        if self._tile is None:
            return
        left, top, width, height = self._place(frame.size, self._tile.source_size or frame.size)
        self._tile.look(width, height, frame.matrix)
        planes = frame.planes
        if self.border:
            edge = max(2, round(self.border * frame.height / 2) * 2)
            _fill(planes, (left - edge, top - edge, left + width + edge, top + height + edge), yuv_of(self.colour))
        paste(planes, self._tile.i420, left, top)

    def close(self) -> None:
        """Let go of the other stream's pictures."""
        self._tile = None

    def _place(self, size: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, width and height in a picture of `size`, all even, for one in the shape of `shape`.

        What would reach out of it is moved inside, and smaller where it has no room at all.
        """
        wide, tall = size
        width = min(self.width * wide, tall * shape[0] / shape[1])
        height = _even(width * shape[1] / shape[0], tall)
        width = _even(width, wide)
        left, top = round(self.x * wide / 2) * 2, round(self.y * tall / 2) * 2
        return min(left, wide - width), min(top, tall - height), width, height


class Mosaic(Showing):
    """Shows other streams of the relay beside the own picture, which comes first, in rows of equal places.

    The picture keeps its size, and each in it its shape. Where a stream has no new picture, its place says that it is
    offline. It works in `relay serve`, with the streams of its `relay.toml`. Streams cannot show each other in a
    circle, and one whose pictures are copied (`video = "copy"` or `"auto"`) cannot be shown. A stream that is nothing
    but others has no need of it: its `source` is a wall.
    """

    name: ClassVar = "mosaic"
    group: ClassVar[Group] = "geometry"

    streams: StreamNames = Field(description='names of the other streams: "front,door", or a list')
    columns: Columns | None = Field(default=None, description="places in a row; as many as in a column, or nearly")
    names: bool = Field(default=True, description="write the other streams' names into their corners")
    _tiles: list[Tile] = PrivateAttr(default_factory=list)
    _cells: list[Cell] = PrivateAttr(default_factory=list)
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _scratch: Scratch = PrivateAttr(default_factory=Scratch)

    def open(self) -> None:
        """Begin to look. Raises `TransformError` where there are no other streams."""
        super().open()
        self._tiles = [Tile(self._taps.folder, stream, is_named=self.names) for stream in self.streams]

    def apply(self, frame: Frame) -> None:
        """Put all of them into a picture of the same size. Each is scaled once, however often it is shown."""
        if self._size != frame.size:
            self._cells, self._size = cells(1 + len(self._tiles), *frame.size, self.columns), frame.size
        own, *others = self._cells
        whole = frame.picture().i420
        pictures = [letterbox(whole, own.width, own.height, self._scratch.uint8("own", own.height * 3 // 2, own.width))]
        for tile, cell in zip(self._tiles, others, strict=True):
            tile.look(cell.width, cell.height, frame.matrix)
            pictures.append(tile.i420)
        steps = iter(range(len(_LEVELS)))
        frame.map(*frame.size, lambda _, target: self._compose(next(steps), target, pictures))

    def close(self) -> None:
        """Let go of the other streams' pictures."""
        self._tiles = []

    def _compose(self, index: int, target: Plane, pictures: list[I420]) -> None:
        """Plane `index` of all of them, where they belong."""
        divisor = 1 if index == 0 else 2
        target[:] = _LEVELS[index]
        for picture, cell in zip(pictures, self._cells, strict=True):
            source = split(picture)[index]
            rows, columns = source.shape
            top, left = cell.y // divisor, cell.x // divisor
            np.copyto(target[top : top + rows, left : left + columns], source)


def _fill(planes: Planes, edges: tuple[int, int, int, int], levels: tuple[int, int, int]) -> None:
    """Left, top, right and bottom of a rectangle, all even, in one colour; what reaches out is cut off."""
    left, top, right, bottom = (max(0, edge) for edge in edges)
    for plane, level, divisor in zip(planes, levels, (1, 2, 2), strict=True):
        plane[top // divisor : bottom // divisor, left // divisor : right // divisor] = level


def _even(length: float, limit: int) -> int:
    """The even whole number nearest to `length`, from 2 to `limit`, which is even."""
    return min(limit, max(2, round(length / 2) * 2))
