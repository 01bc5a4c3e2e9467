"""RTMP's chunks, as the specification and as encoders write them, cut anywhere, and damaged in every way."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import PushError
from relay.ingest.chunks import ChunkReader, Message, to_chunks

LIMIT = 100_000
MESSAGES = st.builds(
    Message,
    kind=st.sampled_from([8, 9, 18, 20]),
    stream_id=st.integers(0, 2**32 - 1),
    timestamp_ms=st.integers(0, 2**32 - 1),
    data=st.binary(max_size=400),
)


def read(*pieces: bytes, limit: int = LIMIT) -> list[Message]:
    reader = ChunkReader(limit)
    return [message for piece in pieces for message in reader.feed(piece)]


def audio(form: int, header: str, data: bytes, chunk_stream: int = 4) -> bytes:
    return bytes([form << 6 | chunk_stream]) + bytes.fromhex(header) + data


def set_chunk_size(size: int) -> bytes:
    return to_chunks(Message(1, 0, 0, struct.pack(">I", size)), 2)


@given(messages=st.lists(MESSAGES, max_size=5), cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_messages_come_through_however_the_bytes_are_cut(messages: list[Message], cuts: list[int]) -> None:
    data = b"".join(to_chunks(message, 3 + n) for n, message in enumerate(messages))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert read(*(data[a:b] for a, b in pairwise(edges))) == messages


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_any_bytes_are_messages_or_an_error_and_the_bound_holds(pieces: list[bytes]) -> None:
    reader = ChunkReader(1000)
    try:
        for piece in pieces:
            assert all(len(message.data) <= 1000 for message in reader.feed(piece))
    except PushError:
        pass
    held = sum(len(stream.data) for stream in reader._streams.values())
    assert held == reader._held_bytes <= 1000


def test_the_specifications_first_example() -> None:
    """Section 5.3.2.1: four audio messages of 32 bytes, 20 ms apart; from the third on a header is one byte."""
    body = bytes(range(32))
    data = (
        audio(0, "0003e8 000020 08 39300000", body) + audio(2, "000014", body) + audio(3, "", body) + audio(3, "", body)
    )
    assert read(data) == [Message(8, 12345, stamp, body) for stamp in (1000, 1020, 1040, 1060)]


def test_the_specifications_second_example() -> None:
    """Section 5.3.2.2: one video message of 307 bytes in chunks of 128, 128 and 51."""
    body = bytes(n % 256 for n in range(307))
    data = audio(0, "0003e8 000133 09 3a300000", body[:128]) + audio(3, "", body[128:256]) + audio(3, "", body[256:])
    assert read(data) == [Message(9, 12346, 1000, body)]
    assert len(data) == 140 + 129 + 52


def test_type_1_keeps_the_message_stream() -> None:
    data = audio(0, "000000 000002 09 01000000", b"ab") + audio(1, "000028 000003 09", b"cde")
    assert read(data) == [Message(9, 1, 0, b"ab"), Message(9, 1, 40, b"cde")]


@pytest.mark.parametrize(("basic", "name"), [("03", 3), ("0005", 69), ("010501", 325)])
def test_chunk_streams_of_one_two_and_three_bytes(basic: str, name: int) -> None:
    data = bytes.fromhex(basic) + bytes.fromhex("000000 000002 08 01000000") + b"ab"
    reader = ChunkReader(LIMIT)
    assert [message for byte in data for message in reader.feed(bytes([byte]))] == [Message(8, 1, 0, b"ab")]
    assert list(reader._streams) == [name]


def test_chunks_of_several_streams_lie_between_each_other() -> None:
    picture, sound = bytes(200), b"\1" * 10
    picture_chunks = to_chunks(Message(9, 1, 0, picture), 6)
    data = picture_chunks[:140] + to_chunks(Message(8, 1, 5, sound), 4) + picture_chunks[140:]
    assert read(data) == [Message(8, 1, 5, sound), Message(9, 1, 0, picture)]


def test_a_larger_chunk_size_holds_from_the_next_chunk_on() -> None:
    message = Message(9, 1, 0, bytes(5000))
    assert read(set_chunk_size(4096) + to_chunks(message, 6, 4096)) == [message]


def test_an_extended_timestamp_in_every_chunk() -> None:
    message = Message(9, 1, 0x01000005, bytes(300))
    data = to_chunks(message, 6)
    assert data.count(bytes.fromhex("01000005")) == 3
    assert read(data) == [message]
    assert read(*(bytes([byte]) for byte in data)) == [message]


def test_an_extended_timestamp_that_librtmp_left_out_of_type_3() -> None:
    body = bytes(n % 251 for n in range(300))
    data = (
        audio(0, "ffffff 00012c 09 01000000 01000005", body[:128])
        + audio(3, "", body[128:256])
        + audio(3, "", body[256:])
    )
    assert read(data) == [Message(9, 1, 0x01000005, body)]


def test_timestamps_wrap_after_49_days() -> None:
    data = audio(0, "ffffff 000001 08 01000000 fffffff0", b"a") + audio(2, "000014", b"b")
    assert [message.timestamp_ms for message in read(data)] == [0xFFFFFFF0, 4]


def test_abort_forgets_what_was_begun() -> None:
    begun = to_chunks(Message(9, 1, 0, bytes(200)), 6)[:140]
    abort = to_chunks(Message(2, 0, 0, struct.pack(">I", 6)), 2)
    unknown = to_chunks(Message(2, 0, 0, struct.pack(">I", 60)), 2)
    message = Message(9, 1, 40, b"whole")
    assert read(begun + abort + unknown + to_chunks(message, 6)) == [message]


def test_a_new_header_in_mid_message_begins_another() -> None:
    begun = to_chunks(Message(9, 1, 0, bytes(200)), 6)[:140]
    message = Message(9, 1, 40, b"whole")
    reader = ChunkReader(LIMIT)
    assert reader.feed(begun + to_chunks(message, 6)) == [message]
    assert reader._held_bytes == 0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (audio(3, "", b""), "begins without a header"),
        (set_chunk_size(0), "chunk size of 0"),
        (to_chunks(Message(1, 0, 0, b"\0"), 2), "control message is cut off"),
        (to_chunks(Message(9, 1, 0, bytes(LIMIT + 1)), 6), "over the limit of 100000"),
        (
            to_chunks(Message(9, 1, 0, bytes(500)), 6)[:140] + to_chunks(Message(9, 1, 0, bytes(LIMIT)), 7),
            "over the limit",
        ),
        (b"".join(bytes([0, n]) + bytes.fromhex("000000 000000 08 01000000") for n in range(65)), "too many"),
    ],
)
def test_what_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(PushError, match=says):
        read(data)


def test_the_bound_can_be_raised_later() -> None:
    message = Message(9, 1, 0, bytes(2000))
    reader = ChunkReader(1000)
    reader.max_message_bytes = 3000
    assert reader.feed(to_chunks(message, 6)) == [message]
