"""One matrix for a whole picture: applied to luma, to chroma at half the size, or to BGR.

Matrices are 3 x 3, act on (x, y, 1) with pixels' centres at whole numbers, as OpenCV has them, and say for every
pixel of the result where in the source it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from relay.transform.base import MAX_SIDE
from relay.transform.colour import bgr_of, yuv_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.pixels import Plane
    from relay.transform.frame import Frame

Matrix3: TypeAlias = NDArray[np.float64]
"""A projective map, shape `(3, 3)`."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""How a pixel that falls between others is made."""
INTERPOLATION: Final[Mapping[Interpolation, int]] = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}

_FULL_FROM_HALF: Final = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
"""Where a sample of chroma lies in the luma plane: between its four pixels."""
_HALF_FROM_FULL: Final = np.linalg.inv(_FULL_FROM_HALF)


def halved(matrix: Matrix3) -> Matrix3:
    """The same map for planes of half the width and height."""
    return np.asarray(_HALF_FROM_FULL @ matrix @ _FULL_FROM_HALF, np.float64)


def centre(width: int, height: int) -> tuple[float, float]:
    """The middle of a picture; between two pixels where its sides are even."""
    return (width - 1) / 2, (height - 1) / 2


def bounded(side: float) -> int:
    """The even length nearest to `side` that a picture can have."""
    return min(MAX_SIDE, max(2, round(side / 2) * 2))


@dataclass(frozen=True, slots=True)
class Warp:
    """A map ready to be used: `width` and `height` of the result (even), and both matrices.

    What lies beyond the source's edge is `fill`, or, where that is `None`, the pixel at the edge.
    """

    width: int
    height: int
    full: Matrix3
    half: Matrix3
    interpolation: int
    fill: str | None = "black"

    @classmethod
    def of(
        cls, size: tuple[int, int], matrix: Matrix3, interpolation: Interpolation, fill: str | None = "black"
    ) -> Warp:
        """The map by `matrix` to pictures of `size`, `(width, height)`."""
        return cls(*size, matrix, halved(matrix), INTERPOLATION[interpolation], fill)

    def apply(self, frame: Frame) -> None:
        """Make the frame what the map says, in whatever form it is."""
        fill = self.fill or "black"
        if frame.is_bgr:
            steps = iter([(self.full, bgr_of(fill))])
        else:
            y, u, v = yuv_of(fill)
            steps = iter([(self.full, (y, y, y)), (self.half, (u, u, u)), (self.half, (v, v, v))])
        frame.map(self.width, self.height, lambda source, target: self._move(source, target, *next(steps)))

    def _move(self, source: Plane, target: Plane, matrix: Matrix3, level: tuple[int, int, int]) -> None:
        rows, columns = target.shape[:2]
        flags = self.interpolation | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_REPLICATE if self.fill is None else cv2.BORDER_CONSTANT
        if matrix[2, 0] == matrix[2, 1] == 0:
            cv2.warpAffine(
                source, matrix[:2], (columns, rows), dst=target, flags=flags, borderMode=border, borderValue=level
            )
        else:
            cv2.warpPerspective(
                source, matrix, (columns, rows), dst=target, flags=flags, borderMode=border, borderValue=level
            )
