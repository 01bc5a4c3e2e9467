"""What detectors find, and how a picture is fitted into the size that a network takes, there and back.

Coordinates that leave this module are shares of the picture, 0 to 1 from its left and its top edge, so that nobody has
to know in what size a detector looked. Inside they are pixels of the network's input, as edges and not as centres: a
box over the whole input is (0, 0, width, height), which is how `cv2.resize` maps one size to another as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.pixels import Bgr

Boxes: TypeAlias = NDArray[np.float32]
"""Shape `(n, 4)`: left, top, right, bottom of each."""
_AREA_FROM: Final = 2
"""Shrinking by less, bilinear reads every pixel there is; by more it would skip some."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing that was found: its box in shares of the picture, how sure that is (0 to 1), and what it is."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float
    label: str

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies in the box."""
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1


class Detector(Protocol):
    """Whatever finds things in a picture."""

    def detect(self, bgr: Bgr) -> list[Detection]:
        """What is in the picture, of any size. Raises `TransformError` where it cannot be told."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Where a picture lies within a network's input of `width` x `height`, in pixels of that input."""

    width: int
    height: int
    left: int
    top: int
    inner_width: int
    inner_height: int

    def place(self, bgr: Bgr, canvas: Bgr) -> None:
        """Write the picture into its place in `canvas`, shape `(height, width, 3)`; what is around it stays."""
        target = canvas[self.top : self.top + self.inner_height, self.left : self.left + self.inner_width]
        shrinks = bgr.shape[0] >= _AREA_FROM * self.inner_height and bgr.shape[1] >= _AREA_FROM * self.inner_width
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        cv2.resize(bgr, (self.inner_width, self.inner_height), dst=target, interpolation=interpolation)

    def back(self, boxes: Boxes) -> Boxes:
        """Boxes in pixels of the input as shares of the picture, cut off at its edges."""
        origin = np.array([self.left, self.top] * 2, np.float32)
        size = np.array([self.inner_width, self.inner_height] * 2, np.float32)
        return np.asarray(np.clip((boxes - origin) / size, 0, 1), np.float32)


def letterbox(picture: tuple[int, int], into: tuple[int, int]) -> Fitted:
    """A picture of `(width, height)` as large as it will go in the middle of `into`, its aspect kept."""
    scale = min(into[0] / picture[0], into[1] / picture[1])
    inner = [min(most, max(1, round(side * scale))) for side, most in zip(picture, into, strict=True)]
    return Fitted(*into, (into[0] - inner[0]) // 2, (into[1] - inner[1]) // 2, *inner)


def stretched(into: tuple[int, int]) -> Fitted:
    """A picture of any size that fills the whole input."""
    return Fitted(*into, 0, 0, *into)


def in_steps(picture: tuple[int, int], longest: int, step: int) -> Fitted:
    """A picture of `(width, height)` whose longer side becomes `longest`, in an input of whole steps on both sides.

    For networks that take any size as long as it can be halved some times.
    """
    scale = longest / max(picture)
    inner = [max(1, round(side * scale)) for side in picture]
    return letterbox(picture, (-(-inner[0] // step) * step, -(-inner[1] // step) * step))


def suppress(boxes: Boxes, scores: Sequence[float], classes: Sequence[int], overlap: float) -> list[int]:
    """Which boxes stay, the surest first, where of two of one class that overlap by more only the surer one does.

    `overlap` is intersection over union. Boxes of different classes stay beside each other.
    """
    if not len(boxes):
        return []
    corner_and_size = boxes.copy()
    corner_and_size[:, 2:] -= corner_and_size[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(corner_and_size.tolist(), scores, classes, 0.0, overlap)
    return [int(index) for index in kept]
