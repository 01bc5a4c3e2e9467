"""`flip` and `rotate`: mirrored, turned by quarters without loss, or by any angle for a camera that hangs crooked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.transform.base import Group, Transform, Wants
from relay.transform.colour import Colour
from relay.transform.geometry.warp import Interpolation, Warp, bounded, centre

if TYPE_CHECKING:
    from relay.transform.frame import Frame

_MIRROR: Final = {"horizontal": 1, "vertical": 0}
_QUARTERS: Final = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Flip(Transform):
    """Mirrors the picture."""

    name: ClassVar = "flip"
    group: ClassVar[Group] = "geometry"
    wants: ClassVar[Wants] = "either"

    direction: Literal["horizontal", "vertical"] = Field(
        default="horizontal", description="horizontal swaps left and right, vertical top and bottom"
    )

    def apply(self, frame: Frame) -> None:
        """Mirror every plane."""
        code = _MIRROR[self.direction]
        frame.map(*frame.size, lambda source, target: cv2.flip(source, code, dst=target))


class Rotate(Transform):
    """Turns the picture clockwise; a quarter turn swaps width and height."""

    name: ClassVar = "rotate"
    group: ClassVar[Group] = "geometry"
    wants: ClassVar[Wants] = "either"
    changes_size: ClassVar[bool] = True

    degrees: float = Field(
        ge=-360, le=360, allow_inf_nan=False, description="clockwise; 90, 180 and 270 lose nothing, others interpolate"
    )
    fit: Literal["keep", "whole", "inside"] = Field(
        default="keep",
        description="of angles between the quarters: keep the size and lose the corners; the whole picture on a larger "
        "one; or the largest upright picture inside it, without any fill",
    )
    fill: Colour = Field(default="black", description="what is where the picture is not: a name or #rrggbb")
    interpolation: Interpolation = Field(default="bilinear", description="how pixels in between are made")
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _warp: Warp | None = PrivateAttr(default=None)

    def apply(self, frame: Frame) -> None:
        """Turn every plane."""
        degrees = self.degrees % 360
        if degrees == 0:
            return
        if degrees in _QUARTERS:
            code = _QUARTERS[int(degrees)]
            width, height = frame.size if degrees == 180 else (frame.height, frame.width)
            frame.map(width, height, lambda source, target: cv2.rotate(source, code, dst=target))
            return
        if self._warp is None or self._size != frame.size:
            self._warp, self._size = self._turn(*frame.size), frame.size
        self._warp.apply(frame)

    def _turn(self, width: int, height: int) -> Warp:
        radians = math.radians(self.degrees)
        cosine, sine = math.cos(radians), math.sin(radians)
        size = _fitting(self.fit, width, height, radians)
        (from_x, from_y), (to_x, to_y) = centre(width, height), centre(*size)
        matrix = np.array([
            [cosine, sine, from_x - cosine * to_x - sine * to_y],
            [-sine, cosine, from_y + sine * to_x - cosine * to_y],
            [0, 0, 1],
        ])  # fmt: skip
        return Warp.of(size, matrix, self.interpolation, self.fill)


def _fitting(fit: Literal["keep", "whole", "inside"], width: int, height: int, radians: float) -> tuple[int, int]:
    """Width and height of what a picture becomes that is turned by an angle between the quarters."""
    if fit == "keep":
        return width, height
    cosine, sine = abs(math.cos(radians)), abs(math.sin(radians))
    if fit == "whole":
        return bounded(width * cosine + height * sine + 1), bounded(width * sine + height * cosine + 1)
    inner_width, inner_height = _largest_inside(width, height, cosine, sine)
    return bounded(inner_width - 1), bounded(inner_height - 1)


def _largest_inside(width: int, height: int, cosine: float, sine: float) -> tuple[float, float]:
    """Sides of the largest upright rectangle within one of `width` x `height` that is turned."""
    long, short = max(width, height), min(width, height)
    if short <= 2 * sine * cosine * long or math.isclose(sine, cosine):
        # Two of its corners touch the longer sides in their middles; the others are free.
        across, along = short / 2 / sine, short / 2 / cosine
        return (across, along) if width >= height else (along, across)
    difference = cosine * cosine - sine * sine
    return (width * cosine - height * sine) / difference, (height * cosine - width * sine) / difference
