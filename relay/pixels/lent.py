"""A picture in memory that is somebody else's: a decoder's, which builds later pictures upon it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relay.model import Picture
from relay.pixels.planes import Planes, split

if TYPE_CHECKING:
    from relay.pixels.planes import I420
    from relay.pixels.pool import Pool


class LentPicture(Picture):
    """A `Picture` that is only packed, and so copied, for who asks for `i420`; others read `planes`.

    The planes have even sizes as a picture's have, keep the memory alive that they are views of, and cannot be written
    to: numpy and OpenCV refuse it. `i420` is packed once, into a buffer of `pool`; one thread asks for it.
    """

    __slots__ = ("_packed", "_pool", "planes")

    planes: Planes
    _pool: Pool
    _packed: I420 | None

    def __init__(self, slot: int, time_ns: int, planes: Planes, pool: Pool) -> None:
        for plane in planes:
            plane.flags.writeable = False
        values = {"slot": slot, "time_ns": time_ns, "planes": planes, "_pool": pool, "_packed": None}
        for name, value in values.items():
            object.__setattr__(self, name, value)  # a picture is frozen

    @property
    def i420(self) -> I420:
        """The picture packed; from then on it may be written to, as any other's."""
        if self._packed is None:
            packed = self._pool.i420(self.width, self.height)
            for source, target in zip(self.planes, split(packed), strict=True):
                np.copyto(target, source)
            object.__setattr__(self, "_packed", packed)
            return packed
        return self._packed

    @property
    def width(self) -> int:
        """Columns of the luma plane."""
        return int(self.planes.y.shape[1])

    @property
    def height(self) -> int:
        """Rows of the luma plane."""
        return int(self.planes.y.shape[0])
