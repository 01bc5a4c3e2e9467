"""`dehaze`: fog and haze taken out, by the dark channel prior.

K. He, J. Sun, X. Tang, "Single Image Haze Removal Using Dark Channel Prior" (CVPR 2009): in clear air every
neighbourhood has something dark in one of its colours; what is missing of that dark is haze. A picture is
`I = J t + A (1 - t)`, with the scene J, the light of the air A, and the share t of the scene that comes through.

Light and share are found in a small picture. The share is brought to the edges of the scene by a guided filter (He,
Sun, Tang, ECCV 2010), whose coefficients are scaled up, and not its result ("Fast Guided Filter", arXiv:1505.00996).
J follows for Y, Cb and Cr as it does for R, G and B, since one is a linear map of the other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from relay.pixels import split
from relay.timeline import NS_PER_S
from relay.transform.base import Group, Transform
from relay.transform.scratch import Scratch

if TYPE_CHECKING:
    from relay.pixels import Plane, Planes
    from relay.transform.frame import Frame

_COLUMNS: Final = 240
"""Width of the small picture. Haze has no detail; the scene's comes from the guide."""
_PATCH: Final = np.ones((9, 9), np.uint8)
"""Neighbourhood of the dark channel: 15 pixels of a picture 400 wide in the paper."""
_WINDOW: Final = (25, 25)
_EDGE: Final = 1e-3
"""The guided filter's epsilon: variances of luma (0 to 1) that count as flat."""
_LEAST_SHARE: Final = 0.25
"""t0 of the paper, which has 0.1: so much of the scene is taken to come through the thickest fog. What is taken for
fog, the sky too, is made four times as different as it is, and not ten times: a camera's noise and steps would show.
"""
_DARKEST_AIR: Final = 80
"""Air that sends less light than this level is night, and nothing is taken for haze."""
_BLACK, _WHITE = 16.0, 235.0
_NEUTRAL: Final = 128.0
_MOST_CHROMA: Final = 240.0


class Dehaze(Transform):
    """Takes haze and fog out of the picture."""

    name: ClassVar = "dehaze"
    group: ClassVar[Group] = "correction"

    strength: float = Field(default=0.85, ge=0, le=0.98, description="how much of the haze is taken out")
    smoothing_s: float = Field(
        default=2.0, ge=0, le=60, description="seconds over which the light of the air is evened out, against flicker"
    )
    _air: NDArray[np.float64] | None = PrivateAttr(default=None)
    _time_ns: int = PrivateAttr(default=0)
    _scratch: Scratch = PrivateAttr(default_factory=Scratch)

    def apply(self, frame: Frame) -> None:
        """Estimate the haze in a small picture, and take it out of every plane."""
        planes = frame.planes
        small, guide = self._small(planes)
        air = self._followed(_air_of(small, self._scratch), frame.time_ns)
        if max(air) < _DARKEST_AIR:
            return
        share = self._share(small, air)
        self._restore(planes, self._gain(planes, guide, share), air)

    def _small(self, planes: Planes) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The small picture as BGR, and its luma from 0 to 1 as the guide."""
        height, width = planes.y.shape
        rows = max(2, round(_COLUMNS * height / width / 2) * 2)
        packed = self._scratch.uint8("packed", rows * 3 // 2, _COLUMNS)
        for source, target in zip(planes, split(packed), strict=True):
            cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_AREA)
        bgr = self._scratch.uint8("bgr", rows, _COLUMNS, 3)
        cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420, dst=bgr)
        guide = self._scratch.float32("guide", rows, _COLUMNS)
        np.copyto(guide, packed[:rows])
        np.multiply(guide, 1 / 255, out=guide)
        return bgr, guide

    def _followed(self, air: NDArray[np.float64], time_ns: int) -> NDArray[np.float64]:
        passed_s = max(0.0, (time_ns - self._time_ns) / NS_PER_S)
        self._time_ns = time_ns
        if self._air is None or self.smoothing_s == 0:
            self._air = air
        else:
            self._air = self._air + (air - self._air) * (1 - math.exp(-passed_s / self.smoothing_s))
        return self._air

    def _share(self, small: NDArray[np.uint8], air: NDArray[np.float64]) -> NDArray[np.float32]:
        """The share of the scene that comes through, 0 to 1, roughly: `1 - strength * dark(I / A)`."""
        rows, columns = small.shape[:2]
        dark, channel = (self._scratch.uint8(name, rows, columns) for name in ("dark", "channel"))
        dark.fill(255)
        for index in range(3):
            cv2.extractChannel(small, index, dst=channel)
            cv2.convertScaleAbs(channel, dst=channel, alpha=255 / max(1.0, air[index]))
            cv2.min(dark, channel, dst=dark)
        cv2.erode(dark, _PATCH, dst=channel)
        share = self._scratch.float32("share", rows, columns)
        np.copyto(share, channel)
        np.multiply(share, -self.strength / 255, out=share)
        np.add(share, 1, out=share)
        return share

    def _gain(self, planes: Planes, guide: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
        """`1 / max(t, t0)` at the size of chroma, its edges those of the picture."""
        slope, offset = self._guided(guide, share)
        rows, columns = planes.u.shape
        luma = self._scratch.uint8("half luma", rows, columns)
        cv2.resize(planes.y, (columns, rows), dst=luma, interpolation=cv2.INTER_AREA)
        gain = self._scratch.float32("gain", rows, columns)
        large = self._scratch.float32("large", rows, columns)
        np.copyto(gain, luma)
        np.multiply(gain, 1 / 255, out=gain)
        cv2.resize(slope, (columns, rows), dst=large, interpolation=cv2.INTER_LINEAR)
        np.multiply(gain, large, out=gain)
        cv2.resize(offset, (columns, rows), dst=large, interpolation=cv2.INTER_LINEAR)
        np.add(gain, large, out=gain)
        np.clip(gain, _LEAST_SHARE, 1.0, out=gain)
        return np.reciprocal(gain, out=gain)

    def _guided(
        self, guide: NDArray[np.float32], share: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`a` and `b` of the guided filter, each the mean of its window: the share is `a * guide + b`."""
        rows, columns = guide.shape
        mean, mean_share, variance, covariance, product = (
            self._scratch.float32(name, rows, columns)
            for name in ("mean", "mean share", "variance", "covariance", "product")
        )
        cv2.blur(guide, _WINDOW, dst=mean)
        cv2.blur(share, _WINDOW, dst=mean_share)
        np.multiply(guide, guide, out=product)
        cv2.blur(product, _WINDOW, dst=variance)
        np.multiply(guide, share, out=product)
        cv2.blur(product, _WINDOW, dst=covariance)
        np.multiply(mean, mean, out=product)
        np.subtract(variance, product, out=variance)
        np.multiply(mean, mean_share, out=product)
        np.subtract(covariance, product, out=covariance)
        np.add(variance, _EDGE, out=variance)
        slope = np.divide(covariance, variance, out=covariance)
        np.multiply(slope, mean, out=product)
        offset = np.subtract(mean_share, product, out=mean_share)
        cv2.blur(slope, _WINDOW, dst=variance)
        cv2.blur(offset, _WINDOW, dst=product)
        return variance, product

    def _restore(self, planes: Planes, gain: NDArray[np.float32], air: NDArray[np.float64]) -> None:
        """`J = (I - A) / t + A` for each plane, `A` being the air's own Y, Cb and Cr (BT.601, as `Frame.bgr`)."""
        height, width = planes.y.shape
        full = self._scratch.float32("full gain", height, width)
        cv2.resize(gain, (width, height), dst=full, interpolation=cv2.INTER_LINEAR)
        blue, green, red = air.tolist()  # plain numbers: NumPy's own would make float64 of the planes
        luma = _BLACK + 0.257 * red + 0.504 * green + 0.098 * blue
        cb = _NEUTRAL - 0.148 * red - 0.291 * green + 0.439 * blue
        cr = _NEUTRAL + 0.439 * red - 0.368 * green - 0.071 * blue
        levels = self._scratch.float32("levels", height, width)
        _stretch(planes.y, full, luma, _WHITE, levels)
        levels = self._scratch.float32("levels of chroma", *gain.shape)
        for plane, around in ((planes.u, cb), (planes.v, cr)):
            _stretch(plane, gain, around, _MOST_CHROMA, levels)


def _stretch(plane: Plane, gain: NDArray[np.float32], around: float, top: float, levels: NDArray[np.float32]) -> None:
    """Move each sample away from the level `around`, by its gain; `levels` is room to work in."""
    np.copyto(levels, plane)
    np.subtract(levels, around, out=levels)
    np.multiply(levels, gain, out=levels)
    np.add(levels, around + 0.5, out=levels)  # what is behind the point is cut off below, and so it is rounded
    np.clip(levels, _BLACK, top, out=levels)
    np.copyto(plane, levels, casting="unsafe")


def _air_of(small: NDArray[np.uint8], scratch: Scratch) -> NDArray[np.float64]:
    """B, G and R of the air's light: there, where the darkest of a neighbourhood is brightest, haze is thickest."""
    rows, columns = small.shape[:2]
    dark, channel = (scratch.uint8(name, rows, columns) for name in ("dark", "channel"))
    cv2.extractChannel(small, 0, dst=dark)
    for index in (1, 2):
        cv2.extractChannel(small, index, dst=channel)
        cv2.min(dark, channel, dst=dark)
    cv2.erode(dark, _PATCH, dst=channel)
    _, _, _, (x, y) = cv2.minMaxLoc(channel)
    half = len(_PATCH) // 2
    patch = small[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
    return np.array(cv2.mean(patch)[:3])
