"""What a place looks like while nothing moves in it, learnt from small pictures; and which cells of the newest do move.

A cell (four by four samples) is in motion where two looks agree. The *long look*: most of its samples differ from what
is usual there, by more than they usually stray. The *short look*: near it, something is not where it was a fifth of a
second ago. The long look alone would take a parked car, the place that one has left, and every change of light for
motion; the short look alone sees both ends of what moves but not its middle, and every leaf. Together they see neither.

    usual picture   running average of each sample, over `_LEARN_S`, where nothing is in the way
    usual straying  running average of how far each sample was off (0.8 standard deviations of a Gaussian): a sensor's
                    noise, the edge of a leaf. Where it is high, more is asked for. Each is clipped, so that a
                    car that passes does not blind the camera for the next one
    exposure        the median of the ratios of light to usual light, over tiles of 16 by 16 samples. An iris, dusk or
                    a cloud makes all of them larger or smaller by one factor, since luma is a power of light; what
                    moves is in less than half of them. The usual picture is shown at the exposure of now, and then
                    compared
    rain            is seen by itself: much that differs is less than three samples wide. While it rains, what is so
                    thin does not count, and more is asked for of both looks: slow things are found a little later
    light           a lamp changes most of the picture at once: while that differs, nothing is taken for motion
    what stands     is usual after `_STANDS_S`; sooner where most of the picture differs and nothing moves: a lamp was
                    switched on, and that is how the place looks now

It works with running averages in the manner of Wren et al., "Pfinder" (1997), with one Gaussian a sample instead of the
mixture of MOG2 (Zivkovic 2004), at less than half of its cost; and learns five times a second, whatever the rate.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

from relay.timeline import NS_PER_S
from relay.transform.watching.episode import HOLE_S
from relay.transform.watching.small import Halved
from relay.transform.watching.watcher import Every

if TYPE_CHECKING:
    from relay.pixels import Plane

_BLACK: Final = 16.0
"""Luma of black in limited range: light begins here."""
_CELL_HALVINGS: Final = 2
_TILE_HALVINGS: Final = 4
_LEARN_EVERY_S: Final = 0.2
_EARLIER_NS: Final = NS_PER_S * 19 // 100
"""A fifth of a second, or the frame before where there are only five."""
_MOMENT_NS: Final = NS_PER_S * 8 // 100
_MOMENTS: Final = 5
"""So many so far apart are enough to find one of them, at any rate: the fourth is 0.24 s old."""
_LEARN_S: Final = 8.0
"""Slow against what passes, fast against dusk and the shadows of clouds."""
_LEARN_BUSY_S: Final = 60.0
"""how slowly it learns where something is in the way: a tree in the wind is usual after a while."""
_STANDS_S: Final = 4.0
_STANDS_AFTER_ALL_CHANGED_S: Final = 0.4
_MOST_OF_THE_PICTURE: Final = 0.5
_HARDLY_ANY: Final = 0.1
_CLIP: Final = 16.0
"""No sample counts as further off than this when the straying is learnt."""
_FIRST_STRAYING: Final = 1.5
_LONG_SHARE: Final = 127
"""Of 255: half of a cell's samples."""
_LONG_SHARE_IN_RAIN: Final = 159
"""Of 255: five eighths, more than two drops side by side cover."""
_SHORT_SHARE: Final = 76
"""Of 255: three tenths, since only the edges of what moves slowly have changed."""
_SHORT_BESIDE_IN_RAIN: Final = 60
"""Of 255, and of the nine cells around and with one that has changed: three; two are often drops that met."""
_RAIN: Final = 0.008
"""The share of the picture that differs and is thin. Measured: noise and what moves make 0.005, rain 0.03."""
_RAIN_S: Final = 1.0
"""For so long it is still raining when no drop falls; it begins at once."""
_NEAR: Final = np.ones((9, 9), np.uint8)
"""How far from a change the long look is believed: the middle of a plain lorry, 16 samples from its ends."""
_BESIDE: Final = np.ones((3, 3), np.uint8)
_USABLE_LIGHT: Final = (40, 220)
"""Tiles darker than this say little of exposure, brighter ones are cut off by it."""
_LEAST_TILES: Final = 6
_MOST_GAIN: Final = 8.0


class Background:
    """The model of one camera's view. `sensitivity` from 0 to 1 says how little a sample must differ to count."""

    def __init__(self, sensitivity: float) -> None:
        self._strays = 5.5 - 3 * sensitivity
        """A sample differs where it is off by more than so many times its usual straying,"""
        self._least = 14 * 0.18**sensitivity
        """and by more than so many levels of luma: 14 at the least sensitivity, 6 in the middle, 2.5 at the most."""
        self._shape: tuple[int, ...] = ()
        self._now_ns = 0
        self._cells_of = Halved(most=_CELL_HALVINGS)
        self._tiles_of = Halved(most=_TILE_HALVINGS)

    def moving(self, small: Plane, now_ns: int) -> Plane | None:
        """The cells of `small` that are in motion: 255, others 0; `uint8`, a quarter of its rows and columns.

        `None` while there is nothing to compare with: at the beginning, after a hole, and when the size has changed.
        The array is valid until the next call.
        """
        if small.shape != self._shape:
            self._begin(small)
        elapsed_s = (now_ns - self._now_ns) / NS_PER_S
        if not 0 <= elapsed_s <= HOLE_S:
            self._past.forget()
            elapsed_s = 0.0
        self._now_ns = now_ns
        gain = self._gain_of(small)
        exposure = self._exposure * gain
        self._look_long(small, gain, elapsed_s)
        found = self._look_short(small, now_ns, exposure)
        if self._due.is_due(now_ns):
            self._learn(small, now_ns, gain)
        self._past.keep(small, now_ns, exposure)
        return found

    def _begin(self, small: Plane) -> None:
        """Take `small` for what is usual, and make the arrays that everything is done in."""
        self._shape = small.shape
        self._due = Every(_LEARN_EVERY_S)
        self._learnt, self._learnt_ns = 0, 0
        self._exposure = 1.0
        self._rain = 0.0
        self._past = _Past(small.shape)
        self._usual = small.astype(np.float32)
        self._straying = np.full(small.shape, _FIRST_STRAYING, np.float32)
        self._shown, self._then, self._off = (np.empty_like(small) for _ in range(3))
        self._over, self._solid, self._mask = (np.empty_like(small) for _ in range(3))
        self._limit, self._floor = np.empty_like(small), np.full_like(small, round(self._least))
        cells = self._cells_of.of(small)
        self._long, self._short, self._found, self._still, self._around = (np.zeros_like(cells) for _ in range(5))
        self._stood, self._tick = np.zeros_like(cells), np.zeros_like(cells)
        self._know()

    def _know(self) -> None:
        """What follows from the usual picture and its straying: limits, and the light of the tiles."""
        cv2.convertScaleAbs(self._straying, dst=self._limit, alpha=self._strays)
        cv2.max(self._limit, self._floor, dst=self._limit)
        cv2.convertScaleAbs(self._usual, dst=self._shown)
        tiles = self._tiles_of.of(self._shown)
        self._usable = (tiles > _USABLE_LIGHT[0]) & (tiles < _USABLE_LIGHT[1])
        self._usual_light = tiles[self._usable] - np.float32(_BLACK)

    def _gain_of(self, small: Plane) -> float:
        """By what factor the light of `small` differs from the usual: that of the median tile."""
        if len(self._usual_light) < _LEAST_TILES:
            return 1.0
        light = self._tiles_of.of(small)[self._usable] - np.float32(_BLACK)
        light /= self._usual_light
        light.sort()
        return min(_MOST_GAIN, max(1 / _MOST_GAIN, float(light[len(light) // 2])))

    @property
    def _has_most_changed(self) -> bool:
        """That is light, or another view; nothing can be said of what moves before it is known."""
        return cv2.countNonZero(self._long) > _MOST_OF_THE_PICTURE * self._long.size

    @property
    def _is_raining(self) -> bool:
        return self._rain > _RAIN

    def _look_long(self, small: Plane, gain: float, elapsed_s: float) -> None:
        cv2.convertScaleAbs(self._usual, dst=self._shown, alpha=gain, beta=_BLACK * (1 - gain))
        cv2.absdiff(small, self._shown, dst=self._off)
        cv2.compare(self._off, self._limit, cv2.CMP_GT, dst=self._over)
        cv2.morphologyEx(self._over, cv2.MORPH_OPEN, _BESIDE, dst=self._solid)
        thin = (cv2.countNonZero(self._over) - cv2.countNonZero(self._solid)) / small.size
        self._rain = max(thin, self._rain * math.exp(-elapsed_s / _RAIN_S))
        over, least = (self._solid, _LONG_SHARE_IN_RAIN) if self._is_raining else (self._over, _LONG_SHARE)
        cv2.threshold(self._cells_of.of(over), least, 255, cv2.THRESH_BINARY, dst=self._long)

    def _look_short(self, small: Plane, now_ns: int, exposure: float) -> Plane | None:
        """The cells that differ from what is usual near a change of the last moment; `None` without such a moment."""
        earlier = self._past.before(now_ns)
        if earlier is None:
            self._short.fill(0)
            return None
        gain = exposure / earlier.exposure
        cv2.convertScaleAbs(earlier.picture, dst=self._then, alpha=gain, beta=_BLACK * (1 - gain))
        cv2.absdiff(small, self._then, dst=self._then)
        cv2.compare(self._then, self._limit, cv2.CMP_GT, dst=self._over)
        if self._is_raining:
            cv2.morphologyEx(self._over, cv2.MORPH_OPEN, _BESIDE, dst=self._over)
        cv2.threshold(self._cells_of.of(self._over), _SHORT_SHARE, 255, cv2.THRESH_BINARY, dst=self._short)
        if self._is_raining:
            cv2.blur(self._short, (3, 3), dst=self._around, borderType=cv2.BORDER_CONSTANT)
            cv2.threshold(self._around, _SHORT_BESIDE_IN_RAIN, 255, cv2.THRESH_BINARY, dst=self._around)
            cv2.bitwise_and(self._short, self._around, dst=self._short)
        cv2.dilate(self._short, _NEAR, dst=self._around)
        cv2.bitwise_and(self._long, self._around, dst=self._found)
        cv2.morphologyEx(self._found, cv2.MORPH_CLOSE, _BESIDE, dst=self._found)
        if self._has_most_changed:
            self._found.fill(0)
        return self._found

    def _learn(self, small: Plane, now_ns: int, gain: float) -> None:
        """Let the usual picture go after `small`, at its exposure: fast where nothing is in the way."""
        elapsed_s = min(1.0, max(0.0, (now_ns - self._learnt_ns) / NS_PER_S))
        self._learnt, self._learnt_ns = self._learnt + 1, now_ns
        self._exposure *= gain
        cv2.addWeighted(self._usual, gain, self._usual, 0, _BLACK * (1 - gain), dst=self._usual)
        cv2.threshold(self._off, _CLIP, 255, cv2.THRESH_TRUNC, dst=self._off)
        cv2.dilate(self._long, _BESIDE, dst=self._around)
        busy = self._spread(self._around)
        rate = _rate(elapsed_s, _LEARN_BUSY_S)
        cv2.accumulateWeighted(self._off, self._straying, rate, mask=busy)
        cv2.accumulateWeighted(small, self._usual, rate, mask=busy)
        cv2.bitwise_not(busy, dst=busy)
        rate = max(_rate(elapsed_s, _LEARN_S), 1 / (self._learnt + 1))
        cv2.accumulateWeighted(self._off, self._straying, rate, mask=busy)
        cv2.accumulateWeighted(small, self._usual, rate, mask=busy)
        self._take_over_what_stands(small, elapsed_s)
        self._know()

    def _take_over_what_stands(self, small: Plane, elapsed_s: float) -> None:
        cv2.dilate(self._short, _BESIDE, dst=self._around)
        cv2.bitwise_not(self._around, dst=self._around)
        cv2.bitwise_and(self._long, self._around, dst=self._still)
        self._tick.fill(max(1, round(elapsed_s / _LEARN_EVERY_S)))
        cv2.add(self._stood, self._tick, dst=self._stood)
        cv2.bitwise_and(self._stood, self._still, dst=self._stood)
        is_quiet = cv2.countNonZero(self._short) < _HARDLY_ANY * self._long.size
        patience_s = _STANDS_AFTER_ALL_CHANGED_S if self._has_most_changed and is_quiet else _STANDS_S
        cv2.threshold(self._stood, patience_s / _LEARN_EVERY_S - 0.5, 255, cv2.THRESH_BINARY, dst=self._around)
        if cv2.countNonZero(self._around):
            cv2.accumulateWeighted(small, self._usual, 1.0, mask=self._spread(self._around))

    def _spread(self, cells: Plane) -> Plane:
        """A mask of cells as one of samples."""
        rows, columns = self._mask.shape
        cv2.resize(cells, (columns, rows), dst=self._mask, interpolation=cv2.INTER_NEAREST)
        return self._mask


class _Moment(NamedTuple):
    time_ns: int
    exposure: float
    picture: Plane


class _Past:
    """The pictures of the last moments, not all of them, and the exposures at which they were taken."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._free: list[Plane] = [np.empty(shape, np.uint8) for _ in range(_MOMENTS)]
        self._moments: deque[_Moment] = deque()

    def keep(self, picture: Plane, now_ns: int, exposure: float) -> None:
        """Copy `picture`, if it is time for one."""
        if self._moments and now_ns - self._moments[-1].time_ns < _MOMENT_NS:
            return
        target = self._free.pop() if self._free else self._moments.popleft().picture
        np.copyto(target, picture)
        self._moments.append(_Moment(now_ns, exposure, target))

    def before(self, now_ns: int) -> _Moment | None:
        """The newest that is old enough for slow things to have moved since."""
        for moment in reversed(self._moments):
            if now_ns - moment.time_ns >= _EARLIER_NS:
                return moment
        return None

    def forget(self) -> None:
        """Nothing of before can be compared with what comes."""
        while self._moments:
            self._free.append(self._moments.pop().picture)


def _rate(elapsed_s: float, within_s: float) -> float:
    """The weight of a new value in a running average over `within_s`, so long after the one before."""
    return 1 - math.exp(-elapsed_s / within_s)
