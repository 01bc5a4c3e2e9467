from __future__ import annotations

import pytest

from relay.serve.query import time_ms, values_by_name


def test_each_name_once_unless_it_may_be_repeated() -> None:
    pairs = [("a", "1"), ("b", "2"), ("b", "3")]
    assert values_by_name(pairs, ("a", "b"), repeated=("b",)) == {"a": ["1"], "b": ["2", "3"]}
    with pytest.raises(ValueError, match=r"^b is given more than once$"):
        values_by_name(pairs, ("a", "b"))


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("c" * 500, "1"), f"^'{'c' * 128}' cannot be asked for: there are a, b$"),
        (("a", ""), "^a has 1 to 128 characters$"),
        (("a", "1" * 129), "^a has 1 to 128 characters$"),
    ],
)
def test_what_cannot_be_asked(pair: tuple[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        values_by_name([pair], ("a", "b"))


@pytest.mark.parametrize("text", ["1749999999000", "2025-06-15T15:06:39Z", "2025-06-15T17:06:39 02:00"])
def test_times_in_their_spellings(text: str) -> None:
    assert time_ms("since", text) == 1_749_999_999_000


@pytest.mark.parametrize("text", ["yesterday", "2025-06-15", "2025-06-15T15:06:39", "-1", "1.5"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"^since is Unix time in milliseconds, or a date as"):
        time_ms("since", text)


@pytest.mark.parametrize("text", ["1960-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "999999999999999"])
def test_times_that_no_database_holds(text: str) -> None:
    with pytest.raises(ValueError, match=r"^since is a time from 1970 to 2262$"):
        time_ms("since", text)
