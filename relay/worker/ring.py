"""What a ladder's largest rung was encoded to of late, out of which a rung that slept is made again.

What it holds has left the transform chain and was sent to viewers: nothing else is ever made of it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from relay.model import AccessUnit
    from relay.timeline import Grid

MOST_SEGMENTS: Final = 4
"""Whole segments: players begin three targets from the end, and one more leaves with the next."""

MOST_S: Final = 16
"""Where segments are long: a request is held while they are made, and that for nine seconds at the most."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Four segments of two seconds at 64 Mbit/s."""


class Place(NamedTuple):
    """Where to read from: the segment's first slot, of the ring's grid, and the running number of its first unit."""

    slot: int
    number: int


class _Kept(NamedTuple):
    slot: int
    number: int
    units: list[AccessUnit]


class Ring:
    """The newest whole segments of one rendition on `grid`, and what there is of the next. Any thread.

    Only what follows without a hole up to now is kept, so that who begins at a segment finds every slot behind it.
    """

    def __init__(self, grid: Grid, most_bytes: int = MOST_BYTES) -> None:
        self.grid = grid
        self.bytes_held = 0
        self._most_segments = max(1, min(MOST_SEGMENTS, int(MOST_S / grid.segment_s)))
        self._most_bytes = most_bytes
        self._segments: deque[_Kept] = deque()
        self._next_number = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def add(self, unit: AccessUnit) -> None:
        """Take the next unit, in decoding order."""
        with self._changed:
            if unit.is_idr:
                self._begin(unit.pts)
            if self._segments:  # else it continues what was let go of, or what began amid a segment
                self._segments[-1].units.append(unit)
                self._next_number += 1
                self.bytes_held += len(unit.data)
                self._forget()
                self._changed.notify_all()

    def find(self, first_slot: int) -> Place | None:
        """The oldest segment that begins at `first_slot` or later."""
        with self._changed:
            return next((Place(one.slot, one.number) for one in self._segments if one.slot >= first_slot), None)

    def read(self, number: int, within_s: float) -> list[AccessUnit] | None:
        """All from unit `number` on, as soon as there is one; none after `within_s`. `None`: that is not kept.

        After `close` nothing is.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._next_number != number, within_s)
            if self._is_closed or number < self._oldest_number() or number > self._next_number:
                return None
            return [
                unit
                for one in self._segments
                if one.number + len(one.units) > number
                for unit in one.units[max(0, number - one.number) :]
            ]

    def close(self) -> None:
        """Let nobody wait any longer. May be called twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _oldest_number(self) -> int:
        return self._segments[0].number if self._segments else self._next_number

    def _begin(self, slot: int) -> None:
        """An IDR picture: of the next segment, or, behind a hole and in a worker's first part, of another beginning."""
        last = self._segments[-1] if self._segments else None
        length = self.grid.slots_per_segment
        if last is None or last.slot + length != slot or len(last.units) != length:
            self._segments.clear()
            self.bytes_held = 0
            self._next_number += 1  # who had read all is told so too
        if self.grid.starts_segment(slot):
            self._segments.append(_Kept(slot, self._next_number, []))

    def _forget(self) -> None:
        while len(self._segments) > self._most_segments + 1 or (self._segments and self.bytes_held > self._most_bytes):
            self.bytes_held -= sum(len(unit.data) for unit in self._segments.popleft().units)
