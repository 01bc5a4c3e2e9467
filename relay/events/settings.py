"""The settings of events, each with its check: `[[streams.NAME.events]]` in `relay.toml`, and what is kept."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from relay.events.schedule import Schedule, time_zone
from relay.fields import Settings

MOST_RULES: Final = 32
"""Of one stream."""
_KIND: Final = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_DAY_S: Final = 86_400


def _check_kind(kind: str) -> str:
    if not _KIND.fullmatch(kind):
        raise ValueError("a kind of event is what a transform emits: 1 to 63 of a-z 0-9 _ . -, a letter first")
    return kind


def _check_schedule(text: str) -> str:
    Schedule.parse(text)
    return text


def _check_time_zone(name: str | None) -> str | None:
    time_zone(name)
    return name


Kind = Annotated[str, AfterValidator(_check_kind)]
ZoneName = Annotated[str, Field(min_length=1, max_length=63)]
ScheduleText = Annotated[str, AfterValidator(_check_schedule)]
TimeZoneName = Annotated[str | None, AfterValidator(_check_time_zone)]
EventDays = Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)]
PictureMegabytes = Annotated[int, Field(ge=0, le=1_000_000)]
Wait = Annotated[float, Field(ge=0, le=7 * _DAY_S, allow_inf_nan=False)]


class EventRule(Settings):
    """Which events of some kinds are told: those that pass one of the rules that name their kind.

    Events of a kind that no rule names are told as they are. What is left empty asks for nothing.
    """

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=32)]
    zones: Annotated[tuple[ZoneName, ...], Field(max_length=32)] = ()
    min_duration_s: Wait = 0.0
    cool_down_s: Wait = 0.0
    schedule: ScheduleText = ""


EventRules = Annotated[tuple[EventRule, ...], Field(max_length=MOST_RULES)]
