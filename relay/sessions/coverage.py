"""Which stretches of media a viewer has fetched, so that none is counted twice.

A low-latency player fetches the parts of a segment, sometimes then the segment; ffmpeg and mpv fetch the same segment
of two renditions while they probe; others read a range again. Media sequence numbers lie on one grid for all
renditions, so (segment, part) names a stretch of the timeline, whatever it was read from.

The memory is bounded. What is forgotten counts as fetched, so an estimate can only become too small, never too large.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

MAX_RUNS: Final = 32
"""Unbroken runs of segments kept: a viewer who jumps about more often than that is not watching live."""

MAX_OPEN_SEGMENTS: Final = 4
"""Segments known by their parts: playlists name those of the last three target durations and of the newest segment."""


class Coverage:
    """The unique media of one kind that one viewer fetched."""

    __slots__ = ("_parts", "_runs")

    def __init__(self) -> None:
        self._runs: list[tuple[int, int]] = []
        self._parts: dict[int, tuple[int, int]] = {}

    def add(self, msn: int, part_index: int | None, duration_ns: int) -> int:
        """As `add_part`, or where `part_index` is None as `add_segment`."""
        return self.add_segment(msn, duration_ns) if part_index is None else self.add_part(msn, part_index, duration_ns)

    def add_segment(self, msn: int, duration_ns: int) -> int:
        """How much of segment `msn` (of `duration_ns`) had not been fetched before."""
        if self._covers(msn):
            return 0
        _, fetched_ns = self._parts.pop(msn, (0, 0))
        self._cover(msn)
        return max(0, duration_ns - fetched_ns)

    def add_part(self, msn: int, index: int, duration_ns: int) -> int:
        """As `add_segment`, for part `index` of segment `msn`."""
        entry = self._parts.get(msn)
        if entry is None:
            if self._covers(msn):
                return 0
            self._make_room()
            entry = (0, 0)
        seen, fetched_ns = entry
        bit = 1 << index
        if seen & bit:
            return 0
        self._parts[msn] = (seen | bit, fetched_ns + duration_ns)
        return duration_ns

    def _make_room(self) -> None:
        if len(self._parts) >= MAX_OPEN_SEGMENTS:
            oldest = min(self._parts)
            del self._parts[oldest]
            self._cover(oldest)

    def _covers(self, msn: int) -> bool:
        runs = self._runs
        if not runs or msn > runs[-1][1]:
            return False
        place = bisect_right(runs, msn, key=_first)
        return place > 0 and msn <= runs[place - 1][1]

    def _cover(self, msn: int) -> None:
        runs = self._runs
        place = bisect_right(runs, msn, key=_first)
        first, last = msn, msn
        if place < len(runs) and runs[place][0] == msn + 1:
            last = runs.pop(place)[1]
        if place and runs[place - 1][1] == msn - 1:
            place -= 1
            first = runs.pop(place)[0]
        runs.insert(place, (first, last))
        if len(runs) > MAX_RUNS:
            runs[:2] = [(runs[0][0], runs[1][1])]


def _first(run: tuple[int, int]) -> int:
    return run[0]


class Run:
    """Media requests without a gap: from when, and how much unique media of each kind."""

    __slots__ = ("audio_ns", "first_ns", "last_ns", "video_ns")

    def __init__(self, at_ns: int) -> None:
        self.first_ns = self.last_ns = at_ns
        self.video_ns = self.audio_ns = 0

    @property
    def media_ns(self) -> int:
        """The main rendition's: a separate audio group is the same time once more, unless it is all there is."""
        return self.video_ns or self.audio_ns

    def watched_ns(self, last_duration_ns: int) -> int:
        """Neither more than was fetched nor than passed, the last object of `last_duration_ns` included."""
        return min(self.media_ns, self.last_ns - self.first_ns + last_duration_ns)
