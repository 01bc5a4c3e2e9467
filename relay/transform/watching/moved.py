"""The `moved` transform: the camera looks elsewhere than it used to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NamedTuple

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.timeline import NS_PER_S
from relay.transform.watching.edges import PER_LEVEL, Edges
from relay.transform.watching.episode import Episode
from relay.transform.watching.small import likeness
from relay.transform.watching.watcher import Duration, Every, Watcher, luma_of, share, tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.transform.frame import Frame
    from relay.transform.watching.episode import Change

_LONGEST: Final = 160
_EVERY_S: Final = 0.5
_LEARN_S: Final = 60.0
_MOST_ELAPSED_S: Final = 2.0
_SOFT: Final = (3, 3)
"""So far an edge may tremble and still lie on itself."""
_SURE: Final = 0.2
"""Of the phase correlation's energy, in its peak. Measured: 0.22 where a quarter of each side is gone from sight, 0.8
where a twentieth is, and at the most 0.18 between two places."""
_UNLIKE: Final = 0.3
"""Of the usual likeness: what shows less of the usual edges shows another place."""
_LEAST_DETAIL: Final = 1.5 * PER_LEVEL
"""A view with less shows hardly more than a sensor's noise, and nothing that could move."""
_ENOUGH_DETAIL: Final = 0.4
"""Of the usual detail: with less, as in the dark or behind a cover, nobody can say where the camera looks."""


class _View(NamedTuple):
    """Where the camera looks, compared with where it used to."""

    shift: tuple[float, float] | None
    """By what the picture has moved, in shares of its sides; `None` where nothing of the old view is left."""
    likeness: float


class Moved(Watcher):
    """Tells when the camera has been turned or pushed, so that it no longer looks where it used to.

    Emits `moved` when that begins and when it has ended, with, beside what all episodes have:

        shift      [x, y]: by how much what it sees has moved to the right and down, in shares of the picture; null
                   where nothing of the old view is left in it
        likeness   how much the edges in this frame are like the usual ones, 0 to 1
        is_back    at the end: it looks again where it used to. If not, the new view has become the usual one

    Edges are compared, not light: day and night, lamps and people make other pictures, but of the same edges. While
    there is too little detail to say (darkness, a cover), all stays as it was.
    """

    name: ClassVar = "moved"
    shift: Annotated[float, Field(gt=0, le=0.5)] = Field(
        default=0.02, description="share of the picture's width or height by which it must have moved"
    )
    min_duration_s: Duration = Field(default=5.0, description="seconds that it has to look elsewhere before it is told")
    cooldown_s: Duration = Field(default=2.0, description="seconds in its old place after which it is over")
    settle_s: Duration = Field(default=600.0, description="seconds after which the new view is the usual one")
    _edges: Edges = PrivateAttr()
    _due: Every = PrivateAttr()
    _episode: Episode = PrivateAttr()
    _now: NDArray[np.float32] = PrivateAttr()
    _usual: NDArray[np.float32] = PrivateAttr()
    _window: NDArray[np.float32] = PrivateAttr()
    _faded: tuple[NDArray[np.float32], NDArray[np.float32]] = PrivateAttr()
    _usual_likeness: float = PrivateAttr(default=1.0)
    _learnt: int = PrivateAttr(default=0)
    _learnt_ns: int = PrivateAttr(default=0)
    _began_ns: int = PrivateAttr(default=0)
    _has_settled: bool = PrivateAttr(default=False)
    _view: _View = PrivateAttr(default=_View((0.0, 0.0), 1.0))

    def open(self) -> None:
        """Begin with nothing known of the place."""
        self._edges, self._due = Edges(_LONGEST), Every(_EVERY_S)
        self._episode = Episode(self.min_duration_s, self.cooldown_s)
        self._now = np.empty((0, 0), np.float32)

    def apply(self, frame: Frame) -> None:
        """Compare the edges with the usual ones."""
        if not self._due.is_due(frame.time_ns):
            return
        _, edges = self._edges.of(luma_of(frame))
        is_new = edges.shape != self._now.shape
        if is_new:
            self._begin(edges.shape)
        np.copyto(self._now, edges)
        cv2.GaussianBlur(self._now, _SOFT, 0, dst=self._now)
        if is_new:
            np.copyto(self._usual, self._now)
        has_detail = cv2.mean(self._now)[0] >= max(_LEAST_DETAIL, _ENOUGH_DETAIL * cv2.mean(self._usual)[0])
        if has_detail:
            self._view = self._look()
        change = self._episode.step(frame.time_ns, is_seen=self._is_elsewhere())
        if change:
            self._tell(frame, change)
        if self._episode.is_idle and has_detail:
            self._learn(frame.time_ns)
        elif self._episode.is_lasting and frame.time_ns - self._began_ns >= self.settle_s * NS_PER_S:
            self._settle()

    def _begin(self, shape: tuple[int, ...]) -> None:
        """A first picture, or one of another size: nothing is known of the place."""
        self._now, self._usual = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._faded = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._window = np.ones(shape, np.float32)
        if min(shape) > 1:
            cv2.createHanningWindow((shape[1], shape[0]), cv2.CV_32F, dst=self._window)
        self._settle()

    def _settle(self) -> None:
        """Take the view of now for the usual one."""
        np.copyto(self._usual, self._now)
        self._usual_likeness, self._learnt, self._has_settled = 1.0, 0, True
        self._view = _View((0.0, 0.0), 1.0)

    def _look(self) -> _View:
        like = max(0.0, likeness(self._usual, self._now))
        rows, columns = self._now.shape
        cv2.multiply(self._usual, self._window, dst=self._faded[0])  # given a window, OpenCV 5 writes to its inputs
        cv2.multiply(self._now, self._window, dst=self._faded[1])
        (x, y), response = cv2.phaseCorrelate(*self._faded)
        is_found = response >= _SURE
        if not is_found and like >= _UNLIKE * self._usual_likeness:
            return _View((0.0, 0.0), like)
        return _View((x / columns, y / rows) if is_found else None, like)

    def _is_elsewhere(self) -> bool:
        shift = self._view.shift
        return shift is None or max(abs(shift[0]), abs(shift[1])) >= self.shift

    def _tell(self, frame: Frame, change: Change) -> None:
        shift = self._view.shift and [share(value) for value in self._view.shift]
        data: dict[str, Any] = {"shift": shift, "likeness": share(self._view.likeness)}
        if change.phase == "begin":
            self._began_ns, self._has_settled = change.first_ns, False
        else:
            data["is_back"] = not self._has_settled
        tell(frame, "moved", change, **data)

    def _learn(self, now_ns: int) -> None:
        """Let the usual view go slowly after that of now, which is the same but for light and for who is there."""
        elapsed_s = min(_MOST_ELAPSED_S, max(0.0, (now_ns - self._learnt_ns) / NS_PER_S))
        self._learnt, self._learnt_ns = self._learnt + 1, now_ns
        rate = max(1 - math.exp(-elapsed_s / _LEARN_S), 1 / (self._learnt + 1))
        cv2.accumulateWeighted(self._now, self._usual, rate)
        self._usual_likeness += (self._view.likeness - self._usual_likeness) * rate
