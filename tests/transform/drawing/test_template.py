"""Fields become values of the document, and nothing else of anything."""

from __future__ import annotations

import pytest

from relay.errors import TransformError
from relay.transform.drawing.template import fill

WEATHER = """{"temperature": 21.456, "wind": {"speed": 3, "gusts": [5.5, 8.25]}, "sky": "clear", "dry": true,
"a.b": "dotted", "none": null, "all": {"x": 1}, "far": 1e400, "long": 123456789012, "with space": 1}"""


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{temperature:1} °C", "21.5 °C"),
        ("{temperature:0}", "21"),
        ("{temperature}", "21.456"),
        ("{wind.speed} m/s, up to {wind.gusts.1:1}", "3 m/s, up to 8.2"),
        ("{sky} {dry}", "clear true"),
        ("{sky:2}", "clear"),
        ("{a.b}", "dotted"),
        ("{with space}", "1"),
        ("{ sky }", "clear"),
        ("{long}", "123456789012"),
        ("{nothing} {none} {all} {far} {wind.gusts.9} {wind.gusts.x} {sky.x}", "? ? ? ? ? ? ?"),
        ("no fields, {} and {:5} stay, as does { alone", "no fields, {} and {:5} stay, as does { alone"),
        ("{temperature.__class__} {wind.__len__} {0.real}", "? ? ?"),
        ("{temperature!r} {temperature:>9999999}", "? {temperature:>9999999}"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_fields_are_filled_in(template: str, text: str) -> None:
    assert fill(template, WEATHER) == text


def test_a_value_is_not_filled_in_again() -> None:
    assert fill("{a}", '{"a": "{b}", "b": "secret"}') == "{b}"


def test_a_list_is_a_document_too() -> None:
    assert fill("{1}", '["a", "b"]') == "b"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "is no JSON: Expecting value"),
        ("<html>", "is no JSON: Expecting value"),
        ('{"a": ', "is no JSON: Expecting value: line 1"),
        ("[" * 100_000, "is no JSON: it is nested too deeply"),
        ("1" * 5000, "is no JSON: it is nested too deeply, or has too long a number"),
    ],
)
def test_what_is_no_json_is_said(document: str, words: str) -> None:
    with pytest.raises(TransformError, match=words):
        fill("{a}", document)
