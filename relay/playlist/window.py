"""The rolling window of one rendition: which segments and parts a playlist lists, and which can be fetched still.

The rules it keeps, whatever is appended:

1. Only these edits happen to what was published: append; drop the oldest segments in order; drop the parts of old
   segments; raise the two sequence numbers; end (RFC 8216 §6.2.1). No line that stays is ever written differently.
2. A segment that left the list can be fetched for its own duration and the longest playlist that held it (§6.2.2,
   counted from its removal), and its parts as long as itself, which is more than the three targets they are owed.
3. A hole is never listed. After one the window begins again, at a later media sequence number; the numbers between
   count as segments that were removed. There is no EXT-X-GAP, because four of seven players stop at one.
4. Another init, or a call for it, puts EXT-X-DISCONTINUITY before a segment; never inside one. Then a segment that was
   left unfinished right before it is closed short: behind a discontinuity the missing time is none.
5. What stays listed lasts three target durations or more (§6.2.2), however short segments are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from relay.model import MediaKind
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relay.model import Copied, Part
    from relay.timeline import Grid

US_PER_S: Final = 1_000_000
_NS_PER_US: Final = 1000
HOLD_BACK_TARGETS: Final = 3
"""HOLD-BACK, PART-HOLD-BACK in part targets, and how long parts are listed: the least that the specification allows."""


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """What never changes in a rendition's playlist. All but `part_target_s` is the same in all renditions of a stream.

    `longest_part_s` is the largest of their part targets, on which PART-HOLD-BACK rests. With `parts_per_segment` 0
    there are no parts: each segment comes whole. `is_independent` says that each begins with a keyframe.
    """

    target_duration_s: int
    part_target_s: Fraction
    longest_part_s: Fraction
    parts_per_segment: int
    segments_listed: int
    is_independent: bool = True

    @classmethod
    def copied(cls, copied: Copied, *, segments_listed: int) -> WindowSettings:
        """The settings of every rendition of a stream whose pictures are copied."""
        return cls(
            target_duration_s=copied.target_duration_s,
            part_target_s=Fraction(0),
            longest_part_s=Fraction(0),
            parts_per_segment=0,
            segments_listed=segments_listed,
            is_independent=copied.is_independent,
        )

    @classmethod
    def of(cls, grid: Grid, kind: MediaKind, *, segments_listed: int, has_audio: bool) -> WindowSettings:
        """The settings of a rendition on `grid`."""
        if not grid.has_parts:
            return cls(grid.target_duration_s, Fraction(0), Fraction(0), 0, segments_listed)
        return cls(
            target_duration_s=grid.target_duration_s,
            part_target_s=grid.part_s if kind is MediaKind.VIDEO else grid.audio_part_s,
            longest_part_s=max(grid.part_s, grid.audio_part_s) if has_audio else grid.part_s,
            parts_per_segment=grid.parts_per_segment,
            segments_listed=segments_listed,
        )

    @property
    def has_parts(self) -> bool:
        """Whether it is a low-latency playlist."""
        return self.parts_per_segment > 0

    @property
    def hold_back_s(self) -> int:
        """HOLD-BACK, and how far from the end parts are listed."""
        return HOLD_BACK_TARGETS * self.target_duration_s

    @property
    def can_skip_until_s(self) -> int:
        """CAN-SKIP-UNTIL: six target durations, the least allowed (RFC 8216bis §4.4.3.8)."""
        return 6 * self.target_duration_s


@dataclass(slots=True)
class WindowPart:
    """A part in the window.

    Positions are microseconds since the epoch, rounded down from the exact ones: so durations add up without drift, and
    none is longer than its exact value rounded up.
    """

    index: int
    start_us: int
    end_us: int
    is_independent: bool
    data: bytes | memoryview

    @property
    def duration_us(self) -> int:
        """What DURATION says."""
        return self.end_us - self.start_us


@dataclass(slots=True)
class Segment:
    """A segment and its parts. `data` is `None` until it is complete; from then on the parts are views of it."""

    msn: int
    init_uri: str
    is_discontinuous: bool
    pdt_ns: int
    parts: list[WindowPart] = field(default_factory=list)
    data: bytes | None = None
    expires_ns: int = 0
    text: str = ""
    """Its lines in every playlist in which it is neither the first nor among those with parts; kept by `render`."""
    keyframe_bytes: int = 0
    """How many of its bytes hold the keyframe that it begins with, and what describes it; 0 where there is none."""

    @property
    def is_complete(self) -> bool:
        """Whether it is listed as a segment."""
        return self.data is not None

    @property
    def duration_us(self) -> int:
        """What EXTINF says; of an unfinished segment, what there is of it."""
        return self.parts[-1].end_us - self.parts[0].start_us

    def close(self) -> None:
        """Make the segment of its parts, and let them share its memory."""
        self.data = b"".join(part.data for part in self.parts)
        view, begin = memoryview(self.data), 0
        for part in self.parts:
            part.data = view[begin : begin + len(part.data)]
            begin += len(part.data)


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit of the window did, beside the part that was appended."""

    closed: Sequence[Segment] = ()
    expired: Sequence[Segment] = ()
    is_new_beginning: bool = False


class Window:
    """The window of one rendition. Times `now_ns` are of any clock that never goes back."""

    def __init__(self, settings: WindowSettings) -> None:
        self.settings = settings
        self.discontinuity_sequence = 0
        self.is_ended = False
        self._listed: deque[Segment] = deque()
        self._open: Segment | None = None
        self._kept: deque[Segment] = deque()
        self._by_msn: dict[int, Segment] = {}
        self._listed_us = 0
        self._longest_us = 0

    @property
    def listed(self) -> Sequence[Segment]:
        """The complete segments in the playlist, oldest first."""
        return self._listed

    @property
    def iframes(self) -> Sequence[Segment]:
        """The complete segments whose keyframes an I-frame playlist lists: all, or those behind one that has none.

        Such a one would be a hole in it, and rule 3 holds there too.
        """
        newest_first = takewhile(lambda segment: segment.keyframe_bytes > 0, reversed(self._listed))
        return list(newest_first)[::-1]

    @property
    def open_segment(self) -> Segment | None:
        """The segment whose parts are still coming."""
        return self._open

    @property
    def media_sequence(self) -> int:
        """The number of the first segment in the playlist; 0 while there is none."""
        first = self._listed[0] if self._listed else self._open
        return first.msn if first else 0

    @property
    def last_part(self) -> tuple[int, int] | None:
        """Segment and index of the newest part."""
        last = self._last
        return (last.msn, last.parts[-1].index) if last else None

    @property
    def next_part(self) -> tuple[int, int] | None:
        """Segment and index of the part that comes next, `None` where nobody can know: at the start and at the end."""
        if self.is_ended:
            return None
        if self._open:
            return self._open.msn, len(self._open.parts)
        return (self._listed[-1].msn + 1, 0) if self._listed else None

    @property
    def retention_ns(self) -> int:
        """How long media stays when a whole playlist is taken away: as long as the longest one that there was."""
        return max(self._longest_us * _NS_PER_US, self.settings.hold_back_s * NS_PER_S)

    def segment(self, msn: int) -> Segment | None:
        """The segment `msn`, complete or not, if it can be fetched still."""
        return self._by_msn.get(msn)

    def init_uris(self) -> set[str]:
        """The initialization segments that something in here needs."""
        return {segment.init_uri for segment in self._by_msn.values()}

    def append(self, part: Part, init_uri: str, now_ns: int, *, discontinuity: bool = False) -> Change | None:
        """Take the next part. `None`, and nothing happened, for one that cannot follow: old, or amid a segment.

        `discontinuity` asks for EXT-X-DISCONTINUITY if the part begins a segment, as the part itself may: another
        rendition needs one there.
        """
        segment, closed, is_new_beginning = self._open, [], False
        if self.is_ended or not self._fits(part, init_uri):
            return None
        if segment is None or segment.msn != part.msn:
            last = self._last
            is_called_for = discontinuity or part.is_discontinuous
            is_discontinuous = last is not None and (is_called_for or last.init_uri != init_uri)
            if last is not None and not self._continues(part, is_discontinuous=is_discontinuous):
                self._begin_again(now_ns)
                is_new_beginning = True
            elif segment is not None:
                closed.append(self._close(segment, now_ns))
            segment = self._open = Segment(part.msn, init_uri, is_discontinuous, part.pdt_ns)
            self._by_msn[part.msn] = segment
        segment.parts.append(_window_part(part))
        if part.is_last:
            closed.append(self._close(segment, now_ns))
        self._measure()
        return Change(closed, self.expire(now_ns), is_new_beginning)

    def suspend(self, now_ns: int) -> None:
        """Nothing comes for a long time: what is listed leaves as at a hole, and the next part begins again."""
        self._begin_again(now_ns)

    def end(self, now_ns: int) -> Change:
        """No more will come: what is unfinished is closed short, so that nothing that was listed is lost."""
        self.is_ended = True
        closed = [self._close(self._open, now_ns)] if self._open else []
        return Change(closed, self.expire(now_ns))

    def expire(self, now_ns: int) -> Sequence[Segment]:
        """Forget, and return, the segments whose time is over."""
        expired = []
        while self._kept and self._kept[0].expires_ns <= now_ns:
            segment = self._kept.popleft()
            del self._by_msn[segment.msn]
            expired.append(segment)
        return expired

    def segments_with_parts(self) -> int:
        """How many of the newest complete segments are listed with their parts: those that began within three targets.

        Whole segments only, because players count a segment's parts from its beginning.
        """
        if not self.settings.has_parts:
            return 0
        reach_us = self.settings.hold_back_s * US_PER_S
        distance_us = self._open.duration_us if self._open else 0
        return _count_within(reversed(self._listed), distance_us, reach_us)

    def skippable_segments(self) -> int:
        """How many of the oldest segments a delta update may leave out.

        The boundary is measured from the end of the last complete segment (RFC 8216bis §6.2.5.1).
        """
        boundary_us = self.settings.can_skip_until_s * US_PER_S
        distance_us = self._listed_us
        skippable = 0
        for segment in self._listed:
            distance_us -= segment.duration_us
            if distance_us < boundary_us:
                break
            skippable += 1
        return skippable

    @property
    def _last(self) -> Segment | None:
        return self._open or (self._listed[-1] if self._listed else None)

    def _fits(self, part: Part, init_uri: str) -> bool:
        last = self._last
        if last is None or part.msn > last.msn:
            return part.index == 0
        is_next = last is self._open and part.msn == last.msn and part.index == len(last.parts)
        return is_next and init_uri == last.init_uri

    def _continues(self, part: Part, *, is_discontinuous: bool) -> bool:
        """Whether a first part of a segment follows what is listed without a hole."""
        last = self._last
        return last is not None and part.msn == last.msn + 1 and (last.is_complete or is_discontinuous)

    def _close(self, segment: Segment, now_ns: int) -> Segment:
        segment.close()
        self._open = None
        self._listed.append(segment)
        self._listed_us += segment.duration_us
        while len(self._listed) > self.settings.segments_listed and self._lasts_without_the_first():
            self._listed_us -= self._listed[0].duration_us
            self._leave(self._listed.popleft(), now_ns)
        return segment

    def _lasts_without_the_first(self) -> bool:
        return self._listed_us - self._listed[0].duration_us >= self.settings.hold_back_s * US_PER_S

    def _begin_again(self, now_ns: int) -> None:
        while self._listed:
            self._leave(self._listed.popleft(), now_ns)
        self._listed_us = 0
        if self._open:
            self._leave(self._open, now_ns)
            self._open = None

    def _leave(self, segment: Segment, now_ns: int) -> None:
        self.discontinuity_sequence += segment.is_discontinuous
        held_us = segment.duration_us + self._longest_us
        segment.expires_ns = now_ns + max(held_us * _NS_PER_US, self.settings.hold_back_s * NS_PER_S)
        segment.text = ""
        self._kept.append(segment)

    def _measure(self) -> None:
        open_us = self._open.duration_us if self._open else 0
        self._longest_us = max(self._longest_us, self._listed_us + open_us)


def segment_uri(msn: int) -> str:
    """The last step of a segment's address."""
    return f"{msn}.m4s"


def part_uri(msn: int, index: int) -> str:
    """The last step of a part's address."""
    return f"{msn}.{index}.m4s"


def _window_part(part: Part) -> WindowPart:
    start_us = part.start_ticks * US_PER_S // part.timescale
    end_us = (part.start_ticks + part.duration_ticks) * US_PER_S // part.timescale
    return WindowPart(part.index, start_us, end_us, part.is_independent, part.data)


def _count_within(segments: Iterator[Segment], distance_us: int, reach_us: int) -> int:
    count = 0
    for segment in segments:
        distance_us += segment.duration_us
        if distance_us > reach_us:
            break
        count += 1
    return count
