from __future__ import annotations

from relay.errors import TransformError
from relay.offline.failures import MOST_WORDS, Failures


def told(*words: str) -> list[str]:
    failures = Failures()
    for one in words:
        failures.note(TransformError(one))
    return failures.words


def test_where_nothing_failed_nothing_is_told() -> None:
    assert told() == []


def test_each_failure_is_told_once_with_how_often_it_came() -> None:
    assert told("a: no", "b: never", "a: no", "a: no") == ["a: no (3 times)", "b: never (once)"]


def test_failures_that_are_different_each_time_do_not_fill_the_screen() -> None:
    words = [f"picture {number}" for number in range(100)]
    assert told(*words) == [*(f"{one} (once)" for one in words[:MOST_WORDS]), f"others ({100 - MOST_WORDS} times)"]
    assert told(*words, words[0])[0] == "picture 0 (2 times)"
