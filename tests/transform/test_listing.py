"""What is said of a transform is what its class, or its function, says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field, GetPydanticSchema

from relay.errors import TransformError
from relay.transform.base import GROUPS
from relay.transform.listing import Listed, Parameter, kind_of, list_all, look_up
from relay.transform.registry import BUILT_IN

if TYPE_CHECKING:
    from fixtures.pictures import WriteModule


def test_all_are_listed_by_group_and_name() -> None:
    listed = list_all()
    assert {one.name for one in listed} >= set(BUILT_IN)
    groups = [*GROUPS, "installed"]
    assert listed == sorted(listed, key=lambda one: (groups.index(one.group), one.name))
    assert [one.problem for one in listed if one.problem] == []


def test_one_of_our_own() -> None:
    crop = look_up("crop")
    assert (crop.name, crop.group, crop.changes_size, crop.is_private) == ("crop", "geometry", True, False)
    assert crop.summary == crop.documentation.splitlines()[0]
    named = {one.name: one for one in crop.parameters}
    assert list(named)[-1] == "on_failure"
    assert named["on_failure"].kind == '"skip" or "freeze" or "blank" or "stop"'
    assert named["on_failure"].default == '"freeze"'


def test_parameters_have_their_kinds_defaults_and_descriptions() -> None:
    luma, _, fails_on, _, takes_s, emits, _, closes, _ = look_up("fixtures.links:Paints").parameters
    assert luma == Parameter("luma", "whole number", "200", "the grey")
    assert fails_on == Parameter("fails_on", "list of whole number", "[]", "slots")
    assert takes_s == Parameter("takes_s", "number", "0.0", "how long")
    assert emits == Parameter("emits", "text", '""', "a kind of event")
    assert closes == Parameter("closes", "true or false", "true", "whether it can be closed")


def test_what_is_needed_first_comes_first() -> None:
    faces = [one.name for one in look_up("faces").parameters]
    assert faces[:9] == ["how", "colour", "cells", "every", "margin", "linger_s", "model", "descriptor", "device"]
    assert faces.index("threshold") < faces.index("layout") < faces.index("mean")
    assert look_up("text").parameters[0].name == "text"
    assert [one.name for one in look_up("crop").parameters] == ["x", "y", "width", "height", "on_failure"]


def test_one_that_hides_something_takes_no_policy() -> None:
    hides = look_up("fixtures.links:Hides")
    assert (hides.is_private, hides.on_failure, hides.group) == (True, "blank", "correction")
    assert "on_failure" not in {one.name for one in hides.parameters}
    holds = look_up("fixtures.links:Holds")
    assert (holds.holds_frames, holds.group) == (True, "installed")


OWNERS = '''
import relay

@relay.transform(on_failure="skip", wants="planes")
def bright(frame: relay.Frame, luma: int = 200, name: "str | None" = None, mode="soft", *, needed, **rest):
    """Makes it bright.

    Very.
    """

class Plain:
    def __init__(self, path: str): ...
    def __call__(self, frame): ...
'''


def test_a_users_own_function_and_class(user_module: WriteModule) -> None:
    name = user_module(OWNERS)
    assert look_up(f"{name}:bright") == Listed(
        f"{name}:bright",
        summary="Makes it bright.",
        documentation="Makes it bright.\n\nVery.",
        wants="planes",
        on_failure="skip",
        parameters=(
            Parameter("luma", "int", "200"),
            Parameter("name", "str | None", "none"),
            Parameter("mode", "anything", '"soft"'),
            Parameter("needed", "anything", None),
            Parameter("**rest", "anything", ""),
        ),
    )
    assert look_up(f"{name}:Plain") == Listed(f"{name}:Plain", parameters=(Parameter("path", "str", None),))
    assert look_up("builtins:iter").parameters == ()


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(TransformError, match="there is no transform 'crpo'"):
        look_up("crpo")
    with pytest.raises(TransformError, match="there is no module 'surely_no_module_x'"):
        look_up("surely_no_module_x:f")


class Odd:
    """A type that pydantic takes as it is, and cannot describe."""


OWN_RULES = GetPydanticSchema(lambda _source, _handler: {"type": "is-instance", "cls": Odd})

KINDS: list[tuple[Any, str]] = [
    (float, "number"),
    (bool, "true or false"),
    (str, "text"),
    (Path, "path"),
    (int | None, "whole number"),
    (int | Literal["auto"], 'whole number or "auto"'),
    (Literal[90, 180], "90 or 180"),
    (list[tuple[float, float]], "list of list of number, number"),
    (dict[str, int], "table"),
    (tuple[Annotated[int, Field(gt=0, le=9)], ...], "list of whole number above 0 to 9"),
    (Annotated[float, Field(ge=0, lt=1)], "number from 0 below 1"),
    (Annotated[Odd, OWN_RULES], "Odd"),
    (Annotated[str, AfterValidator(str.strip)], "text"),
    (Any, "anything"),
]


@pytest.mark.parametrize(("annotation", "words"), KINDS, ids=lambda one: one if isinstance(one, str) else "")
def test_what_a_parameter_may_be_is_said_in_words(annotation: Any, words: str) -> None:
    assert kind_of(annotation) == words
