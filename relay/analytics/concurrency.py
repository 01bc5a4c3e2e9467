"""How many watched at the same time: a sweep over when sessions began and ended.

A session counts from its first media bytes to its last (its end is the last media, not when that was noticed), so a
play that never started counts never, and nobody counts twice at the moment in which one leaves and another comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from relay.analytics.figures import is_play

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.sessions.model import SessionRow

MAX_POINTS: Final = 20_000
"""Two weeks of minutes. A longer time has wider steps."""


class Span(NamedTuple):
    """From `begin_ms` up to `end_ms`."""

    begin_ms: int
    end_ms: int


class Point(NamedTuple):
    """A step of time that begins at `at_ms`: the most that watched at once in it, and on average."""

    at_ms: int
    peak: int
    average: float


class Concurrency(NamedTuple):
    """Viewers over time; `peak` was first reached at `peak_at_ms` (None where there was nobody)."""

    points: list[Point]
    step_ms: int
    peak: int
    peak_at_ms: int | None


def spans(rows: Iterable[SessionRow], now_ms: int) -> list[Span]:
    """When each play went on. One that is not over goes on until `now_ms`."""
    found = []
    for row in rows:
        if is_play(row) and row.first_media_at_ms is not None:
            end_ms = now_ms if row.ended_at_ms is None else row.ended_at_ms
            found.append(Span(row.first_media_at_ms, max(end_ms, row.first_media_at_ms)))
    return found


def widened(step_ms: int, since_ms: int, until_ms: int) -> int:
    """`step_ms`, or as many times of it as leave at most `MAX_POINTS` steps."""
    times = -(-(until_ms - since_ms) // (step_ms * MAX_POINTS))
    return step_ms * max(1, times)


def concurrency(found: Iterable[Span], since_ms: int, until_ms: int, step_ms: int) -> Concurrency:
    """Viewers in each step of [`since_ms`, `until_ms`), which begin at whole multiples of `step_ms`."""
    if since_ms >= until_ms:
        return Concurrency([], step_ms, 0, None)
    step_ms = widened(step_ms, since_ms, until_ms)
    changes: dict[int, int] = {}
    for span in found:
        begin_ms, end_ms = max(span.begin_ms, since_ms), min(span.end_ms, until_ms)
        if begin_ms < end_ms:
            changes[begin_ms] = changes.get(begin_ms, 0) + 1
            changes[end_ms] = changes.get(end_ms, 0) - 1
    first_ms = since_ms // step_ms * step_ms
    sweep = _Sweep(list(range(first_ms, until_ms, step_ms)), step_ms)
    for at_ms in sorted(changes):
        sweep.change(at_ms, changes[at_ms])
    sweep.run_to(until_ms)
    points = [
        Point(at_ms, peak, round(total / (min(at_ms + step_ms, until_ms) - max(at_ms, since_ms)), 3))
        for at_ms, peak, total in zip(sweep.starts, sweep.peaks, sweep.totals, strict=True)
    ]
    return Concurrency(points, step_ms, sweep.peak, sweep.peak_at_ms)


class _Sweep:
    """Walks through time from change to change, and through the steps between."""

    def __init__(self, starts: list[int], step_ms: int) -> None:
        self.starts = starts
        self.peaks = [0] * len(starts)
        self.totals = [0] * len(starts)
        self.peak = 0
        self.peak_at_ms: int | None = None
        self._step_ms = step_ms
        self._at_ms = starts[0]
        self._viewers = 0

    def change(self, at_ms: int, by: int) -> None:
        self.run_to(at_ms)
        self._viewers += by
        if self._viewers > self.peak:
            self.peak, self.peak_at_ms = self._viewers, at_ms

    def run_to(self, until_ms: int) -> None:
        """Account for the viewers of now up to `until_ms`."""
        while self._at_ms < until_ms:
            place = (self._at_ms - self.starts[0]) // self._step_ms
            end_ms = min(until_ms, self.starts[place] + self._step_ms)
            self.peaks[place] = max(self.peaks[place], self._viewers)
            self.totals[place] += self._viewers * (end_ms - self._at_ms)
            self._at_ms = end_ms
