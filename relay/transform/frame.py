"""`Frame`: one picture as transforms see it, as planes or as BGR, whichever they ask for."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from relay.errors import TransformError
from relay.links import Emitted
from relay.model import Picture
from relay.pixels import LentPicture, Planes, Pool, split
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.model import Matrix
    from relay.pixels import I420, Bgr, Plane

__all__ = ["Emitted", "Frame", "describe"]

MAX_EVENT_BYTES: Final = 4096
"""Of one event's data as JSON: boxes of a hundred faces. What is larger is a picture, and no event."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NS_PER_US: Final = 1000
_KIND: Final = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_BLACK, _NEUTRAL = 16, 128


class Frame:
    """One picture on its way through a chain of transforms. Change it in place, or give it another BGR picture.

        def negative(frame):
            frame.y[:] = 251 - frame.y          # planes: fast, no conversion

        def label(frame, text="hello"):
            cv2.putText(frame.bgr, text, (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 255, 255), 2)

        def bright(frame):
            if frame.y.mean() > 200:
                frame.emit("bright", mean=frame.y.mean())

    `y`, `u`, `v` are views of the planes: `uint8`, limited range (black 16, white 235, grey chroma 128), `u` and `v` of
    half the width and height. `bgr` is `uint8` of shape `(height, width, 3)`, made when it is asked for and written
    back once, when a later transform wants planes or the chain ends. **The one asked for last is the picture**: after
    `frame.y`, ask for `frame.bgr` again, and the other way round.

    `slot` is the picture's place on the output grid (before there is one, pictures are counted from 0), `time_ns` and
    `time` when it was captured; `events` is what was noticed in it so far, by this transform and by those before it. A
    frame is valid until the transform returns, and, for one that holds it, until it lets it go; afterwards it may still
    be read, but what is written to it may or may not be seen.

    `matrix` says what the planes' colours mean, "bt709" or "smpte170m" (BT.601); their range is always limited. Colours
    of `bgr` follow BT.601 whatever the matrix, because that conversion is exact there and back; in a BT.709 stream a
    saturated colour drawn into `bgr` is shown a little different.
    """

    # What a frame holds is one of three: packed planes, planes alone (cropped, or lent), or BGR. `_kept` is
    # what it held when `keep` was called. Until somebody asks for those very samples both are the same memory: then
    # `_is_shared`, and who is given a view is given one of a copy. A conversion or a scaling writes elsewhere anyway.
    # `told` is how many of `events` the chain has passed on.
    __slots__ = (
        "_bgr",
        "_is_shared",
        "_kept",
        "_packed",
        "_planes",
        "_pool",
        "events",
        "is_blank",
        "matrix",
        "slot",
        "time_ns",
        "told",
    )

    def __init__(self, picture: Picture, pool: Pool | None = None, matrix: Matrix = "bt709") -> None:
        self.matrix: Matrix = matrix
        self.slot = picture.slot
        self.time_ns = picture.time_ns
        self.events: list[Emitted] = []
        self.told = 0
        self.is_blank = False
        self._pool = pool if pool is not None else Pool()
        self._packed: I420 | None = None
        self._planes: Planes | None
        if isinstance(picture, LentPicture):
            self._planes = picture.planes
        else:
            self._packed, self._planes = picture.i420, split(picture.i420)
        self._bgr: Bgr | None = None
        self._kept: tuple[I420 | None, Planes | None, Bgr | None] | None = None
        self._is_shared = False

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
        return int(self._luma_or_bgr().shape[1])

    @property
    def height(self) -> int:
        """Rows; always even."""
        return int(self._luma_or_bgr().shape[0])

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
        planes = self._as_planes()
        if not self._is_shared and planes.y.flags.writeable:  # a decoder's are not: see `LentPicture`
            return planes
        packed = self._pool.i420(*self.size)
        return self._become_packed(packed, _copied(planes, packed))

    @property
    def bgr(self) -> Bgr:
        """The picture as BGR, shape `(height, width, 3)`, C-contiguous, to be changed in place or assigned."""
        if self._bgr is not None and not self._is_shared:
            return self._bgr
        bgr = self._pool.take(self.height, self.width, 3)
        if self._bgr is None:
            cv2.cvtColor(self._pack(), cv2.COLOR_YUV2BGR_I420, dst=bgr)
        else:
            np.copyto(bgr, self._bgr)
        return self._become_bgr(bgr)

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

    def emit(self, kind: str, **data: Any) -> None:  # noqa: ANN401 - what JSON can say, and numpy's own numbers
        """Tell of something that is to be seen in this frame: `frame.emit("motion", score=0.4, zone="door")`.

        `kind` is 1 to 63 of a-z 0-9 _ . - and begins with a letter; `data` is what JSON can say, with numpy's numbers
        and arrays as numbers and lists, 4 KB at the most. It is told when the transform returns, with this frame's
        time, and not where the transform fails. Raises `TransformError`.
        """
        if not _KIND.fullmatch(kind):
            raise TransformError(f"frame.emit({kind!r:.80}): a kind is 1 to 63 of a-z 0-9 _ . -, a letter first")
        try:
            text = json.dumps(data, allow_nan=False, default=_plain)
        except (TypeError, ValueError, RecursionError) as error:
            raise TransformError(f"frame.emit({kind!r}): JSON cannot say this: {error}") from error
        if len(text) > MAX_EVENT_BYTES:
            raise TransformError(f"frame.emit({kind!r}): {len(text)} bytes of JSON, at most {MAX_EVENT_BYTES}")
        self.events.append(Emitted(kind, self.time_ns, json.loads(text)))

    def crop(self, x: int, y: int, width: int, height: int) -> None:
        """Keep `width` x `height` pixels from (`x`, `y`) on; all even. Planes are narrowed without a copy."""
        if x + width > self.width or y + height > self.height:
            raise TransformError(
                f"{width}x{height} at ({x}, {y}) reaches out of a picture of {self.width}x{self.height}"
            )
        if self._bgr is not None:
            self.bgr = self._bgr[y : y + height, x : x + width]
            return
        before = self._as_planes()
        rows, columns = slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2)
        luma = before.y[y : y + height, x : x + width]
        self._planes, self._packed = Planes(luma, before.u[rows, columns], before.v[rows, columns]), None

    def map(self, width: int, height: int, operation: Callable[[Plane, Plane], object]) -> None:
        """Make the frame `width` x `height` (both even) by `operation(source, target)` on each plane, or on BGR.

        `target` has the size that is wanted, and its content is undefined; `source` is only read.
        """
        if self._bgr is not None:
            bgr = self._pool.take(height, width, 3)
            operation(self._bgr, bgr)
            self._become_bgr(bgr)
            return
        packed = self._pool.i420(width, height)
        targets = split(packed)
        for source, target in zip(self._as_planes(), targets, strict=True):
            operation(source, target)
        self._become_packed(packed, targets)

    def copy_from(self, other: Frame) -> None:
        """Take over the picture of `other`, whatever its size; `slot` and `time_ns` stay."""
        packed = self._pool.i420(*other.size)
        np.copyto(packed, other.picture().i420)
        self._become_packed(packed, split(packed))

    def picture(self) -> Picture:
        """What leaves the chain: the frame as it is now, packed."""
        return Picture(self.slot, self.time_ns, self._pack())

    # What follows is the chain's, for transforms that fail.

    def keep(self) -> None:
        """From here on the picture can be put back. It costs a copy only where somebody asks for its very samples."""
        self._kept, self._is_shared = (self._packed, self._planes, self._bgr), True

    def let_go(self) -> None:
        """It need not be put back any more: what was kept is free for others."""
        self._kept, self._is_shared = None, False

    def put_back(self) -> None:
        """The picture is what it was when `keep` was called."""
        if self._kept is not None:
            self._packed, self._planes, self._bgr = self._kept
        self.let_go()

    def blank(self, width: int, height: int) -> None:
        """The picture is black, `width` x `height`, and nothing of it is left. `is_blank` says so from now on."""
        self.let_go()
        packed = self._pool.i420(width, height)
        packed[:height] = _BLACK
        packed[height:] = _NEUTRAL
        self._become_packed(packed, split(packed))
        self.is_blank = True

    # One of them is the picture; making one of the other leaves what was kept alone.

    def _become_bgr(self, bgr: Bgr) -> Bgr:
        self._bgr, self._packed, self._planes, self._is_shared = bgr, None, None, False
        return bgr

    def _become_packed(self, packed: I420, planes: Planes) -> Planes:
        self._bgr, self._packed, self._planes, self._is_shared = None, packed, planes, False
        return planes

    def _luma_or_bgr(self) -> Plane | Bgr:
        """Whatever holds the picture now; its first two dimensions are height and width."""
        return self._bgr if self._bgr is not None else self._as_planes().y

    def _as_planes(self) -> Planes:
        """The planes, to be read."""
        if self._planes is None:
            bgr = self._luma_or_bgr()
            packed = self._pool.i420(bgr.shape[1], bgr.shape[0])
            cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420, dst=packed)
            return self._become_packed(packed, split(packed))
        return self._planes

    def _pack(self) -> I420:
        """The planes in one array, to be read."""
        planes = self._as_planes()
        if self._packed is None:
            packed = self._pool.i420(planes.y.shape[1], planes.y.shape[0])
            self._become_packed(packed, _copied(planes, packed))
            return packed
        return self._packed


def _copied(planes: Planes, packed: I420) -> Planes:
    """`planes` in `packed`."""
    targets = split(packed)
    for source, target in zip(planes, targets, strict=True):
        np.copyto(target, source)
    return targets


def _plain(value: object) -> object:
    """What JSON does not know, in its words: only what numpy has."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"it is {describe(value)}")


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
