"""The text is what `strftime` makes of every single moment, though it is asked once a second."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from relay.transform.drawing.clock_text import ClockText, split_at_fractions, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable

NS = 10**9
NOON_NS = 1_795_348_800 * NS  # 2026-11-22 12:00:00 UTC
SUMMER_ENDS_NS = 1_792_890_000 * NS  # 2026-10-25 01:00:00 UTC, 3:00 and then 2:00 in Berlin


def texts(template: str, times_ns: Iterable[int], timezone: str = "UTC") -> list[str]:
    clock = ClockText(template, timezone)
    return [clock.at(time_ns) for time_ns in times_ns]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("%H:%M:%S.%3f", "12:00:01.123"), ("%1f %2f %6f %f", "1 12 123456 123456"), ("100%% %%3f", "100% %3f"),
        ("%%%3f", "%123"), ("%3f%3f", "123123"), ("Hof %d.%m.", "Hof 22.11."), ("%j %U %a %p %Z %z", None),
        ("%-d. %B %y, %I:%M %p", None), ("%c | %x | %X | %%", None), ("", ""),
    ],
)  # fmt: skip
def test_every_directive_is_strftimes_own_but_for_the_digits_of_a_fraction(template: str, text: str | None) -> None:
    moment = dt.datetime(2026, 11, 22, 12, 0, 1, 123456, tzinfo=dt.UTC)
    assert texts(template, [NOON_NS + NS + 123_456_789]) == [moment.strftime(template) if text is None else text]


@pytest.mark.parametrize("template", ["%H:%M:%S", "%S.%2f", "%f s %T"])
def test_each_moment_has_its_own_text_in_whatever_order_they_come(template: str) -> None:
    offsets_ns = [0, 40_000_000, 999_999_999, NS, NS + 1, 3600 * NS, NS - 1, -1, -NS, 0]
    fresh = [texts(template, [NOON_NS + offset_ns])[0] for offset_ns in offsets_ns]
    assert texts(template, [NOON_NS + offset_ns for offset_ns in offsets_ns]) == fresh
    assert fresh[0] != fresh[3]


def test_fractions_are_cut_and_not_rounded_also_before_1970() -> None:
    assert texts("%S.%1f", [NOON_NS + 999_999_999]) == ["00.9"]
    assert texts("%Y-%m-%d %H:%M:%S.%3f", [-1]) == ["1969-12-31 23:59:59.999"]


def test_strftime_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Moment(dt.datetime):
        def strftime(self, template: str) -> str:
            asked.append(template)
            return super().strftime(template)

    monkeypatch.setattr("relay.transform.drawing.clock_text._EPOCH", Moment(1970, 1, 1, tzinfo=dt.UTC))
    assert len(texts("%H:%M:%S.%3f", range(NOON_NS, NOON_NS + 3 * NS, NS // 25))) == 75
    assert asked == ["%H:%M:%S.", ""] * 3


@pytest.mark.parametrize(
    ("timezone", "times"), [("UTC", ["00:59", "01:00"]), ("Europe/Berlin", ["02:59", "02:00"]), ("Asia/Kolkata", None)]
)
def test_a_zone_is_its_own_at_that_moment(timezone: str, times: list[str] | None) -> None:
    found = texts("%H:%M", [SUMMER_ENDS_NS - NS, SUMMER_ENDS_NS], timezone)
    assert found == (times or ["06:29", "06:30"])


def test_zones_have_names() -> None:
    assert zone_of("local") is None
    assert zone_of("UTC") is dt.UTC
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    for name in ("Europe/Nowhere", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="a name like Europe/Berlin"):
            zone_of(name)


def test_a_template_is_split_where_digits_go() -> None:
    assert split_at_fractions("a%3fb%%1f%fc") == (("a", "b%%1f", "c"), (3, 6))
    assert split_at_fractions("%H") == (("%H",), ())
