"""What may be asked of a stream's events, and what is said where it may not."""

from __future__ import annotations

import re

import pytest

from relay.serve.event_query import LISTED, EventQuery, parse_event_query

MS = 1_000_000
AT_NS = 1_750_000_000_000 * MS
"""2025-06-15T15:06:40Z."""


def test_nothing_asks_for_the_newest() -> None:
    assert parse_event_query([]) == EventQuery(limit=LISTED)


def test_everything_that_can_be_asked_for() -> None:
    pairs = [("kind", "motion"), ("since", "5"), ("kind", "face"), ("until", "7"), ("limit", "200"), ("before", "a-1")]
    assert parse_event_query(pairs) == EventQuery(5 * MS, 7 * MS, ("motion", "face"), 200, "a-1")


@pytest.mark.parametrize(
    "text",
    [
        "1750000000000",
        "2025-06-15T15:06:40Z",
        "2025-06-15T17:06:40+02:00",
        "2025-06-15T17:06:40 02:00",
        "2025-06-15T15:06:40.000000Z",
    ],
)
def test_times_are_milliseconds_or_dates_with_a_zone(text: str) -> None:
    assert parse_event_query([("since", text)]).since_ns == AT_NS


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("last", "5")], "'last' cannot be asked for: there are since, until, kind, limit, before"),
        ([("limit", "1"), ("limit", "2")], "limit is given more than once"),
        ([("limit", "0")], "limit is a whole number from 1 to 200"),
        ([("limit", "201")], "limit is a whole number from 1 to 200"),
        ([("limit", "٣")], "limit is a whole number from 1 to 200"),
        ([("limit", "")], "limit has 1 to 128 characters"),
        ([("kind", "x" * 129)], "kind has 1 to 128 characters"),
        ([("kind", "x")] * 33, "kind is given 33 times: at most 32"),
        ([("since", "yesterday")], "since is Unix time in milliseconds, or a date as 2025-06-15T15:06:40Z"),
        ([("until", "2025-06-15T15:06:40")], "until is Unix time in milliseconds, or a date as 2025-06-15T15:06:40Z"),
        ([("since", "999999999999999")], "since is a time from 1970 to 2262"),
        ([("since", "1969-12-31T23:59:59Z")], "since is a time from 1970 to 2262"),
        (
            [("since", "7"), ("until", "7")],
            "until is later than since, and not itself among the times that are asked for",
        ),
    ],
)
def test_what_is_wrong_is_said(pairs: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        parse_event_query(pairs)
