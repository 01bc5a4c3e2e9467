"""A wall: a stream whose pictures are a grid of the newest ones of other streams, without sound.

    wall:front,garden,door                            1280x720, 30 frames a second
    wall:front,garden,door?columns=3&size=1920x1080&rate=15&names=0

It shows what has left the other streams' transforms, and nothing else. A place whose stream has no new picture says so.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from relay.errors import SourceUnsupportedError
from relay.model import SourceInfo
from relay.pixels import Pool, new_i420, split
from relay.pixels.planes import BLACK, NEUTRAL
from relay.source.drawn import drawn_frame, ticks
from relay.taps import Tile, cells, paste
from relay.timeline import Grid
from relay.walls import WALL_RATE, WALL_SIZE, parse_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import av

    from relay.source.address import Address
    from relay.walls import WallSettings


class WallSource:
    """Pictures composed here, when their time has come on the relay's clock. A place is drawn where it is new."""

    is_live = True
    sample_aspect = Fraction(1)
    stall_after_s = 2.0
    delayed_ns = 0

    def __init__(
        self,
        wall: WallSettings,
        folder: str,
        unix_ns: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        width, height = wall.size or WALL_SIZE
        rate = wall.rate or WALL_RATE
        self._unix_ns, self._sleep = unix_ns, sleep
        self._grid = Grid(rate, 1, 1)
        places = cells(len(wall.streams), width, height, wall.columns)
        self._tiles = [
            (Tile(folder, stream, is_named=wall.names, monotonic_ns=monotonic_ns), place)
            for stream, place in zip(wall.streams, places, strict=True)
        ]
        self._pool = Pool()
        self._canvas = new_i420(width, height)
        self._canvas[:height] = BLACK
        self._canvas[height:] = NEUTRAL
        self.info = SourceInfo(
            width=width,
            height=height,
            rate=rate,
            video_codec="rawvideo",
            pixel_format="yuv420p",
            matrix="bt709",
            audio_codec=None,
            audio_sample_rate=0,
            audio_channels=0,
        )

    def media(self) -> Iterator[av.VideoFrame | None]:
        """Frames as their time comes, `None` after every breath in between; timestamps are Unix nanoseconds."""
        for slot in ticks(self._grid, self._unix_ns, self._sleep):
            yield None if slot is None else self._picture(self._grid.start_ns(slot))

    def close(self) -> None:
        """Let go of the other streams' pictures."""
        self._tiles.clear()

    def _picture(self, time_ns: int) -> av.VideoFrame:
        planes = split(self._canvas)
        for tile, place in self._tiles:
            if tile.look(place.width, place.height, "bt709"):
                paste(planes, tile.i420, place.x, place.y)
        # Not the canvas itself: it is drawn into again while whoever reads still has this frame.
        i420 = self._pool.take(*self._canvas.shape)
        np.copyto(i420, self._canvas)
        return drawn_frame(i420, time_ns)


def open_wall(address: Address, folder: str, unix_ns: Callable[[], int]) -> WallSource:
    """The wall that `address` asks for, of the streams whose pictures lie in `folder`.

    Raises `SourceUnsupportedError` where it cannot be read, and where there are no other streams.
    """
    try:
        wall = parse_wall(address.url)
    except ValueError as error:
        raise SourceUnsupportedError(f"{address.label}: {error}") from None
    if not folder:
        raise SourceUnsupportedError(f"{address.label}: a wall shows streams of `relay serve`, and none runs here")
    return WallSource(wall, folder, unix_ns)
