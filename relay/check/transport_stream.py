"""The rules of MPEG-TS segments, from bytes alone: nothing is decoded.

T0 packets at all · T1 PAT and PMT first, one program · T2 continuity counters · T3 the clock · T4 stamps run on ·
T5 the duration that was promised · T6 pictures can be started at · T7 ADTS frames are whole · T8 PES packets are whole.
T4 and T6 to T8 are those of one stream each (`transport_elementary`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, advice, must, should
from relay.check.spans import Span
from relay.check.transport_elementary import CLOCK_HZ, JUDGED, RUNS_ON, TS, ElementaryStream, check_elementary
from relay.check.transport_packets import (
    NULL_PID,
    PAT_PID,
    STAMP_MODULUS,
    TransportError,
    begins_with_unit,
    read_packets,
    read_pes,
    read_program,
    since,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.check.transport_elementary import Expected
    from relay.check.transport_packets import Packet, Program

CLOCK_INTERVAL: Final = CLOCK_HZ // 10
_HLS: Final = "RFC 8216bis §3.1.1"
_LAST_RESERVED_PID: Final = 0x1F
"""Up to there lie tables of the standard and of broadcasters, which PAT and PMT do not name."""


@dataclass(frozen=True, slots=True)
class TransportEnd:
    """What a segment leaves to the next, by PID: the last counter, and what its first decoding time must be."""

    counters: dict[int, int] = field(default_factory=dict)
    expected: dict[int, Expected] = field(default_factory=dict)
    clock: int | None = None


@dataclass(frozen=True, slots=True)
class TransportSegment:
    """A segment, read. `has_own_tables`: no EXT-X-MAP gave it PAT and PMT."""

    packets: list[Packet]
    program: Program
    streams: list[ElementaryStream]
    has_own_tables: bool


def read_transport(data: bytes, tables: bytes = b"") -> TransportSegment:
    """A segment, to which EXT-X-MAP may give `tables`. Raises `TransportError`."""
    packets = read_packets(data)
    program = read_program([*(read_packets(tables) if tables else []), *packets])
    streams = [
        ElementaryStream(pid, kind, read_pes(packets, pid), is_cut=not begins_with_unit(packets, pid))
        for pid, kind in program.streams.items()
        if kind in JUDGED
    ]
    return TransportSegment(packets, program, streams, has_own_tables=not tables)


def unreadable(error: TransportError) -> Finding:
    """What there is to say of bytes that cannot be read."""
    return must(error.rule, _HLS if error.rule == "T1" else TS, str(error))


def check_transport_tables(data: bytes) -> list[Finding]:
    """All that is wrong with what EXT-X-MAP names for MPEG-TS: PAT and PMT."""
    try:
        read_program(read_packets(data))
    except TransportError as error:
        return [unreadable(error)]
    return []


def check_transport_segment(
    data: bytes | TransportSegment,
    previous: TransportEnd | None = None,
    *,
    must_start_independent: bool = False,
    duration_s: Fraction | None = None,
) -> list[Finding]:
    """All that is wrong with a TS segment.

    `previous`: what `transport_end` gave for the segment before, if no discontinuity lies between them; `duration_s`:
    EXTINF, which the pictures (or the sound, where there are none) must last to within a frame.
    """
    try:
        segment = data if isinstance(data, TransportSegment) else read_transport(data)
    except TransportError as error:
        return [unreadable(error)]
    before = previous or TransportEnd()
    findings = _check_tables(segment)
    findings += _check_counters(segment.packets, before)
    findings += _check_clock(segment, before)
    for stream in segment.streams:
        expected = before.expected.get(stream.pid)
        findings += check_elementary(stream, expected, must_start_independent=must_start_independent)
    if duration_s is not None:
        findings += _check_duration(segment, duration_s)
    return findings


def transport_end(data: bytes | TransportSegment, duration_s: Fraction | None = None) -> TransportEnd:
    """What the next segment has to go on from. `duration_s`: EXTINF of this one. Raises `TransportError`."""
    segment = data if isinstance(data, TransportSegment) else read_transport(data)
    clocks = [packet.clock for packet in segment.packets if packet.clock is not None]
    return TransportEnd(
        counters={packet.pid: packet.counter for packet in segment.packets},
        expected={stream.pid: found for stream in segment.streams if (found := stream.expected(duration_s))},
        clock=clocks[-1] if clocks else None,
    )


def transport_span(segment: TransportSegment, date_s: Fraction | None = None) -> Span | None:
    """When it is shown: its pictures, or else its sound; `None` where no stamps say that. `date_s`: its date."""
    stream = next(iter(_timed(segment)), None)
    shown = [unit.shown for unit in stream.units if unit.shown is not None] if stream else []
    lasts = stream.lasts() if stream else None
    if stream is None or not shown or lasts is None:
        return None
    start = shown[0] + min(since(one, shown[0]) for one in shown)
    start_s = Fraction(start % STAMP_MODULUS, CLOCK_HZ)
    return Span(
        start_s,
        lasts / CLOCK_HZ,
        Fraction(max([*stream.steps(), 1]), CLOCK_HZ),
        len(shown),
        stream.is_video,
        None if date_s is None else date_s - start_s,
        Fraction(STAMP_MODULUS, CLOCK_HZ),
    )


def _timed(segment: TransportSegment) -> list[ElementaryStream]:
    """The streams that say how long a segment is."""
    begun = [stream for stream in segment.streams if stream.units]
    return [stream for stream in begun if stream.is_video] or begun


def _check_tables(segment: TransportSegment) -> list[Finding]:
    pids = [packet.pid for packet in segment.packets[:2]]
    findings: list[Finding] = []
    if segment.has_own_tables and pids != [PAT_PID, segment.program.map_pid]:
        message = f"it begins with the PIDs {', '.join(map(hex, pids))}, not with PAT and PMT"
        findings.append(should("T1", _HLS, message, "packet 0"))
    known = {segment.program.map_pid, segment.program.clock_pid, NULL_PID, *segment.program.streams}
    strangers = {packet.pid for packet in segment.packets if packet.pid > _LAST_RESERVED_PID} - known
    if strangers:
        message = f"packets that no table names: PIDs {', '.join(map(hex, sorted(strangers)))}"
        findings.append(advice("T1", f"{TS} §2.4.4", message))
    return findings


def _check_counters(packets: Sequence[Packet], before: TransportEnd) -> list[Finding]:
    """T2: each packet with a payload counts one more than the last of its PID (§2.4.3.3); one may be sent twice."""
    findings: list[Finding] = []
    last: dict[int, int] = dict(before.counters)
    begun: set[int] = set()
    repeats: set[int] = set()
    for packet in packets:
        pid = packet.pid
        if pid in last and pid != NULL_PID and not packet.is_discontinuous:
            step = (packet.counter - last[pid]) % 16
            may_repeat = packet.payload is None or (step == 0 and pid not in repeats)
            if step != (packet.payload is not None) and not (may_repeat and step == 0):
                message = f"the counter of PID {pid:#x} goes from {last[pid]} to {packet.counter}"
                clause = f"{TS} §2.4.3.3" if pid in begun else RUNS_ON
                findings.append(must("T2", clause, message, packet.where))
            repeats = repeats | {pid} if step == 0 and packet.payload is not None else repeats - {pid}
        last[pid] = packet.counter
        begun.add(pid)
    return findings


def _check_clock(segment: TransportSegment, before: TransportEnd) -> list[Finding]:
    """T3: PCR rises, by a tenth of a second at most (§2.7.2), and no unit comes after it is to be decoded.

    The tenth is for receivers that lock onto a broadcast. A player fetches segments whole: it plays all the same.
    """
    findings: list[Finding] = []
    clocks = [packet for packet in segment.packets if packet.clock is not None]
    own = [packet for packet in clocks if packet.pid == segment.program.clock_pid]
    if not own:
        findings.append(must("T3", f"{TS} §2.4.4.9", f"there is no PCR on PID {segment.program.clock_pid:#x}"))
    elif len(own) < len(clocks):
        stranger = next(packet for packet in clocks if packet.pid != segment.program.clock_pid)
        message = f"a PCR on PID {stranger.pid:#x}, which PMT does not say"
        findings.append(should("T3", f"{TS} §2.4.4.9", message, stranger.where))
    last = before.clock
    for packet in own:
        clock = packet.clock or 0
        step = 0 if last is None or packet.is_discontinuous else since(clock, last)
        if not 0 <= step <= CLOCK_INTERVAL:
            weigh = must if step < 0 else should
            message = f"PCR steps by {step / CLOCK_HZ * 1000:+.1f} ms"
            findings.append(weigh("T3", f"{TS} §2.7.2", message, packet.where))
        last = clock
    return findings + _check_in_time(segment)


def _check_in_time(segment: TransportSegment) -> list[Finding]:
    """Each unit begins to come before it is to be decoded."""
    decoded = {unit.where: unit.decoded for stream in segment.streams for unit in stream.units}
    clock: int | None = None
    for packet in segment.packets:
        clock = packet.clock if packet.clock is not None else clock
        time = decoded.get(packet.where)
        if clock is not None and time is not None and since(time, clock) < 0:
            message = f"it is to be decoded {-since(time, clock) / CLOCK_HZ * 1000:.1f} ms before it comes"
            return [should("T3", f"{TS} §2.4.2", message, packet.where)]
    return []


def _check_duration(segment: TransportSegment, promised_s: Fraction) -> list[Finding]:
    findings: list[Finding] = []
    for stream in _timed(segment):
        lasts = stream.lasts()
        if lasts is None:
            continue
        frame = max([*stream.steps(), 1])
        if abs(lasts - promised_s * CLOCK_HZ) >= frame:
            message = f"it lasts {float(lasts) / CLOCK_HZ:.6f} s and was promised as {float(promised_s):.6f} s"
            findings.append(must("T5", "Apple 8.1", message, stream.where))
    return findings
