"""Captions: segments of WebVTT, and their playlist beside those that are played.

W0 it is WebVTT · W1 X-TIMESTAMP-MAP says where on the media's clock it is · W2 its cues can be read · W3 they are shown
where their segment is. H1 and P19 as of any other media.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.check.containers import Container, container_of
from relay.check.finding import Finding, must, should
from relay.check.history import check_pair
from relay.check.spans import PRINTED_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relay.check.listing import MediaPlaylist
    from relay.check.spans import Span

CLOCK_HZ: Final = 90_000
CLOCK_CYCLE: Final = 1 << 33
"""The clock of MPEG-2 has 33 bits; that of fMP4 has more, of which MPEGTS says the lower ones."""
_CLAUSE: Final = "RFC 8216bis §3.1.4"
_FORMAT: Final = "W3C WebVTT §4.1"
_MAP: Final = "X-TIMESTAMP-MAP="
_TIME: Final = r"(?:\d{2,9}:)?[0-5]\d:[0-5]\d\.\d{3}"
_TIMES: Final = re.compile(rf"({_TIME})[ \t]+-->[ \t]+({_TIME})(?:[ \t].*)?", re.ASCII)
_SIGNATURE: Final = re.compile(r"WEBVTT(?:[ \t].*)?")
_NO_CUE: Final = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t\n].*)?", re.DOTALL)

Shown = tuple[Fraction, Fraction]
"""From when to when a cue is shown, in seconds of the media's clock."""


@dataclass(frozen=True, slots=True)
class CaptionSegment:
    """The cues of a segment, and the date and duration that its playlist gives it."""

    date_s: Fraction
    duration_s: Fraction
    cues: tuple[Shown, ...]


def read_webvtt(data: bytes) -> tuple[list[Shown], list[Finding]]:
    """The cues of a segment, of those that can be read, and all that is wrong with it."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [must("W0", _FORMAT, f"it is not UTF-8: {error.reason}")]
    header, *blocks = re.split(r"\n{2,}", re.sub(r"\r\n?", "\n", text).rstrip("\n"))
    signature, *lines = header.split("\n")
    if not _SIGNATURE.fullmatch(signature):
        return [], [must("W0", _FORMAT, f"it begins with {signature[:20]!r}, not with WEBVTT")]
    maps = [line for line in lines if line.startswith(_MAP)]
    offset_s: Fraction | None = Fraction(0)
    findings: list[Finding] = []
    cues: list[Shown] = []
    if maps:
        offset_s, findings = _read_map(maps)
    for number, block in enumerate(block for block in blocks if not _NO_CUE.fullmatch(block)):
        cue = _read_cue(block.split("\n"))
        if isinstance(cue, str):
            findings.append(must("W2", _FORMAT, cue, f"cue {number}"))
        elif offset_s is not None:
            cues.append((cue[0] + offset_s, cue[1] + offset_s))
    if cues and not maps:
        findings.append(should("W1", _CLAUSE, "no X-TIMESTAMP-MAP: its time 0 is taken for that of the media"))
    return cues, findings


def check_shown(captions: Mapping[int, CaptionSegment], pictures: Iterable[Span]) -> list[Finding]:
    """W3, of segments by their numbers, with the clock of the `pictures` of the same date.

    A cue may be a segment's length away from its own: who plays near the live edge has to be told that much early.
    """
    dated = sorted(
        (span.epoch_s + span.start_s, span.epoch_s, span.duration_s) for span in pictures if span.epoch_s is not None
    )
    dates = [date_s for date_s, _, _ in dated]
    findings: list[Finding] = []
    for msn, segment in captions.items():
        beside = bisect_right(dates, segment.date_s + PRINTED_S) - 1
        if beside < 0 or segment.date_s >= dates[beside] + dated[beside][2]:
            continue  # no pictures of that time were read
        far_s = _farthest_s(segment, segment.date_s - dated[beside][1])
        if far_s > segment.duration_s:
            message = f"a cue is shown {float(far_s):.1f} s from the pictures of its segment"
            findings.append(must("W3", _CLAUSE, message, f"segment {msn}"))
    return findings


def check_captions_beside(captions: MediaPlaylist, played: Sequence[MediaPlaylist]) -> list[Finding]:
    """P19 and P5: a live playlist of captions is aligned with what is `played`; one that has ended need not be."""
    if captions.is_ended or not played:
        return []
    return check_pair(captions, played[0], "")


def check_type(content_type: str, data: bytes) -> list[Finding]:
    """H1: WebVTT comes as such."""
    kind = content_type.partition(";")[0].strip().lower()
    if container_of(data) is not Container.WEBVTT or kind == "text/vtt":
        return []
    return [must("H1", "W3C WebVTT §9.1", f"WebVTT as {kind or 'nothing'}", "Content-Type")]


def _read_map(maps: Sequence[str]) -> tuple[Fraction | None, list[Finding]]:
    """What to add to a cue's time; `None` where that cannot be known."""
    pairs = [one.partition(":") for one in maps[0].removeprefix(_MAP).split(",")]
    said = {name.strip(): value.strip() for name, _, value in pairs}
    clock, local = said.get("MPEGTS", ""), said.get("LOCAL", "")
    if len(maps) > 1 or not re.fullmatch(r"[0-9]{1,20}", clock) or not re.fullmatch(_TIME, local, re.ASCII):
        return None, [must("W1", _CLAUSE, f"MPEGTS and LOCAL, once, are not what {maps[-1]!r} says")]
    findings: list[Finding] = []
    if int(clock) >= CLOCK_CYCLE:
        findings.append(should("W1", _CLAUSE, f"MPEGTS {clock} is more than the 33 bits of a timestamp"))
    return Fraction(int(clock), CLOCK_HZ) - _seconds(local), findings


def _read_cue(lines: Sequence[str]) -> Shown | str:
    """A cue's own times; or what is wrong with it."""
    text = lines[1:] if "-->" in lines[0] else lines[2:]
    times = lines[-len(text) - 1]
    found = _TIMES.fullmatch(times)
    if found is None:
        return f"these are no times of a cue: {times[:60]!r}"
    start_s, end_s = map(_seconds, found.groups())
    if end_s <= start_s:
        return f"it ends before it starts: {times[:60]!r}"
    if any("-->" in line for line in text):
        return "there is an arrow in its text, where parsers end it"
    return start_s, end_s


def _seconds(timestamp: str) -> Fraction:
    *hours, minutes, seconds = timestamp.split(":")
    return Fraction(seconds) + 60 * int(minutes) + sum(3600 * int(one) for one in hours)


def _farthest_s(segment: CaptionSegment, start_s: Fraction) -> Fraction:
    """How far from a segment that is shown from `start_s` on its farthest cue is, on a clock that begins anew."""
    cycle_s = Fraction(CLOCK_CYCLE, CLOCK_HZ)
    farthest_s = Fraction(0)
    for cue_start_s, cue_end_s in segment.cues:
        after_s = (cue_start_s - start_s + cycle_s / 2) % cycle_s - cycle_s / 2
        before_s = -after_s - (cue_end_s - cue_start_s)
        farthest_s = max(farthest_s, after_s - segment.duration_s, before_s)
    return farthest_s
