from __future__ import annotations

from fixtures.noticed import timed


def test_an_event_is_over_when_it_has_an_end_and_has_lasted_up_to_it() -> None:
    going_on, over, moment = timed("motion", 5), timed("motion", 5, 7.5), timed("bell", 5, 5)
    assert [(one.is_over, one.lasted_s) for one in (going_on, over, moment)] == [(False, 0), (True, 2.5), (True, 0)]
