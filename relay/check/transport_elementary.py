"""One elementary stream of an MPEG-TS segment, H.264, H.265 or AAC, and the rules T4 and T6 to T8 for it.

What our own origin promises beyond the specifications is told as advice, or not at all: others may do as they like.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.check.avc import IRAP, NAL_IDR
from relay.check.finding import Finding, advice, must, should
from relay.check.transport_packets import since

if TYPE_CHECKING:
    from relay.check.transport_packets import Pes

CLOCK_HZ: Final = 90_000
H264: Final = 0x1B
H265: Final = 0x24
AAC: Final = 0x0F
JUDGED: Final = frozenset({H264, H265, AAC})
"""Stream types. What others hold need not even be PES packets."""
TS: Final = "Rec. ITU-T H.222.0"
RUNS_ON: Final = "RFC 8216bis §3"
"""Timestamps and continuity counters go on over segments; a segment should hold what a decoder needs to begin."""
_SAMPLES_PER_BLOCK: Final = 1024
_ADTS_HEADER_BYTES: Final = 7
_LONGEST_ADTS_FRAME_BYTES: Final = 8191
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


class Expected(NamedTuple):
    """Where the next segment's first decoding time lies. What is off by `slack` at most is not heard."""

    earliest: int
    latest: int
    slack: int = 0


@dataclass(frozen=True, slots=True)
class ElementaryStream:
    """The PES packets that begin in a segment, in their order. `is_cut`: the rest of another one comes before them."""

    pid: int
    kind: int
    units: list[Pes]
    is_cut: bool

    @property
    def where(self) -> str:
        """For findings."""
        return f"PID {self.pid:#x}"

    @property
    def is_video(self) -> bool:
        """Whether it is pictures."""
        return self.kind != AAC

    @property
    def decoded(self) -> list[int]:
        """The decoding times that are said."""
        return [unit.decoded for unit in self.units if unit.decoded is not None]

    def steps(self) -> list[int]:
        """How long each unit lasts but the last."""
        return [since(after, before) for before, after in pairwise(self.decoded)]

    def lasts(self) -> Fraction | None:
        """From its first decoding time to the end of its last unit; `None` where its stamps do not say that."""
        decoded, last = self.decoded, self._last_unit_lasts()
        if not decoded or last is None or len(decoded) < len(self.units):
            return None
        return since(decoded[-1], decoded[0]) + last

    def expected(self, promised_s: Fraction | None) -> Expected | None:
        """Where the next segment goes on; `promised_s` is what this one's EXTINF says."""
        decoded, last = self.decoded, self._last_unit_lasts()
        if not decoded or last is None:
            return None
        if self.is_video:
            # A camera's own pictures are not evenly spaced: none may be missing, that is all. One may be held for long.
            longest = max(self.steps())
            held = round((promised_s or 0) * CLOCK_HZ) - since(decoded[-1], decoded[0])
            return Expected(decoded[-1] + 1, decoded[-1] + max(longest, held) + longest // 2)
        end = decoded[-1] + round(last)
        half_a_frame = round(adts_frames(self.units[-1].data)[-1] / 2)
        return Expected(end - _ROUNDING, end + _ROUNDING, half_a_frame)

    def _last_unit_lasts(self) -> Fraction | None:
        if self.is_video:
            steps = self.steps()
            return Fraction(steps[-1]) if steps else None
        frames = adts_frames(self.units[-1].data) if self.units else []
        return sum(frames, Fraction(0)) if frames else None


def check_elementary(
    stream: ElementaryStream, expected: Expected | None, *, must_start_independent: bool
) -> list[Finding]:
    """All that is wrong with a stream. `expected` is what the segment before has left of it."""
    findings = _check_units(stream) + _check_stamps(stream, expected)
    if stream.is_video:
        return findings + _check_pictures(stream, must_start_independent=must_start_independent)
    return findings + _check_frames(stream)


def adts_frames(data: bytes) -> list[Fraction]:
    """How long each ADTS frame in `data` lasts, in ticks of 90 kHz; empty where they do not end where it does."""
    frames = _row(data, 0)
    return [frame.lasts for frame in frames] if sum(frame.size for frame in frames) == len(data) else []


class _Frame(NamedTuple):
    size: int
    lasts: Fraction


def _row(data: bytes, at: int) -> list[_Frame]:
    """The whole ADTS frames that follow each other from `at` on."""
    frames: list[_Frame] = []
    while _is_header(head := data[at : at + _ADTS_HEADER_BYTES]):
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        rate_hz = _SAMPLE_RATES_HZ[head[2] >> 2 & 0x0F]
        if size < _ADTS_HEADER_BYTES or at + size > len(data):
            break
        blocks = 1 + (head[6] & 3)
        frames.append(_Frame(size, Fraction(blocks * _SAMPLES_PER_BLOCK * CLOCK_HZ, rate_hz)))
        at += size
    return frames


def _is_header(head: bytes) -> bool:
    is_whole = len(head) == _ADTS_HEADER_BYTES
    return is_whole and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 0x0F < len(_SAMPLE_RATES_HZ)


def _is_split_row(data: bytes) -> bool:
    """Whether it is ADTS frames, one behind the other, of which the first and the last may be pieces."""
    for begin in range(min(len(data), _LONGEST_ADTS_FRAME_BYTES)):
        frames = _row(data, begin)
        rest = data[begin + sum(frame.size for frame in frames) :][:_ADTS_HEADER_BYTES]
        is_piece_before = begin <= max((frame.size for frame in frames), default=-1)
        if is_piece_before and (_is_header(rest) or len(rest) < _ADTS_HEADER_BYTES):
            return True
    return False


def _check_units(stream: ElementaryStream) -> list[Finding]:
    """T8: PES packets are as long as they say. One that goes on in the next segment is lost to who begins there."""
    findings: list[Finding] = []
    if stream.is_cut:
        findings.append(should("T8", RUNS_ON, "it begins in the middle of a PES packet", stream.where))
    for unit in stream.units:
        is_right = unit.declared == unit.size or (unit.declared == 0 and stream.is_video)
        if is_right:
            continue
        if unit.declared > unit.size and unit is stream.units[-1]:
            findings.append(should("T8", RUNS_ON, "it ends in the middle of a PES packet", unit.where))
            continue
        message = f"PES_packet_length {unit.declared}, and {unit.size} bytes follow"
        findings.append(must("T8", f"{TS} §2.4.3.7", message, unit.where))
    return findings


def _check_stamps(stream: ElementaryStream, expected: Expected | None) -> list[Finding]:
    """T4: units have stamps, which rise, and go on from the segment before."""
    clause = f"{TS} §2.4.3.7"
    findings: list[Finding] = []
    for unit in stream.units:
        if unit.shown is None or unit.decoded is None:
            # It may go on with what the packet before has begun; some players take it for a picture without a time.
            findings.append(should("T4", f"{TS} §2.7.4", "a PES packet without a PTS", unit.where))
        elif since(unit.shown, unit.decoded) < 0:
            findings.append(must("T4", clause, "it is shown before it is decoded", unit.where))
    if any(step <= 0 for step in stream.steps()):
        findings.append(must("T4", clause, "decoding times do not rise", stream.where))
    decoded = stream.decoded
    if expected is not None and decoded:
        early, late = since(expected.earliest, decoded[0]), since(decoded[0], expected.latest)
        if max(early, late) > 0:
            apart_ms = (late if late > 0 else -early) / CLOCK_HZ * 1000
            message = f"it begins {apart_ms:+.1f} ms from where the last segment ended"
            weigh = must if max(early, late) > expected.slack else should
            findings.append(weigh("T4", RUNS_ON, message, stream.where))
    return findings


def _check_pictures(stream: ElementaryStream, *, must_start_independent: bool) -> list[Finding]:
    findings: list[Finding] = []
    is_h264 = stream.kind == H264
    starts, sets, delimiter = ({NAL_IDR}, {7, 8}, 9) if is_h264 else (IRAP, {32, 33, 34}, 35)
    has_start = False
    for index, unit in enumerate(stream.units):
        types = _nal_types(unit.data, is_hevc=not is_h264)
        before_start = list(takewhile(lambda kind: kind not in starts, types))
        is_start = len(before_start) < len(types)
        if index == 0 and must_start_independent and not is_start:
            findings.append(must("T6", "Apple 7.4", f"no IDR picture at its start: NAL types {types}", unit.where))
        if is_start and not has_start and not sets <= set(before_start):
            weigh = must if must_start_independent else should
            message = f"no parameter sets before the first IDR picture: NAL types {types}"
            findings.append(weigh("T6", RUNS_ON, message, unit.where))
        if is_start != unit.is_random_access:
            message = f"random_access_indicator is {unit.is_random_access:d} at NAL types {types}"
            findings.append(advice("T6", f"{TS} §2.4.3.5", message, unit.where))
        if types[:1] != [delimiter] and unit.decoded is not None:
            findings.append(must("T6", f"{TS} §2.14.1", f"no access unit delimiter: NAL types {types}", unit.where))
        has_start = has_start or is_start
    if stream.units and not has_start and not must_start_independent:
        findings.append(should("T6", RUNS_ON, "there is no IDR picture in it: nobody can begin here", stream.where))
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


def _check_frames(stream: ElementaryStream) -> list[Finding]:
    """T7. A frame may lie in two PES packets, but players have lost such: what they are told of must be whole."""
    split = [unit for unit in stream.units if not adts_frames(unit.data)]
    if not split:
        return []
    if _is_split_row(b"".join(unit.data for unit in stream.units)):
        return [should("T7", RUNS_ON, "ADTS frames do not end where their PES packet does", split[0].where)]
    return [must("T7", "ISO/IEC 13818-7 §6.2", "what its PES packets hold is no row of ADTS frames", split[0].where)]
