"""`white-balance`: what is grey is shown grey, by gains for red, green and blue that are applied to the planes.

The gains are given, or those that make grey the mean of all that is nearly so (the grey world of Buchsbaum 1980; lawn,
sky and bricks have colours of their own, and are left out of it), found anew for every frame and followed slowly.
Gains are a linear map of RGB and so one of Y, Cb, Cr: no conversion is needed, and luma takes its share of chroma at
chroma's resolution. Colours are those of BT.601, as in `Frame.bgr`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from relay.pixels import split
from relay.timeline import NS_PER_S
from relay.transform.base import Group, Transform
from relay.transform.scratch import Scratch

if TYPE_CHECKING:
    from relay.pixels import Bgr, Plane, Planes
    from relay.transform.frame import Frame

_BLACK, _NEUTRAL = 16, 128
_SCALE: Final = np.array([219.0, 224.0, 224.0])
"""Limited range: steps from black to white, and of the whole range of chroma (ITU-R BT.601 §3.5.3)."""
_YCC_FROM_RGB: Final = np.array([
    [0.299, 0.587, 0.114],
    [-0.168736, -0.331264, 0.5],
    [0.5, -0.418688, -0.081312],
])  # fmt: skip
_RGB_FROM_YCC: Final = np.linalg.inv(_YCC_FROM_RGB)
_COLUMNS: Final = 160
"""Width of the small picture that is looked at."""
_DARK, _BRIGHT = 24, 250
"""What is darker is mostly noise, and in what is brighter a colour may be cut off: neither tells of the light."""
_MOST_COLOUR: Final = 0.5
"""Between the channels of a pixel, in shares of the brightest: tungsten light on grey things has 0.4, a lawn 0.6."""
_LEAST: Final = 0.02
"""Of all pixels: where fewer are nearly grey, nothing tells of the light."""
_MOST: Final = 2.0
"""The largest gain that is found."""
_SAME: Final = 0.002
"""Gains that differ by less look alike."""
Gain = Annotated[float, Field(ge=0.1, le=8, allow_inf_nan=False)]
Gains: TypeAlias = tuple[float, float, float]
"""Of red, green and blue."""


class WhiteBalance(Transform):
    """Takes the tint of the light out of the picture: by itself, or by gains that are given."""

    name: ClassVar = "white-balance"
    group: ClassVar[Group] = "correction"

    red: Gain | None = Field(default=None, description="a fixed gain for red; with any gain nothing is measured")
    green: Gain | None = Field(default=None, description="a fixed gain for green")
    blue: Gain | None = Field(default=None, description="a fixed gain for blue")
    strength: float = Field(default=1.0, ge=0, le=1, description="how much of the tint that is measured is taken out")
    smoothing_s: float = Field(default=5.0, ge=0, le=600, description="seconds over which that is evened out")
    _gains: Gains | None = PrivateAttr(default=None)
    _applied: Gains = PrivateAttr(default=(1.0, 1.0, 1.0))
    _rows: NDArray[np.float64] | None = PrivateAttr(default=None)
    _time_ns: int = PrivateAttr(default=0)
    _scratch: Scratch = PrivateAttr(default_factory=Scratch)

    def apply(self, frame: Frame) -> None:
        """Measure, unless gains are given, and mix the planes."""
        planes = frame.planes
        given = (self.red, self.green, self.blue)
        if any(gain is not None for gain in given):
            red, green, blue = (1.0 if gain is None else gain for gain in given)
            wanted: Gains = (red, green, blue)
        else:
            wanted = self._followed(planes, frame.time_ns)
        if self._rows is None or max(abs(a - b) for a, b in zip(wanted, self._applied, strict=True)) > _SAME:
            self._rows, self._applied = _mixing(wanted), wanted
        _mix(planes, self._rows, self._scratch)

    def _followed(self, planes: Planes, time_ns: int) -> Gains:
        """What is measured now, evened out with what was measured before."""
        passed_s = (time_ns - self._time_ns) / NS_PER_S
        self._time_ns = time_ns
        measured = _measured(planes, self.strength, self._scratch)
        if measured is None:
            return self._gains or (1.0, 1.0, 1.0)
        if self._gains is None or self.smoothing_s == 0:
            self._gains = measured
        else:
            share = 1 - math.exp(-max(0.0, passed_s) / self.smoothing_s)
            red, green, blue = (old + (new - old) * share for old, new in zip(self._gains, measured, strict=True))
            self._gains = (red, green, blue)
        return self._gains


def _measured(planes: Planes, strength: float, scratch: Scratch) -> Gains | None:
    """The gains that make the mean of what is nearly grey grey, and leave its luma alone; `None` if that is too little.

    Pixels with much colour are left out, as by OpenCV's `xphoto::GrayworldWB`.
    """
    height, width = planes.y.shape
    rows = max(2, round(_COLUMNS * height / width / 2) * 2)
    packed, bgr = scratch.uint8("packed", rows * 3 // 2, _COLUMNS), scratch.uint8("bgr", rows, _COLUMNS, 3)
    for source, target in zip(planes, split(packed), strict=True):
        cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_AREA)
    cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420, dst=bgr)
    nearly_grey = _nearly_grey(bgr, scratch)
    if cv2.countNonZero(nearly_grey) < _LEAST * nearly_grey.size:
        return None
    rgb = np.array(cv2.mean(bgr, mask=nearly_grey)[2::-1])
    luma = float(_YCC_FROM_RGB[0] @ rgb)
    red, green, blue = 1 + (np.clip(luma / np.maximum(rgb, 1), 1 / _MOST, _MOST) - 1) * strength
    return float(red), float(green), float(blue)


def _nearly_grey(bgr: Bgr, scratch: Scratch) -> Plane:
    """255 where a pixel has little colour and is neither too dark nor too bright to tell, 0 elsewhere."""
    most, least, channel = (scratch.uint8(name, *bgr.shape[:2]) for name in ("most", "least", "channel"))
    cv2.extractChannel(bgr, 0, dst=most)
    np.copyto(least, most)
    for index in (1, 2):
        cv2.extractChannel(bgr, index, dst=channel)
        cv2.max(most, channel, dst=most)
        cv2.min(least, channel, dst=least)
    cv2.convertScaleAbs(most, dst=channel, alpha=1 - _MOST_COLOUR)
    cv2.compare(least, channel, cv2.CMP_GE, dst=least)
    cv2.inRange(most, _DARK, _BRIGHT, dst=channel)
    return np.asarray(cv2.bitwise_and(least, channel, dst=channel), np.uint8)


def _mixing(gains: Gains) -> NDArray[np.float64]:
    """The affine map of levels (Y, Cb, Cr) to levels, shape `(3, 4)`, that multiplies R, G, B by `gains`."""
    shares = _YCC_FROM_RGB @ np.diag(gains) @ _RGB_FROM_YCC
    levels = shares * (_SCALE[:, np.newaxis] / _SCALE)
    zero = np.array([_BLACK, _NEUTRAL, _NEUTRAL])
    return np.column_stack([levels, zero - levels @ zero])


def _mix(planes: Planes, rows: NDArray[np.float64], scratch: Scratch) -> None:
    """Apply the map. What luma gets of chroma is made at half the size, as a level around `_NEUTRAL`."""
    y, u, v = planes
    height, width = y.shape
    half = scratch.uint8("half", height // 2, width // 2)
    cv2.resize(y, (width // 2, height // 2), dst=half, interpolation=cv2.INTER_AREA)
    joined = scratch.uint8("joined", height // 2, width // 2, 3)
    cv2.merge([half, u, v], dst=joined)
    of_luma = rows[0, 0]
    of_chroma = np.array([0, rows[0, 1], rows[0, 2], _NEUTRAL * (1 - rows[0, 1] - rows[0, 2])])
    mixed = scratch.uint8("mixed", height // 2, width // 2, 3)
    cv2.transform(joined, np.stack([of_chroma, rows[1], rows[2]]), dst=mixed)
    for channel, plane in enumerate((half, u, v)):
        cv2.extractChannel(mixed, channel, dst=plane)
    added = scratch.uint8("added", height, width)
    cv2.resize(half, (width, height), dst=added, interpolation=cv2.INTER_LINEAR)
    cv2.addWeighted(y, of_luma, added, 1.0, _BLACK * (1 - of_luma) - _NEUTRAL, dst=y)
