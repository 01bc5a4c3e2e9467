"""The `scene-change` transform: from one frame to the next the picture is another one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, NamedTuple

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.timeline import NS_PER_S
from relay.transform.watching.episode import HOLE_S, Change
from relay.transform.watching.small import Halved, likeness
from relay.transform.watching.watcher import Watcher, luma_of, share, tell

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame

_LONGEST: Final = 80
_USUAL_S: Final = 1.0
"""What is usual is the mean of this time, and not known before it has passed."""
_CONFIRM_NS: Final = NS_PER_S // 5
"""Longer than a flash of lightning or a camera's, which makes two jumps and no cut."""
_MOST_LIKE: Final = 0.6
"""A lamp that is switched on leaves the correlation above 0.8; two places have none to speak of."""


class _Jump(NamedTuple):
    """What may have been a cut."""

    time_ns: int
    difference: float


class SceneChange(Watcher):
    """Tells when the picture is cut to another one: another camera, another place, another clip.

    Emits `scene-change` with the phase "at" (a cut has no duration, `lasted_s` is 0), `ago_s` seconds after it, with:

        score        how unlike the picture is to the one before the cut, 0 to 1: one less their correlation
        difference   the mean change of luma from the last frame before the cut to the first after it, in levels

    A frame is looked into when its mean change of luma is over `threshold`, and over `factor` times what is usual just
    then (compare `AdaptiveDetector` of PySceneDetect). It is a cut where the picture is still unlike the one before a
    fifth of a second later, whatever its brightness: neither a flash nor a lamp is one. A slow fade is not found.
    """

    name: ClassVar = "scene-change"
    threshold: Annotated[float, Field(gt=0, le=255)] = Field(
        default=10.0, description="mean change of luma between two frames that a cut has at the least, in levels"
    )
    factor: Annotated[float, Field(ge=1, le=100)] = Field(
        default=3.0, description="so many times the change that is usual in that moment a cut has at the least"
    )
    _small: Halved = PrivateAttr()
    _last: Plane = PrivateAttr()
    _last_ns: int = PrivateAttr(default=0)
    _began_ns: int = PrivateAttr(default=0)
    _before: Plane = PrivateAttr()
    _jump: _Jump | None = PrivateAttr(default=None)
    _usual: float | None = PrivateAttr(default=None)

    def open(self) -> None:
        """Begin with no picture."""
        self._small = Halved(_LONGEST)
        self._last = self._before = np.empty((0, 0), np.uint8)
        self._jump = None

    def apply(self, frame: Frame) -> None:
        """Compare with the frame before, and where that was a jump, some time later with the picture before it."""
        small = self._small.of(luma_of(frame))
        elapsed_s = (frame.time_ns - self._last_ns) / NS_PER_S
        self._last_ns = frame.time_ns
        if small.shape != self._last.shape or not 0 <= elapsed_s <= HOLE_S:
            self._last, self._before = small.copy(), np.empty_like(small)
            self._jump, self._usual, self._began_ns = None, None, frame.time_ns
            return
        change = cv2.norm(small, self._last, cv2.NORM_L1) / small.size
        usual = change if self._usual is None else self._usual
        is_known = frame.time_ns - self._began_ns >= _USUAL_S * NS_PER_S
        if is_known and change > max(self.threshold, self.factor * usual):
            self._note(frame, change)
        self._usual = usual + (change - usual) * (1 - math.exp(-elapsed_s / _USUAL_S))
        self._settle(frame, small)
        np.copyto(self._last, small)

    def _note(self, frame: Frame, difference: float) -> None:
        """Keep the picture before the first of several jumps: a flash is up and down."""
        if self._jump is None:
            np.copyto(self._before, self._last)
            self._jump = _Jump(frame.time_ns, difference)

    def _settle(self, frame: Frame, small: Plane) -> None:
        """Tell of a jump after which the picture has stayed another."""
        jump = self._jump
        if jump is None or frame.time_ns - jump.time_ns < _CONFIRM_NS:
            return
        self._jump = None
        like = likeness(self._before, small)
        is_far = cv2.norm(small, self._before, cv2.NORM_L1) / small.size > self.threshold
        if is_far and like < _MOST_LIKE:
            happened = Change("at", jump.time_ns, jump.time_ns, frame.time_ns)
            score = share(min(1.0, max(0.0, 1 - like)))
            tell(frame, "scene-change", happened, score=score, difference=round(jump.difference, 1))
