"""Reads a media playlist. Reading never fails: what cannot be read is a finding and counts as absent."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must
from relay.check.listing import ListedPart, ListedSegment, MediaPlaylist, PreloadHint, RenditionReport, ServerControl
from relay.check.tags import Tag, Uri, decimal, integer, tokenize, unquoted
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

_DATE: Final = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?"
    r"(?P<zone>Z|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))?",
    re.ASCII,
)


def parse(text: str) -> MediaPlaylist:
    """The playlist as far as it can be read."""
    return read(tokenize(text))[0]


def parse_date_ns(text: str) -> int | None:
    """An ISO 8601 date with time, as nanoseconds since the epoch; without a zone it is taken for UTC."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        whole = datetime.fromisoformat(match["seconds"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    seconds = (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    if match["sign"]:
        offset_s = int(match["hours"]) * 3600 + int(match["minutes"]) * 60
        seconds -= offset_s if match["sign"] == "+" else -offset_s
    return seconds * NS_PER_S + int((match["fraction"] or "").ljust(9, "0"))


def has_zone_and_milliseconds(text: str) -> bool:
    """Whether a date that can be read says its zone, and at least milliseconds."""
    match = _DATE.fullmatch(text)
    return match is not None and match["zone"] is not None and len(match["fraction"] or "") >= 3


def read(tokens: list[Tag | Uri]) -> tuple[MediaPlaylist, list[Finding]]:
    """The playlist as far as it can be read, and what could not be."""
    reader = _Reader()
    for token in tokens:
        reader.take(token)
    return reader.finish(), reader.findings


class _Reader:
    """Collects the tags of the segment that comes next until its URI closes it."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._playlist = MediaPlaylist()
        self._segments: list[ListedSegment] = []
        self._next = ListedSegment(0, None, Fraction(0))

    def take(self, token: Tag | Uri) -> None:
        if isinstance(token, Uri):
            self._close_segment(token)
            return
        if token.name in _SEGMENT_TAGS:
            is_late = bool(self._next.parts) and token.name in _BEFORE_PARTS
            if is_late or not self._next.line:
                late = (*self._next.tags_after_part, token.name) if is_late else self._next.tags_after_part
                self._next = replace(self._next, line=self._next.line or token.line, tags_after_part=late)
        read_tag = _READERS.get(token.name)
        if read_tag is not None:
            read_tag(self, token)

    def finish(self) -> MediaPlaylist:
        if self._next.extinf is not None:
            self._fault("P1", "RFC 8216bis §4.4.4.1", "EXTINF without a URI", self._next.where)
        first_msn = self._playlist.media_sequence + self._playlist.skipped_segments
        open_msn = first_msn + len(self._segments)
        return replace(
            self._playlist,
            segments=tuple(replace(segment, msn=first_msn + segment.msn) for segment in self._segments),
            open_segment=(
                replace(self._next, msn=open_msn, duration_s=self._next.parts_s) if self._next.parts else None
            ),
        )

    def _fault(self, rule: str, clause: str, message: str, where: str) -> None:
        self.findings.append(must(rule, clause, message, where))

    def _close_segment(self, uri: Uri) -> None:
        if self._next.extinf is None:
            self._fault("P1", "RFC 8216bis §4.4.4.1", "a URI without EXTINF", uri.where)
        segment = replace(self._next, msn=len(self._segments), uri=uri.text, line=self._next.line or uri.line)
        self._segments.append(segment)
        self._next = ListedSegment(
            0, None, Fraction(0), map_uri=segment.map_uri, key=segment.key, map_byterange=segment.map_byterange
        )

    def _integer(self, tag: Tag, rule: str, clause: str) -> int | None:
        value = integer(tag.value)
        if value is None:
            self._fault(rule, clause, f"not a decimal integer: {tag.value!r}", tag.where)
        return value

    def version(self, tag: Tag) -> None:
        self._playlist = replace(self._playlist, version=self._integer(tag, "V12", "RFC 8216bis §4.4.1.2") or 1)

    def target_duration(self, tag: Tag) -> None:
        value = self._integer(tag, "P2", "RFC 8216bis §4.4.3.1")
        self._playlist = replace(self._playlist, target_duration_s=value)

    def media_sequence(self, tag: Tag) -> None:
        value = self._integer(tag, "P4", "RFC 8216bis §4.4.3.2")
        self._before_segments(tag, "RFC 8216bis §4.4.3.2")
        self._playlist = replace(self._playlist, media_sequence=value or 0)

    def discontinuity_sequence(self, tag: Tag) -> None:
        value = self._integer(tag, "P5", "RFC 8216bis §4.4.3.3")
        self._before_segments(tag, "RFC 8216bis §4.4.3.3")
        self._playlist = replace(self._playlist, discontinuity_sequence=value)

    def _before_segments(self, tag: Tag, clause: str) -> None:
        if self._segments or self._next.line:
            self._fault("P1", clause, f"{tag.name} comes after the first segment began", tag.where)

    def playlist_type(self, tag: Tag) -> None:
        if tag.value not in {"EVENT", "VOD"}:
            self._fault("P15", "RFC 8216bis §4.4.3.5", f"neither EVENT nor VOD: {tag.value!r}", tag.where)
        self._playlist = replace(self._playlist, playlist_type=tag.value)

    def independent_segments(self, _: Tag) -> None:
        self._playlist = replace(self._playlist, has_independent_segments=True)

    def iframes_only(self, _: Tag) -> None:
        self._playlist = replace(self._playlist, is_iframes_only=True)

    def endlist(self, _: Tag) -> None:
        self._playlist = replace(self._playlist, is_ended=True)

    def start(self, tag: Tag) -> None:
        self._playlist = replace(self._playlist, start_offset_s=decimal(tag.attributes.get("TIME-OFFSET")))

    def part_inf(self, tag: Tag) -> None:
        self._playlist = replace(self._playlist, part_target_s=decimal(tag.attributes.get("PART-TARGET")))

    def server_control(self, tag: Tag) -> None:
        attributes = tag.attributes
        control = ServerControl(
            can_block_reload=attributes.get("CAN-BLOCK-RELOAD") == "YES",
            hold_back_s=decimal(attributes.get("HOLD-BACK")),
            part_hold_back_s=decimal(attributes.get("PART-HOLD-BACK")),
            can_skip_until_s=decimal(attributes.get("CAN-SKIP-UNTIL")),
            can_skip_dateranges=attributes.get("CAN-SKIP-DATERANGES") == "YES",
        )
        self._playlist = replace(self._playlist, server_control=control)

    def skip(self, tag: Tag) -> None:
        skipped = integer(tag.attributes.get("SKIPPED-SEGMENTS")) or 0
        self._playlist = replace(self._playlist, skipped_segments=skipped)

    def preload_hint(self, tag: Tag) -> None:
        attributes = tag.attributes
        hint = PreloadHint(
            attributes.get("TYPE", ""),
            unquoted(attributes, "URI") or "",
            integer(attributes.get("BYTERANGE-START")) or 0,
            tag.line,
        )
        self._playlist = replace(self._playlist, preload_hints=(*self._playlist.preload_hints, hint))

    def rendition_report(self, tag: Tag) -> None:
        attributes = tag.attributes
        report = RenditionReport(
            unquoted(attributes, "URI") or "",
            integer(attributes.get("LAST-MSN")),
            integer(attributes.get("LAST-PART")),
            tag.line,
        )
        self._playlist = replace(self._playlist, rendition_reports=(*self._playlist.rendition_reports, report))

    def daterange(self, tag: Tag) -> None:
        self._playlist = replace(self._playlist, dateranges=(*self._playlist.dateranges, tag.attributes))

    def extinf(self, tag: Tag) -> None:
        duration_s = decimal(tag.value.split(",", 1)[0])
        if duration_s is None or duration_s < 0:
            self._fault("P3", "RFC 8216bis §4.4.4.1", f"not a duration: {tag.value!r}", tag.where)
            duration_s = Fraction(0)
        self._next = replace(self._next, extinf=tag.value, duration_s=duration_s)

    def byterange(self, tag: Tag) -> None:
        self._next = replace(self._next, byterange=tag.value)

    def discontinuity(self, _: Tag) -> None:
        self._next = replace(self._next, is_discontinuity=True)

    def gap(self, _: Tag) -> None:
        self._next = replace(self._next, is_gap=True)

    def key(self, tag: Tag) -> None:
        is_none = tag.attributes.get("METHOD") == "NONE"
        self._next = replace(self._next, key=None if is_none else tag.value)

    def map(self, tag: Tag) -> None:
        attributes = tag.attributes
        uri, byterange = unquoted(attributes, "URI"), unquoted(attributes, "BYTERANGE")
        self._next = replace(self._next, map_uri=uri, map_byterange=byterange)

    def program_date_time(self, tag: Tag) -> None:
        pdt_ns = parse_date_ns(tag.value)
        if pdt_ns is None:
            self._fault("P7", "RFC 8216bis §4.4.4.6", f"not a date with time: {tag.value!r}", tag.where)
        self._next = replace(self._next, pdt_ns=pdt_ns)

    def part(self, tag: Tag) -> None:
        attributes = tag.attributes
        part = ListedPart(
            unquoted(attributes, "URI") or "",
            decimal(attributes.get("DURATION")) or Fraction(0),
            attributes.get("INDEPENDENT") == "YES",
            attributes.get("GAP") == "YES",
            unquoted(attributes, "BYTERANGE"),
            tag.line,
        )
        self._next = replace(self._next, parts=(*self._next.parts, part))


_BEFORE_PARTS: Final = {"EXT-X-DISCONTINUITY", "EXT-X-KEY", "EXT-X-MAP", "EXT-X-PROGRAM-DATE-TIME"}
_SEGMENT_TAGS: Final = _BEFORE_PARTS | {"EXTINF", "EXT-X-BYTERANGE", "EXT-X-GAP", "EXT-X-PART"}
_READERS: Final[dict[str, Callable[[_Reader, Tag], None]]] = {
    "EXT-X-VERSION": _Reader.version,
    "EXT-X-TARGETDURATION": _Reader.target_duration,
    "EXT-X-MEDIA-SEQUENCE": _Reader.media_sequence,
    "EXT-X-DISCONTINUITY-SEQUENCE": _Reader.discontinuity_sequence,
    "EXT-X-PLAYLIST-TYPE": _Reader.playlist_type,
    "EXT-X-INDEPENDENT-SEGMENTS": _Reader.independent_segments,
    "EXT-X-I-FRAMES-ONLY": _Reader.iframes_only,
    "EXT-X-ENDLIST": _Reader.endlist,
    "EXT-X-START": _Reader.start,
    "EXT-X-PART-INF": _Reader.part_inf,
    "EXT-X-SERVER-CONTROL": _Reader.server_control,
    "EXT-X-SKIP": _Reader.skip,
    "EXT-X-PRELOAD-HINT": _Reader.preload_hint,
    "EXT-X-RENDITION-REPORT": _Reader.rendition_report,
    "EXT-X-DATERANGE": _Reader.daterange,
    "EXTINF": _Reader.extinf,
    "EXT-X-BYTERANGE": _Reader.byterange,
    "EXT-X-DISCONTINUITY": _Reader.discontinuity,
    "EXT-X-GAP": _Reader.gap,
    "EXT-X-KEY": _Reader.key,
    "EXT-X-MAP": _Reader.map,
    "EXT-X-PROGRAM-DATE-TIME": _Reader.program_date_time,
    "EXT-X-PART": _Reader.part,
}
