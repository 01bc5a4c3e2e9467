"""The words between supervisor and worker: every one survives the way, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import io
import socket
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import wire
from relay.config import MOST_TRANSFORMS
from relay.errors import ProtocolError
from relay.links import Emitted, TransformFigures
from relay.model import (
    DateRange,
    Init,
    Latency,
    MediaKind,
    Part,
    PushDoor,
    SourceInfo,
    StreamFormat,
    StreamHealth,
    StreamState,
)
from relay.timeline import ClockLine

FORMAT = StreamFormat(1280, 720, Fraction(30000, 1001), True, Latency.LAN)
INFO = SourceInfo(1920, 1080, Fraction(25, 2), "h264", "yuv420p", None, "aac", 48_000, 2)

MESSAGES: list[wire.Message] = [
    wire.Configure(
        "door", {"source": "rtsp://user:secret@camera/1", "loop": False}, ClockLine(1, 2, -3), 4.0, "tried twice"
    ),
    wire.Start(FORMAT, {"video": 53_700_000_000, "audio": 53_700_000_006}, b"\xff\xd8jpeg"),
    wire.ClockUpdate(ClockLine(10, 20)),
    wire.Stop(),
    wire.Hello(4711),
    wire.Found(INFO, 1280, 720),
    wire.InitReady(Init("video", MediaKind.VIDEO, b"ftyp", "avc1.64001f", 60_000, 1, 2, 1280, 720, Fraction(30))),
    wire.PartReady(Part("audio", 895_000_000, 3, 10**14, 10_240, 48_000, 10**18, True, False, b"moofmdat" * 100)),
    wire.Snapshot(10**18, b"\xff\xd8"),
    wire.Event(DateRange("outage-5", 5, "relay.outage", 9, {"X-REASON": 'it "said"', "X-SCORE": 0.5, "X-TEXT": "1"})),
    wire.Health(StreamHealth(StreamState.OFFLINE, 5, "the camera refuses"), fatal=True),
    wire.Noticed(
        Emitted("faces", 10**18, {"boxes": [[0.25, 0.5, 0.75, 1]], "label": None, "is_new": True}), b"\xff\xd8"
    ),
    wire.Stats({"slots": 7}, {"encode_ms": 6.5}),
    wire.Stats({}, {}, (TransformFigures("crop"), TransformFigures("faces", mean_ms=9.5, every=3, is_failing=True))),
    wire.Listening(PushDoor(40_001, "hunter2")),
    wire.Bye("out of memory", fatal=False),
    wire.Wake("video-360p", 53_700_000_060),
    wire.Sleep("video-360p"),
    wire.Asleep("video-360p"),
    wire.InitReady(Init("video", MediaKind.VIDEO, b"x", "hvc1", 90_000, 1, 2, 64, 64, Fraction(9), video_range="HLG")),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
async def test_every_message_survives_both_ways_of_reading(message: wire.Message) -> None:
    frame = wire.encode(message)
    assert wire.read(io.BytesIO(frame)) == message
    reader = asyncio.StreamReader()
    reader.feed_data(frame)
    assert await wire.read_async(reader) == message


def test_every_kind_of_message_is_tried_here() -> None:
    assert {type(message) for message in MESSAGES} == set(wire.Message.__args__)


def test_media_travels_as_raw_bytes() -> None:
    frame = wire.encode(MESSAGES[7])
    assert frame.endswith(b"moofmdat" * 100)
    assert frame.count(b"moofmdat") == 100


@pytest.mark.parametrize("cut", [0, 3, 8, 20, -1])
async def test_a_worker_that_dies_in_mid_message_just_ends(cut: int) -> None:
    frame = wire.encode(MESSAGES[7])[:cut]
    assert wire.read(io.BytesIO(frame)) is None
    reader = asyncio.StreamReader()
    reader.feed_data(frame)
    reader.feed_eof()
    assert await wire.read_async(reader) is None


def test_a_connection_that_is_reset_just_ends() -> None:
    class Reset(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    assert wire.read(Reset()) is None


def test_a_parent_that_closes_in_mid_message_just_ends() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as stream:
        theirs.sendall(b"\0\0")
        theirs.close()
        assert wire.read(stream) is None


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"7",
        b"{}",
        b'{"kind": "Nonsense"}',
        b'{"kind": "Hello"}',
        b'{"kind": "Hello", "pid": "x"}',
        b"\xff",
        b'{"kind": []}',
    ],
)
def test_nonsense_is_refused(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        wire.decode(header, b"")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_protocol_error(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        wire.decode(header, b"")


def test_lengths_are_bounded_when_reading_and_when_writing() -> None:
    with pytest.raises(ProtocolError, match="over the limit"):
        wire.read(io.BytesIO(wire.LENGTHS.pack(wire.MAX_HEADER_BYTES + 1, 0)))
    with pytest.raises(ProtocolError, match="over the limit"):
        wire.encode(wire.Snapshot(0, bytes(wire.MAX_BODY_BYTES + 1)))


def test_the_figures_of_the_longest_chain_fit_a_message() -> None:
    figures = TransformFigures("x" * 80, (10**12,) * 13, 1e12 / 3, 1e6 / 3, 10**12, 10**12, 10**12, 10, 64, True)
    names = [f"a_gauge_of_some_length_{n}" for n in range(60)]
    stats = wire.Stats(dict.fromkeys(names, 10**15), dict.fromkeys(names, 1e9 / 3), (figures,) * MOST_TRANSFORMS)
    assert len(wire.encode(stats)) < wire.MAX_HEADER_BYTES // 2
