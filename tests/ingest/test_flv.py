"""FLV for the worker: tags, and which of them a worker that takes over is given again."""

from __future__ import annotations

import pytest

from fixtures.rtmp import AAC_FRAME, AAC_HEADER, AVC_HEADER, AVC_KEYFRAME, AVC_PICTURE, METADATA
from relay.ingest import amf0, flv
from relay.ingest.chunks import Message

HEVC_HEADER = bytes.fromhex("90") + b"hvc1" + b"\1record"
HEVC_KEYFRAME = bytes.fromhex("93") + b"hvc1" + b"nal"
OPUS_HEADER = bytes.fromhex("90") + b"Opus" + b"head"
TRACK_1_HEADER = bytes.fromhex("9600") + b"avc1" + b"\1record"
TRACK_2_HEADER = bytes.fromhex("9600") + b"avc1" + b"\2record"
TRACK_2_PICTURE = bytes.fromhex("9601") + b"avc1" + b"\2nal"


def test_a_tag_byte_by_byte() -> None:
    """Annex E.4.1: type, size, time (its highest byte last), stream 0, body, and the size of it all."""
    tag = flv.to_tag(Message(9, 1, 0x01020304, b"\x17\x01body"))
    assert tag == bytes.fromhex("09 000006 020304 01 000000") + b"\x17\x01body" + bytes.fromhex("00000011")


def test_metadata_loses_what_only_servers_need() -> None:
    tag = flv.to_tag(Message(18, 1, 0, METADATA))
    assert tag[11:-4] == amf0.encode("onMetaData", {"width": 160.0})


@pytest.mark.parametrize(
    "message",
    [
        Message(18, 1, 0, amf0.encode("onTextData", {"text": "x"})),
        Message(9, 1, 0, b""),
        Message(20, 1, 0, b"x"),
    ],
)
def test_what_is_no_media_makes_no_tag(message: Message) -> None:
    assert flv.to_tag(message) == b""


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        (18, METADATA, b"\x12"),
        (9, AVC_HEADER, b"\x09"),
        (9, b"\x1c\0record", b"\x09"),  # HEVC as China's encoders had it before Enhanced RTMP
        (9, AVC_KEYFRAME, b""),
        (9, AVC_PICTURE, b""),
        (9, b"\x12\0sorenson", b""),
        (9, b"\x17", b""),
        (9, HEVC_HEADER, b"\x09"),
        (9, HEVC_KEYFRAME, b""),
        (9, TRACK_1_HEADER, b"\x09" + TRACK_1_HEADER[:7]),
        (9, TRACK_2_PICTURE, b""),
        (8, AAC_HEADER, b"\x08"),
        (8, AAC_FRAME, b""),
        (8, b"\x2f\0mp3", b""),
        (8, OPUS_HEADER, b"\x08"),
        (20, b"\x17\0", b""),
    ],
)
def test_what_describes_the_rest(kind: int, body: bytes, key: bytes) -> None:
    assert flv.header_key(Message(kind, 1, 0, body)) == key


def noted(*messages: Message) -> bytes:
    headers = flv.Headers()
    for message in messages:
        headers.note(message, flv.to_tag(message))
    return headers.preamble()


def test_a_late_reader_gets_the_newest_headers_and_no_media() -> None:
    old, new = Message(9, 1, 0, AVC_HEADER + b"old"), Message(9, 1, 90, AVC_HEADER)
    sound = Message(8, 1, 0, AAC_HEADER)
    assert noted(old, sound, Message(9, 1, 40, AVC_PICTURE), new) == (flv.HEADER + flv.to_tag(new) + flv.to_tag(sound))


def test_every_track_has_its_header() -> None:
    tracks = [Message(9, 1, 0, TRACK_1_HEADER), Message(9, 1, 0, TRACK_2_HEADER)]
    assert noted(*tracks) == flv.HEADER + b"".join(map(flv.to_tag, tracks))


def test_headers_are_bounded() -> None:
    tracks = [Message(9, 1, 0, TRACK_1_HEADER[:6] + bytes([n])) for n in range(100)]
    long = Message(9, 1, 0, AVC_HEADER + bytes(flv.MAX_HEADER_BYTES))
    assert noted(*tracks) == flv.HEADER + b"".join(map(flv.to_tag, tracks[: flv.MAX_HEADERS]))
    assert noted(long) == flv.HEADER
