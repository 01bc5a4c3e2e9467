"""When the things in a file are, and when they were captured: pure.

Timestamps are kept as the file has them. Two things are mended, because no container could be written with them: a
clock that begins anywhere or jumps, which MPEG-TS may have, and pictures that do not lie behind the one before.
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BACK_NS: Final = NS_PER_S
"""A smaller step back is a muxer's disorder."""

MAX_AHEAD_NS: Final = 10 * NS_PER_S
"""A larger step ahead, in a format whose clock may jump, is a jump: FFmpeg's own `dts_delta_threshold`."""

_NS_PER_US: Final = 1000
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST_YEAR: Final = 1990
"""Before that no camera wrote files: its clock was never set, and counts from 1904, 1970 or 1980."""


class FileClock:
    """Puts the packets of a file onto one line, which begins at the file's `start_ns` and does not jump.

    Only of a format that `may_jump` (MPEG-TS, whose clock begins anywhere, and anew where recordings were joined). Of
    all others nothing is changed. Sound and picture jump together, though their packets around a jump lie in any order.
    """

    def __init__(self, start_ns: int, *, may_jump: bool) -> None:
        self.jumps = 0
        self._may_jump = may_jump
        self._shift_ns = self._last_shift_ns = -start_ns if may_jump else 0
        self._ends_ns: dict[int, int] = {}

    def shift_ns(self, stream: int, time_ns: int, length_ns: int) -> int:
        """What is to be added to the timestamps of a packet of `stream`, which is decoded at `time_ns`."""
        if not self._may_jump:
            return 0
        shift_ns = self._shift_ns
        if not self._fits(stream, time_ns + shift_ns):
            shift_ns = self._last_shift_ns
            if not self._fits(stream, time_ns + shift_ns):
                self.jumps += 1
                shift_ns = max(self._ends_ns.values()) - time_ns
                self._last_shift_ns, self._shift_ns = self._shift_ns, shift_ns
        self._ends_ns[stream] = time_ns + shift_ns + length_ns
        return shift_ns

    def _fits(self, stream: int, placed_ns: int) -> bool:
        end_ns = self._ends_ns.get(stream)
        return end_ns is None or -MAX_BACK_NS <= placed_ns - end_ns <= MAX_AHEAD_NS


class Rising:
    """Timestamps of pictures, in ticks, each behind the one before it: as they are, where they are so.

    `step` is how far pictures lie apart on average; `mended` counts those that could not stay as they were.
    """

    def __init__(self, step: int) -> None:
        self.mended = 0
        self._step = max(1, step)
        self._last: int | None = None

    def place(self, pts: int | None) -> int:
        """Where the next picture is shown; `None` says that the file does not tell."""
        last = self._last
        if pts is None:
            placed = 0 if last is None else last + self._step
        else:
            placed = pts if last is None else max(pts, last + 1)
        self.mended += placed != pts
        self._last = placed
        return placed


def ns_of(ticks: int, time_base: Fraction) -> int:
    """Ticks in whole nanoseconds, rounded down; `ticks_of` finds them again."""
    return ticks * time_base.numerator * NS_PER_S // time_base.denominator


def ticks_of(time_ns: int, time_base: Fraction) -> int:
    """The tick nearest to `time_ns`."""
    return round(Fraction(time_ns * time_base.denominator, NS_PER_S * time_base.numerator))


def began_at_ns(created: Iterable[str | None], modified_ns: int | None, length_ns: int) -> int:
    """The Unix time at which a film begins, which with a picture's timestamp is when it was captured.

    That is what the file says first of its creation (`created`, ISO 8601); else its last change less its length; else,
    of a file that says neither, 0.
    """
    for text in created:
        moment = _moment(text)
        if moment is not None and moment.year >= _FIRST_YEAR:
            return (moment - _EPOCH) // dt.timedelta(microseconds=1) * _NS_PER_US
    return 0 if modified_ns is None else modified_ns - length_ns


def _moment(text: str | None) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
