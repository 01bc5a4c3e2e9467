"""`Frame`: one picture as transforms see it, as planes or as BGR, whichever they ask for."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from relay.errors import TransformError
from relay.model import Picture
from relay.pixels import Planes, Pool, split
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.pixels import I420, Bgr, Plane

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NS_PER_US: Final = 1000


class Frame:
    """One picture on its way through a chain of transforms. Change it in place, or give it another BGR picture.

        def negative(frame):
            frame.y[:] = 251 - frame.y          # planes: fast, no conversion

        def label(frame, text="hello"):
            cv2.putText(frame.bgr, text, (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 255, 255), 2)

    `y`, `u`, `v` are views of the planes: `uint8`, limited range (black 16, white 235, grey chroma 128), `u` and `v` of
    half the width and height. `bgr` is `uint8` of shape `(height, width, 3)`, made when it is asked for and written
    back once, when a later transform wants planes or the chain ends. **The one asked for last is the picture**: after
    `frame.y`, ask for `frame.bgr` again, and the other way round.

    `slot` is the picture's place on the output grid, `time_ns` and `time` when it was captured. A frame is valid until
    the transform returns; afterwards it may still be read, but what is written to it may or may not be seen.

    Colours of `bgr` follow BT.601 whatever the stream's matrix, because that conversion is exact there and back; in a
    BT.709 stream a saturated colour drawn into `bgr` is shown a little different.
    """

    __slots__ = ("_bgr", "_packed", "_planes", "_pool", "slot", "time_ns")

    def __init__(self, picture: Picture, pool: Pool | None = None) -> None:
        self.slot = picture.slot
        self.time_ns = picture.time_ns
        self._pool = pool if pool is not None else Pool()
        self._packed: I420 | None = picture.i420
        self._planes: Planes | None = split(picture.i420)
        self._bgr: Bgr | None = None

    def __repr__(self) -> str:
        return f"<Frame {self.width}x{self.height} slot {self.slot} {self.time:%Y-%m-%dT%H:%M:%S.%fZ}>"

    @property
    def time(self) -> dt.datetime:
        """When the picture was captured, in UTC, to the microsecond."""
        seconds, ns = divmod(self.time_ns, NS_PER_S)
        return _EPOCH + dt.timedelta(seconds=seconds, microseconds=ns // _NS_PER_US)

    @property
    def width(self) -> int:
        """Columns; always even."""
        return int(self._current().shape[1])

    @property
    def height(self) -> int:
        """Rows; always even."""
        return int(self._current().shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """`(width, height)`, in OpenCV's order."""
        return self.width, self.height

    @property
    def is_bgr(self) -> bool:
        """Whether the picture is BGR just now: who can work on either saves a conversion by asking."""
        return self._bgr is not None

    @property
    def y(self) -> Plane:
        """The luma plane, shape `(height, width)`: a view, to be changed in place."""
        return self.planes.y

    @y.setter
    def y(self, value: Plane) -> None:
        _assign(self.planes.y, value, "y")

    @property
    def u(self) -> Plane:
        """The blue-difference plane (Cb), shape `(height // 2, width // 2)`: a view, to be changed in place."""
        return self.planes.u

    @u.setter
    def u(self, value: Plane) -> None:
        _assign(self.planes.u, value, "u")

    @property
    def v(self) -> Plane:
        """The red-difference plane (Cr), shape `(height // 2, width // 2)`: a view, to be changed in place."""
        return self.planes.v

    @v.setter
    def v(self, value: Plane) -> None:
        _assign(self.planes.v, value, "v")

    @property
    def planes(self) -> Planes:
        """`(y, u, v)`. A BGR picture is written back first."""
        if self._planes is None:
            packed = self._pool.i420(*self.size)
            cv2.cvtColor(self._current(), cv2.COLOR_BGR2YUV_I420, dst=packed)
            self._bgr, self._packed, self._planes = None, packed, split(packed)
        return self._planes

    @property
    def bgr(self) -> Bgr:
        """The picture as BGR, shape `(height, width, 3)`, C-contiguous, to be changed in place or assigned."""
        if self._bgr is None:
            bgr = self._pool.take(self.height, self.width, 3)
            cv2.cvtColor(self._pack(), cv2.COLOR_YUV2BGR_I420, dst=bgr)
            self._become_bgr(bgr)
            return bgr
        return self._bgr

    @bgr.setter
    def bgr(self, value: Bgr) -> None:
        if value is self._bgr:
            return
        problem = _why_not_bgr(value)
        if problem:
            raise TransformError(f"a frame's picture is uint8 of shape (even height, even width, 3), not {problem}")
        bgr = self._pool.take(*value.shape)
        np.copyto(bgr, value)  # it stays the user's: a later transform draws into ours
        self._become_bgr(bgr)

    def crop(self, x: int, y: int, width: int, height: int) -> None:
        """Keep `width` x `height` pixels from (`x`, `y`) on; all even. Planes are narrowed without a copy."""
        if x + width > self.width or y + height > self.height:
            raise TransformError(
                f"{width}x{height} at ({x}, {y}) reaches out of a picture of {self.width}x{self.height}"
            )
        if self._bgr is not None:
            self.bgr = self._bgr[y : y + height, x : x + width]
            return
        luma = self.y[y : y + height, x : x + width]
        rows, columns = slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2)
        self._planes, self._packed = Planes(luma, self.u[rows, columns], self.v[rows, columns]), None

    def map(self, width: int, height: int, operation: Callable[[Plane, Plane], object]) -> None:
        """Make the frame `width` x `height` (both even) by `operation(source, target)` on each plane, or on BGR.

        `target` has the size that is wanted, and its content is undefined.
        """
        if self._bgr is not None:
            bgr = self._pool.take(height, width, 3)
            operation(self._bgr, bgr)
            self._become_bgr(bgr)
            return
        packed = self._pool.i420(width, height)
        targets = split(packed)
        for source, target in zip(self.planes, targets, strict=True):
            operation(source, target)
        self._packed, self._planes = packed, targets

    def copy_from(self, other: Frame) -> None:
        """Take over the picture of `other`, whatever its size; `slot` and `time_ns` stay."""
        packed = self._pool.i420(*other.size)
        np.copyto(packed, other.picture().i420)
        self._bgr, self._packed, self._planes = None, packed, split(packed)

    def picture(self) -> Picture:
        """What leaves the chain: the frame as it is now, packed."""
        return Picture(self.slot, self.time_ns, self._pack())

    def _become_bgr(self, bgr: Bgr) -> None:
        self._bgr, self._packed, self._planes = bgr, None, None

    def _current(self) -> Plane | Bgr:
        """Whatever holds the picture now; its first two dimensions are height and width."""
        return self._bgr if self._bgr is not None else self.planes.y

    def _pack(self) -> I420:
        planes = self.planes
        if self._packed is None:
            packed = self._pool.i420(*self.size)
            targets = split(packed)
            for source, target in zip(planes, targets, strict=True):
                np.copyto(target, source)
            self._packed, self._planes = packed, targets
        return self._packed


def _assign(plane: Plane, value: object, name: str) -> None:
    """`frame.y += 1` ends here with the plane itself; `frame.y = other` with an array to copy."""
    if value is plane:
        return
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.shape != plane.shape:
        raise TransformError(f"frame.{name} is uint8 of shape {plane.shape}, not {describe(value)}")
    np.copyto(plane, value)


def _why_not_bgr(value: object) -> str:
    if (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[2] == 3
        and 0 < value.shape[0] == value.shape[0] // 2 * 2
        and 0 < value.shape[1] == value.shape[1] // 2 * 2
    ):
        return ""
    return describe(value)


def describe(value: object) -> str:
    """What somebody handed over, in the words of an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return f"{type(value).__name__} ({value!r:.60})"
