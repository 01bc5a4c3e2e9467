from __future__ import annotations

import pytest

from relay.serve.viewing_query import WEEK_MS, parameters_of

NOW_MS = 1_900_000_000_000


def test_what_is_asked_of_each_job() -> None:
    pairs = [("stream", "cam"), ("since", "1000"), ("until", "2000"), ("limit", "7"), ("before", "9-ab")]
    asked = {"stream": "cam", "since_ms": 1000, "until_ms": 2000, "limit": 7, "before": "9-ab"}
    assert parameters_of("sessions", pairs, NOW_MS) == asked
    assert parameters_of("export", [("format", "csv"), ("table", "requests")], NOW_MS) == {
        "format": "csv",
        "table": "requests",
    }


@pytest.mark.parametrize("job", ["audience", "qoe", "report"])
def test_figures_are_of_the_last_week_unless_said(job: str) -> None:
    assert parameters_of(job, [], NOW_MS) == {"since_ms": NOW_MS - WEEK_MS, "until_ms": NOW_MS}
    assert parameters_of(job, [("until", "5000")], NOW_MS) == {"since_ms": 0, "until_ms": 5000}
    assert parameters_of(job, [("since", "5000")], NOW_MS) == {"since_ms": 5000, "until_ms": NOW_MS}


def test_lists_and_exports_are_of_all_time_unless_said() -> None:
    assert parameters_of("sessions", [], NOW_MS) == {}
    assert parameters_of("export", [("since", "5000")], NOW_MS) == {"since_ms": 5000}


@pytest.mark.parametrize(
    ("job", "pair", "told"),
    [
        ("sessions", ("k", "5"), "^'k' cannot be asked for: there are stream, since, until, limit, before$"),
        ("qoe", ("k", "five"), "^k is a whole number$"),
        ("audience", ("step_s", "-1"), "^step_s is a whole number$"),
        ("sessions", ("since", "noon"), "^since is Unix time"),
        ("qoe", ("since", str(NOW_MS)), "^since is to be before until$"),
    ],
)
def test_what_cannot_be_asked(job: str, pair: tuple[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parameters_of(job, [pair], NOW_MS)
