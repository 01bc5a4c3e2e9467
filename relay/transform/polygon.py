"""Places in a picture whatever its size: points in shares of its width and height, and the area within some of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import cv2
import numpy as np
from pydantic import BeforeValidator, ConfigDict, PrivateAttr, RootModel, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.pixels import Plane

Point: TypeAlias = tuple[float, float]
"""x and y, each from 0 to 1: (0, 0) is the picture's top left corner, (1, 1) its bottom right one."""

_MAX_POINTS: Final = 200
_MAX_SIZES: Final = 8
"""A polygon's masks are kept for so many sizes of plane: luma and chroma, and a camera that changes between a few."""
_SMALLEST_AREA: Final = 1e-6
"""A pixel of a 1080p picture is half of it."""


def parse_points(value: object) -> tuple[Point, ...]:
    """The points that `"x,y x,y"`, or a list of pairs, names. Raises `ValueError` with what is wrong."""
    if isinstance(value, str):
        pairs: Sequence[object] = [word.split(",") for word in value.split()]
    elif isinstance(value, list | tuple):
        pairs = value
    else:
        raise ValueError('points are written "x,y x,y ...", or as a list of pairs')  # noqa: TRY004 - pydantic's
    if len(pairs) > _MAX_POINTS:
        raise ValueError(f"{len(pairs)} points are too many: {_MAX_POINTS} will do for any shape")
    return tuple(_point(number, pair) for number, pair in enumerate(pairs, 1))


def _point(number: int, pair: object) -> Point:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        shown = ",".join(pair) if isinstance(pair, list) and all(isinstance(part, str) for part in pair) else pair
        raise ValueError(f"point {number} is {shown!r:.40}: a point is two numbers, x,y")
    x, y = pair
    return _share(number, x), _share(number, y)


def _share(number: int, part: object) -> float:
    if isinstance(part, bool) or not isinstance(part, str | int | float):
        raise ValueError(f"point {number} has {part!r:.40}, which is no number")  # noqa: TRY004 - pydantic's
    try:
        share = float(part)
    except ValueError:
        raise ValueError(f"point {number} has {part!r:.40}, which is no number") from None
    if not 0 <= share <= 1:
        raise ValueError(f"point {number} has {part!s:.40}: coordinates are shares of width and height, from 0 to 1")
    return share


Points = Annotated[tuple[Point, ...], BeforeValidator(parse_points)]
"""A parameter that is a list of points: `"x,y x,y ..."`, or pairs in TOML."""


class Polygon(RootModel[tuple[Point, ...]]):
    """The area within three or more corners, in their order around it: `"x,y x,y x,y"`, or a list of pairs.

    Edges that cross are refused: a mask of two triangles where somebody meant a square would leave half of it open.
    """

    model_config = ConfigDict(frozen=True)
    _masks: dict[tuple[int, int], Plane] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        if isinstance(value, cls):
            return value
        points = parse_points(value)
        if len(points) > 3 and points[0] == points[-1]:  # closed by hand, as GeoJSON has it
            points = points[:-1]
        if problem := _why_no_area(points):
            raise ValueError(problem)
        return points

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polygon) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    def mask(self, width: int, height: int) -> Plane:
        """`uint8` of shape `(height, width)`: 255 within the polygon and on its edges, 0 elsewhere.

        The same array every time, so it cannot be written to. Of chroma, ask for half the width and height.
        """
        size = (width, height)
        if size not in self._masks:
            if len(self._masks) >= _MAX_SIZES:  # a camera that changes its size for ever must not fill the memory
                self._masks.clear()
            self._masks[size] = _drawn(self.root, width, height)
        return self._masks[size]


def _drawn(points: tuple[Point, ...], width: int, height: int) -> Plane:
    corners = np.rint(np.array(points) * (width, height) - 0.5)
    np.clip(corners, 0, (width - 1, height - 1), out=corners)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], (255,))
    mask.flags.writeable = False
    return mask


def _why_no_area(points: tuple[Point, ...]) -> str:
    if len(points) < 3:
        return f"a polygon has three corners or more, and this one {len(points)}"
    edges = list(zip(points, (*points[1:], points[0]), strict=True))
    for (first, one), (second, other) in itertools.combinations(enumerate(edges, 1), 2):
        if _cross(*one, *other):
            return f"edges {first} and {second} cross: name the corners in their order around the area"
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in edges) / 2
    if abs(area) < _SMALLEST_AREA:
        return "it encloses nothing: its corners are on one line"
    return ""


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the lines a-b and c-d cross; to touch is not to cross."""
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, c: Point) -> float:
    """On which side of a-b the point c lies, by the sign; rounding errors of a line's own points are none."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return 0.0 if abs(area) < 1e-12 else area
