"""Crop, scale, flip, rotate: on the planes as they are, or on the BGR picture where a transform before made one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

import cv2
from pydantic import BeforeValidator, Field, model_validator

from relay.transform.base import Offset, Side, Transform

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame

_INTERPOLATION: Final = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
_MIRROR: Final = {"horizontal": 1, "vertical": 0}
_TURN: Final = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Crop(Transform):
    """Keeps one rectangle of the picture."""

    name: ClassVar = "crop"
    group: ClassVar = "geometry"
    wants: ClassVar = "either"
    changes_size: ClassVar = True
    x: Offset = Field(default=0, description="left edge in pixels, even")
    y: Offset = Field(default=0, description="top edge in pixels, even")
    width: Side = Field(description="width in pixels, even")
    height: Side = Field(description="height in pixels, even")

    def apply(self, frame: Frame) -> None:
        """Narrow the frame; raises `TransformError` where the rectangle reaches out of the picture."""
        frame.crop(self.x, self.y, self.width, self.height)


class Scale(Transform):
    """Makes the picture larger or smaller. With only one side given, the other follows in proportion."""

    name: ClassVar = "scale"
    group: ClassVar = "geometry"
    wants: ClassVar = "either"
    changes_size: ClassVar = True
    width: Side | None = Field(default=None, description="width in pixels, even")
    height: Side | None = Field(default=None, description="height in pixels, even")
    interpolation: Literal["nearest", "bilinear", "area", "bicubic", "lanczos"] = Field(
        default="bilinear",
        description="how pixels in between are made; area is smoothest for shrinking to half or less",
    )

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if self.width is None and self.height is None:
            raise ValueError("give a width, a height, or both")
        return self

    def apply(self, frame: Frame) -> None:
        """Resize every plane."""
        width = self.width or _in_proportion(frame.width, self.height, frame.height)
        height = self.height or _in_proportion(frame.height, self.width, frame.width)
        if (width, height) == frame.size:
            return
        interpolation = _INTERPOLATION[self.interpolation]

        def resize(source: Plane, target: Plane) -> None:
            cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=interpolation)

        frame.map(width, height, resize)


class Flip(Transform):
    """Mirrors the picture."""

    name: ClassVar = "flip"
    group: ClassVar = "geometry"
    wants: ClassVar = "either"
    direction: Literal["horizontal", "vertical"] = Field(
        default="horizontal", description="horizontal swaps left and right, vertical top and bottom"
    )

    def apply(self, frame: Frame) -> None:
        """Mirror every plane."""
        code = _MIRROR[self.direction]
        frame.map(*frame.size, lambda source, target: cv2.flip(source, code, dst=target))


def _whole_number(value: object) -> object:
    """A command line's `90` is text, which a `Literal` of numbers would not take."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class Rotate(Transform):
    """Turns the picture clockwise; a quarter turn swaps width and height."""

    name: ClassVar = "rotate"
    group: ClassVar = "geometry"
    wants: ClassVar = "either"
    changes_size: ClassVar = True
    degrees: Annotated[Literal[90, 180, 270], BeforeValidator(_whole_number)] = Field(
        description="90, 180 or 270, clockwise"
    )

    def apply(self, frame: Frame) -> None:
        """Turn every plane."""
        code = _TURN[self.degrees]
        width, height = frame.size if self.degrees == 180 else (frame.height, frame.width)
        frame.map(width, height, lambda source, target: cv2.rotate(source, code, dst=target))


def _in_proportion(side: int, other_to: int | None, other_from: int) -> int:
    """The even length nearest to `side` scaled as its other side is; `other_to` is given where `side` is wanted."""
    return max(2, round(side * (other_to or other_from) / other_from / 2) * 2)
