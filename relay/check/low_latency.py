"""The rules of one low-latency media playlist, L1 to L15 as far as a single reading shows them."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must, should

if TYPE_CHECKING:
    from relay.check.listing import ListedSegment, MediaPlaylist, ServerControl

ROUNDING_S: Final = Fraction(1, 1000)
"""What the printed durations of a segment's parts may be off from its printed EXTINF, in all."""
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
SHORTEST_PART: Final = Fraction(85, 100)
_PART_CLAUSE: Final = "RFC 8216bis §4.4.4.9"


def check_low_latency(playlist: MediaPlaylist) -> list[Finding]:
    """All that is wrong with parts, hold-backs, hints, reports and skips."""
    return [
        *_check_server_control(playlist),
        *_check_parts(playlist),
        *_check_old_parts(playlist),
        *_check_hints(playlist),
        *_check_reports(playlist),
        *_check_skip(playlist),
    ]


def _check_server_control(playlist: MediaPlaylist) -> list[Finding]:
    control = playlist.server_control
    clause = "RFC 8216bis §4.4.3.8"
    if control is None:
        if playlist.part_target_s is None:
            return []
        return [must("L2", clause, "parts without EXT-X-SERVER-CONTROL")]
    findings = _check_hold_backs(control, playlist.target_duration_s)
    if playlist.part_target_s is None:
        return findings
    if not control.can_block_reload:
        findings.append(must("L11", "RFC 8216bis B.1", "parts without CAN-BLOCK-RELOAD=YES"))
    if control.part_hold_back_s is None:
        return [*findings, must("L2", clause, "parts without PART-HOLD-BACK")]
    if control.part_hold_back_s < 3 * playlist.part_target_s:
        hold_back_s = float(control.part_hold_back_s)
        message = f"PART-HOLD-BACK {hold_back_s} is under three PART-TARGET of {float(playlist.part_target_s)}"
        findings.append(must("L2", "Apple 14.3", message))
    return findings


def _check_hold_backs(control: ServerControl, target_s: int | None) -> list[Finding]:
    findings: list[Finding] = []
    clause = "RFC 8216bis §4.4.3.8"
    if control.can_skip_dateranges and control.can_skip_until_s is None:
        findings.append(must("L2", clause, "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL"))
    for name, value_s, targets in (
        ("HOLD-BACK", control.hold_back_s, 3),
        ("CAN-SKIP-UNTIL", control.can_skip_until_s, 6),
    ):
        if target_s is not None and value_s is not None and value_s < targets * target_s:
            message = f"{name} {float(value_s)} is under {targets} target durations of {target_s}"
            findings.append(must("L2", clause, message))
    return findings


def _check_parts(playlist: MediaPlaylist) -> list[Finding]:
    findings: list[Finding] = []
    with_parts = [segment for segment in playlist.all_segments if segment.parts]
    if with_parts and playlist.part_target_s is None:
        where = with_parts[0].where
        return [must("L1", "RFC 8216bis §4.4.3.7", "EXT-X-PART without EXT-X-PART-INF", where)]
    for segment in with_parts:
        findings += _check_part_lengths(segment, playlist.part_target_s or Fraction(0))
        if segment.tags_after_part:
            names = ", ".join(segment.tags_after_part)
            findings.append(must("L5", _PART_CLAUSE, f"{names} after the segment's first part", segment.where))
        apart_s = segment.parts_s - segment.duration_s
        if segment is with_parts[0] and apart_s < -ROUNDING_S:
            continue  # its oldest parts have left the playlist, as they may
        if not (segment.parts[0].is_independent or segment.parts[0].is_gap):
            message = "its first part is not INDEPENDENT: a player cannot start there"
            findings.append(should("L4", "Apple 7.4", message, segment.where))
        if abs(apart_s) > ROUNDING_S:
            message = f"its parts last {float(apart_s * 1000):+.3f} ms more than its EXTINF"
            findings.append(must("L8", _PART_CLAUSE, message, segment.where))
    return findings


def _check_part_lengths(segment: ListedSegment, target_s: Fraction) -> list[Finding]:
    findings: list[Finding] = []
    last = len(segment.parts) - 1
    for index, part in enumerate(segment.parts):
        where = f"line {part.line}, part {segment.msn}.{index}"
        if part.duration_s > target_s:
            # AVPlayer refuses the whole playlist for this ("-12642 Playlist parse error"); hls.js says nothing.
            message = f"{float(part.duration_s)} is over PART-TARGET {float(target_s)}"
            findings.append(must("L1", "RFC 8216bis §4.4.3.7", message, where))
        is_before_gap = index < last and segment.parts[index + 1].is_gap
        may_be_short = index == last or part.is_independent or part.is_gap or is_before_gap
        if part.duration_s < SHORTEST_PART * target_s and not may_be_short:
            message = f"{float(part.duration_s)} is under 85 % of PART-TARGET {float(target_s)}"
            findings.append(must("L1", "RFC 8216bis §4.4.3.7", message, where))
    return findings


def _check_old_parts(playlist: MediaPlaylist) -> list[Finding]:
    if playlist.target_duration_s is None or playlist.is_ended:
        return []
    from_end_s = Fraction(0)
    findings: list[Finding] = []
    for segment in reversed(playlist.all_segments):
        if segment.parts and from_end_s > 3 * playlist.target_duration_s:
            message = f"parts that ended {float(from_end_s)} s before the end"
            findings.append(should("L7", "RFC 8216bis §6.2.2", message, segment.where))
        from_end_s += segment.duration_s
    return findings


def _check_hints(playlist: MediaPlaylist) -> list[Finding]:
    clause = "RFC 8216bis §4.4.5.3"
    findings = [
        must("L9", clause, f"more than one EXT-X-PRELOAD-HINT of TYPE {kind}")
        for kind, count in Counter(hint.kind for hint in playlist.preload_hints).items()
        if count > 1
    ]
    listed = {(part.uri, part.byterange) for segment in playlist.all_segments for part in segment.parts}
    for hint in playlist.preload_hints:
        if hint.kind not in {"PART", "MAP"}:
            findings.append(must("L9", clause, f"TYPE {hint.kind!r} is neither PART nor MAP", f"line {hint.line}"))
        if (hint.uri, None) in listed:
            findings.append(must("L9", clause, "the hinted part is listed already", f"line {hint.line}"))
    if playlist.is_low_latency and not any(hint.kind == "PART" for hint in playlist.preload_hints):
        findings.append(must("L9", "RFC 8216bis B.1", "no EXT-X-PRELOAD-HINT for the next part"))
    return findings


def _check_reports(playlist: MediaPlaylist) -> list[Finding]:
    findings: list[Finding] = []
    clause = "RFC 8216bis §4.4.5.4"
    for report in playlist.rendition_reports:
        where = f"line {report.line}"
        if _ABSOLUTE.match(report.uri):
            findings.append(must("L10", clause, f"its URI is not relative: {report.uri!r}", where))
        if playlist.is_low_latency and report.last_part is None:
            findings.append(must("L10", clause, "no LAST-PART, where this playlist has parts", where))
        if report.last_msn is not None and abs(report.last_msn - playlist.last_msn) > 1:
            message = f"LAST-MSN {report.last_msn}, where this playlist is at {playlist.last_msn}"
            findings.append(must("L10", clause, message, where))
    return findings


def _check_skip(playlist: MediaPlaylist) -> list[Finding]:
    if not playlist.skipped_segments:
        return []
    clause = "RFC 8216bis §6.2.5.1"
    if playlist.server_control is None or playlist.server_control.can_skip_until_s is None:
        return [must("L15", clause, "EXT-X-SKIP without CAN-SKIP-UNTIL")]
    if playlist.is_ended:
        return [must("L15", clause, "EXT-X-SKIP beside EXT-X-ENDLIST")]
    if playlist.listed_s < playlist.server_control.can_skip_until_s:
        message = f"only {float(playlist.listed_s)} s are left, less than CAN-SKIP-UNTIL"
        return [must("L15", clause, message)]
    return []
