"""`undistort`: straight lines that a wide lens bent are straight again, by the lens's own numbers.

The model is that of OpenCV's calibration (Brown 1966, "Decentering distortion of lenses"): k1, k2, k3 bend along the
radius, p1, p2 are of a lens that is not parallel to its sensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self, TypeAlias

import cv2
import numpy as np
from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from relay.transform.base import MAX_SIDE, Group, Transform, Wants
from relay.transform.colour import bgr_of, yuv_of
from relay.transform.geometry.warp import INTERPOLATION, Interpolation, Matrix3, centre

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import Plane
    from relay.transform.frame import Frame

_FILL: Final = "black"
_OUTSIDE: Final = {"inside": 0.0, "whole": 1.0}
"""How much is shown of what came from nowhere: `alpha` of OpenCV's `getOptimalNewCameraMatrix`."""
Coefficient = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


def _camera(value: object) -> object:
    """fx, fy, cx, cy out of `"fx,fy,cx,cy"`, four numbers, or the three rows that OpenCV's calibration prints."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(row, list | tuple) for row in value):
        rows = [list(row) for row in value]
        if [len(row) for row in rows] != [3, 3, 3] or rows[0][1] or rows[1][0] or rows[2] != [0, 0, 1]:
            raise ValueError("a camera matrix is [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
        return rows[0][0], rows[1][1], rows[0][2], rows[1][2]
    if isinstance(value, list | tuple) and len(value) == 4:
        return tuple(value)
    raise ValueError('is "fx,fy,cx,cy" in pixels, or the three rows of a camera matrix')


Positive = Annotated[float, Field(gt=0, le=10 * MAX_SIDE, allow_inf_nan=False)]
Camera = Annotated[tuple[Positive, Positive, Positive, Positive], BeforeValidator(_camera)]


@dataclass(frozen=True, slots=True)
class _Map:
    """Where every pixel comes from, as `cv2.remap` has it: fixed-point places, and which of its tables to take."""

    places: NDArray[np.int16]
    tables: NDArray[np.uint16]


_Maps: TypeAlias = tuple[_Map, _Map]
"""For planes of the picture's own size, and of half of it."""


class Undistort(Transform):
    """Straightens what a wide lens bends, by the numbers of its calibration."""

    name: ClassVar = "undistort"
    group: ClassVar[Group] = "geometry"
    wants: ClassVar[Wants] = "either"

    k1: Coefficient = Field(default=0.0, description="first coefficient along the radius; negative for barrels")
    k2: Coefficient = Field(default=0.0, description="second coefficient along the radius")
    p1: Coefficient = Field(default=0.0, description="first coefficient of a lens that is not parallel")
    p2: Coefficient = Field(default=0.0, description="second coefficient of a lens that is not parallel")
    k3: Coefficient = Field(default=0.0, description="third coefficient along the radius")
    focal: Annotated[float, Field(ge=0.05, le=20)] | None = Field(
        default=None, description="focal length in widths of the picture; the lens looks through its middle"
    )
    camera: Camera | None = Field(
        default=None, description='instead of focal: "fx,fy,cx,cy" in pixels, or the rows of the camera matrix'
    )
    camera_width: Annotated[int, Field(ge=2, le=MAX_SIDE)] | None = Field(
        default=None, description="width of the pictures that camera was measured in; that of the stream's own"
    )
    view: Literal["inside", "same", "whole"] = Field(
        default="inside",
        description="what is shown: as much as fills the picture, the middle at its own size, or all with black around",
    )
    interpolation: Interpolation = Field(default="bilinear", description="how pixels in between are made")
    _size: tuple[int, int] = PrivateAttr(default=(0, 0))
    _maps: _Maps | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _is_a_lens(self) -> Self:
        if (self.focal is None) is (self.camera is None):
            raise ValueError("give focal or camera, and not both: it says how far from the middle a pixel is")
        if not any(self._coefficients()):
            raise ValueError("give at least one of k1, k2, p1, p2, k3: with all of them 0 nothing is bent")
        return self

    def apply(self, frame: Frame) -> None:
        """Move every pixel of every plane to where a lens without faults would have put it."""
        if self._maps is None or self._size != frame.size:
            self._maps, self._size = self._make_maps(*frame.size), frame.size
        full, half = self._maps
        if frame.is_bgr:
            steps = iter([(full, bgr_of(_FILL))])
        else:
            y, u, v = yuv_of(_FILL)
            steps = iter([(full, (y, y, y)), (half, (u, u, u)), (half, (v, v, v))])
        frame.map(*frame.size, lambda source, target: self._move(source, target, *next(steps)))

    def _move(self, source: Plane, target: Plane, by: _Map, level: tuple[int, int, int]) -> None:
        cv2.remap(
            source,
            by.places,
            by.tables,
            INTERPOLATION[self.interpolation],
            dst=target,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=level,
        )

    def _coefficients(self) -> tuple[float, ...]:
        """In OpenCV's order."""
        return self.k1, self.k2, self.p1, self.p2, self.k3

    def _matrix(self, width: int, height: int) -> Matrix3:
        """The camera matrix for pictures of `width` x `height`."""
        if self.camera is not None:
            scale = width / (self.camera_width or width)
            # Of a picture that is `scale` times as wide, the centre of the first pixel is not scaled: its edge is.
            fx, fy, cx, cy = self.camera
            cx, cy = (cx + 0.5) * scale - 0.5, (cy + 0.5) * scale - 0.5
            fx, fy = fx * scale, fy * scale
        else:
            fx = fy = (self.focal or 1.0) * width
            cx, cy = centre(width, height)
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float64)

    def _make_maps(self, width: int, height: int) -> _Maps:
        coefficients = np.array(self._coefficients())
        bent = self._matrix(width, height)
        straight = bent
        if self.view != "same":
            alpha = _OUTSIDE[self.view]
            found, _ = cv2.getOptimalNewCameraMatrix(bent, coefficients, (width, height), alpha)
            straight = np.asarray(found, np.float64)
        full = _map(bent, coefficients, straight, width, height)
        return full, _map(_at_half(bent), coefficients, _at_half(straight), width // 2, height // 2)


def _at_half(matrix: Matrix3) -> Matrix3:
    """The camera matrix of the same camera with pixels twice as large, as chroma has them."""
    half = matrix / 2
    half[:2, 2] -= 0.25
    half[2, 2] = 1
    return half


def _map(bent: Matrix3, coefficients: NDArray[np.float64], straight: Matrix3, width: int, height: int) -> _Map:
    places, tables = cv2.initUndistortRectifyMap(bent, coefficients, None, straight, (width, height), cv2.CV_16SC2)
    return _Map(np.asarray(places, np.int16), np.asarray(tables, np.uint16))
