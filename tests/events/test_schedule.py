"""When a schedule holds: by days and times of a clock on the wall, over midnight and where clocks are changed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.noticed import AT_NS, DAY_S, HOUR_S, ns
from relay.events.schedule import MOST_PERIODS, Schedule, time_zone
from relay.timeline import NS_PER_S

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK_MINUTES = 7 * 24 * 60


def at(day: str, time: str) -> int:
    hours, minutes = map(int, time.split(":"))
    return ns(DAYS.index(day) * DAY_S + hours * HOUR_S + minutes * 60)


def utc(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * NS_PER_S


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (
            "mon-fri 18:00-07:00",
            "mon 18:00, tue 06:59, fri 23:30, sat 06:59",
            "mon 06:59, mon 17:59, sat 07:00, sun 20:00",
        ),
        ("sat-sun", "sat 00:00, sun 23:59", "fri 23:59, mon 00:00"),
        ("mon-fri 18:00-07:00, sat-sun", "fri 19:00, sat 12:00, sun 12:00", "tue 12:00, mon 03:00"),
        ("22:00-06:00", "mon 05:59, sun 22:00", "mon 06:00, sun 21:59"),
        ("fri-mon 8:30-9:00", "fri 08:30, sun 08:59, mon 08:45", "tue 08:45, thu 08:45, fri 09:00"),
        ("wed 00:00-24:00", "wed 00:00, wed 23:59", "tue 23:59, thu 00:00"),
        ("sun 23:00-01:00", "sun 23:00, mon 00:59", "sun 22:59, sun 00:30, mon 01:00"),
        ("thu 18:00-00:00", "thu 18:00, thu 23:59", "fri 00:00, thu 17:59"),
        (" MON 10:00-11:00 ,tue ", "mon 10:30, tue 03:00", "mon 11:00, wed 03:00"),
        ("", "mon 00:00, sun 12:00", ""),
    ],
)
def test_it_holds_from_its_begin_up_to_its_end(text: str, inside: str, outside: str) -> None:
    schedule = Schedule.parse(text)

    def held(times: str) -> list[bool]:
        return [schedule.holds(at(*word.split()), UTC) for word in times.split(", ") if word]

    assert all(held(inside))
    assert not any(held(outside))


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1439), st.integers(0, 10_079))
def test_a_period_holds_on_its_days_for_as_long_as_it_lasts(
    first: int, last: int, begin: int, length: int, minute: int
) -> None:
    end = (begin + length) % 1440
    text = f"{DAYS[first]}-{DAYS[last]} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    begun = {(first + n) % 7 for n in range((last - first) % 7 + 1)}
    minutes = {(day * 1440 + begin + n) % WEEK_MINUTES for day in begun for n in range(length)}
    assert Schedule.parse(text).holds(AT_NS + minute * 60 * NS_PER_S, UTC) is (minute in minutes)


def test_the_clock_on_the_wall_counts_where_the_camera_is() -> None:
    evening = Schedule.parse("sun 18:00-20:00")
    summer, winter = utc("2026-07-05 17:30"), utc("2026-12-06 17:30")
    assert (evening.holds(summer, BERLIN), evening.holds(winter, BERLIN)) == (True, True)
    assert (evening.holds(summer, UTC), evening.holds(winter, UTC)) == (False, False)


def test_the_hour_that_is_left_out_in_spring_does_not_come() -> None:
    night, missing = Schedule.parse("sat 22:00-06:00"), Schedule.parse("02:00-03:00")
    times = [utc(f"2026-03-29 0{hour}:{minute}") for hour in range(4) for minute in ("00", "30", "59")]
    assert [night.holds(time, BERLIN) for time in times] == [True] * 12
    assert not any(missing.holds(time, BERLIN) for time in times)
    assert not night.holds(utc("2026-03-29 04:00"), BERLIN), "06:00 in summer time"


def test_both_hours_of_a_name_count_in_autumn() -> None:
    twice = Schedule.parse("sun 02:00-03:00")
    times = [utc(f"2026-10-24 23:{minute}") for minute in ("30", "59")]
    hours = [utc(f"2026-10-25 0{hour}:{minute}") for hour in (0, 1) for minute in ("00", "30", "59")]
    assert not any(twice.holds(time, BERLIN) for time in times)
    assert all(twice.holds(time, BERLIN) for time in hours)
    assert not twice.holds(utc("2026-10-25 02:00"), BERLIN)


def test_without_a_zone_it_is_the_machines_own_clock() -> None:
    now_ns = utc("2026-07-05 17:30")
    local = dt.datetime.fromtimestamp(now_ns // NS_PER_S, dt.UTC).astimezone()
    text = f"{DAYS[local.weekday()]} {local:%H}:00-{local:%H}:59"
    assert Schedule.parse(text).holds(now_ns, time_zone(None))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("monday", "a schedule is days and times"),
        ("mo 10:00-11:00", "not 'mo 10:00-11:00'"),
        ("foo 10:00-11:00", "'foo' is no day"),
        ("mon-bar", "'bar' is no day"),
        ("mon 10-11", "a schedule is days and times"),
        ("mon 10:00-25:00", "25:00 is no time of day"),
        ("mon 10:60-11:00", "10:60 is no time of day"),
        ("mon 10:00-10:00", "no time at all"),
        ("24:00-06:00", "no time at all"),
        ("mon,,tue", "not ''"),
        ("mon;tue", "not 'mon;tue'"),
        (",".join(["mon"] * (MOST_PERIODS + 1)), "65 periods: at most 64"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Schedule.parse(text)


def test_a_zone_is_known_by_its_name() -> None:
    assert time_zone(None) is None
    assert time_zone("Europe/Berlin") == BERLIN
    for name in ("Europe/Atlantis", "../etc/passwd", "", "Europe"):
        with pytest.raises(ValueError, match="no such time zone"):
            time_zone(name)
