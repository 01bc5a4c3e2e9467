"""Who may push: the address however a program cuts it, and keys that nobody can guess at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import PushRefusedError
from relay.ingest import Gate, PushRule

KEY = "hunter2-hunter2-hunter2"
GATE = Gate({"cam": PushRule(KEY), "door": PushRule("another-key-another-key", "take-over", 3.0)})


@pytest.mark.parametrize(
    ("application", "stream_name"),
    [
        ("live/cam", KEY),
        ("live/cam/", KEY),
        ("/live/cam", f"/{KEY}"),
        ("live", f"cam/{KEY}"),
        ("live", f"cam?key={KEY}"),
        ("live", f"cam?bitrate=1&key={KEY}"),
        ("live/cam", f"{KEY}?user=x"),
    ],
)
def test_the_right_key_wherever_the_address_is_cut(application: str, stream_name: str) -> None:
    assert GATE.admit(application, stream_name) == "cam"


def test_each_stream_has_a_rule_of_its_own() -> None:
    rules = {"cam": PushRule(KEY), "door": PushRule("another-key-another-key", "take-over")}
    gate = Gate(rules)
    assert {stream: gate.rule(stream) for stream in rules} == rules


@pytest.mark.parametrize(
    ("application", "stream_name"),
    [
        ("live/cam", "wrong"),
        ("live/cam", ""),
        ("live", "cam"),
        ("live", "cam?key="),
        ("live/door", KEY),
        ("live/nobody", KEY),
        ("live/nobody", ""),
        ("live", ""),
        ("", ""),
        ("cam", KEY),
        ("vod/cam", KEY),
        ("live/cam", KEY[:-1]),
        ("live/cam", f"{KEY}x"),
        ("live/cam", f"{KEY}\N{SNOWMAN}"),
        ("live/cam", KEY + "/" * 2 + "x" * 1000),
    ],
)
def test_everything_else_is_refused_in_the_same_words(application: str, stream_name: str) -> None:
    with pytest.raises(PushRefusedError) as raised:
        GATE.admit(application, stream_name)
    assert str(raised.value) == "no stream of this name takes this key: push to rtmp://HOST:PORT/live/NAME/KEY"


@given(st.text(max_size=50), st.text(max_size=50))
def test_nothing_else_opens_the_gate(application: str, stream_name: str) -> None:
    with pytest.raises(PushRefusedError):
        GATE.admit(application, stream_name)


def test_a_key_is_not_shown() -> None:
    assert KEY not in repr(GATE.rule("cam"))
    assert GATE.rule("door").second_push == "take-over"
