"""What is said of an event: its form in JSON, and whether it begins or is over."""

from __future__ import annotations

import json
from dataclasses import replace

from relay.events.model import TimedEvent
from relay.events.telling import Phases, described, to_json

NS = 1_000_000_000
BEGUN = TimedEvent("motion-1750000000123", "door", "motion", 1_750_000_000_123_456_789, None, {"zone": "path"})
OVER = replace(BEGUN, end_ns=BEGUN.start_ns + 3 * NS)


def test_what_began_goes_on_until_it_is_over() -> None:
    phases = Phases()
    assert [phases.of(one) for one in (BEGUN, BEGUN, OVER)] == ["begin", "begin", "end"]


def test_what_is_over_when_it_is_told_first_never_began() -> None:
    phases = Phases()
    elsewhere = replace(BEGUN, stream="yard")
    assert [phases.of(one) for one in (elsewhere, OVER, OVER)] == ["begin", "once", "once"]


def test_what_goes_on_for_ever_is_forgotten() -> None:
    phases = Phases(most_open=2)
    events = [replace(BEGUN, id=f"motion-{n}") for n in range(3)]
    assert {phases.of(event) for event in events} == {"begin"}
    assert [phases.of(replace(event, end_ns=event.start_ns)) for event in events] == ["once", "end", "end"]


def test_the_form_that_the_api_has() -> None:
    assert described(replace(OVER, has_picture=True)) == {
        "id": "motion-1750000000123",
        "stream": "door",
        "kind": "motion",
        "start_ms": 1_750_000_000_123,
        "end_ms": 1_750_000_003_123,
        "data": {"zone": "path"},
        "picture": "api/v1/streams/door/events/motion-1750000000123/picture.jpg",
    }
    assert (described(BEGUN)["end_ms"], described(BEGUN)["picture"]) == (None, None)


def test_json_is_one_line_that_any_line_protocol_can_carry() -> None:
    data = {"text": "a\nb\r\u2028\ud800é"}
    assert to_json(data).isascii()
    assert len(to_json(data).splitlines()) == 1
    assert json.loads(to_json(data)) == data
