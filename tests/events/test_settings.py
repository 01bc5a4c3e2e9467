from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from relay import config
from relay.config import RelaySettings, StreamSettings
from relay.errors import ConfigError
from relay.events.settings import MOST_RULES, EventRule

if TYPE_CHECKING:
    from pathlib import Path

TOML = """
timezone = "Europe/Berlin"
event_days = 7
event_pictures_mb = 0

[streams.door]

[[streams.door.events]]
kinds = ["object", "motion"]
zones = ["gate"]
min_duration_s = 1.5
cool_down_s = 60
schedule = "mon-fri 18:00-07:00, sat-sun"
"""
RULE = EventRule(
    kinds=("object", "motion"),
    zones=("gate",),
    min_duration_s=1.5,
    cool_down_s=60,
    schedule="mon-fri 18:00-07:00, sat-sun",
)


def loaded(path: Path, text: str) -> RelaySettings:
    (path / "relay.toml").write_text(text)
    return config.load(path / "relay.toml", data=path)


def test_rules_and_what_is_kept_are_read_from_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path, TOML)
    assert (settings.timezone, settings.event_days, settings.event_pictures_mb) == ("Europe/Berlin", 7, 0)
    assert settings.streams["door"].events == (RULE,)


def test_without_any_the_machines_time_holds_and_a_month_is_kept(tmp_path: Path) -> None:
    settings = config.load(data=tmp_path)
    assert (settings.timezone, settings.event_days, settings.event_pictures_mb) == (None, 30, 512)
    assert settings.streams["cam"].events == ()


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ('["object", "motion"]', "[]", "streams.door.events.0.kinds"),
        ('["object", "motion"]', '["Motion!"]', "a kind of event is what a transform emits"),
        ("sat-sun", "weekend", "a schedule is days and times"),
        ("Europe/Berlin", "Berlin", r"timezone: there is no such time zone .* \(it is 'Berlin'\)"),
        ("min_duration_s = 1.5", "min_duration_s = -1", "min_duration_s"),
        ("event_days = 7", "event_days = 0", "event_days"),
        ("cool_down_s", "cooldown_s", "there is no such setting"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(tmp_path: Path, was: str, becomes: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        loaded(tmp_path, TOML.replace(was, becomes))


def test_there_are_so_many_rules_at_the_most() -> None:
    rule: dict[str, Any] = {"kinds": ["motion"]}
    assert len(StreamSettings.model_validate({"events": [rule] * MOST_RULES}).events) == MOST_RULES
    with pytest.raises(ValidationError):
        StreamSettings.model_validate({"events": [rule] * (MOST_RULES + 1)})


def test_a_worker_is_not_told_the_rules() -> None:
    assert "events" not in StreamSettings(events=(RULE,)).model_dump(mode="json")
