"""The `black` transform: nothing is to be seen, because the lens is shut, the sensor is dead or the light is out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.transform.watching.episode import Episode
from relay.transform.watching.small import Sampled
from relay.transform.watching.watcher import Duration, Every, Watcher, luma_of, share, tell

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame

_LONGEST: Final = 160
_EVERY_S: Final = 0.1
_DARKEST: Final = 16


class Black(Watcher):
    """Tells when the picture is black.

    Emits `black` when that begins and when it has ended, with, beside what all episodes have:

        dark    the share of the picture that is dark in this frame, 0 to 1
        luma    its mean luma; 16 is black and 235 white

    As FFmpeg's `blackdetect`: a picture is black where nearly all of it is dark. A text in a corner does not hide that.
    """

    name: ClassVar = "black"
    level: Annotated[int, Field(ge=_DARKEST, le=235)] = Field(
        default=32, description="luma up to which a sample is dark; 16 is black, 235 is white"
    )
    area: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.98, description="share of the picture that has to be dark"
    )
    min_duration_s: Duration = Field(default=2.0, description="seconds that it has to be black before it is told")
    cooldown_s: Duration = Field(default=1.0, description="seconds with a picture after which it is over")
    _small: Sampled = PrivateAttr()
    _episode: Episode = PrivateAttr()
    _due: Every = PrivateAttr()
    _bright: Plane = PrivateAttr()

    def open(self) -> None:
        """Begin with nothing seen."""
        self._small, self._due = Sampled(_LONGEST), Every(_EVERY_S)
        self._episode = Episode(self.min_duration_s, self.cooldown_s)
        self._bright = np.empty((0, 0), np.uint8)

    def apply(self, frame: Frame) -> None:
        """Count what is dark."""
        if not self._due.is_due(frame.time_ns):
            return
        small = self._small.of(luma_of(frame))
        if self._bright.shape != small.shape:
            self._bright = np.empty(small.shape, np.uint8)
        cv2.threshold(small, self.level, 255, cv2.THRESH_BINARY, dst=self._bright)
        dark = 1 - cv2.countNonZero(self._bright) / small.size
        change = self._episode.step(frame.time_ns, is_seen=dark >= self.area)
        if change:
            tell(frame, "black", change, dark=share(dark), luma=round(float(cv2.mean(small)[0]), 1))
