"""AMF0: what encoders send, byte by byte, and everything that is not AMF0."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import PushError
from relay.ingest import amf0

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), values, max_size=3),
    max_leaves=8,
)


def depth(value: amf0.Value) -> int:
    items = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return 1 + max((depth(item) for item in items), default=-1)


@given(st.lists(VALUES.filter(lambda value: depth(value) <= amf0.MAX_DEPTH), max_size=4))
def test_what_is_encoded_is_decoded(values: list[amf0.Value]) -> None:
    assert amf0.decode(amf0.encode(*values)) == values


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00 3ff0000000000000", 1.0),
        ("01 00", False),
        ("01 01", True),
        ("02 0004 6c697665", "live"),
        ("05", None),
        ("06", None),
        ("0d", None),
        ("0c 00000004 6c697665", "live"),
        ("0f 00000001 78", "x"),
        ("0b 4000000000000000 0000", 2.0),
        ("03 0003 617070 02 0004 6c697665 000009", {"app": "live"}),
        ("08 00000063 0001 61 01 01 000009", {"a": True}),  # its count (99) is wrong, as with several encoders
        ("0a 00000002 05 05", [None, None]),
        ("03 0000 05 000009", {"": None}),
    ],
)
def test_every_type(data: str, value: amf0.Value) -> None:
    assert amf0.decode(bytes.fromhex(data)) == [value]


def test_integers_are_numbers() -> None:
    assert amf0.decode(amf0.encode(31)) == [31.0]


@pytest.mark.parametrize(("value", "data"), [(None, "05"), (True, "0101"), (False, "0100")])
def test_values_that_are_no_larger_than_their_type(value: amf0.Value, data: str) -> None:
    assert amf0.encode(value) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("00 3ff0", "cut off"),
        ("01", "cut off"),
        ("02 0009 6c", "cut off"),
        ("02 0001 ff", "not AMF0"),
        ("03 0001 61", "not AMF0"),
        ("0a ffffffff 05", "announces 4294967295 values"),
        ("07 0001", "AMF0 type 7"),
        ("11", "AMF0 type 17"),
        ("0a 00000001" * 10 + "05", "nested more than 8 deep"),
    ],
)
def test_what_is_refused(data: str, says: str) -> None:
    with pytest.raises(PushError, match=says):
        amf0.decode(bytes.fromhex(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_values_or_an_error(data: bytes) -> None:
    try:
        values = amf0.decode(data)
    except PushError:
        return
    assert isinstance(values, list)


def test_not_a_number_is_a_number_too() -> None:
    (value,) = amf0.decode(bytes.fromhex("007ff8000000000000"))
    assert isinstance(value, float)
    assert math.isnan(value)
