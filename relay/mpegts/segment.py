"""The CMAF segments of one number, video and sound, become one MPEG-TS segment.

Rules that it keeps, each for every segment alone, so that any two that follow each other join:

1. PAT and PMT come first, and again at each sixteenth of the segment (RFC 8216 §3.2).
2. Times are those of the epoch in ticks of 90 kHz, modulo 2^33; the pictures' clock (PCR) is half a second earlier.
   Between two PCRs lies a tenth of a second at most (Rec. ITU-T H.222.0 §2.7.2).
3. Each PID has a multiple of 16 packets: counters begin with 0 and end with 15. What is missing to that, the largest
   payload is spread over.
4. A picture is one PES packet: an access unit delimiter, before an IDR picture the parameter sets, and its NAL units.
5. Some AAC frames with their ADTS headers are one PES packet; none is split between two.
6. No picture is decoded after it is shown. Nor is one in CMAF as the packager writes it; where a camera that is copied
   reorders more than it did at first, all of a segment's are decoded as much earlier.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from relay.mpegts.packets import (
    AUDIO_PID,
    COUNTER_MODULUS,
    PACKET_BYTES,
    PAT_PID,
    PAYLOAD_BYTES,
    PMT_PID,
    VIDEO_PID,
    association_table,
    map_table,
    packetize,
    packets_needed,
    without_payload,
)
from relay.mpegts.read import parameter_sets, samples
from relay.timeline import SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from relay.mpegts.read import Sample

CLOCK_HZ: Final = 90_000
STAMP_MODULUS: Final = 1 << 33
"""PTS, DTS and the base of PCR have 33 bits: they begin anew every 26.5 hours."""

PCR_LEAD: Final = CLOCK_HZ // 2
"""A picture may begin to come this long before it is decoded: that is what the largest takes that an encoder's VBV lets
pass."""

PCR_INTERVAL: Final = CLOCK_HZ // 10
FRAMES_PER_PES: Final = 8
"""AAC frames together, a sixth of a second: of a quiet room one has some twenty bytes, of a packet's 184."""

TABLES_PER_SEGMENT: Final = COUNTER_MODULUS

_START_CODE: Final = b"\x00\x00\x00\x01"
_DELIMITER: Final = _START_CODE + b"\x09\xf0"  # primary_pic_type 7: slices of any type
_LENGTH_BYTES: Final = 4
_VIDEO_STREAM_ID: Final = 0xE0
_AUDIO_STREAM_ID: Final = 0xC0
_DATA_ALIGNED: Final = 0x84
_HAS_PTS: Final = 0x80
_HAS_PTS_AND_DTS: Final = 0xC0
_PES_LENGTH_LIMIT: Final = 1 << 16
_LONGEST_PES_HEADER_BYTES: Final = 19
_HAS_PCR: Final = 0x10
_HAS_PCR_AND_IS_RANDOM_ACCESS: Final = 0x50
_PCR_RESERVED: Final = 0x3F << 9
_ADTS_BYTES: Final = 7
_BEFORE_ALL: Final = -1


@dataclass(frozen=True, slots=True)
class _Unit:
    """What stands together, in `packets` packets. `time` says where; without a payload it is tables or a clock."""

    time: int
    pid: int
    payload: bytes = b""
    adaptation: bytes = b""
    packets: int = 0


def transport_segment(init: bytes, timescale: int, video: bytes, audio: bytes | None) -> bytes:
    """The TS segment of `video` (H.264, described by `init`) and `audio` (AAC-LC, 48 kHz, stereo).

    `audio` is `None` for a stream without sound, and empty where a stream with sound has none in this segment.
    Raises `ValueError` for an init segment of another codec.
    """
    sets = b"".join(_START_CODE + unit for unit in parameter_sets(init))
    coded = list(samples(video))
    early = max(0, *(one.decoded - one.shown for one in coded))
    borders = [_stamp(sample.decoded - early, timescale) for sample in coded]
    borders.append(_stamp(coded[-1].decoded + coded[-1].duration - early, timescale))
    pictures = [
        _picture(sample, sets, decoded, _stamp(sample.shown, timescale))
        for sample, decoded in zip(coded, borders[:-1], strict=True)
    ]
    units = [*_tables(borders[0], borders[-1]), *_filled(pictures), *_clocks(borders), *_filled(_sound(audio or b""))]
    units.sort(key=lambda unit: (unit.time, unit.pid))
    return b"".join(_packets(units, has_audio=audio is not None))


def overhead_bps(rate: Fraction, segment_s: Fraction, cmaf_bps: int) -> int:
    """How much larger than its CMAF of `cmaf_bps` a TS segment can be, as a bit rate."""
    audio_frames_per_s = Fraction(SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME)
    # Each fills its last packet up. Where pictures are less than ten a second, clocks stand between them.
    units_per_s = max(rate, Fraction(2 * CLOCK_HZ, PCR_INTERVAL)) + audio_frames_per_s / FRAMES_PER_PES
    unit_bytes = PACKET_BYTES + _LONGEST_PES_HEADER_BYTES + len(_DELIMITER) + len(_clock(0, _HAS_PCR))
    packets_per_segment = 2 * TABLES_PER_SEGMENT + 2 * COUNTER_MODULUS
    bytes_per_s = (
        units_per_s * unit_bytes + audio_frames_per_s * _ADTS_BYTES + packets_per_segment * PACKET_BYTES / segment_s
    )
    return math.ceil(cmaf_bps * Fraction(PACKET_BYTES - PAYLOAD_BYTES, PAYLOAD_BYTES) + 8 * bytes_per_s)


def _stamp(ticks: int, timescale: int) -> int:
    """Ticks of 90 kHz since the epoch, not wrapped yet: rounded down, so that neighbours agree on their border."""
    return ticks * CLOCK_HZ // timescale


def _picture(sample: Sample, sets: bytes, decoded: int, shown: int) -> _Unit:
    media = _byte_stream(sample.data)
    # Keyframes of a copied stream have them already.
    access_unit = _DELIMITER + (sets if sample.is_sync and not media.startswith(sets) else b"") + media
    payload = _pes(_VIDEO_STREAM_ID, shown, decoded, access_unit)
    adaptation = _clock(decoded, _HAS_PCR_AND_IS_RANDOM_ACCESS if sample.is_sync else _HAS_PCR)
    return _Unit(decoded, VIDEO_PID, payload, adaptation, packets_needed(len(payload), adaptation))


def _byte_stream(sample: bytes) -> bytes:
    """NAL units behind start codes: as long as the lengths that they stand behind in a sample."""
    stream = bytearray(sample)
    at = 0
    while at < len(stream):
        size = int.from_bytes(sample[at : at + _LENGTH_BYTES], "big")
        stream[at : at + _LENGTH_BYTES] = _START_CODE
        at += _LENGTH_BYTES + size
    return bytes(stream)


def _sound(audio: bytes) -> list[_Unit]:
    frames = list(samples(audio))
    units = []
    for first in range(0, len(frames), FRAMES_PER_PES):
        time = _stamp(frames[first].shown, SAMPLE_RATE_HZ)
        payload = b"".join(_adts(frame.data) for frame in frames[first : first + FRAMES_PER_PES])
        payload = _pes(_AUDIO_STREAM_ID, time, time, payload)
        units.append(_Unit(time, AUDIO_PID, payload, packets=packets_needed(len(payload))))
    return units


def _adts(frame: bytes) -> bytes:
    """`frame` behind its header (ISO/IEC 13818-7 §6.2): MPEG-4 AAC-LC, 48 kHz, two channels, no CRC."""
    size = _ADTS_BYTES + len(frame)
    return bytes((0xFF, 0xF1, 0x4C, 0x80 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F, 0xFC)) + frame


def _pes(stream_id: int, shown: int, decoded: int, payload: bytes) -> bytes:
    """A PES packet (Rec. ITU-T H.222.0 §2.4.3.6). Its length is left open where 16 bits do not hold it: of pictures."""
    if shown == decoded:
        flags, stamps = _HAS_PTS, _pes_stamp(2, shown)
    else:
        flags, stamps = _HAS_PTS_AND_DTS, _pes_stamp(3, shown) + _pes_stamp(1, decoded)
    length = 3 + len(stamps) + len(payload)
    head = (0, 0, 1, stream_id, *(length if length < _PES_LENGTH_LIMIT else 0).to_bytes(2, "big"))
    return bytes((*head, _DATA_ALIGNED, flags, len(stamps))) + stamps + payload


def _pes_stamp(prefix: int, time: int) -> bytes:
    time %= STAMP_MODULUS
    return bytes(
        (
            prefix << 4 | time >> 29 & 0x0E | 1,
            time >> 22 & 0xFF,
            time >> 14 & 0xFE | 1,
            time >> 7 & 0xFF,
            time << 1 & 0xFE | 1,
        )
    )


def _clock(decoded: int, flags: int) -> bytes:
    """What an adaptation field holds that says the time: that of `decoded`, less the lead."""
    base = (decoded - PCR_LEAD) % STAMP_MODULUS
    return bytes((flags,)) + (base << 15 | _PCR_RESERVED).to_bytes(6, "big")


def _clocks(borders: Sequence[int]) -> Iterator[_Unit]:
    """Clocks between pictures that are further apart than clocks may be."""
    for before, after in pairwise(borders):
        steps = -(-(after - before) // PCR_INTERVAL)
        for step in range(1, steps):
            time = before + (after - before) * step // steps
            yield _Unit(time, VIDEO_PID, adaptation=_clock(time, _HAS_PCR))


def _tables(start: int, end: int) -> Iterator[_Unit]:
    yield _Unit(_BEFORE_ALL, PAT_PID)
    for number in range(1, TABLES_PER_SEGMENT):
        yield _Unit(start + (end - start) * number // TABLES_PER_SEGMENT, PAT_PID)


def _filled(units: list[_Unit]) -> list[_Unit]:
    """`units` of one PID, the largest in so many packets that all of them together are a multiple of 16."""
    missing = -sum(unit.packets for unit in units) % COUNTER_MODULUS
    largest = max(units, key=lambda unit: len(unit.payload), default=None)
    return [replace(unit, packets=unit.packets + missing) if unit is largest else unit for unit in units]


def _packets(units: Iterable[_Unit], *, has_audio: bool) -> Iterator[bytes]:
    """The packets of `units` in order, in pieces."""
    association, map_ = association_table(), map_table(has_audio=has_audio)
    counters = Counter[int]()
    for unit in units:
        if unit.pid == PAT_PID:
            yield from packetize(PAT_PID, association, 1, counters[PAT_PID])
            yield from packetize(PMT_PID, map_, 1, counters[PAT_PID])
            counters[PAT_PID] += 1
        elif unit.payload:
            yield from packetize(unit.pid, unit.payload, unit.packets, counters[unit.pid], unit.adaptation)
            counters[unit.pid] += unit.packets
        else:
            yield without_payload(unit.pid, counters[unit.pid], unit.adaptation)
