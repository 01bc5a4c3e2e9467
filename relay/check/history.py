"""What a server may change between two readings of a playlist (RFC 8216bis §6.2), and what renditions share."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must, should
from relay.check.low_latency import ROUNDING_S
from relay.check.parsed import parse_date_ns
from relay.check.tags import decimal, unquoted
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relay.check.listing import ListedPart, ListedSegment, MediaPlaylist

FEWEST_SEGMENTS: Final = 6
"""Apple 8.11, for a live playlist that drops segments."""
START_APART_S: Final = Fraction(1, 5)
"""How far apart audio and video of one segment may start before players see a hole."""
_UPDATE_CLAUSE: Final = "RFC 8216bis §6.2.1"
_DATERANGE_CLAUSE: Final = "RFC 8216bis §4.4.5.1"


def check_update(before: MediaPlaylist, after: MediaPlaylist) -> list[Finding]:
    """All that changed from `before` to `after`, two readings of one playlist, and must not. `after` may be a delta."""
    findings = _check_constants(before, after)
    if before.is_ended and not after.is_ended:
        findings.append(must("P8", _UPDATE_CLAUSE, "EXT-X-ENDLIST was taken back"))
    if before.is_ended and after.last_msn > before.last_msn:
        findings.append(must("P8", _UPDATE_CLAUSE, "segments were added after EXT-X-ENDLIST"))
    if after.media_sequence < before.media_sequence or after.last_msn < before.last_msn:
        spans = f"{before.media_sequence}-{before.last_msn} to {after.media_sequence}-{after.last_msn}"
        return [*findings, must("P4", "RFC 8216bis §4.4.3.2", f"segment numbers went back, from {spans}")]
    findings += _check_segments(before, after)
    findings += _check_removed(before, after)
    findings += _check_hint_kept(before, after)
    findings += _check_dateranges(before, after)
    return findings


def check_updates(playlists: Iterable[MediaPlaylist]) -> list[Finding]:
    """`check_update` over a whole history, the oldest first."""
    return [finding for before, after in pairwise(playlists) for finding in check_update(before, after)]


def check_delta(full: MediaPlaylist, delta: MediaPlaylist) -> list[Finding]:
    """L15: a delta update says what the full playlist of the same moment says, less the segments that it skips."""
    skips_dateranges = full.server_control is not None and full.server_control.can_skip_dateranges
    same = replace(
        full,
        version=delta.version,
        skipped_segments=delta.skipped_segments,
        segments=full.segments[delta.skipped_segments :],
        dateranges=delta.dateranges if skips_dateranges else full.dateranges,
    )
    by_msn = {segment.msn: segment for segment in full.all_segments}
    if delta.open_segment is not None:
        delta = replace(delta, open_segment=_with_map(delta.open_segment, by_msn))
    delta = replace(delta, segments=tuple(_with_map(segment, by_msn) for segment in delta.segments))
    if delta != same:
        return [must("L15", "RFC 8216bis §6.2.5.1", "the delta update and the full playlist differ")]
    return []


def check_renditions(playlists: Mapping[str, MediaPlaylist]) -> list[Finding]:
    """All that renditions of one stream, read at one moment, must share. Keys name them in findings."""
    findings: list[Finding] = []
    for (name, one), (other_name, other) in combinations(playlists.items(), 2):
        findings += check_pair(one, other, f"{name}, {other_name}")
    for name, playlist in playlists.items():
        reports = len(playlist.rendition_reports)
        if playlist.is_low_latency and reports < len(playlists) - 1:
            message = f"{reports} EXT-X-RENDITION-REPORT for {len(playlists) - 1} other renditions"
            findings.append(must("L10", "RFC 8216bis §4.4.5.4", message, name))
    return findings


def _check_constants(before: MediaPlaylist, after: MediaPlaylist) -> list[Finding]:
    constants = (
        ("P2", "RFC 8216bis §4.4.3.1", "EXT-X-TARGETDURATION", before.target_duration_s, after.target_duration_s),
        ("L1", "RFC 8216bis §4.4.3.7", "PART-TARGET", before.part_target_s, after.part_target_s),
        ("L2", "RFC 8216bis §4.4.3.8", "EXT-X-SERVER-CONTROL", before.server_control, after.server_control),
        ("P15", "RFC 8216bis §4.4.3.5", "EXT-X-PLAYLIST-TYPE", before.playlist_type, after.playlist_type),
    )
    return [
        must(rule, clause, f"{name} changed: {old} -> {new}")
        for rule, clause, name, old, new in constants
        if old != new
    ]


def _check_segments(before: MediaPlaylist, after: MediaPlaylist) -> list[Finding]:
    findings: list[Finding] = []
    by_msn = {segment.msn: segment for segment in before.all_segments}
    # A byte-range stream has one URI for all of its segments.
    msn_of = {(segment.uri, segment.byterange): segment.msn for segment in before.segments}
    for new in after.all_segments:
        old = by_msn.get(new.msn)
        old_msn = msn_of.get((new.uri, new.byterange), new.msn)
        if old_msn != new.msn:
            message = f"segment {old_msn} ({new.uri}) is now number {new.msn}"
            findings.append(must("P4", "RFC 8216bis §4.4.3.2", message, new.where))
        elif old is not None:
            findings += _check_segment(
                _with_map(old, {new.msn: new}) if before.skipped_segments else old,
                _with_map(new, by_msn) if after.skipped_segments else new,
            )
    return findings


def _check_segment(old: ListedSegment, new: ListedSegment) -> list[Finding]:
    where = f"segment {new.msn}"
    was_open = old.uri is None
    if was_open:
        # The rest of its lines had not been published yet: it was open. What its parts promised has to come true.
        if new.uri is not None and old.parts_s > new.duration_s + ROUNDING_S:
            message = f"parts of {float(old.parts_s)} s became a segment of {float(new.duration_s)} s"
            return [must("L8", "RFC 8216bis §4.4.4.9", message, where)]
        old = replace(old, uri=new.uri, extinf=new.extinf, duration_s=new.duration_s)
        old = replace(old, is_gap=new.is_gap, byterange=new.byterange)
    if replace(old, parts=(), tags_after_part=()) != replace(new, parts=(), tags_after_part=()):
        return [must("P8", _UPDATE_CLAUSE, "lines that had been published were rewritten", where)]
    if not _parts_continue(old.parts, new.parts, may_grow=was_open):
        return [must("P8", _UPDATE_CLAUSE, "parts that had been published were rewritten", where)]
    return []


def _parts_continue(old: tuple[ListedPart, ...], new: tuple[ListedPart, ...], *, may_grow: bool) -> bool:
    """Whether `new` is `old` less some of its first, and (if it may grow) with more at the end."""
    if not new:
        return True
    for dropped in range(len(old)):
        kept = old[dropped:]
        if new[: len(kept)] == kept:
            return may_grow or len(new) == len(kept)
    old_names = {(part.uri, part.byterange) for part in old}
    return may_grow and not any((part.uri, part.byterange) in old_names for part in new)


def _with_map(segment: ListedSegment, by_msn: Mapping[int, ListedSegment]) -> ListedSegment:
    """A delta's segment with the MAP and KEY that its playlist left behind in the skipped part."""
    known = by_msn.get(segment.msn)
    if known is None or segment.map_uri is not None:
        return segment
    key = segment.key or known.key
    return replace(segment, map_uri=known.map_uri, map_byterange=known.map_byterange, key=key)


def _check_removed(before: MediaPlaylist, after: MediaPlaylist) -> list[Finding]:
    removed = after.media_sequence - before.media_sequence
    if removed == 0:
        return []
    if before.playlist_type is not None:
        return [
            must("P15", "RFC 8216bis §4.4.3.5", f"{removed} segments left a playlist of type {before.playlist_type}")
        ]
    findings: list[Finding] = []
    gone = [segment for segment in before.segments if segment.msn < after.media_sequence]
    if len(gone) == removed and before.discontinuity_sequence is not None and not before.skipped_segments:
        expected = before.discontinuity_sequence + sum(segment.is_discontinuity for segment in gone)
        if after.discontinuity_sequence != expected:
            message = f"EXT-X-DISCONTINUITY-SEQUENCE is {after.discontinuity_sequence} and should be {expected}"
            findings.append(must("P5", "RFC 8216bis §6.2.2", message))
    if after.skipped_segments or after.is_ended:
        return findings
    if after.listed_s < 3 * (after.target_duration_s or 0):
        message = f"segments were removed, and {float(after.listed_s)} s are left: under three target durations"
        findings.append(must("P9", "RFC 8216bis §6.2.2", message))
    elif len(after.segments) < FEWEST_SEGMENTS:
        message = f"segments were removed, and {len(after.segments)} are left"
        findings.append(must("P9", "Apple 8.11", message))
    return findings


def _check_hint_kept(before: MediaPlaylist, after: MediaPlaylist) -> list[Finding]:
    """L9: the part that was hinted is the one that follows the last part."""
    hinted = [hint.uri for hint in before.preload_hints if hint.kind == "PART"]
    listed = [part for segment in before.all_segments[-1:] for part in segment.parts]
    following = [part for segment in after.all_segments for part in segment.parts]
    if not hinted or not listed or listed[-1] not in following[:-1]:
        return []
    came = following[following.index(listed[-1]) + 1].uri
    if came != hinted[0]:
        return [must("L9", "RFC 8216bis §4.4.5.3", f"the next part was hinted as {hinted[0]!r} and came as {came!r}")]
    return []


def check_pair(one: MediaPlaylist, other: MediaPlaylist, where: str) -> list[Finding]:
    """All that two of them must share."""
    constants = (
        ("P19", "RFC 8216bis §6.2.4", "EXT-X-TARGETDURATION", one.target_duration_s, other.target_duration_s),
        ("P19", "RFC 8216bis §4.4.3.8", "EXT-X-SERVER-CONTROL", one.server_control, other.server_control),
        ("P15", "RFC 8216bis §4.4.3.5", "EXT-X-PLAYLIST-TYPE", one.playlist_type, other.playlist_type),
    )
    findings = [
        must(rule, clause, f"{name} differs: {mine}, {theirs}", where)
        for rule, clause, name, mine, theirs in constants
        if mine != theirs
    ]
    theirs_by_msn = {segment.msn: segment for segment in other.all_segments}
    starts = {}
    for mine in one.all_segments:
        theirs = theirs_by_msn.get(mine.msn)
        if theirs is not None:
            starts[mine.msn] = (mine, theirs)
    if any(_numbers(one)[msn] != _numbers(other)[msn] for msn in starts):
        findings.append(must("P5", "RFC 8216bis §6.2.4", "discontinuities are at different places", where))
    for msn, (mine, theirs) in starts.items():
        if mine.pdt_ns is None or theirs.pdt_ns is None:
            continue
        if abs(Fraction(mine.pdt_ns - theirs.pdt_ns, NS_PER_S)) > START_APART_S:
            message = f"segment {msn} starts {(mine.pdt_ns - theirs.pdt_ns) / 1e6:.1f} ms apart"
            findings.append(should("P19", "RFC 8216bis §6.2.4", message, where))
    return findings


def _numbers(playlist: MediaPlaylist) -> dict[int, int]:
    """The discontinuity sequence number of each listed segment."""
    number = playlist.discontinuity_sequence or 0
    numbers: dict[int, int] = {}
    for segment in playlist.all_segments:
        number += segment.is_discontinuity
        numbers[segment.msn] = number
    return numbers


def _check_dateranges(before: MediaPlaylist, after: MediaPlaylist) -> list[Finding]:
    """P14: what was said of a date range stays so, and it stays as long as it lasts beside what is listed."""
    findings: list[Finding] = []
    now = _dateranges(after)
    for identity, attributes in _dateranges(before).items():
        if identity not in now:
            if _overlaps(attributes, after):
                message = f"{identity} left the playlist, and overlaps a segment that is listed"
                findings.append(must("P14", _DATERANGE_CLAUSE, message))
            continue
        for name, value in attributes.items():
            if now[identity].get(name, value) != value:
                message = f"{name} of {identity} changed: {value} -> {now[identity][name]}"
                findings.append(must("P14", _DATERANGE_CLAUSE, message))
    return findings


def _dateranges(playlist: MediaPlaylist) -> dict[str, dict[str, str]]:
    """The attributes of each date range, by its ID; of several tags, all."""
    ranges: dict[str, dict[str, str]] = {}
    for attributes in playlist.dateranges:
        ranges.setdefault(attributes.get("ID", ""), {}).update(attributes)
    return ranges


def _overlaps(attributes: dict[str, str], playlist: MediaPlaylist) -> bool:
    """Whether a date range certainly lasts into what is listed. One that does not say how long it is, is a moment."""
    first_ns = playlist.segments[0].pdt_ns if playlist.segments else None
    start_ns = parse_date_ns(unquoted(attributes, "START-DATE") or "")
    if first_ns is None or start_ns is None or playlist.skipped_segments:
        return False
    end_ns = parse_date_ns(unquoted(attributes, "END-DATE") or "")
    if end_ns is None:
        end_ns = start_ns + int((decimal(attributes.get("DURATION")) or 0) * NS_PER_S)
    listed_until_ns = first_ns + int(playlist.listed_s * NS_PER_S)
    return end_ns > first_ns and start_ns < listed_until_ns
