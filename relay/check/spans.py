"""When a segment's media is shown, in seconds of its own clock, and whether renditions agree on it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must, should
from relay.check.history import START_APART_S
from relay.check.renditions import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relay.check.boxes import Fragment, InitInfo

PRINTED_S: Final = Fraction(2, 1000)
"""A date is printed to a millisecond, and so is the one that it is compared with."""
_CLAUSE: Final = "RFC 8216bis §6.2.4"


@dataclass(frozen=True, slots=True)
class Span:
    """A segment's first track of pictures, or else its first track. `start_s` is when its first sample is shown.

    `epoch_s` is the date at which its clock showed 0, where the playlist says one; `cycle_s` is after how long its
    clock begins anew, 0 for never.
    """

    start_s: Fraction
    duration_s: Fraction
    frame_s: Fraction
    samples: int
    is_video: bool
    epoch_s: Fraction | None = None
    cycle_s: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Side:
    """One rendition for `check_alignment`: its spans by media sequence number."""

    name: str
    role: Role
    spans: Mapping[int, Span]


def read_span(fragments: Sequence[Fragment], init: InitInfo, date_s: Fraction | None = None) -> Span | None:
    """The span of a segment's fragments; `None` where nothing says when it is. `date_s`: its date."""
    timed = [track for track in init.tracks if track.timescale]
    track = next((track for track in timed if track.handler == "vide"), timed[0] if timed else None)
    if track is None:
        return None
    shown: list[int] = []
    durations: list[int] = []
    for fragment in fragments:
        for traf in fragment.tracks:
            if traf.track_id != track.track_id or traf.decode_time is None:
                continue
            at = traf.decode_time
            for sample in traf.samples:
                shown.append(at + sample.composition_offset)
                durations.append(sample.duration)
                at += sample.duration
    if not shown:
        return None
    start_s = Fraction(min(shown), track.timescale)
    return Span(
        start_s,
        Fraction(sum(durations), track.timescale),
        Fraction(max(durations), track.timescale),
        len(shown),
        track.handler == "vide",
        None if date_s is None else date_s - start_s,
    )


def check_date(before: Span, after: Span, where: str) -> list[Finding]:
    """M15: dates and media time go on together, up to a discontinuity."""
    if before.epoch_s is None or after.epoch_s is None:
        return []
    apart_s = _wrapped_s(after.epoch_s - before.epoch_s, after)
    if abs(apart_s) <= max(before.frame_s, after.frame_s) + PRINTED_S:
        return []
    message = f"its date went {float(apart_s * 1000):+.1f} ms from its media time"
    return [must("M15", "RFC 8216bis §4.4.4.6", message, where)]


def check_alignment(sides: Sequence[Side]) -> list[Finding]:
    """P19 for media: segments of one number cover the same time, and the same date is the same media time."""
    findings: list[Finding] = []
    for one, other in combinations(sides, 2):
        are_variants = one.role == other.role == Role.VARIANT
        where = f"{one.name}, {other.name}"
        for msn in sorted(one.spans.keys() & other.spans.keys()):
            findings += _check_pair(one.spans[msn], other.spans[msn], msn, where, are_variants=are_variants)
    return findings


def _check_pair(mine: Span, theirs: Span, msn: int, where: str, *, are_variants: bool) -> list[Finding]:
    frame_s = max(mine.frame_s, theirs.frame_s)
    if mine.epoch_s is not None and theirs.epoch_s is not None:
        apart_s = _wrapped_s(mine.epoch_s - theirs.epoch_s, mine)
        if abs(apart_s) > frame_s + PRINTED_S:
            message = f"segment {msn}: one date is media times {float(apart_s * 1000):+.1f} ms apart"
            return [must("P19", _CLAUSE, message, where)]
    starts_s = _wrapped_s(mine.start_s - theirs.start_s, mine)
    ends_s = starts_s + mine.duration_s - theirs.duration_s
    allowed_s = frame_s if are_variants else START_APART_S
    if max(abs(starts_s), abs(ends_s)) > allowed_s:
        message = f"segment {msn} starts {float(starts_s * 1000):+.1f} ms and ends {float(ends_s * 1000):+.1f} ms apart"
        return [should("P19", _CLAUSE, message, where)]
    return []


def _wrapped_s(apart_s: Fraction, span: Span) -> Fraction:
    """`apart_s` as short as it can be on a clock that begins anew."""
    half_s = span.cycle_s / 2
    return (apart_s + half_s) % span.cycle_s - half_s if half_s else apart_s
