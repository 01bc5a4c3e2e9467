"""RTMP's handshake: what a client is answered, and what is no client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import PushError
from relay.ingest.handshake import BLOCK_BYTES, RANDOM_BYTES, ServerHandshake

RANDOM = bytes(n % 256 for n in range(RANDOM_BYTES))
C1 = b"\0\0\0\1\0\0\0\0" + bytes(255 - n % 256 for n in range(RANDOM_BYTES))
CLIENT = b"\x03" + C1 + bytes(BLOCK_BYTES)


@given(st.lists(st.integers(0, len(CLIENT) + 5), max_size=6))
def test_it_answers_once_however_the_bytes_are_cut(cuts: list[int]) -> None:
    data = CLIENT + b"chunk"
    handshake = ServerHandshake(RANDOM)
    answers = []
    edges = [0, *sorted(cuts), len(data)]
    at = 0
    for edge in edges:
        if not handshake.is_done:
            answers.append(handshake.feed(data[at:edge]))
            at = max(at, edge)
    assert b"".join(answers) == b"\x03" + bytes(8) + RANDOM + C1
    assert handshake.is_done
    assert handshake.rest + data[at:] == b"chunk"


def test_nothing_is_said_before_the_client_has_said_all() -> None:
    handshake = ServerHandshake(RANDOM)
    assert handshake.feed(CLIENT[:BLOCK_BYTES]) == b""
    assert len(handshake.feed(CLIENT[BLOCK_BYTES : BLOCK_BYTES + 1])) == 1 + 2 * BLOCK_BYTES
    assert not handshake.is_done


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\x06" + C1, b"\x16\x03\x01"])
def test_what_is_no_rtmp(data: bytes) -> None:
    with pytest.raises(PushError, match="does not speak RTMP"):
        ServerHandshake(RANDOM).feed(data)
