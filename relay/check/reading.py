"""All that was read of one rendition's media, judged piece by piece as it comes. Pure: who fetches hands it in.

What a piece is, its bytes say (`containers`): names and types of foreign origins may be wrong.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import TYPE_CHECKING

from relay.check.boxes import BoxError, InitInfo, read_fragments, read_init
from relay.check.containers import Container, container_of
from relay.check.declared import check_declared_init, check_declared_rate, peak_bps
from relay.check.finding import Finding, Severity, advice, must
from relay.check.iframes import check_distance, check_iframe, read_iframe
from relay.check.media import check_init, check_parts, check_segment, segment_end
from relay.check.renditions import Role
from relay.check.spans import Span, check_date, read_span
from relay.check.transport_packets import TransportError
from relay.check.transport_stream import (
    TransportEnd,
    check_transport_segment,
    check_transport_tables,
    read_transport,
    transport_end,
    transport_span,
    unreadable,
)
from relay.check.webvtt import CaptionSegment, read_webvtt
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.check.listing import ListedPart, ListedSegment
    from relay.check.renditions import Offered

    Decode = Callable[[Container, bytes, str], list[Finding]]


class MediaReading:
    """See the module. `offered` says what the multivariant playlist declares; `decode` is M16's decoder.

    `is_independent`: whether a playlist promises that every segment begins with a key frame.
    """

    def __init__(self, offered: Offered, decode: Decode, *, is_independent: bool) -> None:
        self._offered = offered
        self._decode = decode
        self._is_independent = is_independent
        self._inits: dict[str, tuple[bytes, InitInfo | None]] = {}
        self._ends: tuple[int, dict[int, int]] | None = None
        self._transport_end: tuple[int, TransportEnd] | None = None
        self._part_ends: tuple[tuple[int, int], dict[int, int]] | None = None
        self._parts: dict[int, dict[int, bytes]] = {}
        self._last_span: tuple[int, Span] | None = None
        self._last_iframe: tuple[ListedSegment, Fraction] | None = None
        self.spans: dict[int, Span] = {}
        self.captions: dict[int, CaptionSegment] = {}
        self.containers: set[Container] = set()
        self.bytes_read = 0
        self.segments_read = 0
        self.parts_read = 0
        self._run: list[tuple[int, Fraction]] = []

    def peak_bps(self, target_s: int) -> Fraction:
        """The largest bit rate that was measured."""
        return peak_bps(self._run, target_s)

    @property
    def lasts_s(self) -> Fraction:
        """How long the segments are together that were read."""
        return sum((duration_s for _, duration_s in self._run), Fraction(0))

    @property
    def average_bps(self) -> Fraction:
        """Their bit rate; 0 without any."""
        lasts_s = self.lasts_s
        return Fraction(8 * sum(size for size, _ in self._run)) / lasts_s if lasts_s else Fraction(0)

    def take_init(self, name: str, data: bytes) -> list[Finding]:
        """Judge an initialization segment; segments call it by `name`."""
        self.bytes_read += len(data)
        if container_of(data) is Container.TS:
            self._inits[name] = (data, None)
            return check_transport_tables(data)
        findings = check_init(data)
        try:
            info = read_init(data)
        except BoxError:
            info = None
        self._inits[name] = (data, info)
        return findings if info is None else findings + check_declared_init(info, self._offered)

    def take_part(self, segment: ListedSegment, index: int, part: ListedPart, data: bytes) -> list[Finding]:
        """Judge a part of `segment`. Parts come in order; one that is missing is not waited for."""
        self.bytes_read += len(data)
        self.parts_read += 1
        if segment.msn not in self._parts:
            self._parts = {msn: parts for msn, parts in self._parts.items() if msn >= segment.msn - 1}
            self._parts[segment.msn] = {}
        self._parts[segment.msn][index] = data
        _, info = self._inits.get(init_name(segment), (b"", None))
        if info is None or container_of(data) is not Container.FMP4 or _is_hidden(segment):
            return []
        before, self._part_ends = self._part_ends, None
        is_next = before is not None and (
            before[0] == (segment.msn, index - 1) or (index == 0 and before[0][0] == segment.msn - 1)
        )
        runs_on = is_next and not (segment.is_discontinuity and index == 0)
        findings = check_segment(
            data,
            info,
            before[1] if before is not None and runs_on else None,
            must_start_independent=part.is_independent,
            duration_s=part.duration_s,
        )
        with contextlib.suppress(BoxError):  # which is among the findings
            self._part_ends = ((segment.msn, index), segment_end(data, info))
        return [_placed(finding, f"part {segment.msn}.{index}") for finding in findings]

    def lose_part(self) -> None:
        """A part did not come: the next one has nothing to run on from."""
        self._part_ends = None

    def take_segment(self, segment: ListedSegment, data: bytes) -> list[Finding]:
        """Judge a whole segment, after its parts."""
        self.bytes_read += len(data)
        self.segments_read += 1
        self._run.append((len(data), segment.duration_s))
        container = container_of(data)
        self.containers.add(container)
        findings = self._check_parts(segment, data)
        if _is_hidden(segment):
            findings.append(advice("P12", "RFC 8216bis §4.4.4.4", "it is encrypted: its media was not looked into"))
        elif self._offered.role is Role.IFRAMES:
            findings += self._take_iframe(container, segment, data)
        else:
            findings += self._take(container, segment, data)
        return [_placed(finding, f"segment {segment.msn}") for finding in findings]

    def _take(self, container: Container, segment: ListedSegment, data: bytes) -> list[Finding]:
        if container is Container.FMP4:
            return self._take_fmp4(segment, data)
        if container is Container.TS:
            return self._take_ts(segment, data)
        is_text = self._offered.role is Role.SUBTITLES
        if container is Container.UNKNOWN or is_text != (container is Container.WEBVTT):
            return [must("M0", "RFC 8216bis §3", f"it is no media of HLS: it begins with {data[:8]!r}")]
        return self._take_text(segment, data) if is_text else []

    def _take_text(self, segment: ListedSegment, data: bytes) -> list[Finding]:
        cues, findings = read_webvtt(data)
        date_s = _date_s(segment)
        if date_s is not None:
            self.captions[segment.msn] = CaptionSegment(date_s, segment.duration_s, tuple(cues))
        return findings

    def _take_iframe(self, container: Container, segment: ListedSegment, data: bytes) -> list[Finding]:
        """A range that is one picture of a longer file: its boxes describe more than it holds."""
        _, info = self._inits.get(init_name(segment), (b"", None))
        before, self._last_iframe = self._last_iframe, None
        findings: list[Finding] = []
        if container is Container.FMP4:
            if info is None:
                return []  # told already, as of any other segment
            iframe = read_iframe(data, info)
            findings = check_iframe(len(data), iframe)
            if iframe is not None and before is not None and _runs_on(before[0], segment):
                findings += check_distance(before[0].duration_s, iframe.shown_s - before[1])
            self._last_iframe = None if iframe is None else (segment, iframe.shown_s)
        return findings or self._decoded(container, segment, data)

    def _take_fmp4(self, segment: ListedSegment, data: bytes) -> list[Finding]:
        _, info = self._inits.get(init_name(segment), (b"", None))
        if info is None:
            return []  # told already: there is no MAP (P6), it is not there (P20), or it cannot be read (M0)
        runs_on = self._ends is not None and self._ends[0] == segment.msn - 1 and not segment.is_discontinuity
        findings = check_segment(
            data,
            info,
            self._ends[1] if self._ends is not None and runs_on else None,
            must_start_independent=self._is_independent,
            duration_s=segment.duration_s,
        )
        self._ends = None
        try:
            fragments = read_fragments(data, info)
            self._ends = (segment.msn, segment_end(data, info))
        except BoxError:
            return findings
        findings += self._timed(segment, read_span(fragments, info, _date_s(segment)))
        return findings or self._decoded(Container.FMP4, segment, data)

    def _take_ts(self, segment: ListedSegment, data: bytes) -> list[Finding]:
        before, self._transport_end = self._transport_end, None
        runs_on = before is not None and before[0] == segment.msn - 1 and not segment.is_discontinuity
        tables, _ = self._inits.get(init_name(segment), (b"", None))
        try:
            read = read_transport(data, tables)
        except TransportError as error:
            return [unreadable(error)]
        findings = check_transport_segment(
            read,
            before[1] if before is not None and runs_on else None,
            must_start_independent=self._is_independent,
            duration_s=segment.duration_s,
        )
        self._transport_end = (segment.msn, transport_end(read, segment.duration_s))
        findings += self._timed(segment, transport_span(read, _date_s(segment)))
        if any(finding.severity is Severity.MUST for finding in findings):
            return findings
        return findings + self._decoded(Container.TS, segment, data)

    def _check_parts(self, segment: ListedSegment, data: bytes) -> list[Finding]:
        """M14, where every part was read."""
        parts = self._parts.get(segment.msn, {})
        if not segment.parts or len(parts) < len(segment.parts) or _are_ranges(segment):
            return []
        return check_parts([parts[index] for index in sorted(parts)], data)

    def _timed(self, segment: ListedSegment, span: Span | None) -> list[Finding]:
        if span is None:
            return []
        findings = check_declared_rate(span, self._offered, "")
        if self._last_span is not None and not segment.is_discontinuity and self._last_span[0] == segment.msn - 1:
            findings += check_date(self._last_span[1], span, "")
        self._last_span = (segment.msn, span)
        self.spans[segment.msn] = span
        return findings

    def _decoded(self, container: Container, segment: ListedSegment, data: bytes) -> list[Finding]:
        return self._decode(container, self._inits.get(init_name(segment), (b"", None))[0] + data, "")


def init_name(segment: ListedSegment) -> str:
    """What a segment's initialization segment is called: the same file may hold several."""
    return f"{segment.map_uri or ''}@{segment.map_byterange or ''}"


def _is_hidden(segment: ListedSegment) -> bool:
    """Whether its bytes, or those of its samples, are encrypted."""
    return segment.key is not None


def _are_ranges(segment: ListedSegment) -> bool:
    return any(part.byterange is not None for part in segment.parts)


def _date_s(segment: ListedSegment) -> Fraction | None:
    return None if segment.pdt_ns is None else Fraction(segment.pdt_ns, NS_PER_S)


def _placed(finding: Finding, place: str) -> Finding:
    where = f"{place}, {finding.where}" if finding.where else place
    return Finding(finding.rule, finding.severity, finding.clause, finding.message, where)


def _runs_on(before: ListedSegment, segment: ListedSegment) -> bool:
    return before.msn == segment.msn - 1 and not segment.is_discontinuity
