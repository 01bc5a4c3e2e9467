"""One pusher's conversation, from its first byte to its media: bytes in, events and bytes out. Pure.

    pusher                          relay
    C0 C1, C2                       S0 S1 S2
    connect                         window, bandwidth, _result
    releaseStream, FCPublish        _result
    createStream                    _result: message stream 1
    publish NAME                    onStatus NetStream.Publish.Start, or an error
    metadata, audio, video ...      acknowledgements

Source: "Adobe's RTMP 1.0" (2012), sections 5.4 and 7; what encoders really send was seen with FFmpeg, GStreamer and
librtmp (OBS).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

from relay.errors import PushError
from relay.ingest import amf0, flv
from relay.ingest.chunks import ChunkReader, Message, to_chunks
from relay.ingest.handshake import ServerHandshake

MAX_COMMAND_BYTES: Final = 16 * 1024
"""The longest message before a push was let in: `connect` has a few hundred bytes."""
MAX_MEDIA_BYTES: Final = 8 * 1024 * 1024
"""The longest one after: an intra picture of 4K at 100 Mbit/s is under 2 MB."""
WINDOW_BYTES: Final = 2_500_000
MIN_WINDOW_BYTES: Final = 4096

_CONTROL_STREAM, _COMMAND_STREAM, _STATUS_STREAM = 2, 3, 5
_ACKNOWLEDGEMENT, _USER_CONTROL, _WINDOW, _BANDWIDTH = 3, 4, 5, 6
_AMF3_COMMAND, _COMMAND, _AGGREGATE = 17, 20, 22
_PING_REQUEST, _PING_RESPONSE, _STREAM_BEGIN = 6, 7, 0
_DYNAMIC: Final = 2
_MESSAGE_STREAM: Final = 1
_U16, _U32 = struct.Struct(">H"), struct.Struct(">I")
_MAX_RESULTS: Final = 64


@dataclass(frozen=True, slots=True)
class PublishAsked:
    """It wants to publish: `accept` or `refuse` it."""

    application: str
    stream_name: str


@dataclass(frozen=True, slots=True)
class Media:
    """One message of audio, video or metadata, as FLV tag."""

    message: Message
    tag: bytes


@dataclass(frozen=True, slots=True)
class PushEnded:
    """It said that it is done."""


Event = PublishAsked | Media | PushEnded


class _State(Enum):
    NEW = 0
    CONNECTED = 1
    CREATED = 2
    ASKED = 3


class PushSession:
    """Give it bytes with `receive`, send what `take_output` has, and answer `PublishAsked`.

    `random_bytes` are `handshake.RANDOM_BYTES` for the handshake. Raises `PushError` for all that is not a push; after
    that the connection is of no use.
    """

    def __init__(self, random_bytes: bytes) -> None:
        self._handshake = ServerHandshake(random_bytes)
        self._reader = ChunkReader(MAX_COMMAND_BYTES)
        self._output = bytearray()
        self._state = _State.NEW
        self._application = ""
        self._window_bytes = WINDOW_BYTES
        self._answered = 0
        self._is_done = False
        self.received_bytes = 0
        self._acknowledged_bytes = 0

    def receive(self, data: bytes) -> list[Event]:
        """What `data` says."""
        if not self._handshake.is_done:
            self._output += self._handshake.feed(data)
            data = self._handshake.rest
        self.received_bytes += len(data)
        events: list[Event] = []
        for message in self._reader.feed(data):
            self._heed(message, events)
        # Half the window, because librtmp waits for it when the window is full.
        if self.received_bytes - self._acknowledged_bytes >= self._window_bytes // 2:
            self._acknowledged_bytes = self.received_bytes
            self._control(_ACKNOWLEDGEMENT, _U32.pack(self.received_bytes & 0xFFFFFFFF))
        return events

    def take_output(self) -> bytes:
        """What is to be sent by now."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def accept(self) -> None:
        """Let it publish: from now on messages may be as long as pictures are."""
        self._reader.max_message_bytes = MAX_MEDIA_BYTES
        self._control(_USER_CONTROL, _U16.pack(_STREAM_BEGIN) + _U32.pack(_MESSAGE_STREAM))
        self._status("status", "NetStream.Publish.Start", "publishing")

    def refuse(self, why: str) -> None:
        """Tell it that it may not, or not any more, unless it is done anyway. The connection is to be closed then."""
        if not self._is_done:
            self._status("error", "NetStream.Publish.BadName", why)

    def _heed(self, message: Message, events: list[Event]) -> None:
        match message.kind:
            case flv.AUDIO | flv.VIDEO | flv.DATA:
                self._take_media(message, events)
            case 22:  # _AGGREGATE
                for part in _parts_of(message):
                    self._take_media(part, events)
            case 20:  # _COMMAND
                self._obey(amf0.decode(message.data), events)
            case 17:  # _AMF3_COMMAND: a zero, and then AMF0 as long as no AMF3 is switched to
                self._obey(amf0.decode(message.data[1:]), events)
            case 5 if len(message.data) >= 4:  # _WINDOW
                self._window_bytes = max(MIN_WINDOW_BYTES, _U32.unpack_from(message.data)[0])
            case 4 if message.data[:2] == _U16.pack(_PING_REQUEST):  # _USER_CONTROL
                self._control(_USER_CONTROL, _U16.pack(_PING_RESPONSE) + message.data[2:6])
            case _:
                pass  # acknowledgements, shared objects, AMF3 data: nothing that a push depends on

    def _take_media(self, message: Message, events: list[Event]) -> None:
        if self._state is not _State.ASKED:
            raise PushError("it sends media before it asked to publish")
        if tag := flv.to_tag(message):
            events.append(Media(message, tag))

    def _obey(self, command: list[amf0.Value], events: list[Event]) -> None:
        match command:
            case ["connect", float() as transaction, dict() as about, *_]:
                self._connect(transaction, about)
            case ["createStream", float() as transaction, *_] if self._state is not _State.NEW:
                self._state = max(self._state, _State.CREATED, key=lambda state: state.value)
                self._result(transaction, None, float(_MESSAGE_STREAM))
            case ["publish", _, _, str() as stream_name, *_] if self._state is _State.CREATED:
                self._state = _State.ASKED
                events.append(PublishAsked(self._application, stream_name))
            case ["publish", *_]:
                raise PushError("it asks to publish out of turn, or without a stream name")
            case ["play" | "play2", *_]:
                raise PushError("it wants to play: RTMP is for pushing alone, players take HLS")
            case ["FCUnpublish" | "deleteStream" | "closeStream", *_] if self._state is _State.ASKED:
                self._end(events)
            case ["releaseStream" | "FCPublish" | "_checkbw", float() as transaction, *_]:
                self._result(transaction, None, None)
            case _:
                pass  # getStreamLength, answers to what we never asked

    def _end(self, events: list[Event]) -> None:
        if not self._is_done:
            self._is_done = True
            self._status("status", "NetStream.Unpublish.Success", "unpublished")
            events.append(PushEnded())

    def _connect(self, transaction: float, about: dict[str, amf0.Value]) -> None:
        application = about.get("app")
        if self._state is not _State.NEW or not isinstance(application, str):
            raise PushError("it connects twice, or without an application")
        self._state, self._application = _State.CONNECTED, application
        self._control(_WINDOW, _U32.pack(WINDOW_BYTES))
        self._control(_BANDWIDTH, _U32.pack(WINDOW_BYTES) + bytes([_DYNAMIC]))
        # FMS's version is what encoders know; they compare it, if at all, to see that FCPublish is understood.
        server: dict[str, amf0.Value] = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}
        status: dict[str, amf0.Value] = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "connected",
            "objectEncoding": 0.0,
        }
        if isinstance(wanted := about.get("fourCcList"), list):
            # Enhanced RTMP: FFmpeg reads every codec that it names, and the stream's state says so if it cannot.
            names: list[amf0.Value] = [name for name in wanted if isinstance(name, str)]
            status["fourCcList"] = names[:_MAX_RESULTS]
        self._result(transaction, server, status)

    def _result(self, transaction: float, *values: amf0.Value) -> None:
        self._answered += 1
        if self._answered > _MAX_RESULTS:
            raise PushError(f"it asks more than {_MAX_RESULTS} things")
        self._send(Message(_COMMAND, 0, 0, amf0.encode("_result", transaction, *values)), _COMMAND_STREAM)

    def _status(self, level: str, code: str, description: str) -> None:
        about: dict[str, amf0.Value] = {"level": level, "code": code, "description": description}
        command = amf0.encode("onStatus", 0.0, None, about)
        self._send(Message(_COMMAND, _MESSAGE_STREAM, 0, command), _STATUS_STREAM)

    def _control(self, kind: int, data: bytes) -> None:
        self._send(Message(kind, 0, 0, data), _CONTROL_STREAM)

    def _send(self, message: Message, chunk_stream: int) -> None:
        self._output += to_chunks(message, chunk_stream)


def _parts_of(aggregate: Message) -> list[Message]:
    """The messages in an aggregate (section 7.1.6): tags as in FLV, whose times are shifted to the aggregate's own."""
    data, at, parts = aggregate.data, 0, []
    offset_ms: int | None = None
    while at + 11 <= len(data):
        kind, length = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        stamp_ms = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        if offset_ms is None:
            offset_ms = aggregate.timestamp_ms - stamp_ms
        if at + 11 + length > len(data):
            raise PushError("an RTMP aggregate message is cut off")
        body = data[at + 11 : at + 11 + length]
        parts.append(Message(kind, aggregate.stream_id, (stamp_ms + offset_ms) & 0xFFFFFFFF, body))
        at += 11 + length + 4
    return parts
