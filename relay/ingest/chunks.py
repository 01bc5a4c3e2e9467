"""RTMP's chunk stream: bytes in, messages out, and back. Pure. Source: "Adobe's RTMP 1.0" (2012), section 5.

A message is cut into chunks, so that a large one cannot hold up a small one; each chunk stream leaves out of its
headers what is as it was in its chunk before.

    basic header (1 to 3 bytes: format, id)   message header (11, 7, 3 or 0)   extended timestamp (4 or 0)   data
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from relay.errors import PushError

DEFAULT_CHUNK_BYTES: Final = 128
MAX_CHUNK_STREAMS: Final = 64
"""Encoders use three to six. Each may hold a message that is not complete."""

SET_CHUNK_SIZE: Final = 1
ABORT: Final = 2
_EXTENDED: Final = 0xFFFFFF
_HEADER_BYTES: Final = (11, 7, 3, 0)
_U32: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its type id (section 5.4 and 7.1), its message stream, its time, and what it holds."""

    kind: int
    stream_id: int
    timestamp_ms: int
    data: bytes


@dataclass(slots=True)
class _ChunkStream:
    """What the next chunk's header may leave out, and what has come of the message."""

    kind: int = 0
    stream_id: int = 0
    length: int = 0
    timestamp_ms: int = 0
    field_ms: int = 0
    is_extended: bool = False
    data: bytearray = field(default_factory=bytearray)


class ChunkReader:
    """Give it bytes as they come, cut anywhere. Raises `PushError` for what is no chunk stream or over a bound.

    It holds at most `max_message_bytes` of incomplete messages and as much of one chunk.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._chunk_bytes = DEFAULT_CHUNK_BYTES
        self._buffer = bytearray()
        self._streams: dict[int, _ChunkStream] = {}
        self._held_bytes = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes."""
        self._buffer += data
        messages: list[Message] = []
        at = 0
        while (end := self._take_chunk(at, messages)) is not None:
            at = end
        del self._buffer[:at]
        return messages

    def _take_chunk(self, at: int, messages: list[Message]) -> int | None:
        """Take the chunk that begins at `at`; where it ends, or `None` while it is not all there."""
        basic = self._basic_header(at)
        if basic is None:
            return None
        form, stream_id, at = basic
        before = self._streams.get(stream_id)
        if before is None and (form == 3 or len(self._streams) >= MAX_CHUNK_STREAMS):
            raise PushError(f"an RTMP chunk stream ({stream_id}) begins without a header, or there are too many")
        header = self._message_header(at, form, before or _ChunkStream())
        if header is None:
            return None
        stream, at, starts = header
        wanted = min(self._chunk_bytes, stream.length - len(stream.data))
        if len(self._buffer) < at + wanted:
            return None
        if starts and before is not None:
            self._held_bytes -= len(before.data)  # of a message that was begun and never ended
        self._streams[stream_id] = stream
        stream.data += memoryview(self._buffer)[at : at + wanted]
        self._held_bytes += wanted
        if len(stream.data) == stream.length:
            self._complete(stream, messages)
        return at + wanted

    def _basic_header(self, at: int) -> tuple[int, int, int] | None:
        """Format, chunk stream and where the rest begins (section 5.3.1.1)."""
        buffer = self._buffer
        if len(buffer) < at + 1:
            return None
        form, small = buffer[at] >> 6, buffer[at] & 0x3F
        extra = small + 1 if small < 2 else 0
        if len(buffer) < at + 1 + extra:
            return None
        if extra:
            small = 64 + int.from_bytes(buffer[at + 1 : at + 1 + extra], "little")
        return form, small, at + 1 + extra

    def _message_header(self, at: int, form: int, before: _ChunkStream) -> tuple[_ChunkStream, int, bool] | None:
        """The stream as this chunk's header leaves it, where its data begins, and whether a message begins with it.

        Changes nothing: the same chunk is looked at again when more of it has come.
        """
        buffer = self._buffer
        end = at + _HEADER_BYTES[form]
        if len(buffer) < end:
            return None
        starts = form != 3 or not before.data
        stream = _ChunkStream(
            before.kind, before.stream_id, before.length, before.timestamp_ms, before.field_ms, before.is_extended
        )
        if form < 3:
            stream.field_ms = int.from_bytes(buffer[at : at + 3], "big")
            stream.is_extended = stream.field_ms == _EXTENDED
        if form < 2:
            stream.length, stream.kind = int.from_bytes(buffer[at + 3 : at + 6], "big"), buffer[at + 6]
        if form == 0:
            stream.stream_id = int.from_bytes(buffer[at + 7 : at + 11], "little")
        if stream.is_extended:
            if len(buffer) < end + 4:
                return None
            (extended_ms,) = _U32.unpack_from(buffer, end)
            # Section 5.3.1.3 has it in type 3 chunks too; librtmp in OBS before 30.1 left it out of them.
            if form < 3 or extended_ms == stream.field_ms:
                end += 4
            if form < 3:
                stream.field_ms = extended_ms
        if starts:
            self._check_length(stream, before)
            base_ms = 0 if form == 0 else stream.timestamp_ms
            stream.timestamp_ms = (base_ms + stream.field_ms) & 0xFFFFFFFF
        else:
            stream.data = before.data
        return stream, end, starts

    def _check_length(self, stream: _ChunkStream, before: _ChunkStream) -> None:
        if self._held_bytes - len(before.data) + stream.length > self.max_message_bytes:
            raise PushError(f"an RTMP message of {stream.length} bytes is over the limit of {self.max_message_bytes}")

    def _complete(self, stream: _ChunkStream, messages: list[Message]) -> None:
        data = bytes(stream.data)
        self._held_bytes -= len(data)
        stream.data = bytearray()
        if stream.kind in {SET_CHUNK_SIZE, ABORT} and len(data) < 4:
            raise PushError("an RTMP control message is cut off")
        if stream.kind == SET_CHUNK_SIZE:
            self._chunk_bytes = _U32.unpack_from(data)[0] & 0x7FFFFFFF
            if not self._chunk_bytes:
                raise PushError("an RTMP chunk size of 0 is not allowed")
        elif stream.kind == ABORT:
            self._abort(_U32.unpack_from(data)[0])
        else:
            messages.append(Message(stream.kind, stream.stream_id, stream.timestamp_ms, data))

    def _abort(self, stream_id: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._held_bytes -= len(stream.data)
            stream.data = bytearray()


def to_chunks(message: Message, chunk_stream: int, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> bytes:
    """`message` on `chunk_stream` (2 to 63), its first chunk with a whole header."""
    is_extended = message.timestamp_ms >= _EXTENDED
    extended = _U32.pack(message.timestamp_ms) if is_extended else b""
    first_field = _EXTENDED if is_extended else message.timestamp_ms
    header = (
        bytes([chunk_stream])
        + first_field.to_bytes(3, "big")
        + len(message.data).to_bytes(3, "big")
        + bytes([message.kind])
        + message.stream_id.to_bytes(4, "little")
        + extended
    )
    pieces = [message.data[at : at + chunk_bytes] for at in range(0, len(message.data), chunk_bytes)] or [b""]
    return header + (bytes([0xC0 | chunk_stream]) + extended).join(pieces)
