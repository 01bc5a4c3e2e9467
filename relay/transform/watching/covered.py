"""The `covered` transform: something lies over the lens, or it is out of focus: the picture has lost its detail."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import numpy as np
from pydantic import Field, PrivateAttr

from relay.timeline import NS_PER_S
from relay.transform.watching.edges import PER_LEVEL, Edges
from relay.transform.watching.episode import Episode
from relay.transform.watching.small import Halved
from relay.transform.watching.watcher import Duration, Every, Watcher, luma_of, share, tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import Plane
    from relay.transform.frame import Frame

_LONGEST: Final = 160
_CELL_HALVINGS: Final = 3
_EVERY_S: Final = 0.2
_LEARN_S: Final = 30.0
_MOST_ELAPSED_S: Final = 2.0
_NOISE: Final = (0.75, 3.0)
"""Levels: so much detail at the least and at the most is taken for the noise of a sensor, at this size."""
_PLAIN: Final = 0.1
"""The share of the cells that show no more than noise in nearly every view: sky, walls, a road."""
_STRAYS: Final = 1.2
"""By so much the noise of one cell is more than that of another."""
_BLACK, _ADAPTED = 16, 16
"""Detail is told in proportion to light, as the eye does; below this many levels of light it no longer grows."""
_LEAST_DETAIL: Final = 2.0
"""Levels that the detail of a cell usually has, if its loss is to mean anything: not so in a sky."""
_LEAST_CELLS: Final = 0.04
"""The share of the cells that must have detail, if there is to be a verdict at all."""
_KEPT: Final = 0.35
"""A cell that has less than this share of its usual detail has lost it."""


class Covered(Watcher):
    """Tells when the lens is covered, sprayed over or out of focus: nearly everywhere, the usual detail is gone.

    Emits `covered` when that begins and when it has ended, with, beside what all episodes have:

        lost   the share of the places that usually have detail, and have lost it in this frame, 0 to 1

    Detail is told in proportion to light: a lamp that is switched off is no cover while anything can be seen. A black
    picture is covered, too: nothing could tell the one from the other. What is lost over minutes, as at dusk or in fog,
    is taken for the look of the place; and of a view with next to no detail, a wall or a sky, nothing can be said.
    """

    name: ClassVar = "covered"
    area: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.8, description="share of the places with detail that must have lost it"
    )
    min_duration_s: Duration = Field(default=2.0, description="seconds that it has to last before it is told")
    cooldown_s: Duration = Field(default=2.0, description="seconds with detail after which it is over")
    _edges: Edges = PrivateAttr()
    _light_of: Halved = PrivateAttr()
    _detail_of: Halved = PrivateAttr()
    _due: Every = PrivateAttr()
    _episode: Episode = PrivateAttr()
    _learnt: int = PrivateAttr(default=0)
    _learnt_ns: int = PrivateAttr(default=0)
    _levels: NDArray[np.float32] = PrivateAttr()
    _usual: NDArray[np.float32] = PrivateAttr()

    def open(self) -> None:
        """Begin with nothing known of the place."""
        self._edges, self._due = Edges(_LONGEST), Every(_EVERY_S)
        self._light_of, self._detail_of = Halved(most=_CELL_HALVINGS), Halved(most=_CELL_HALVINGS)
        self._episode = Episode(self.min_duration_s, self.cooldown_s)
        self._levels = self._usual = np.empty((0, 0), np.float32)

    def apply(self, frame: Frame) -> None:
        """Compare the detail with what is usual."""
        if not self._due.is_due(frame.time_ns):
            return
        small, edges = self._edges.of(luma_of(frame))
        levels = np.asarray(self._detail_of.of(edges) / np.float32(PER_LEVEL), np.float32)
        detail = np.asarray(np.maximum(levels - _noise(levels), 0) / self._light(small), np.float32)
        if detail.shape != self._usual.shape:
            self._levels, self._usual, self._learnt = levels, detail, 0
        judged = self._levels >= _LEAST_DETAIL
        count = int(np.count_nonzero(judged))
        has_detail = count >= max(1, _LEAST_CELLS * judged.size)
        lost = int(np.count_nonzero(detail[judged] < _KEPT * self._usual[judged])) / max(1, count)
        is_covered = has_detail and lost >= self.area
        change = self._episode.step(frame.time_ns, is_seen=is_covered)
        if change:
            tell(frame, "covered", change, lost=share(lost))
        if self._episode.is_idle:
            self._learn(levels, detail, frame.time_ns)

    def _light(self, small: Plane) -> NDArray[np.float32]:
        light = self._light_of.of(small).astype(np.float32) - _BLACK
        return np.asarray(np.maximum(light, 0) + _ADAPTED, np.float32)

    def _learn(self, levels: NDArray[np.float32], detail: NDArray[np.float32], now_ns: int) -> None:
        elapsed_s = min(_MOST_ELAPSED_S, max(0.0, (now_ns - self._learnt_ns) / NS_PER_S))
        self._learnt, self._learnt_ns = self._learnt + 1, now_ns
        rate = max(1 - math.exp(-elapsed_s / _LEARN_S), 1 / (self._learnt + 1))
        self._levels += (levels - self._levels) * np.float32(rate)
        self._usual += (detail - self._usual) * np.float32(rate)


def _noise(levels: NDArray[np.float32]) -> np.float32:
    """What the sensor's noise adds to all of them, at the most: hardly more than the plainest show."""
    rank = round(_PLAIN * (levels.size - 1))
    plain = float(np.partition(levels, rank, axis=None)[rank])
    return np.float32(min(_NOISE[1], max(_NOISE[0], _STRAYS * plain)))
