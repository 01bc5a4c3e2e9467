"""`crop`: one rectangle of the picture, and nothing is copied for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from relay.transform.base import Group, Offset, Side, Transform, Wants

if TYPE_CHECKING:
    from relay.transform.frame import Frame


class Crop(Transform):
    """Keeps one rectangle of the picture."""

    name: ClassVar = "crop"
    group: ClassVar[Group] = "geometry"
    wants: ClassVar[Wants] = "either"
    changes_size: ClassVar[bool] = True

    x: Offset = Field(default=0, description="left edge in pixels, even")
    y: Offset = Field(default=0, description="top edge in pixels, even")
    width: Side = Field(description="width in pixels, even")
    height: Side = Field(description="height in pixels, even")

    def apply(self, frame: Frame) -> None:
        """Narrow the frame; raises `TransformError` where the rectangle reaches out of the picture."""
        frame.crop(self.x, self.y, self.width, self.height)
