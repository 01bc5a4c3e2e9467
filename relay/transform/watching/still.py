"""The `frozen` transform: frames go on to come, and it is always the same picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.transform.watching.episode import Episode
from relay.transform.watching.small import Halved, Sampled
from relay.transform.watching.watcher import Duration, Every, Watcher, luma_of, tell
from relay.transform.watching.zones import WHOLE, PolygonList, masks

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame

_LONGEST: Final = 320
"""Fine enough for the digits of a clock that a camera writes into its picture."""
_EVERY_S: Final = 0.2
_BLOCK_HALVINGS: Final = 3
_IN_ONE_BLOCK: Final = 10.0
"""So many times the tolerance may one block of 8 by 8 samples differ, when the whole does not."""


class Frozen(Watcher):
    """Tells when the picture repeats, exactly or within noise, while frames go on to come.

    Emits `frozen` when that begins and when it has ended, with, beside what all episodes have:

        difference   the mean difference of this frame to the picture that repeats, in levels of luma

    Each picture is compared with the first of its kind and not with the one before, as FFmpeg's `freezedetect` does:
    dusk is no freeze. A sensor always makes some noise; a camera that smooths all of it away from a room where nothing
    happens cannot be told from a frozen one, except by its clock: then let `min_duration_s` be long.
    """

    name: ClassVar = "frozen"
    tolerance: Annotated[float, Field(ge=0, le=16)] = Field(
        default=0.3, description="mean difference up to which pictures are the same, in levels of luma; 0 for exactly"
    )
    exclude: PolygonList = Field(
        default=(), description='polygons that do not count, as the clock that a recorder writes, "x,y x,y x,y; ..."'
    )
    min_duration_s: Duration = Field(default=10.0, description="seconds that it has to repeat before it is told")
    _small: Sampled = PrivateAttr()
    _blocks: Halved = PrivateAttr()
    _due: Every = PrivateAttr()
    _episode: Episode = PrivateAttr()
    _first: Plane = PrivateAttr()
    _difference: Plane = PrivateAttr()
    _counts: Plane | None = PrivateAttr(default=None)

    def open(self) -> None:
        """Begin with no picture."""
        self._small, self._blocks, self._due = Sampled(_LONGEST), Halved(most=_BLOCK_HALVINGS), Every(_EVERY_S)
        self._episode = Episode(self.min_duration_s, 0.0)
        self._first = np.empty((0, 0), np.uint8)

    def apply(self, frame: Frame) -> None:
        """Compare with the picture that may be repeating. Raises `TransformError` where all of it is excluded."""
        if not self._due.is_due(frame.time_ns):
            return
        small = self._small.of(luma_of(frame))
        is_new = small.shape != self._first.shape
        if is_new:
            self._begin(small)
        cv2.absdiff(small, self._first, dst=self._difference)
        if self._counts is not None:
            cv2.bitwise_and(self._difference, self._counts, dst=self._difference)
        mean = float(cv2.mean(self._difference)[0])
        most = float(self._blocks.of(self._difference).max())
        is_same = not is_new and mean <= self.tolerance and most <= self.tolerance * _IN_ONE_BLOCK
        change = self._episode.step(frame.time_ns, is_seen=is_same)
        if not is_same:
            np.copyto(self._first, small)
        if change:
            tell(frame, "frozen", change, difference=round(mean, 2))

    def _begin(self, small: Plane) -> None:
        """The first picture of this size."""
        rows, columns = small.shape
        self._difference = np.empty_like(small)
        self._counts = masks({}, self.exclude, columns, rows)[WHOLE] if self.exclude else None
        self._first = small.copy()
