"""`mask`: zones of the picture that nobody is to see, whatever is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import cv2
import numpy as np
from pydantic import BeforeValidator, Field, PrivateAttr

from relay.errors import TransformError
from relay.transform.base import Group, Transform
from relay.transform.colour import Colour
from relay.transform.polygon import Polygon
from relay.transform.privacy.cover import Area, Cover, How, chroma_of

if TYPE_CHECKING:
    from relay.transform.frame import Frame


def _split(value: object) -> object:
    """A command line's polygons, with `;` between them."""
    return [part for part in value.split(";") if part.strip()] if isinstance(value, str) else value


class Mask(Transform):
    """Hides zones: polygons that are filled, blurred or pixelated; or all but them."""

    name: ClassVar = "mask"
    group: ClassVar[Group] = "privacy"
    is_private: ClassVar[bool] = True
    zones: Annotated[tuple[Polygon, ...], BeforeValidator(_split), Field(min_length=1)] = Field(
        description='polygons, each "x,y x,y x,y" in shares of width and height; in one text with ; between them'
    )
    how: How = Field(default="fill", description="fill with a colour, blur, or pixelate")
    colour: Colour = Field(default="black", description="what is filled with: a name, or #rrggbb")
    block: float = Field(
        default=1 / 12, gt=0.01, le=1, description="size of what is left where not filled, in shares of the height"
    )
    inverse: bool = Field(default=False, description="hide everything but the zones")
    _cover: Cover | None = PrivateAttr(default=None)
    _areas: tuple[Area, ...] = PrivateAttr(default=())
    _areas_of: tuple[int, int] = PrivateAttr(default=(0, 0))

    def apply(self, frame: Frame) -> None:
        """Hide the zones, or all but them, in every plane."""
        if self._cover is None:
            self._cover = Cover(self.how, self.colour)
        if self._areas_of != frame.size:
            self._areas, self._areas_of = self._made(*frame.size), frame.size
        planes = frame.planes
        for area in self._areas:
            rows = max(1, round(area.height / (self.block * frame.height)))
            columns = max(1, round(area.width / (self.block * frame.height)))
            self._cover.hide(planes, area, columns, rows)

    def _made(self, width: int, height: int) -> tuple[Area, ...]:
        """What is hidden in a picture of this size: an area for each zone, or one for all around them."""
        if not self.inverse:
            return tuple(_area(zone.mask(width, height)) for zone in self.zones)
        around = np.full((height, width), 255, np.uint8)
        for zone in self.zones:
            np.copyto(around, 0, where=zone.mask(width, height) > 0)
        return (_area(around),) if around.any() else ()


def _area(mask: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Area:
    """The rectangle around what a mask means, with even corners, and the mask within it."""
    height, width = mask.shape
    left, top, columns, rows = cv2.boundingRect(mask)
    if not columns:
        raise TransformError(f"a zone holds no pixel of a picture of {width}x{height}")
    right, bottom = min(width, (left + columns + 1) // 2 * 2), min(height, (top + rows + 1) // 2 * 2)
    left, top = left // 2 * 2, top // 2 * 2
    luma = np.where(mask[top:bottom, left:right] > 0, np.uint8(255), np.uint8(0))
    chroma = chroma_of(luma, np.zeros((luma.shape[0] // 2, luma.shape[1] // 2), np.uint8))
    return Area(left, top, right - left, bottom - top, luma, chroma)
