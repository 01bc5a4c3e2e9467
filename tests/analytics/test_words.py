from __future__ import annotations

import pytest

from relay.analytics.figures import Figure
from relay.analytics.words import duration, moment, number, quantity, shown, size, sources, table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "0:03"), (725, "12:05"), (12_007, "3:20:07"), (359_000, "99:43:20"), (366_000, "4 d 5 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(999, "999 B"), (1500, "1.5 kB"), (2e9, "2.0 GB"), (3e15, "3000.0 TB")])
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "-"),
        (61, "s", "1:01"),
        (999, "ms", "999 ms"),
        (1500, "ms", "1.5 s"),
        (61_000, "ms", "1:01"),
        (800, "kbps", "800 kbit/s"),
        (2800, "kbps", "2.8 Mbit/s"),
        (1000, "bytes", "1.0 kB"),
        (12.345, "%", "12.3 %"),
        (3, "", "3"),
        (0.126, "", "0.13"),
    ],
)
def test_quantities(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_numbers_are_grouped_by_thousands() -> None:
    assert [number(value) for value in (1_234_567.0, 12_345.67, -0.5)] == ["1 234 567", "12 345.7", "-0.50"]


def test_a_figure_says_where_it_is_from() -> None:
    mixed = Figure(3, "", 5, (("cmcd", 2), ("estimated", 3)))
    assert (shown(mixed), sources(mixed)) == ("3", "cmcd 2, estimated 3")
    assert sources(Figure(3, "", 1, (("cmcd", 1),))) == "cmcd"
    assert sources(Figure(3)) == sources(Figure(None, "", 1, (("cmcd", 1),))) == "-"


def test_moments_are_utc() -> None:
    assert moment(1_900_000_000_000) == "2030-03-17 17:46"


def test_tables_are_aligned() -> None:
    assert table(("Name", "N"), [("a", "10"), ("long name", "1")]) == [
        "Name        N",
        "---------  --",
        "a          10",
        "long name   1",
    ]
