"""Detection on every k-th frame, and what is known of the frames in between from before and after.

A frame on which the detector did not look is held until it has looked at a later one, so that a face that appears in
between is hidden from its first frame on. k - 1 frames are held at the most, and nothing of them gets out before:

    frame     0       1       2       3       4       5       6          k = 3
    looks     x                       x                       x
    goes on   0                       1 2 3                   4 5 6
    hidden            seen at 0 or at 3       seen at 3 or at 6

Where something was seen before and after, all of the way between the two places is hidden. Where it was seen at one end
alone it came or went in between, from or to an unknown side: its place is widened by as far as somebody gets who walks
past. And what was seen and is seen no more stays hidden for `linger_s` around where it was, because detectors overlook
a face more often than it vanishes.

When something is raised, the held frames are thrown away: nobody knows what is in them, so they are not shown.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.timeline import NS_PER_S
from relay.transform.base import Group, Holding
from relay.transform.frame import Frame
from relay.transform.models.looking import Looking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from relay.transform.models.boxes import Detection

    Corners = NDArray[np.float32]

_MOST_WIDENED: Final = 1.5
"""Widths. A detection that is further away in time says little of where something was."""
_REACH: Final = 3.0
"""Widths within which what was seen before and after may be the same: a run, over a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the detector found in one frame."""

    time_ns: int
    found: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that was found at a time, and is found no more."""

    seen_ns: int
    detection: Detection


class Watched(Looking, Holding):
    """A transform that hides frames by what a detector finds on every k-th of them."""

    group: ClassVar[Group] = "privacy"
    is_private: ClassVar[bool] = True
    widths_per_s: ClassVar[float] = 10.0
    """How far what is looked for may go in a second, in its own widths: 1.6 m/s is a walk, and a face is 16 cm wide."""
    every: int = Field(
        default=3, ge=1, le=30, description="look at every k-th frame; the stream is k - 1 frames later for it"
    )
    margin: float = Field(
        default=0.3, ge=0, le=2, description="how much wider than what is found is hidden on each side, in shares of it"
    )
    linger_s: float = Field(
        default=0.5, ge=0, le=60, description="seconds for which what is found no more stays hidden where it was"
    )
    _held: list[Frame] = PrivateAttr(default_factory=list)
    _before: Sighting | None = PrivateAttr(default=None)
    _lost: list[Lost] = PrivateAttr(default_factory=list)

    @property
    def delay_frames(self) -> int:
        """How many frames are held at the most."""
        return self.every - 1

    def feed(self, frame: Frame) -> list[Frame]:
        """The frames that are done, oldest first. Once something is raised, no frame that was held goes on."""
        if self._before is not None and len(self._held) < self.delay_frames:
            self._held.append(frame)
            return []
        return self._release([*self._held, frame])

    def flush(self) -> list[Frame]:
        """All that are held, hidden by what was seen before them and by what is seen in the last of them."""
        return self._release(self._held) if self._held else []

    def close(self) -> None:
        """Forget the detector, what is held, and what was seen."""
        super().close()
        self._forget()

    @abstractmethod
    def _hide_between(self, frame: Frame, before: Sighting, after: Sighting) -> None:
        """Hide in a frame between two sightings what the one or the other says is there, and what is lost."""

    @abstractmethod
    def _hide_seen(self, frame: Frame, seen: Sighting) -> None:
        """Hide in the frame of a sighting what it says is there, and what is lost."""

    def _release(self, frames: list[Frame]) -> list[Frame]:
        """`frames`, all done; the detector looks at the last of them."""
        self._held = []
        try:
            *between, last = frames
            seen = Sighting(last.time_ns, tuple(self._look(last)))
            for frame in between:
                self._hide_between(frame, self._before or seen, seen)
            self._remember(seen)
            self._hide_seen(last, seen)
        except BaseException:
            self._forget()
            raise
        return frames

    def _forget(self) -> None:
        """Begin again: the next frame is looked at."""
        self._held, self._before, self._lost = [], None, []

    def _remember(self, seen: Sighting) -> None:
        """What was there before and is found no more is lost; what is found again, or too old, is so no longer."""
        before = self._before or seen
        candidates = [*self._lost, *(Lost(before.time_ns, detection) for detection in before.found)]
        oldest_ns = seen.time_ns - int(self.linger_s * NS_PER_S)
        self._lost = [
            lost
            for lost in candidates
            if lost.seen_ns >= oldest_ns and not any(found.holds(*lost.detection.centre) for found in seen.found)
        ]
        self._before = seen

    def _hulls_of_lost(self, frame: Frame) -> list[Corners]:
        """Where what is lost may be."""
        return [
            hull_of([lost.detection], self.margin, _aspect(frame), self._widened(frame.time_ns, lost.seen_ns))
            for lost in self._lost
        ]

    def _hulls_seen(self, frame: Frame, seen: Sighting) -> list[Corners]:
        """Where all is that a sighting says of its own frame."""
        return [hull_of([found], self.margin, _aspect(frame)) for found in seen.found]

    def _hulls_between(self, frame: Frame, before: Sighting, after: Sighting) -> list[Corners]:
        """Where everything may be that two sightings say of a frame between them."""
        aspect = _aspect(frame)
        forth, back = _nearest_of_each(before, after, aspect), _nearest_of_each(after, before, aspect)
        ways = set(forth.items()) | {(first, second) for second, first in back.items()}
        hulls = [
            hull_of([before.found[first], after.found[second]], self.margin, aspect) for first, second in sorted(ways)
        ]
        for sighting, there, here_again in ((before, forth, back), (after, back, forth)):
            widened = self._widened(frame.time_ns, sighting.time_ns)
            for index, found in enumerate(sighting.found):
                if index not in there or here_again.get(there[index]) != index:  # it came or went, beside another
                    hulls.append(hull_of([found], self.margin, aspect, widened))
        return hulls

    def _widened(self, time_ns: int, seen_ns: int) -> float:
        """How far something may have gone between the two times, in its own widths."""
        return min(_MOST_WIDENED, self.widths_per_s * abs(time_ns - seen_ns) / NS_PER_S)


def hull_of(detections: Sequence[Detection], margin: float, aspect: float, widened: float = 0.0) -> Corners:
    """The convex hull of boxes: each `margin` of itself wider on each side, and `widened` of its width.

    Corners have the shape `(n, 2)` and are in shares of the picture, of which `aspect` is width by height; they may lie
    outside of it.
    """
    corners = []
    for box in detections:
        width, height = box.x1 - box.x0, box.y1 - box.y0
        x, y = (margin + widened) * width, margin * height + widened * width * aspect
        corners += [(left, top) for left in (box.x0 - x, box.x1 + x) for top in (box.y0 - y, box.y1 + y)]
    return np.asarray(cv2.convexHull(np.array(corners, np.float32)).reshape(-1, 2), np.float32)


def _nearest_of_each(those: Sighting, among: Sighting, aspect: float) -> dict[int, int]:
    """Of each in `those` the one in `among` that is nearest, where it is near enough to be the same: their indices."""
    nearest = {}
    for index, found in enumerate(those.found):
        distances = [_distance(found, other, aspect) for other in among.found]
        closest = min(range(len(distances)), key=distances.__getitem__, default=None)
        if closest is not None:
            other = among.found[closest]
            if distances[closest] <= _REACH * max(found.x1 - found.x0, other.x1 - other.x0):
                nearest[index] = closest
    return nearest


def _distance(one: Detection, other: Detection, aspect: float) -> float:
    """Between the centres, in shares of the picture's width."""
    (x0, y0), (x1, y1) = one.centre, other.centre
    return math.hypot(x1 - x0, (y1 - y0) / aspect)


def _aspect(frame: Frame) -> float:
    return frame.width / frame.height
