"""The relay's own promise, stronger than HLS: every number in a playlist follows from the Unix clock and the grid.

E1 a date lies on the grid · E2 the media sequence number is the epoch formula of the date · E3 EXTINF is what the grid
says · E4 parts are where the grid has them · E5 TARGETDURATION and PART-TARGET are the grid's.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must
from relay.model import MediaKind
from relay.timeline import NS_PER_S, SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME, aac_frame_start_ns

if TYPE_CHECKING:
    from relay.check.listing import ListedSegment, MediaPlaylist
    from relay.timeline import Grid

PRINTED_NS: Final = 1_000_000
"""Dates are printed to a millisecond, cut or rounded."""
PRINTED_S: Final = Fraction(1, 1000)
_CLAUSE: Final = "the timeline"


def check_epoch(playlist: MediaPlaylist, grid: Grid, kind: MediaKind = MediaKind.VIDEO) -> list[Finding]:
    """All in a playlist of this relay that does not follow from `grid`."""
    findings = _check_targets(playlist, grid, kind)
    for segment in playlist.all_segments:
        findings += _check_segment(segment, grid, kind)
    return findings


def first_ns(grid: Grid, kind: MediaKind, msn: int) -> int:
    """The wall-clock time of a segment's first video slot, or of the first AAC frame beside it."""
    slot = grid.first_slot(msn)
    if kind is MediaKind.VIDEO:
        return grid.start_ns(slot)
    return aac_frame_start_ns(grid.audio_frames_before(slot))


def span_s(grid: Grid, kind: MediaKind, first_slot: int, end_slot: int) -> Fraction:
    """How long the media beside the slots `[first_slot, end_slot)` lasts."""
    if kind is MediaKind.VIDEO:
        return (end_slot - first_slot) / grid.rate
    frames = grid.audio_frames_before(end_slot) - grid.audio_frames_before(first_slot)
    return Fraction(frames * SAMPLES_PER_AAC_FRAME, SAMPLE_RATE_HZ)


def _check_targets(playlist: MediaPlaylist, grid: Grid, kind: MediaKind) -> list[Finding]:
    part_s = grid.part_s if kind is MediaKind.VIDEO else grid.audio_part_s
    findings: list[Finding] = []
    if playlist.target_duration_s != grid.target_duration_s:
        message = f"EXT-X-TARGETDURATION is {playlist.target_duration_s}, the grid's is {grid.target_duration_s}"
        findings.append(must("E5", _CLAUSE, message))
    if playlist.part_target_s is not None and abs(playlist.part_target_s - part_s) > PRINTED_S:
        message = f"PART-TARGET is {float(playlist.part_target_s)}, the grid's is {float(part_s)}"
        findings.append(must("E5", _CLAUSE, message))
    return findings


def _check_segment(segment: ListedSegment, grid: Grid, kind: MediaKind) -> list[Finding]:
    findings: list[Finding] = []
    if segment.pdt_ns is not None:
        # A little on, so that a date cut short falls into its own slot and not into the one before.
        msn = grid.msn(grid.slot_at(segment.pdt_ns + _phase_ns(kind)))
        if msn != segment.msn:
            message = f"its date is that of segment {msn}"
            findings.append(must("E2", _CLAUSE, message, segment.where))
        elif abs(segment.pdt_ns - first_ns(grid, kind, msn)) > PRINTED_NS:
            late_ms = (segment.pdt_ns - first_ns(grid, kind, msn)) / 1e6
            findings.append(must("E1", _CLAUSE, f"its date is {late_ms:+.3f} ms off the grid", segment.where))
    slot = grid.first_slot(segment.msn)
    whole_s = span_s(grid, kind, slot, slot + grid.slots_per_segment)
    if segment.uri is not None and abs(segment.duration_s - whole_s) > PRINTED_S:
        message = f"EXTINF is {float(segment.duration_s)}, the grid's is {float(whole_s)}"
        findings.append(must("E3", _CLAUSE, message, segment.where))
    for index, part in enumerate(segment.parts):
        first = grid.first_slot(segment.msn, index)
        part_s = span_s(grid, kind, first, first + grid.slots_per_part)
        if index >= grid.parts_per_segment or abs(part.duration_s - part_s) > PRINTED_S:
            message = f"part {index} lasts {float(part.duration_s)}, the grid's {float(part_s)}"
            findings.append(must("E4", _CLAUSE, message, f"line {part.line}"))
    return findings


def _phase_ns(kind: MediaKind) -> int:
    """What to add to a date so that it lies in its segment: audio starts up to a frame before the slot beside it."""
    return PRINTED_NS + (0 if kind is MediaKind.VIDEO else SAMPLES_PER_AAC_FRAME * NS_PER_S // SAMPLE_RATE_HZ)
