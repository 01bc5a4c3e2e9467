"""The rules of MPEG-TS segments, from bytes alone: nothing is decoded.

T0 packets at all · T1 PAT and PMT first, one program · T2 continuity counters · T3 the clock · T4 stamps run on ·
T5 the duration that was promised · T6 pictures can be started at · T7 ADTS frames are whole · T8 PES packets are whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.check.avc import IRAP, NAL_IDR
from relay.check.finding import Finding, must, should
from relay.check.transport_packets import (
    NULL_PID,
    PAT_PID,
    Packet,
    Pes,
    Program,
    TransportError,
    read_packets,
    read_pes,
    read_program,
    since,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

CLOCK_HZ: Final = 90_000
CLOCK_INTERVAL: Final = CLOCK_HZ // 10
H264: Final = 0x1B
H265: Final = 0x24
AAC: Final = 0x0F
_SAMPLES_PER_FRAME: Final = 1024
_ADTS_HEADER_BYTES: Final = 7
_SAMPLE_RATES_HZ: Final = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
)
_START_CODE: Final = b"\x00\x00\x01"
_ROUNDING: Final = 90
"""A millisecond: stamps of 44.1 kHz are rounded."""
_TS: Final = "Rec. ITU-T H.222.0"
_HLS: Final = "RFC 8216bis §3.1.1"


class Expected(NamedTuple):
    """Where the next segment's first decoding time lies."""

    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class TransportEnd:
    """What a segment leaves to the next, by PID: the last counter, and what its first decoding time must be."""

    counters: dict[int, int] = field(default_factory=dict)
    expected: dict[int, Expected] = field(default_factory=dict)
    clock: int | None = None


@dataclass(frozen=True, slots=True)
class _Stream:
    """One elementary stream of a segment."""

    pid: int
    kind: int
    units: list[Pes]

    @property
    def where(self) -> str:
        return f"PID {self.pid:#x}"

    @property
    def is_video(self) -> bool:
        return self.kind in {H264, H265}

    @property
    def decoded(self) -> list[int]:
        return [unit.decoded for unit in self.units if unit.decoded is not None]

    def steps(self) -> list[int]:
        """How long each unit lasts but the last."""
        return [since(after, before) for before, after in pairwise(self.decoded)]

    def lasts(self) -> int | None:
        """From its first decoding time to the end of its last unit; `None` where its stamps do not say that."""
        decoded, last = self.decoded, self._last_unit_lasts()
        is_known = last is not None and len(decoded) == len(self.units)
        return since(decoded[-1], decoded[0]) + (last or 0) if decoded and is_known else None

    def expected(self) -> Expected | None:
        """Where the next segment goes on."""
        decoded, last = self.decoded, self._last_unit_lasts()
        if not decoded or last is None:
            return None
        if self.is_video:
            # A camera's own pictures are not evenly spaced: none may be missing, that is all.
            return Expected(decoded[-1] + 1, decoded[-1] + max(self.steps()) * 3 // 2)
        return Expected(decoded[-1] + last - _ROUNDING, decoded[-1] + last + _ROUNDING)

    def _last_unit_lasts(self) -> int | None:
        if self.kind == AAC and self.units:
            frames = adts_frames(self.units[-1].data)
            return sum(_SAMPLES_PER_FRAME * CLOCK_HZ // rate_hz for _, rate_hz in frames) if frames else None
        steps = self.steps()
        return steps[-1] if steps else None


@dataclass(frozen=True, slots=True)
class _Segment:
    packets: list[Packet]
    program: Program
    streams: list[_Stream]

    @classmethod
    def read(cls, data: bytes) -> _Segment:
        packets = read_packets(data)
        program = read_program(packets)
        streams = [_Stream(pid, kind, read_pes(packets, pid)) for pid, kind in program.streams.items()]
        return cls(packets, program, streams)


def check_transport_segment(
    data: bytes,
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
        segment = _Segment.read(data)
    except TransportError as error:
        return [must(error.rule, _TS, str(error))]
    before = previous or TransportEnd()
    findings = _check_tables(segment)
    findings += _check_counters(segment.packets, before)
    findings += _check_clock(segment, before)
    for stream in segment.streams:
        findings += _check_units(stream)
        findings += _check_stamps(stream, before.expected.get(stream.pid))
        if stream.is_video:
            findings += _check_pictures(stream, must_start_independent=must_start_independent)
        elif stream.kind == AAC:
            findings += _check_frames(stream)
    if duration_s is not None:
        findings += _check_duration(segment, duration_s)
    return findings


def transport_end(data: bytes) -> TransportEnd:
    """What the next segment has to go on from. Raises `TransportError`."""
    segment = _Segment.read(data)
    clocks = [packet.clock for packet in segment.packets if packet.clock is not None]
    return TransportEnd(
        counters={packet.pid: packet.counter for packet in segment.packets},
        expected={stream.pid: found for stream in segment.streams if (found := stream.expected())},
        clock=clocks[-1] if clocks else None,
    )


def adts_frames(data: bytes) -> list[tuple[int, int]]:
    """Size and sample rate of each ADTS frame in `data`; empty where they do not end where it does."""
    frames: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        head = data[at : at + _ADTS_HEADER_BYTES]
        if len(head) < _ADTS_HEADER_BYTES or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            return []
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        rate = head[2] >> 2 & 0x0F
        if size < _ADTS_HEADER_BYTES or at + size > len(data) or rate >= len(_SAMPLE_RATES_HZ):
            return []
        frames.append((size, _SAMPLE_RATES_HZ[rate]))
        at += size
    return frames


def _check_tables(segment: _Segment) -> list[Finding]:
    pids = [packet.pid for packet in segment.packets[:2]]
    findings: list[Finding] = []
    if pids != [PAT_PID, segment.program.map_pid]:
        message = f"it begins with the PIDs {', '.join(map(hex, pids))}, not with PAT and PMT"
        findings.append(should("T1", _HLS, message, "packet 0"))
    known = {PAT_PID, segment.program.map_pid, segment.program.clock_pid, NULL_PID, *segment.program.streams}
    strangers = sorted({packet.pid for packet in segment.packets} - known)
    if strangers:
        message = f"packets that no table names: PIDs {', '.join(map(hex, strangers))}"
        findings.append(should("T1", _HLS, message))
    return findings


def _check_counters(packets: Sequence[Packet], before: TransportEnd) -> list[Finding]:
    """T2: each packet with a payload counts one more than the last of its PID (§2.4.3.3); one may be sent twice."""
    findings: list[Finding] = []
    last: dict[int, int] = dict(before.counters)
    repeats: set[int] = set()
    for packet in packets:
        pid = packet.pid
        if pid in last and pid != NULL_PID and not packet.is_discontinuous:
            step = (packet.counter - last[pid]) % 16
            may_repeat = packet.payload is None or (step == 0 and pid not in repeats)
            if step != (packet.payload is not None) and not (may_repeat and step == 0):
                message = f"the counter of PID {pid:#x} goes from {last[pid]} to {packet.counter}"
                findings.append(must("T2", f"{_TS} §2.4.3.3", message, packet.where))
            repeats = repeats | {pid} if step == 0 and packet.payload is not None else repeats - {pid}
        last[pid] = packet.counter
    return findings


def _check_clock(segment: _Segment, before: TransportEnd) -> list[Finding]:
    """T3: PCR rises, by a tenth of a second at most (§2.7.2), and no unit comes after it is to be decoded."""
    findings: list[Finding] = []
    clocks = [packet for packet in segment.packets if packet.clock is not None]
    clause = f"{_TS} §2.7.2"
    if not clocks:
        return [must("T3", clause, "there is no PCR")]
    last = before.clock
    for packet in clocks:
        clock = packet.clock or 0
        if packet.pid != segment.program.clock_pid:
            message = f"a PCR on PID {packet.pid:#x}, which PMT does not say"
            findings.append(must("T3", f"{_TS} §2.4.4.9", message, packet.where))
        if last is not None and not 0 < since(clock, last) <= CLOCK_INTERVAL:
            message = f"PCR steps by {since(clock, last) / CLOCK_HZ * 1000:+.1f} ms"
            findings.append(must("T3", clause, message, packet.where))
        last = clock
    return findings + _check_in_time(segment)


def _check_in_time(segment: _Segment) -> list[Finding]:
    """Each unit begins to come before it is to be decoded."""
    decoded = {unit.where: unit.decoded for stream in segment.streams for unit in stream.units}
    clock: int | None = None
    for packet in segment.packets:
        clock = packet.clock if packet.clock is not None else clock
        time = decoded.get(packet.where)
        if clock is not None and time is not None and since(time, clock) < 0:
            message = f"it is to be decoded {-since(time, clock) / CLOCK_HZ * 1000:.1f} ms before it comes"
            return [should("T3", f"{_TS} §2.4.2", message, packet.where)]
    return []


def _check_units(stream: _Stream) -> list[Finding]:
    return [
        must("T8", f"{_TS} §2.4.3.7", f"PES_packet_length {unit.declared}, and {unit.size} bytes follow", unit.where)
        for unit in stream.units
        if unit.declared not in {0, unit.size} or (unit.declared == 0 and not stream.is_video)
    ]


def _check_stamps(stream: _Stream, expected: Expected | None) -> list[Finding]:
    """T4: all units have stamps, which rise, and go on from the segment before."""
    clause = f"{_TS} §2.4.3.7"
    findings: list[Finding] = []
    for unit in stream.units:
        if unit.shown is None or unit.decoded is None:
            findings.append(must("T4", clause, "a PES packet without a PTS", unit.where))
        elif since(unit.shown, unit.decoded) < 0:
            findings.append(must("T4", clause, "it is shown before it is decoded", unit.where))
    if any(step <= 0 for step in stream.steps()):
        findings.append(must("T4", clause, "decoding times do not rise", stream.where))
    decoded = stream.decoded
    if expected is not None and decoded:
        early, late = since(expected.earliest, decoded[0]), since(decoded[0], expected.latest)
        if early > 0 or late > 0:
            apart_ms = (late if late > 0 else -early) / CLOCK_HZ * 1000
            message = f"it begins {apart_ms:+.1f} ms from where the last segment ended"
            findings.append(must("T4", "Apple 7.3", message, stream.where))
    return findings


def _check_pictures(stream: _Stream, *, must_start_independent: bool) -> list[Finding]:
    findings: list[Finding] = []
    is_h264 = stream.kind == H264
    starts, sets, delimiter = ({NAL_IDR}, {7, 8}, 9) if is_h264 else (IRAP, {32, 33, 34}, 35)
    for index, unit in enumerate(stream.units):
        types = _nal_types(unit.data, is_hevc=not is_h264)
        before_start = list(takewhile(lambda kind: kind not in starts, types))
        is_start = len(before_start) < len(types)
        if index == 0 and must_start_independent and not is_start:
            findings.append(must("T6", "Apple 7.4", f"no IDR picture at its start: NAL types {types}", unit.where))
        if is_start and not sets <= set(before_start):
            findings.append(must("T6", _HLS, f"no parameter sets before an IDR picture: NAL types {types}", unit.where))
        if is_start != unit.is_random_access:
            message = f"random_access_indicator is {unit.is_random_access:d} at NAL types {types}"
            findings.append(should("T6", f"{_TS} §2.4.3.5", message, unit.where))
        if types[:1] != [delimiter]:
            findings.append(must("T6", f"{_TS} §2.14.1", f"no access unit delimiter: NAL types {types}", unit.where))
    return findings


def _nal_types(stream: bytes, *, is_hevc: bool) -> list[int]:
    """The types of the NAL units of a byte stream in order."""
    types: list[int] = []
    at = stream.find(_START_CODE)
    while 0 <= at < len(stream) - len(_START_CODE):
        head = stream[at + len(_START_CODE)]
        types.append(head >> 1 & 0x3F if is_hevc else head & 0x1F)
        at = stream.find(_START_CODE, at + len(_START_CODE))
    return types


def _check_frames(stream: _Stream) -> list[Finding]:
    return [
        must("T7", "ISO/IEC 13818-7 §6.2", "ADTS frames do not end where their PES packet does", unit.where)
        for unit in stream.units
        if not adts_frames(unit.data)
    ]


def _check_duration(segment: _Segment, promised_s: Fraction) -> list[Finding]:
    streams = [stream for stream in segment.streams if stream.is_video] or segment.streams
    findings: list[Finding] = []
    for stream in streams:
        lasts = stream.lasts()
        if lasts is None:
            continue
        frame = max([*stream.steps(), 1])
        if abs(lasts - promised_s * CLOCK_HZ) >= frame:
            message = f"it lasts {lasts / CLOCK_HZ:.6f} s and was promised as {float(promised_s):.6f} s"
            findings.append(must("T5", "Apple 8.1", message, stream.where))
    return findings
