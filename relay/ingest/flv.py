"""What a pusher sends, as FLV for the worker: pure.

An RTMP message of audio, video or data holds just what an FLV tag of the same type holds, so nothing is decoded here.
Of each stream the tags are kept without which nothing behind them can be decoded: a worker that takes over needs them.
Source: "Adobe Flash Video File Format 10.1", annex E, and "Enhanced RTMP".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from relay.ingest.chunks import Message

AUDIO: Final = 8
VIDEO: Final = 9
DATA: Final = 18
HEADER: Final = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
"""Version 1, with audio and video, and the size of the tag before the first one."""

MAX_HEADERS: Final = 16
"""Metadata, and one each for the tracks of a multitrack push."""
MAX_HEADER_BYTES: Final = 64 * 1024

_SET_DATA_FRAME: Final = b"\x02\x00\x0d@setDataFrame"
_METADATA: Final = b"\x02\x00\x0aonMetaData"
_LENGTH: Final = struct.Struct(">I")
_AVC_OR_HEVC: Final = frozenset({7, 12})
_AAC: Final = 10
_ENHANCED_AUDIO: Final = 9
_SEQUENCE_START: Final = 0
_MULTITRACK: Final = {VIDEO: 6, AUDIO: 5}
_MULTITRACK_PREFIX_BYTES: Final = 7
"""Packet type, multitrack type, FourCC, track: what tells one track from another."""


def to_tag(message: Message) -> bytes:
    """The FLV tag of `message`, or nothing where it is none that FFmpeg should see (cue points, captions)."""
    data = message.data
    if message.kind == DATA:
        data = data.removeprefix(_SET_DATA_FRAME)
        if not data.startswith(_METADATA):
            return b""
    elif message.kind not in {AUDIO, VIDEO} or not data:
        return b""
    stamp = message.timestamp_ms
    head = bytes([message.kind]) + len(data).to_bytes(3, "big") + (stamp & 0xFFFFFF).to_bytes(3, "big")
    return head + bytes([stamp >> 24]) + bytes(3) + data + _LENGTH.pack(11 + len(data))


class Headers:
    """The newest of those tags that describe what follows: metadata and sequence headers."""

    def __init__(self) -> None:
        self._tags: dict[bytes, bytes] = {}

    def note(self, message: Message, tag: bytes) -> None:
        """Keep `tag`, made from `message`, if it is one of them."""
        key = header_key(message)
        if not key or not tag or len(tag) > MAX_HEADER_BYTES:
            return
        if key in self._tags or len(self._tags) < MAX_HEADERS:
            self._tags[key] = tag

    def preamble(self) -> bytes:
        """What a reader that joins now has to be given first."""
        return HEADER + b"".join(self._tags.values())


def header_key(message: Message) -> bytes:
    """A name for what `message` describes, or nothing where it is media."""
    kind, data = message.kind, message.data
    if kind == DATA:
        return bytes([DATA])
    if len(data) < 2 or kind not in {AUDIO, VIDEO}:
        return b""
    is_enhanced = data[0] & 0x80 != 0 if kind == VIDEO else data[0] >> 4 == _ENHANCED_AUDIO
    if is_enhanced:
        packet_type = data[0] & 0x0F
        if packet_type == _MULTITRACK[kind]:
            is_start = data[1] & 0x0F == _SEQUENCE_START
            return bytes([kind]) + data[:_MULTITRACK_PREFIX_BYTES] if is_start else b""
        return bytes([kind]) if packet_type == _SEQUENCE_START else b""
    has_header = data[0] & 0x0F in _AVC_OR_HEVC if kind == VIDEO else data[0] >> 4 == _AAC
    return bytes([kind]) if has_header and data[1] == _SEQUENCE_START else b""
