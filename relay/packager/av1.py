"""AV1 as an encoder gives it, taken apart into OBUs, and as MP4 stores it: pure.

Sections are those of the AV1 Bitstream & Decoding Process Specification ("§") and of "AV1 Codec ISO Media File Format
Binding" ("binding").

    temporal unit = temporal delimiter, [sequence header], frames       sample = the same without the delimiter

The sequence header is what parameter sets are elsewhere. It is in `av1C`, and stays in front of every key frame, which
is a sync sample by having it (binding §2.4).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.packager.boxes import box, full_box

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEQUENCE_HEADER: Final = 1
_TEMPORAL_DELIMITER: Final = 2
_PADDING: Final = 15
_LEFT_OUT: Final = frozenset({_TEMPORAL_DELIMITER, _PADDING})
"""What should not be in a sample (binding §2.4)."""

_HAS_EXTENSION: Final = 0x04
_HAS_SIZE: Final = 0x02
_SELECT: Final = 2
"""SELECT_SCREEN_CONTENT_TOOLS: each frame says by itself (§6.4.1)."""

_SRGB: Final = (1, 13, 0)
"""BT.709 primaries, sRGB transfer and identity matrix: the one combination that says 4:4:4 by itself (§5.5.2)."""

_UNSPECIFIED: Final = 2
_TRACK_ID: Final = 1
_UNITY: Final = struct.pack(">9I", 0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000)
_UNDETERMINED: Final = 0x55C4
"""`und`, in three times five bits (ISO/IEC 14496-12 §8.4.2)."""


@dataclass(frozen=True, slots=True)
class SequenceHeader:
    """What `av1C`, `colr` and CODECS say of a stream (§6.4). `colour`: primaries, transfer and matrix."""

    profile: int
    level: int
    tier: int
    bit_depth: int
    is_monochrome: bool
    subsampling: tuple[int, int]
    sample_position: int
    colour: tuple[int, int, int]
    is_full_range: bool

    @property
    def codec(self) -> str:
        """`av01.P.LLT.DD` (binding §5), and the rest of it where that is not what is assumed: 4:2:0, BT.709."""
        short = f"av01.{self.profile}.{self.level:02d}{'H' if self.tier else 'M'}.{self.bit_depth:02d}"
        chroma = f"{self.subsampling[0]}{self.subsampling[1]}{self.sample_position}"
        colours = ".".join(f"{code:02d}" for code in self.colour)
        rest = f".{int(self.is_monochrome)}.{chroma}.{colours}.{int(self.is_full_range)}"
        return short if rest == ".0.110.01.01.01.0" else short + rest


class _Bits:
    """A reader of bits, the highest first. Past the end it raises `ValueError`."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """`f(count)`."""
        self._left -= count
        if self._left < 0:
            raise ValueError("a sequence header ends too early")
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        """`f(1)`."""
        return bool(self.take(1))

    def skip_exponential(self) -> None:
        """`uvlc()` (§4.10.3)."""
        zeros = 0
        while not self.flag():
            zeros += 1
        self.take(zeros)


def units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each OBU (§5.3). Raises `ValueError` where one ends elsewhere than it says."""
    at = 0
    while at < len(data):
        kind, begins, end = _header(data, at)
        yield kind, data[begins:end]
        at = end


def sample(data: bytes) -> bytes:
    """A temporal unit as a sample: without its delimiter, each OBU with its size. Raises `ValueError`."""
    kept = bytearray()
    at = 0
    while at < len(data):
        kind, begins, end = _header(data, at)
        if kind not in _LEFT_OUT:
            kept += _sized(data[at], data[at + 1 : begins], data[begins:end])
        at = end
    return bytes(kept)


def sequence_headers(data: bytes) -> tuple[bytes, ...]:
    """The sequence headers' payloads. Raises `ValueError`."""
    return tuple(payload for kind, payload in units(data) if kind == _SEQUENCE_HEADER)


def read_sequence_header(payload: bytes) -> SequenceHeader:
    """`sequence_header_obu()` (§5.5.1), as far as its colours. Raises `ValueError`."""
    bits = _Bits(payload)
    profile = bits.take(3)
    bits.take(1)  # still_picture
    is_reduced = bits.flag()
    level, tier = (bits.take(5), 0) if is_reduced else _operating_points(bits)
    widths = [bits.take(4) + 1 for _ in range(2)]
    for width in widths:
        bits.take(width)
    if not is_reduced and bits.flag():  # frame_id_numbers_present_flag
        bits.take(4 + 3)
    bits.take(3)  # 128x128 superblocks, filter intra, intra edge filter
    if not is_reduced:
        _skip_tools(bits)
    bits.take(3)  # superres, cdef, restoration
    return _colours(bits, profile, level, tier)


def av1_init(width: int, height: int, timescale: int, key_frame: bytes) -> tuple[bytes, str]:
    """The init segment of what begins with the temporal unit `key_frame`, and its RFC 6381 name. Raises `ValueError`.

    FFmpeg's muxer wants to be told the sequence header beforehand, for which PyAV has no way.
    """
    headers = sequence_headers(key_frame)
    if not headers:
        raise ValueError("there is no sequence header in the first picture")
    header = read_sequence_header(headers[0])
    entry = box(
        b"av01",
        bytes(6) + struct.pack(">H", 1) + bytes(16),
        struct.pack(">HHIIIH", width, height, 72 << 16, 72 << 16, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1),
        box(b"av1C", _record(header), _sized(_SEQUENCE_HEADER << 3, b"", headers[0])),
        box(b"colr", b"nclx", struct.pack(">HHHB", *header.colour, header.is_full_range << 7)),
        box(b"pasp", struct.pack(">II", 1, 1)),
    )
    brands = box(b"ftyp", b"iso6", bytes(4), b"iso6", b"cmfc", b"av01")
    return brands + _movie(width, height, timescale, entry), header.codec


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Of the OBU at `at`: its type, where its payload begins, and where it ends (§5.3.1)."""
    head = data[at]
    if head & 0x80:
        raise ValueError("the forbidden bit of an OBU is set")
    begins = at + (2 if head & _HAS_EXTENSION else 1)
    length = len(data) - begins
    if head & _HAS_SIZE:
        length, begins = _leb128(data, begins)
    if length < 0 or begins + length > len(data):
        raise ValueError("an OBU is longer than its temporal unit")
    return head >> 3 & 0x0F, begins, begins + length


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """`leb128()` at `at`, and where it ends (§4.10.5)."""
    value = 0
    for n, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * n
        if not byte & 0x80:
            return value, at + n + 1
    raise ValueError("the size of an OBU does not end")


def _sized(head: int, between: bytes, payload: bytes) -> bytes:
    """An OBU with its size; `between` is its extension, and a size that it had."""
    extension = between[:1] if head & _HAS_EXTENSION else b""
    size = bytearray()
    left = len(payload)
    while left > 0x7F:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes((head | _HAS_SIZE,)) + extension + bytes((*size, left)) + payload


def _operating_points(bits: _Bits) -> tuple[int, int]:
    """Level and tier of the first, behind what may be said of time."""
    delay_bits = 0
    if bits.flag():  # timing_info_present_flag
        bits.take(32 + 32)
        if bits.flag():
            bits.skip_exponential()
        if bits.flag():  # decoder_model_info_present_flag
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_display_delay = bits.flag()
    found = []
    for _ in range(bits.take(5) + 1):
        bits.take(12)  # operating_point_idc
        level = bits.take(5)
        found.append((level, bits.take(1) if level > 7 else 0))
        if delay_bits and bits.flag():
            bits.take(delay_bits + delay_bits + 1)
        if has_display_delay and bits.flag():
            bits.take(4)
    return found[0]


def _skip_tools(bits: _Bits) -> None:
    bits.take(4)  # inter-intra, masked and warped compound, dual filter
    has_order = bits.flag()
    if has_order:
        bits.take(2)
    screen_content = _SELECT if bits.flag() else bits.take(1)
    if screen_content and not bits.flag():
        bits.take(1)  # seq_force_integer_mv
    if has_order:
        bits.take(3)


def _colours(bits: _Bits, profile: int, level: int, tier: int) -> SequenceHeader:
    """`color_config()` (§5.5.2)."""
    is_high = bits.flag()
    is_twelve = profile == 2 and is_high and bits.flag()
    is_monochrome = profile != 1 and bits.flag()
    colour = (bits.take(8), bits.take(8), bits.take(8)) if bits.flag() else (_UNSPECIFIED,) * 3
    depth = 12 if is_twelve else 10 if is_high else 8
    subsampling, position, is_full = (1, 1), 0, True
    if colour == _SRGB and not is_monochrome:
        subsampling = (0, 0)
    else:
        is_full = bits.flag()
        if not is_monochrome:
            subsampling = _subsampling(bits, profile, depth)
            position = bits.take(2) if subsampling == (1, 1) else 0
    return SequenceHeader(profile, level, tier, depth, is_monochrome, subsampling, position, colour, is_full)


def _subsampling(bits: _Bits, profile: int, depth: int) -> tuple[int, int]:
    if profile < 2:
        return (0, 0) if profile else (1, 1)
    if depth < 12:
        return (1, 0)
    return (1, bits.take(1)) if bits.flag() else (0, 0)


def _record(header: SequenceHeader) -> bytes:
    """AV1CodecConfigurationRecord (binding §2.3.3), up to its OBUs."""
    across, down = header.subsampling
    shape = header.tier << 7 | (header.bit_depth > 8) << 6 | (header.bit_depth > 10) << 5 | header.is_monochrome << 4
    shape |= across << 3 | down << 2 | header.sample_position
    return bytes((0x81, header.profile << 5 | header.level, shape, 0))


def _movie(width: int, height: int, timescale: int, entry: bytes) -> bytes:
    """`moov` of one track of pictures without samples or times (ISO/IEC 14496-12 §8.2, ISO/IEC 23000-19 §7.5.1)."""
    table = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    here = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, bytes(8), struct.pack(">IIHH", timescale, 0, _UNDETERMINED, 0)),
        full_box(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"VideoHandler\0"),
        box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), here, table),
    )
    track = full_box(
        b"tkhd",
        0,
        3,  # enabled, in the movie
        bytes(8) + struct.pack(">III", _TRACK_ID, 0, 0) + bytes(16),
        _UNITY + struct.pack(">II", width << 16, height << 16),
    )
    return box(
        b"moov",
        full_box(
            b"mvhd",
            0,
            0,
            bytes(8),
            struct.pack(">IIIH", 1000, 0, 0x1_0000, 0x100),
            bytes(10),
            _UNITY,
            bytes(24),
            struct.pack(">I", _TRACK_ID + 1),
        ),
        box(b"trak", track, media),
        box(b"mvex", full_box(b"trex", 0, 0, struct.pack(">IIIII", _TRACK_ID, 1, 0, 0, 0))),
    )
