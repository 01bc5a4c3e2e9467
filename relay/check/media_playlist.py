"""The rules of one media playlist, P1 to P18. Those of low latency are in `low_latency`, those of time in `history`."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import m3u8

from relay.check.finding import Finding, advice, must, should
from relay.check.grammar import Scope, check_lines
from relay.check.listing import MediaPlaylist
from relay.check.low_latency import check_low_latency
from relay.check.parsed import has_zone_and_milliseconds, parse, parse_date_ns, read
from relay.check.tags import Tag, tokenize, unquoted
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.check.listing import ListedSegment

__all__ = ["MediaPlaylist", "check_media_playlist", "parse"]

PDT_TOLERANCE_S: Final = Fraction(15, 10_000)
"""Two dates, each cut to a millisecond, differ by up to one; and EXTINF is rounded too."""
FMP4_VERSION: Final = 6
"""What EXT-X-MAP needs (RFC 8216bis §8), and so what a playlist of fMP4 may always say."""
_VERSIONS: Final = {
    "EXT-X-BYTERANGE": 4,
    "EXT-X-I-FRAMES-ONLY": 4,
    "EXT-X-MAP": FMP4_VERSION,
    "EXT-X-DEFINE": 8,
    "EXT-X-SKIP": 9,
}
_FMP4_SUFFIXES: Final = {".m4s", ".mp4", ".m4v", ".m4a", ".cmfv", ".cmfa", ".cmft"}


def check_media_playlist(text: str, *, frame_s: Fraction = Fraction(0)) -> list[Finding]:
    """All that is wrong with one reading of a media playlist.

    `frame_s`: the duration of a frame, when EXTINF is known to follow whole frames only, as in streams that are not
    re-encoded; dates may differ from the sum of EXTINF by as much.
    """
    tokens = tokenize(text)
    tags = [token for token in tokens if isinstance(token, Tag)]
    playlist, findings = read(tokens)
    findings = check_lines(text, tokens, Scope.MEDIA) + findings
    findings += _check_durations(playlist)
    findings += _check_dates(playlist, tags, max(frame_s, PDT_TOLERANCE_S))
    findings += _check_discontinuities(playlist)
    findings += _check_maps(playlist)
    findings += _check_keys(tags)
    findings += _check_dateranges(playlist, tags)
    findings += _check_kind(playlist)
    findings += _check_version(playlist, tags)
    findings += check_low_latency(playlist)
    return findings or _check_second_reader(text, playlist)


def _check_durations(playlist: MediaPlaylist) -> list[Finding]:
    target_s = playlist.target_duration_s
    clause = "RFC 8216bis §4.4.3.1"
    if target_s is None:
        return [must("P2", clause, "there is no EXT-X-TARGETDURATION")]
    if target_s < 1:
        return [must("P2", clause, "EXT-X-TARGETDURATION is 0")]
    return [
        must("P2", clause, f"EXTINF {float(segment.duration_s)} is over the target duration {target_s}", segment.where)
        for segment in playlist.segments
        if math.floor(segment.duration_s + Fraction(1, 2)) > target_s
    ]


def _check_dates(playlist: MediaPlaylist, tags: Sequence[Tag], tolerance_s: Fraction) -> list[Finding]:
    dates = [tag for tag in tags if tag.name == "EXT-X-PROGRAM-DATE-TIME"]
    if not dates and playlist.playlist_type != "VOD" and not playlist.is_ended:
        return [must("P7", "Apple 8.4", "there is no EXT-X-PROGRAM-DATE-TIME")]
    findings = [
        should("P7", "RFC 8216bis §4.4.4.6", f"no zone, or coarser than a millisecond: {tag.value!r}", tag.where)
        for tag in dates
        if parse_date_ns(tag.value) is not None and not has_zone_and_milliseconds(tag.value)
    ]
    for segment in playlist.all_segments if dates else ():
        if segment.pdt_ns is None:
            weight = must if segment.is_discontinuity else should
            findings.append(weight("P7", "RFC 8216bis §6.2.1", "no EXT-X-PROGRAM-DATE-TIME of its own", segment.where))
    return findings + _check_progress(playlist.all_segments, tolerance_s)


def _check_progress(segments: Sequence[ListedSegment], tolerance_s: Fraction) -> list[Finding]:
    """P3: dates run as the durations do, from segment to segment and in sum, up to a discontinuity."""
    findings: list[Finding] = []
    origin: tuple[int, Fraction] | None = None
    position_s = Fraction(0)
    for before, segment in pairwise((None, *segments)):
        position_s += before.duration_s if before is not None else 0
        if segment is None or segment.pdt_ns is None:
            continue
        if origin is None or segment.is_discontinuity:
            origin = (segment.pdt_ns, position_s)
            continue
        apart_s = Fraction(segment.pdt_ns - origin[0], NS_PER_S) - (position_s - origin[1])
        if abs(apart_s) > tolerance_s:
            message = f"its date is {float(apart_s * 1000):+.3f} ms from the sum of EXTINF before it"
            findings.append(must("P3", "Apple 8.1", message, segment.where))
            origin = (segment.pdt_ns, position_s)
    return findings


def _check_discontinuities(playlist: MediaPlaylist) -> list[Finding]:
    findings: list[Finding] = []
    may_slide = playlist.playlist_type is None and not playlist.is_ended
    for segment in playlist.all_segments:
        if segment.is_discontinuity and may_slide and playlist.discontinuity_sequence is None:
            message = "EXT-X-DISCONTINUITY without EXT-X-DISCONTINUITY-SEQUENCE"
            return [*findings, must("P5", "Apple 8.17", message, segment.where)]
        if segment.is_gap:
            message = "video.js, GStreamer, VLC and Chromium's own player stop at EXT-X-GAP"
            findings.append(advice("P11", "RFC 8216bis §4.4.4.7", message, segment.where))
    return findings


def _check_maps(playlist: MediaPlaylist) -> list[Finding]:
    is_fmp4 = any(segment.map_uri is not None for segment in playlist.all_segments)
    findings: list[Finding] = []
    for segment in playlist.all_segments:
        first_uri = segment.uri or segment.parts[0].uri
        is_fmp4 = is_fmp4 or PurePosixPath(first_uri.partition("?")[0]).suffix in _FMP4_SUFFIXES
        # Apple's own delta updates leave the MAP out; it is in the playlist that they update.
        if is_fmp4 and segment.map_uri is None and not playlist.skipped_segments:
            findings.append(must("P6", "RFC 8216bis §4.4.4.5", "an fMP4 segment without EXT-X-MAP", segment.where))
    return findings


def _check_keys(tags: Sequence[Tag]) -> list[Finding]:
    findings: list[Finding] = []
    key: dict[str, str] = {}
    clause = "RFC 8216bis §4.4.4.4"
    for tag in tags:
        if tag.name == "EXT-X-MAP" and key.get("METHOD") == "AES-128" and "IV" not in key:
            findings.append(must("P6", "RFC 8216bis §4.4.4.5", "an encrypted MAP whose KEY has no IV", tag.where))
        if tag.name != "EXT-X-KEY":
            continue
        key = tag.attributes
        method = key.get("METHOD")
        if method == "NONE" and len(key) > 1:
            findings.append(must("P12", clause, "METHOD=NONE with another attribute", tag.where))
        if method not in {"NONE", None} and "URI" not in key:
            findings.append(must("P12", clause, f"METHOD={method} without a URI", tag.where))
        if method == "SAMPLE-AES-CTR":
            findings.append(advice("P13", "Apple, encryption", "Apple's players do not play SAMPLE-AES-CTR", tag.where))
    return findings


def _check_dateranges(playlist: MediaPlaylist, tags: Sequence[Tag]) -> list[Finding]:
    findings: list[Finding] = []
    values: dict[tuple[str, str], str] = {}
    clause = "RFC 8216bis §4.4.5.1"
    for tag in tags:
        if tag.name != "EXT-X-DATERANGE":
            continue
        attributes = tag.attributes
        identity = attributes.get("ID", "")
        if not any(segment.pdt_ns is not None for segment in playlist.all_segments):
            findings.append(must("P14", clause, "EXT-X-DATERANGE without EXT-X-PROGRAM-DATE-TIME", tag.where))
        for name, value in attributes.items():
            if values.setdefault((identity, name), value) != value:
                findings.append(must("P14", clause, f"{name} of {identity} was another value before", tag.where))
        start_ns = parse_date_ns(unquoted(attributes, "START-DATE") or "")
        end_ns = parse_date_ns(unquoted(attributes, "END-DATE") or "")
        if start_ns is not None and end_ns is not None and end_ns < start_ns:
            findings.append(must("P14", clause, "it ends before it starts", tag.where))
        if "END-ON-NEXT" in attributes and "CLASS" not in attributes:
            findings.append(must("P14", clause, "END-ON-NEXT without CLASS", tag.where))
    return findings


def _check_kind(playlist: MediaPlaylist) -> list[Finding]:
    findings: list[Finding] = []
    if playlist.playlist_type == "VOD" and not playlist.is_ended:
        findings.append(must("P15", "RFC 8216bis §4.4.3.5", "PLAYLIST-TYPE VOD without EXT-X-ENDLIST"))
    if playlist.is_ended:
        findings += [
            must("P15", "RFC 8216bis §4.4.5.3", "EXT-X-PRELOAD-HINT beside EXT-X-ENDLIST", f"line {hint.line}")
            for hint in playlist.preload_hints
        ]
    offset_s, target_s = playlist.start_offset_s, playlist.target_duration_s
    if offset_s is not None and target_s is not None and not playlist.is_ended:
        from_end_s = -offset_s if offset_s < 0 else playlist.listed_s - offset_s
        if from_end_s < 3 * target_s:
            message = "EXT-X-START lies within three target durations of the live end"
            findings.append(should("P18", "RFC 8216bis §4.4.2.2", message))
    return findings


def _check_version(playlist: MediaPlaylist, tags: Sequence[Tag]) -> list[Finding]:
    needed = max((_needed_version(tag, is_iframes_only=playlist.is_iframes_only) for tag in tags), default=1)
    clause = "RFC 8216bis §8"
    if playlist.version < needed:
        return [must("V12", clause, f"EXT-X-VERSION is {playlist.version}, and {needed} is needed")]
    if playlist.version > max(needed, FMP4_VERSION):
        message = f"EXT-X-VERSION is {playlist.version} where {max(needed, FMP4_VERSION)} will do"
        return [should("V12", clause, message)]
    return []


def _needed_version(tag: Tag, *, is_iframes_only: bool) -> int:
    needed = _VERSIONS.get(tag.name, 1)
    attributes = tag.attributes
    if tag.name == "EXT-X-SKIP" and "RECENTLY-REMOVED-DATERANGES" in attributes:
        needed = 10
    elif tag.name == "EXT-X-MAP" and is_iframes_only:
        needed = 5
    elif tag.name == "EXT-X-KEY":
        needed = 5 if attributes.keys() & {"KEYFORMAT", "KEYFORMATVERSIONS"} else 2 if "IV" in attributes else 1
    elif tag.name == "EXTINF" and "." in tag.value.split(",", 1)[0]:
        needed = 3
    return needed


def _check_second_reader(text: str, playlist: MediaPlaylist) -> list[Finding]:
    """P1: somebody else's parser reads the same segments. Only asked when all else is well: it names no faults."""
    try:
        read_by_other = [segment.uri for segment in m3u8.loads(text).segments if segment.uri is not None]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return [must("P1", "RFC 8216bis §4.1", f"the parser `m3u8` fails on it: {error!r}")]
    ours = [segment.uri for segment in playlist.segments]
    if ours != read_by_other:
        return [must("P1", "RFC 8216bis §4.1", f"the parser `m3u8` reads the URIs {read_by_other}, not {ours}")]
    return []
