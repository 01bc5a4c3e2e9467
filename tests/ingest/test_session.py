"""A pusher's conversation, with what FFmpeg, GStreamer and librtmp (OBS) really said, recorded."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.rtmp import AAC_HEADER, AVC_HEADER, AVC_KEYFRAME, CLIENT_HELLO, METADATA, command, commands
from relay.errors import PushError
from relay.ingest import amf0, flv
from relay.ingest.chunks import ChunkReader, Message, to_chunks
from relay.ingest.handshake import BLOCK_BYTES, RANDOM_BYTES
from relay.ingest.session import MAX_COMMAND_BYTES, WINDOW_BYTES, Media, PublishAsked, PushEnded, PushSession

HANDSHAKE = CLIENT_HELLO + bytes(BLOCK_BYTES)
NAME = "0123456789abcdef"

FFMPEG = (
    "030000000000941400000000020007636f6e6e656374003ff00000000000000300036170700200086c6976652f63616d0004747970650200"
    "0a6e6f6e707269766174650008666c617368566572020024464d4c452f332e302028636f6d70617469626c653b204c61766635392e32372e"
    "313030290005746355726c02001f72746d703a2f2f3132372e302e30c32e313a31393335302f6c6976652f63616d0000094300000000002d"
    "1402000d72656c6561736553747265616d004000000000000000050200103031323334353637383961626364656643000000000029140200"
    "0946435075626c6973680040080000000000000502001030313233343536373839616263646566430000000000191402000c637265617465"
    "53747265616d004010000000000000050800000000002e14010000000200077075626c697368004014000000000000050200103031323334"
    "35363738396162636465660200046c697665"
)
GSTREAMER = (
    "0300000000007e1400000000020007636f6e6e656374003ff00000000000000300036170700200086c6976652f63616d0004747970650200"
    "0a6e6f6e707269766174650008666c61736856657202000e4c4e582031302c302c33322c31380005746355726c02001f72746d703a2f2f31"
    "32372e302e302e313a31393335302f6c6976652f63616d000009020000000000040500000000002625a04300000000002d1402000d72656c"
    "6561736553747265616d0000000000000000000502001030313233343536373839616263646566430000000000291402000946435075626c"
    "6973680000000000000000000502001030313233343536373839616263646566430000000000191402000c63726561746553747265616d00"
    "4000000000000000050300000000002e14010000000200077075626c69736800000000000000000005020010303132333435363738396162"
    "636465660200046c697665"
)
LIBRTMP = (
    "030000000000631400000000020007636f6e6e656374003ff00000000000000300036170700200086c6976652f63616d0004747970650200"
    "0a6e6f6e707269766174650005746355726c02001f72746d703a2f2f3132372e302e302e313a31393335302f6c6976652f63616d00000943"
    "00000000002d1402000d72656c6561736553747265616d004000000000000000050200103031323334353637383961626364656643000000"
    "0000291402000946435075626c6973680040080000000000000502001030313233343536373839616263646566430000000000191402000c"
    "63726561746553747265616d004010000000000000050400000000002e14010000000200077075626c697368004014000000000000050200"
    "10303132333435363738396162636465660200046c697665"
)


def replies(output: bytes) -> list[Message]:
    return ChunkReader(100_000).feed(output)


def said(output: bytes) -> list[list[Any]]:
    """The commands in `output`."""
    return [amf0.decode(message.data) for message in replies(output) if message.kind == 20]


def a_session() -> PushSession:
    session = PushSession(bytes(RANDOM_BYTES))
    assert session.receive(HANDSHAKE) == []
    assert len(session.take_output()) == len(HANDSHAKE)
    return session


def tell(session: PushSession, *messages: Message) -> list[Any]:
    return session.receive(b"".join(to_chunks(message, 3) for message in messages))


def a_publisher(**about: amf0.Value) -> PushSession:
    """One that was let in."""
    session = a_session()
    assert tell(session, *commands("live/cam", NAME, **about)) == [PublishAsked("live/cam", NAME)]
    session.accept()
    session.take_output()
    return session


@pytest.mark.parametrize("recorded", [FFMPEG, GSTREAMER, LIBRTMP], ids=["ffmpeg", "gstreamer", "librtmp"])
def test_what_real_pushers_say(recorded: str) -> None:
    session = a_session()
    assert session.receive(bytes.fromhex(recorded)) == [PublishAsked("live/cam", NAME)]
    output = session.take_output()
    assert [message.kind for message in replies(output)] == [5, 6, 20, 20, 20, 20]
    connected, _, _, created = said(output)
    assert connected[:2] == ["_result", 1.0]
    assert connected[3]["code"] == "NetConnection.Connect.Success"
    assert created[0] == "_result"
    assert created[3] == 1.0
    session.accept()
    begin, status = replies(session.take_output())
    assert (begin.kind, begin.data) == (4, bytes.fromhex("0000 00000001"))
    assert status.stream_id == 1
    assert amf0.decode(status.data)[3] == {
        "level": "status", "code": "NetStream.Publish.Start", "description": "publishing"
    }  # fmt: skip


@given(st.lists(st.integers(0, 4000), max_size=8))
def test_it_may_come_in_any_pieces(cuts: list[int]) -> None:
    data = HANDSHAKE + bytes.fromhex(FFMPEG)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    session = PushSession(bytes(RANDOM_BYTES))
    events = [event for start, end in pairwise(edges) for event in session.receive(data[start:end])]
    assert events == [PublishAsked("live/cam", NAME)]


@given(st.binary(max_size=600))
def test_whatever_comes_behind_the_handshake_is_understood_or_refused(data: bytes) -> None:
    session = a_session()
    try:
        events = session.receive(data)
    except PushError:
        return
    assert not any(isinstance(event, Media) for event in events)


def test_media_is_handed_on_as_flv() -> None:
    session = a_publisher()
    messages = [Message(18, 1, 0, METADATA), Message(9, 1, 0, AVC_HEADER), Message(8, 1, 7, AAC_HEADER)]
    assert tell(session, *messages) == [Media(message, flv.to_tag(message)) for message in messages]


def test_an_aggregate_is_taken_apart() -> None:
    """Section 7.1.6: the times inside count from the first one, which is the aggregate's own."""
    session = a_publisher()
    tags = flv.to_tag(Message(9, 1, 500, AVC_HEADER)) + flv.to_tag(Message(8, 1, 540, AAC_HEADER))
    first, second = tell(session, Message(22, 1, 9000, tags))
    assert (first.message.timestamp_ms, second.message.timestamp_ms) == (9000, 9040)
    assert second.message.data == AAC_HEADER
    with pytest.raises(PushError, match="aggregate message is cut off"):
        tell(session, Message(22, 1, 9000, tags[:20]))


def test_a_pusher_that_is_done_says_so_once_and_is_not_refused() -> None:
    session = a_publisher()
    ended = [command(name, 6.0, None, NAME) for name in ("FCUnpublish", "deleteStream", "closeStream")]
    assert tell(session, *ended) == [PushEnded()]
    session.refuse("too late")
    (status,) = said(session.take_output())
    assert status[3]["code"] == "NetStream.Unpublish.Success"


def test_a_refusal_is_an_error_that_says_why() -> None:
    session = a_session()
    tell(session, *commands("live/cam", NAME))
    session.take_output()
    session.refuse("somebody pushes")
    (status,) = said(session.take_output())
    assert status[3] == {"level": "error", "code": "NetStream.Publish.BadName", "description": "somebody pushes"}


def test_enhanced_rtmp_is_answered_with_the_codecs_that_were_asked_for() -> None:
    session = a_session()
    tell(session, *commands("live/cam", NAME, fourCcList=["hvc1", "av01", 7.0]))
    assert said(session.take_output())[0][3]["fourCcList"] == ["hvc1", "av01"]


def test_amf3_clients_send_amf0_behind_a_zero() -> None:
    session = a_session()
    amf3 = [Message(17, one.stream_id, 0, b"\0" + one.data) for one in commands("live/cam", NAME)]
    assert tell(session, *amf3) == [PublishAsked("live/cam", NAME)]


def test_a_ping_is_answered_and_other_user_control_is_not() -> None:
    session = a_session()
    tell(session, Message(4, 0, 0, bytes.fromhex("0006 0000abcd")), Message(4, 0, 0, bytes.fromhex("0003 00000001")))
    (pong,) = replies(session.take_output())
    assert (pong.kind, pong.data) == (4, bytes.fromhex("0007 0000abcd"))


def test_what_comes_is_acknowledged_by_the_window_of_the_pusher() -> None:
    session = a_publisher()
    tell(session, Message(5, 0, 0, struct.pack(">I", 20_000)))
    assert session.take_output() == b""
    tell(session, Message(9, 1, 0, AVC_KEYFRAME + bytes(11_000)))
    (acknowledgement,) = replies(session.take_output())
    assert acknowledgement.kind == 3
    assert acknowledgement.data == struct.pack(">I", session.received_bytes)
    tell(session, Message(5, 0, 0, b"\0"))  # cut off: not heeded
    assert session.take_output() == b""


def test_without_a_window_of_its_own_ours_counts() -> None:
    session = a_publisher()
    data = to_chunks(Message(9, 1, 0, AVC_KEYFRAME + bytes(WINDOW_BYTES // 4)), 6)
    session.receive(data)
    assert session.take_output() == b""
    session.receive(data)
    assert [message.kind for message in replies(session.take_output())] == [3]


def test_pictures_may_be_long_once_it_was_let_in() -> None:
    long = Message(9, 1, 0, AVC_KEYFRAME + bytes(2 * MAX_COMMAND_BYTES))
    with pytest.raises(PushError, match="over the limit of 16384"):
        tell(a_session(), long)
    (media,) = tell(a_publisher(), long)
    assert len(media.tag) > 2 * MAX_COMMAND_BYTES


CONNECT, _, _, CREATE, PUBLISH = commands("live/cam", NAME)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([CONNECT, CONNECT], "connects twice"),
        ([command("connect", 1.0, {"app": 5.0})], "without an application"),
        ([PUBLISH], "out of turn"),
        ([CONNECT, PUBLISH], "out of turn"),
        ([CREATE, PUBLISH], "out of turn"),
        ([CONNECT, CREATE, PUBLISH, PUBLISH], "out of turn"),
        ([CONNECT, CREATE, command("publish", 5.0, None)], "without a stream name"),
        ([CONNECT, CREATE, command("play", 5.0, None, NAME)], "players take HLS"),
        ([CONNECT, CREATE, Message(9, 1, 0, AVC_HEADER)], "media before it asked"),
        ([CONNECT, *[CREATE] * 70], "asks more than 64 things"),
        ([Message(20, 0, 0, b"\xff")], "AMF0 type 255"),
    ],
)
def test_what_is_refused(messages: list[Message], says: str) -> None:
    with pytest.raises(PushError, match=says):
        tell(a_session(), *messages)


@pytest.mark.parametrize(
    "message",
    [
        command("connect"),
        command("getStreamLength", 3.0, None, NAME),
        command("deleteStream", 3.0, None, 1.0),
        Message(20, 0, 0, b""),
        Message(3, 0, 0, bytes(4)),
        Message(15, 0, 0, b"amf3"),
    ],
)
def test_what_a_push_does_not_depend_on_is_let_pass(message: Message) -> None:
    session = a_session()
    assert tell(session, message) == []
    assert session.take_output() == b""


def test_captions_and_cue_points_are_left_out() -> None:
    assert tell(a_publisher(), Message(18, 1, 0, amf0.encode("onTextData", {"text": "x"}))) == []
