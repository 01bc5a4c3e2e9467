"""docs/settings.md has every setting that there is, and no other, with its default and all of its words."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import pytest
from pydantic_core import PydanticUndefined

from relay.config import RelaySettings, RenditionSettings, StreamSettings
from relay.events.settings import EventRule, WebhookSettings
from relay.retention import Retention

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from relay.fields import Settings

TEXT = (Path(__file__).parent.parent / "docs/settings.md").read_text(encoding="utf-8")
TABLES: dict[type[Settings], list[str]] = {
    RelaySettings: ["The relay"],
    StreamSettings: ["A stream: where", "A stream: what"],
    RenditionSettings: ["A rendition"],
    EventRule: ["An event"],
    WebhookSettings: ["A webhook"],
    Retention: ["Viewing data"],
}
NOTHING: tuple[object, ...] = (None, (), {}, PydanticUndefined)


def rows(model: type[Settings]) -> dict[str, tuple[str, str]]:
    """Name: what it is, and its default, as the tables of `model`'s sections have them."""
    found = {}
    for section in TEXT.split("\n## "):
        if section.startswith(tuple(TABLES[model])):
            for name, words, default in re.findall(r"^\| `(\w+)` \| (.+) \| (.*?) ?\|$", section, re.MULTILINE):
                found[name] = (words, default)
    return found


SETTINGS = [(model, name) for model in TABLES for name in model.model_fields]


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_what_is_described_are_the_settings(model: type[Settings]) -> None:
    assert sorted(rows(model)) == sorted(model.model_fields)


@pytest.mark.parametrize(("model", "name"), SETTINGS, ids=lambda one: one if isinstance(one, str) else one.__name__)
def test_a_setting_is_described_with_its_default_and_all_words_that_it_may_be(model: type[Settings], name: str) -> None:
    field = model.model_fields[name]
    words, default = rows(model)[name]
    literal = re.fullmatch(r"`(.+)`", default)
    if field.default in NOTHING:
        assert literal is None
    else:
        assert literal is not None
        is_many = isinstance(field.default, tuple)
        assert tomllib.loads(f"it = {literal[1]}")["it"] == (list(field.default) if is_many else field.default)
    assert [word for word in choices(field) if f'"{word}"' not in words + default] == []


def choices(field: FieldInfo) -> list[str]:
    """The words among the values that it may have."""
    found: list[str] = []
    waiting: list[Any] = [field.annotation]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, StrEnum):
            found += [str(word) for word in one]
        elif get_origin(one) is Literal:
            found += get_args(one)
        else:
            waiting += get_args(one)
    return found
