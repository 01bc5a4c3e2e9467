from __future__ import annotations

import json
import zlib

import pytest

from fixtures.viewed import A_REQUEST
from relay.errors import StoreError
from relay.sessions.batches import pack, unpack, unpack_columns
from relay.sessions.model import PlayerEventRow

EVENT = PlayerEventRow(1, 2, "cam", "s", "ps", "p", None, None, None, None, None, None, None, None, ("net", "media"))


def test_rows_come_back_as_they_were() -> None:
    requests = [A_REQUEST, A_REQUEST._replace(media_sequence=None, is_complete=False, cmcd_br_kbps=800)]
    assert unpack(pack(requests)) == requests
    assert unpack(pack([EVENT])) == [EVENT]


def test_a_thousand_like_rows_take_little_room() -> None:
    requests = [A_REQUEST._replace(at_us=A_REQUEST.at_us + 2_000_123 * n, media_sequence=n) for n in range(1000)]
    assert len(pack(requests)) < 25 * len(requests)


def test_a_batch_of_an_older_relay_lacks_what_came_since() -> None:
    document = json.loads(zlib.decompress(pack([A_REQUEST])))
    assert document["columns"].pop() == "edge_id"
    document["values"].pop()
    assert unpack(zlib.compress(json.dumps(document).encode())) == [A_REQUEST]


@pytest.mark.parametrize("body", [b"", b"junk", zlib.compress(b"[]"), zlib.compress(b'{"table":"x"}')])
def test_a_damaged_one_is_no_surprise(body: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        unpack(body)


def test_the_same_rows_are_had_by_columns() -> None:
    columns = unpack_columns(pack([A_REQUEST, A_REQUEST._replace(status=404)]))
    assert tuple(columns) == A_REQUEST._fields
    assert columns["status"] == [200, 404]


def test_damage_is_told_by_columns_too() -> None:
    with pytest.raises(StoreError, match="damaged"):
        unpack_columns(b"nothing of the kind")
