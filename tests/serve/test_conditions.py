"""Range, If-None-Match and Accept-Encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.serve.conditions import accepts_gzip, has_etag, parse_range


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("bytes=0-1", range(2)),
        ("bytes=0-", range(100)),
        ("Bytes=90-9007199254740991", range(90, 100)),
        ("bytes=99-99", range(99, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-1000", range(100)),
        ("bytes=100-", range(0)),
        ("bytes=-0", range(100, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("bytes=a-b", None),
        ("lines=0-1", None),
        ("bytes=" + "9" * 21 + "-", None),
    ],
)
def test_ranges(value: str, wanted: range | None) -> None:
    assert parse_range(value, 100) == wanted


@given(first=st.integers(0, 300), last=st.integers(0, 300), size=st.integers(0, 200))
def test_a_range_is_never_more_than_there_is(first: int, last: int, size: int) -> None:
    wanted = parse_range(f"bytes={first}-{last}", size)
    body = bytes(range(200))[:size]
    if last < first < size:
        assert wanted is None
    elif wanted is not None:
        assert body[wanted.start : wanted.stop] == body[first : last + 1]


@pytest.mark.parametrize(
    ("if_none_match", "is_known"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False), ("", False)],
)
def test_validators(if_none_match: str, is_known: bool) -> None:
    assert has_etag(if_none_match, '"a"') is is_known


@pytest.mark.parametrize(
    ("accept_encoding", "is_accepted"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("br", False),
        ("identity;;;", False),
        ("", False),
    ],
)
def test_codings(accept_encoding: str, is_accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is is_accepted
