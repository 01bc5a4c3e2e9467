"""`scale`: any size, on the planes as they are, or on the BGR picture where a transform before made one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

import cv2
from pydantic import Field, model_validator

from relay.transform.base import Group, Side, Transform, Wants
from relay.transform.geometry.warp import INTERPOLATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.pixels import Plane
    from relay.transform.frame import Frame

_INTERPOLATION: Final[Mapping[str, int]] = {"area": cv2.INTER_AREA} | {
    str(name): code for name, code in INTERPOLATION.items()
}


class Scale(Transform):
    """Makes the picture larger or smaller. With only one side given, the other follows in proportion."""

    name: ClassVar = "scale"
    group: ClassVar[Group] = "geometry"
    wants: ClassVar[Wants] = "either"
    changes_size: ClassVar[bool] = True

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


def _in_proportion(side: int, other_to: int | None, other_from: int) -> int:
    """The even length nearest to `side` scaled as its other side is; `other_to` is given where `side` is wanted."""
    return max(2, round(side * (other_to or other_from) / other_from / 2) * 2)
