"""Sample entries: what a track's media is called (RFC 6381) and how it is shaped."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from relay.check.isobmff import Box, BoxError, parse_box, parse_boxes, u32

_VISUAL_ENTRY_BYTES: Final = 78
_AUDIO_ENTRY_BYTES: Final = 28
_HVCC_BYTES: Final = 23
_AV1C_BYTES: Final = 4
_VISUAL_ENTRIES: Final = {"avc1", "avc3", "hvc1", "hev1", "av01", "vp09", "encv"}
_AUDIO_ENTRIES: Final = {"mp4a", "Opus", "fLaC", "ac-3", "ec-3", "enca"}


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """`kind` is its four characters; what does not apply is 0."""

    kind: str
    codecs: str
    width: int = 0
    height: int = 0
    sample_rate_hz: int = 0
    channels: int = 0
    nal_length_bytes: int = 0


def read_entry(data: bytes, stsd: Box) -> SampleEntry:
    """The first sample entry (§8.5.2): RFC 6381 name and shape."""
    if u32(data, stsd.body + 4) == 0:
        raise BoxError("stsd has no sample entry")
    entry = parse_box(data, stsd.body + 8, stsd.end)
    kind = entry.kind
    if kind in _VISUAL_ENTRIES:
        width, height = struct.unpack_from(">HH", data, entry.body + 24)
        inner = Box(kind, entry.start, entry.body, entry.end, _entry_boxes(data, entry, _VISUAL_ENTRY_BYTES))
        avcc, hvcc, av1c = inner.first("avcC"), inner.first("hvcC"), inner.first("av1C")
        if av1c is not None:
            return SampleEntry(kind, _av1c_codecs(kind, data[av1c.body : av1c.end]), width, height)
        if hvcc is not None:
            codecs, length_bytes = _hvcc_codecs(kind, data[hvcc.body : hvcc.end])
            return SampleEntry(kind, codecs, width, height, nal_length_bytes=length_bytes)
        if avcc is None:
            return SampleEntry(kind, kind, width, height)
        profile = data[avcc.body + 1 : avcc.body + 4]
        return SampleEntry(
            kind, f"{kind}.{profile.hex()}", width, height, nal_length_bytes=(data[avcc.body + 4] & 3) + 1
        )
    if kind in _AUDIO_ENTRIES:
        channels = struct.unpack_from(">H", data, entry.body + 16)[0]
        rate_hz = u32(data, entry.body + 24) >> 16
        inner = Box(kind, entry.start, entry.body, entry.end, _entry_boxes(data, entry, _AUDIO_ENTRY_BYTES))
        esds = inner.first("esds")
        codecs = {"Opus": "opus"}.get(kind, kind) if esds is None else _esds_codecs(data[esds.body + 4 : esds.end])
        return SampleEntry(kind, codecs, sample_rate_hz=rate_hz, channels=channels)
    return SampleEntry(kind, kind)


def _hvcc_codecs(kind: str, record: bytes) -> tuple[str, int]:
    """RFC 6381 name (ISO/IEC 14496-15 Annex E.3) and length size of an HEVCDecoderConfigurationRecord."""
    if len(record) < _HVCC_BYTES:
        raise BoxError(f"hvcC has {len(record)} bytes")
    profile = f"{('', 'A', 'B', 'C')[record[1] >> 6]}{record[1] & 0x1F}"
    compatibility = int(f"{u32(record, 2):032b}"[::-1], 2)
    tier = "H" if record[1] & 0x20 else "L"
    constraints = "".join(f".{byte:X}" for byte in record[6:12].rstrip(bytes(1)))
    return f"{kind}.{profile}.{compatibility:X}.{tier}{record[12]}{constraints}", (record[21] & 3) + 1


def _av1c_codecs(kind: str, record: bytes) -> str:
    """RFC 6381 name (AV1 in ISOBMFF §5) of an AV1CodecConfigurationRecord, without what it says of colours."""
    if len(record) < _AV1C_BYTES:
        raise BoxError(f"av1C has {len(record)} bytes")
    profile, level, shape = record[1] >> 5, record[1] & 0x1F, record[2]
    depth = (12 if shape & 0x20 else 10) if shape & 0x40 else 8
    return f"{kind}.{profile}.{level:02d}{'H' if shape & 0x80 else 'M'}.{depth:02d}"


def _entry_boxes(data: bytes, entry: Box, header_bytes: int) -> tuple[Box, ...]:
    return parse_boxes(data, min(entry.body + header_bytes, entry.end), entry.end)


def _esds_codecs(descriptors: bytes) -> str:
    """`mp4a.OO.A` (RFC 6381 §3.3) of an ES_Descriptor (ISO/IEC 14496-1 §7.2.6.5)."""
    tag, body = _descriptor(descriptors)
    if tag != 3:
        raise BoxError(f"esds begins with descriptor {tag}, not with an ES_Descriptor")
    flags = body[2]
    at = 3 + (2 if flags & 0x80 else 0)
    at += 1 + body[at] if flags & 0x40 else 0
    at += 2 if flags & 0x20 else 0
    _, config = _descriptor(body[at:])
    object_type = config[0]
    if object_type != 0x40:
        return f"mp4a.{object_type:02x}"
    _, specific = _descriptor(config[13:])
    audio_object_type = specific[0] >> 3
    if audio_object_type == 31:
        audio_object_type = 32 + ((specific[0] & 7) << 3 | specific[1] >> 5)
    return f"mp4a.40.{audio_object_type}"


def _descriptor(data: bytes) -> tuple[int, bytes]:
    """Tag and body of the first descriptor: its length is written in sevens of bits."""
    length, at, more = 0, 1, True
    while more:
        length, more, at = length << 7 | data[at] & 0x7F, bool(data[at] & 0x80), at + 1
    return data[0], data[at : at + length]
