"""Reads an MPEG-TS segment (Rec. ITU-T H.222.0) without believing any of it: packets, tables, PES packets."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PACKET_BYTES: Final = 188
PAT_PID: Final = 0
NULL_PID: Final = 0x1FFF
STAMP_MODULUS: Final = 1 << 33
_SYNC_BYTE: Final = 0x47
_HEADER_BYTES: Final = 4
_PAT: Final = 0x00
_PMT: Final = 0x02
_NETWORK: Final = b"\0\0"
_PES_PREFIX: Final = b"\x00\x00\x01"
_PES_HEADER_BYTES: Final = 9


class TransportError(ValueError):
    """What cannot be read, and where. `rule` is the rule that it breaks."""

    def __init__(self, message: str, rule: str = "T0") -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. `clock` is the base of its PCR, in ticks of 90 kHz; `where` counts packets from 0."""

    where: str
    pid: int
    starts_unit: bool
    counter: int
    payload: bytes | None
    clock: int | None = None
    is_random_access: bool = False
    is_discontinuous: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """What PMT says: the PID of the clock, and the stream types by PID. `map_pid` is where it says so."""

    map_pid: int
    clock_pid: int
    streams: dict[int, int]


@dataclass(slots=True)
class Pes:
    """One PES packet. `declared` is its PES_packet_length, 0 for open; `size` what follows that field."""

    where: str
    is_random_access: bool
    declared: int = 0
    size: int = 0
    shown: int | None = None
    decoded: int | None = None
    data: bytes = b""
    chunks: list[bytes] = field(default_factory=list)


def since(time: int, before: int) -> int:
    """Ticks from `before` to `time`, stamps that wrap: less than 13 hours either way."""
    half = STAMP_MODULUS // 2
    return (time - before + half) % STAMP_MODULUS - half


def read_packets(data: bytes) -> list[Packet]:
    """All packets. Raises `TransportError` where there is no sync byte, or a packet is not whole."""
    if not data or len(data) % PACKET_BYTES:
        raise TransportError(f"{len(data)} bytes are no whole number of packets of {PACKET_BYTES}")
    return [_packet(data[at : at + PACKET_BYTES], at // PACKET_BYTES) for at in range(0, len(data), PACKET_BYTES)]


def read_program(packets: Sequence[Packet]) -> Program:
    """The only program, by the first PAT and the first PMT. Raises `TransportError` without them."""
    association = _section(packets, PAT_PID, _PAT, "PAT")
    programs = [association[at : at + 4] for at in range(0, len(association) - 3, 4)]
    programs = [program for program in programs if program[:2] != _NETWORK]
    if len(programs) != 1:
        raise TransportError(f"PAT has {len(programs)} programs, not one", "T1")
    map_pid = _pid(programs[0][2:])
    body = _section(packets, map_pid, _PMT, "PMT")
    at = 4 + (int.from_bytes(body[2:4], "big") & 0xFFF)
    streams: dict[int, int] = {}
    while at + 5 <= len(body):
        streams[_pid(body[at + 1 :])] = body[at]
        at += 5 + (int.from_bytes(body[at + 3 : at + 5], "big") & 0xFFF)
    return Program(map_pid, _pid(body), streams)


def begins_with_unit(packets: Iterable[Packet], pid: int) -> bool:
    """Whether what comes first of `pid` is the beginning of a PES packet, and not the rest of one."""
    first = next((packet for packet in packets if packet.pid == pid and packet.payload is not None), None)
    return first is None or first.starts_unit


def read_pes(packets: Iterable[Packet], pid: int) -> list[Pes]:
    """The PES packets that begin here, of `pid`. Raises `TransportError` for one without a header."""
    units: list[Pes] = []
    for packet in packets:
        if packet.pid != pid or packet.payload is None:
            continue
        if packet.starts_unit:
            units.append(Pes(packet.where, packet.is_random_access))
        if units:
            units[-1].chunks.append(packet.payload)
    for unit in units:
        _read_pes_header(unit)
    return units


def _packet(data: bytes, number: int) -> Packet:
    where = f"packet {number}"
    if data[0] != _SYNC_BYTE:
        raise TransportError(f"no sync byte ({where})")
    at, adaptation = _HEADER_BYTES, b""
    if data[3] & 0x20:
        at += 1 + data[_HEADER_BYTES]
        adaptation = data[_HEADER_BYTES + 1 : at]
        if at > PACKET_BYTES:
            raise TransportError(f"the adaptation field is longer than its packet ({where})")
    flags = adaptation[0] if adaptation else 0
    has_clock = bool(flags & 0x10) and len(adaptation) >= 7
    return Packet(
        where,
        pid=_pid(data[1:3]),
        starts_unit=bool(data[1] & 0x40),
        counter=data[3] & 0x0F,
        payload=data[at:] if data[3] & 0x10 else None,
        clock=int.from_bytes(adaptation[1:7], "big") >> 15 if has_clock else None,
        is_random_access=bool(flags & 0x40),
        is_discontinuous=bool(flags & 0x80),
    )


def _pid(data: bytes) -> int:
    return int.from_bytes(data[:2], "big") & 0x1FFF


def _section(packets: Iterable[Packet], pid: int, table_id: int, name: str) -> bytes:
    """The body of the first table on `pid`, between its header and its CRC. It may fill several packets."""
    mine = [packet for packet in packets if packet.pid == pid and packet.payload]
    begun = list(dropwhile(lambda packet: not packet.starts_unit, mine))
    if not begun:
        raise TransportError(f"there is no {name}, on PID {pid:#x}", "T1")
    payloads = [begun[0].payload or b""]
    payloads += [packet.payload or b"" for packet in takewhile(lambda packet: not packet.starts_unit, begun[1:])]
    section = b"".join(payloads)[1 + payloads[0][0] :]
    size = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF)
    section = section[:size]
    if len(section) < max(size, 12) or section[0] != table_id:
        raise TransportError(f"PID {pid:#x} holds no {name} ({begun[0].where})", "T1")
    if _crc32(section):
        raise TransportError(f"the CRC of {name} is wrong ({begun[0].where})", "T1")
    return section[8:-4]


def _read_pes_header(unit: Pes) -> None:
    data = b"".join(unit.chunks)
    if data[:3] != _PES_PREFIX or len(data) < _PES_HEADER_BYTES:
        raise TransportError(f"no PES header where a unit starts ({unit.where})")
    unit.declared, unit.size = int.from_bytes(data[4:6], "big"), len(data) - 6
    flags, at = data[7] >> 6, _PES_HEADER_BYTES
    unit.shown = _stamp(data[at : at + 5]) if flags & 2 else None
    unit.decoded = _stamp(data[at + 5 : at + 10]) if flags == 3 else unit.shown
    unit.data = data[at + data[8] :]
    unit.chunks.clear()


def _stamp(data: bytes) -> int:
    padded = data.ljust(5, b"\0")
    return (padded[0] & 0x0E) << 29 | padded[1] << 22 | (padded[2] & 0xFE) << 14 | padded[3] << 7 | padded[4] >> 1


def _crc32(data: bytes) -> int:
    """Annex A; 0 over a section with its CRC."""
    register = 0xFFFF_FFFF
    for bit in (byte >> shift & 1 for byte in data for shift in range(7, -1, -1)):
        register = (register << 1 & 0xFFFF_FFFF) ^ (0x04C1_1DB7 if register >> 31 ^ bit else 0)
    return register
