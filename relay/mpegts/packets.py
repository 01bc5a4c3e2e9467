"""Packets of a transport stream (Rec. ITU-T H.222.0 §2.4.3) and the two tables of one program (§2.4.4)."""

from __future__ import annotations

from typing import Final

PACKET_BYTES: Final = 188
PAYLOAD_BYTES: Final = 184
COUNTER_MODULUS: Final = 16
"""Of `continuity_counter` (§2.4.3.3)."""

PAT_PID: Final = 0
PMT_PID: Final = 0x1000
VIDEO_PID: Final = 0x100
AUDIO_PID: Final = 0x101

_SYNC_BYTE: Final = 0x47
_STARTS_UNIT: Final = 0x40
_ONLY_PAYLOAD: Final = 0x10
_ONLY_ADAPTATION: Final = 0x20
_ADAPTATION_AND_PAYLOAD: Final = 0x30
_STUFFING: Final = b"\xff"

_TABLE_VIDEO: Final = bytes((0x1B, 0xE0 | VIDEO_PID >> 8, VIDEO_PID & 0xFF, 0xF0, 0))  # stream_type: H.264
_TABLE_AUDIO: Final = bytes((0x0F, 0xE0 | AUDIO_PID >> 8, AUDIO_PID & 0xFF, 0xF0, 0))  # stream_type: AAC in ADTS
_CRC_POLYNOMIAL: Final = 0x04C1_1DB7
_PROGRAM: Final = b"\x00\x01"
_TRANSPORT_STREAM_ID: Final = b"\x00\x01"
_VERSION_0_IN_FORCE: Final = b"\xc1\x00\x00"


def packets_needed(payload_bytes: int, adaptation: bytes = b"") -> int:
    """The least number of packets that hold a payload whose first packet has the adaptation field `adaptation`."""
    beyond_first = payload_bytes - _room(adaptation)
    return 1 + max(0, -(-beyond_first // PAYLOAD_BYTES))


def packetize(pid: int, payload: bytes, count: int, counter: int, adaptation: bytes = b"") -> list[bytes]:
    """`payload` in exactly `count` packets, the first of which has `adaptation` (flags and what they announce).

    `count` is at least `packets_needed` and at most the number of bytes; more than needed end in packets of a byte.
    """
    pieces: list[bytes] = []
    at, start = 0, _STARTS_UNIT
    for packets_left in range(count, 0, -1):
        size = min(_room(adaptation), len(payload) - at - (packets_left - 1))
        control = counter % COUNTER_MODULUS
        counter += 1
        if size == PAYLOAD_BYTES:
            pieces.append(bytes((_SYNC_BYTE, start | pid >> 8, pid & 0xFF, _ONLY_PAYLOAD | control)))
        else:
            head = (_SYNC_BYTE, start | pid >> 8, pid & 0xFF, _ADAPTATION_AND_PAYLOAD | control)
            pieces += (bytes(head), _adaptation_field(adaptation, PAYLOAD_BYTES - size))
        pieces.append(payload[at : at + size])
        at += size
        adaptation, start = b"", 0
    return pieces


def without_payload(pid: int, counter: int, adaptation: bytes) -> bytes:
    """A packet that is all adaptation field. It does not count: its counter is that of the packet before (§2.4.3.3)."""
    control = _ONLY_ADAPTATION | (counter - 1) % COUNTER_MODULUS
    return bytes((_SYNC_BYTE, pid >> 8, pid & 0xFF, control)) + _adaptation_field(adaptation, PAYLOAD_BYTES)


def association_table() -> bytes:
    """The payload of a PAT packet: there is one program, described on `PMT_PID`."""
    return _table(0x00, _TRANSPORT_STREAM_ID, _PROGRAM + bytes((0xE0 | PMT_PID >> 8, PMT_PID & 0xFF)))


def map_table(*, has_audio: bool) -> bytes:
    """The payload of a PMT packet: H.264, whose packets have the clock, and AAC."""
    clock = bytes((0xE0 | VIDEO_PID >> 8, VIDEO_PID & 0xFF, 0xF0, 0))
    return _table(0x02, _PROGRAM, clock + _TABLE_VIDEO + (_TABLE_AUDIO if has_audio else b""))


def _room(adaptation: bytes) -> int:
    return PAYLOAD_BYTES - 1 - len(adaptation) if adaptation else PAYLOAD_BYTES


def _adaptation_field(content: bytes, size: int) -> bytes:
    """A field of `size` bytes in all: its length, `content`, and stuffing. A single byte is the length alone."""
    if size == 1:
        return b"\x00"
    return bytes((size - 1,)) + (content or b"\x00").ljust(size - 1, _STUFFING)


def _table(table_id: int, identifier: bytes, body: bytes) -> bytes:
    after_length = identifier + _VERSION_0_IN_FORCE + body
    section = bytes((table_id, 0xB0, len(after_length) + 4)) + after_length
    pointer_field = b"\x00"
    return (pointer_field + section + _crc32(section).to_bytes(4, "big")).ljust(PAYLOAD_BYTES, _STUFFING)


def _crc32(data: bytes) -> int:
    """CRC-32 as Annex A has it: not reflected, which `zlib` does not do."""
    register = 0xFFFF_FFFF
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (_CRC_POLYNOMIAL if register & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return register
