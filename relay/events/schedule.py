"""When a rule holds: days of the week and times of day by a clock on the wall. Pure.

    schedule = period {"," period}         "mon-fri 18:00-07:00, sat-sun"
    period   = days [times] | times        "sat-sun"   "mon,wed" is two periods   "22:00-06:00"
    days     = day ["-" day]               "fri-mon" goes over the end of the week
    times    = HH:MM "-" HH:MM             up to, and without, its end; "24:00" is the end of the day

A period that ends before it begins goes on into the next day, and belongs to the day on which it began: "fri
18:00-07:00" ends on Saturday morning. One without times is the whole day, one without days is every day.

What counts is the time that a clock on the wall shows at that moment. Where clocks are set forward, the hour that they
leave out does not come; where they are set back, both hours of that name count.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MOST_PERIODS: Final = 64
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 24 * 60
_PERIOD: Final = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?)?\s*(?:(?P<begin>\d{1,2}:\d\d)-(?P<end>\d{1,2}:\d\d))?"
)
_USAGE: Final = 'days and times as in "mon-fri 18:00-07:00, sat-sun"'


class Period(NamedTuple):
    """Days of the week, Monday being 0, and minutes of the day; `end` is at most `begin` where it lies a day later."""

    days: frozenset[int]
    begin: int
    end: int

    def holds(self, day: int, minute: int) -> bool:
        """Whether it is on at this minute of this day."""
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        return (day in self.days and minute >= self.begin) or ((day - 1) % 7 in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Periods, any of which may hold; without one it holds always."""

    periods: tuple[Period, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """The schedule of a text. Raises `ValueError`, saying what is wrong."""
        if not text.strip():
            return cls()
        words = text.lower().split(",")
        if len(words) > MOST_PERIODS:
            raise ValueError(f"a schedule of {len(words)} periods: at most {MOST_PERIODS}")
        return cls(tuple(_period(word.strip()) for word in words))

    def holds(self, at_ns: int, zone: ZoneInfo | None) -> bool:
        """Whether it is on at `at_ns` (Unix time), by a clock in `zone`; by the machine's own, where that is `None`."""
        if not self.periods:
            return True
        local = dt.datetime.fromtimestamp(at_ns // NS_PER_S, dt.UTC).astimezone(zone)
        minute = local.hour * 60 + local.minute
        return any(period.holds(local.weekday(), minute) for period in self.periods)


def time_zone(name: str | None) -> ZoneInfo | None:
    """The zone of an IANA name. Raises `ValueError` where this machine knows none of that name."""
    if name is None:
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where one is named: every worker reads the settings

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(
            'there is no such time zone on this machine: give a name as "Europe/Berlin" (the package tzdata has them '
            "all), or leave it out for the machine's own"
        ) from None


def _period(text: str) -> Period:
    match = _PERIOD.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"a schedule is {_USAGE}, not {text!r}")
    days = _days(match["first"], match["last"])
    if match["begin"] is None:
        return Period(days, 0, _DAY_MINUTES)
    begin, end = _minute(match["begin"]), _minute(match["end"])
    if begin in {end, _DAY_MINUTES}:
        raise ValueError(f"{text!r} is no time at all: for a whole day leave the times out")
    return Period(days, begin, end)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    for name in (first, last):
        if name is not None and name not in _DAYS:
            raise ValueError(f"{name!r} is no day: a schedule is {_USAGE}")
    begin = _DAYS.index(first)
    end = begin if last is None else _DAYS.index(last)
    return frozenset((begin + n) % 7 for n in range((end - begin) % 7 + 1))


def _minute(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    minute = hours * 60 + minutes
    if minutes > 59 or minute > _DAY_MINUTES:
        raise ValueError(f"{text} is no time of day: 00:00 to 24:00")
    return minute
