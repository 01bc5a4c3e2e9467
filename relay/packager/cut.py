"""Where a stream whose pictures are copied is cut into segments: at the camera's keyframes. Pure.

    pictures in decoding order ──KeyframeCut.add──> runs of them, each with the time at which it begins and ends

A run begins with the first keyframe that comes `shortest_ns` or more after the one before began. Where there is none
for so long that the next picture would end beyond `longest_ns`, it is cut there all the same, before a picture that is
shown later than all before it, so that no picture changes places with one of another run.

A run ends where the next one's first picture is shown, so times never overlap and leave no hole. Pictures that are
coded behind a keyframe and shown before it (open GOPs) belong to its run: a cut is therefore known only when a picture
comes that is shown after the one which begins the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, takewhile
from statistics import median
from typing import TYPE_CHECKING, Final

from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.model import CodedPicture

MAX_PICTURES: Final = 4096
"""Of a run: 12 s at 120 a second are 1440. More come only from a source whose times stand still."""

MAX_BYTES: Final = 24_000_000
"""Of a run: what the worker can hand over at once (`wire.MAX_BODY_BYTES`), less what the last picture may be over."""

SHORTEST_PIECE_NS: Final = NS_PER_S // 4
"""Below this, what is left of a broken run is no segment: behind a discontinuity nobody sees that it is gone."""

_UNKNOWN_PERIOD_NS: Final = NS_PER_S // 25
_SLACK_NS: Final = NS_PER_S // 10
"""Timestamps jitter: a keyframe that comes this much too early is the one that was meant."""

_HOLE_NS: Final = NS_PER_S // 4
"""How long the last picture of a full run may stand until the next one comes. EXTINF may be over by half a second."""

_LATELY: Final = 32
"""Pictures whose distance is the usual one: two of the longest reorderings that H.264 and H.265 allow."""


@dataclass(frozen=True, slots=True)
class Run:
    """Pictures of one segment, in decoding order; the first is shown at `start_ns`, the last until `end_ns`."""

    pictures: tuple[CodedPicture, ...]
    start_ns: int
    end_ns: int
    is_discontinuous: bool

    @property
    def is_independent(self) -> bool:
        """Whether it begins with a keyframe."""
        return self.pictures[0].is_keyframe


class KeyframeCut:
    """The cut policy of a copied stream. `dropped` counts the pictures that came where only a keyframe could begin."""

    def __init__(self, shortest_ns: int, longest_ns: int) -> None:
        self.dropped = 0
        self._shortest_ns = shortest_ns
        self._longest_ns = longest_ns
        self._pictures: list[CodedPicture] = []
        self._bytes = 0
        self._cut_at: int | None = None
        self._start_ns = 0
        self._newest_ns = 0
        self._end_ns: int | None = None
        self._is_discontinuous = True

    @property
    def next_ns(self) -> int | None:
        """When the picture that is shown last stops being so, if nothing follows it; `None` before the first."""
        return self._newest_ns + self._period_ns() if self._pictures else self._end_ns

    @property
    def ended_ns(self) -> int | None:
        """Where the last run that was given out ends: nothing may begin before it."""
        return self._end_ns

    def can_last_until(self, time_ns: int) -> bool:
        """Whether the open run may be stretched to `time_ns`, its last picture standing still."""
        start = self._start_ns if self._cut_at is None else self._pictures[self._cut_at].time_ns
        return bool(self._pictures) and self._newest_ns < time_ns <= start + self._longest_ns

    def add(self, picture: CodedPicture) -> list[Run]:
        """Take the next picture; the runs that are complete by it."""
        runs: list[Run] = []
        if self._cut_at is not None and picture.time_ns > self._pictures[self._cut_at].time_ns:
            runs.append(self._close_at(self._cut_at))
        if self._pictures and self._is_broken_before(picture):
            runs += self.break_off()
        if not self._pictures:
            if not picture.is_keyframe or (self._end_ns is not None and picture.time_ns < self._end_ns):
                self.dropped += 1
                return runs
            self._start_ns = self._newest_ns = picture.time_ns
        elif self._is_discontinuous and picture.time_ns < self._start_ns:
            # Behind a seam, what leads its keyframe may need pictures that nobody has (H.265: RASL).
            self.dropped += 1
            return runs
        elif self._cut_at is None and self._is_cut_before(picture):
            self._cut_at = len(self._pictures)
        self._pictures.append(picture)
        self._bytes += _size(picture)
        self._newest_ns = max(self._newest_ns, picture.time_ns)
        return runs

    def break_off(self, at_ns: int | None = None) -> list[Run]:
        """Nothing continues what came so far: the runs that are complete by it.

        The last ends at `at_ns`, and what is not shown before that is left out; or, without it, as long after its last
        picture as is usual. If it is very short, all of it is left out.
        """
        if at_ns is not None:
            # Never out of the middle: what stands behind a picture in decoding order may need it.
            self._pictures = list(takewhile(lambda picture: picture.time_ns < at_ns, self._pictures))
            if self._cut_at is not None and self._cut_at >= len(self._pictures):
                self._cut_at = None
        runs = [] if self._cut_at is None else [self._close_at(self._cut_at)]
        if self._pictures:
            end_ns = self._newest_ns + self._period_ns() if at_ns is None else at_ns
            if end_ns - self._start_ns >= SHORTEST_PIECE_NS:
                runs.append(self._run(self._pictures, end_ns))
        self._pictures, self._bytes = [], 0
        self._is_discontinuous = True
        return runs

    def _is_broken_before(self, picture: CodedPicture) -> bool:
        """Whether the last picture would have to stand for longer than a segment may be, or there is no end to it."""
        is_full = len(self._pictures) >= MAX_PICTURES or self._bytes >= 5 * MAX_BYTES // 4
        is_late = picture.time_ns - self._newest_ns > _HOLE_NS
        return is_full or (is_late and picture.time_ns - self._start_ns > self._longest_ns)

    def _is_cut_before(self, picture: CodedPicture) -> bool:
        after_ns = picture.time_ns - self._start_ns
        if picture.is_keyframe and after_ns >= self._shortest_ns - _SLACK_NS:
            return True
        is_over = after_ns + self._period_ns() > self._longest_ns or self._bytes + _size(picture) > MAX_BYTES
        return is_over and picture.time_ns > self._newest_ns

    def _close_at(self, index: int) -> Run:
        """The run up to the picture `index`, which begins the next one."""
        before, after = self._pictures[:index], self._pictures[index:]
        run = self._run(before, min(picture.time_ns for picture in after))
        self._pictures, self._cut_at = after, None
        self._bytes = sum(map(_size, after))
        self._start_ns = run.end_ns
        self._newest_ns = max(picture.time_ns for picture in after)
        return run

    def _run(self, pictures: Sequence[CodedPicture], end_ns: int) -> Run:
        end_ns = max(end_ns, self._start_ns + 1)
        run = Run(tuple(pictures), self._start_ns, end_ns, self._is_discontinuous)
        self._end_ns, self._is_discontinuous = end_ns, False
        return run

    def _period_ns(self) -> int:
        times_ns = sorted(picture.time_ns for picture in self._pictures[-_LATELY:])
        steps = [after - before for before, after in pairwise(times_ns) if after > before]
        return round(median(steps)) if steps else _UNKNOWN_PERIOD_NS


def _size(picture: CodedPicture) -> int:
    return sum(map(len, picture.units))
