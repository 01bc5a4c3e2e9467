"""What media is, by its first bytes, since names and types of foreign origins may be wrong."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

_TS_PACKET_BYTES: Final = 188
_TS_SYNC: Final = 0x47
_TOP_BOXES: Final = frozenset({b"ftyp", b"styp", b"moof", b"moov", b"sidx", b"emsg", b"prft", b"free", b"mdat"})


class Container(StrEnum):
    """How samples are wrapped."""

    FMP4 = "fMP4"
    TS = "MPEG-TS"
    PACKED_AUDIO = "packed audio"
    WEBVTT = "WebVTT"
    UNKNOWN = "unknown"


def container_of(data: bytes) -> Container:
    """What `data`, a segment, part or init segment, is."""
    if data[4:8] in _TOP_BOXES:
        return Container.FMP4
    if data[:1] == bytes([_TS_SYNC]) and data[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1] in {b"", bytes([_TS_SYNC])}:
        return Container.TS
    if data.removeprefix(b"\xef\xbb\xbf").startswith(b"WEBVTT"):
        return Container.WEBVTT
    # RFC 8216bis §3.4: an ID3 tag with the timestamp comes first. ADTS, MP3 and AC-3 begin with their sync words.
    if data[:3] == b"ID3" or data[:2] == b"\x0b\x77" or (data[:1] == b"\xff" and data[1:2] >= b"\xe0"):
        return Container.PACKED_AUDIO
    return Container.UNKNOWN
