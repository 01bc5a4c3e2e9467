"""Which rungs are wanted: by whoever fetches of them, for longer where they were watched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.supervisor.rendition_demand import LEAST_CLOSE_S, PROBE_CLOSE_S, RenditionDemand

IDLE_CLOSE_S = 30.0
LOW, MIDDLE = "video-240p", "video-480p"


@pytest.fixture
def demand() -> RenditionDemand:
    demand = RenditionDemand(IDLE_CLOSE_S)
    demand.offer([LOW, MIDDLE])
    return demand


def fetch(demand: RenditionDemand, now_s: float, msn: int | None = None, name: str = LOW) -> None:
    demand.enter(name)
    demand.leave(name, now_s, msn)


def test_nobody_wants_anything_at_first_and_the_first_who_asks_is_told_apart(demand: RenditionDemand) -> None:
    assert demand.wanted(0.0) == frozenset()
    assert demand.enter(LOW)
    assert not demand.enter(LOW)
    assert demand.wanted(0.0) == {LOW}


def test_what_may_not_sleep_is_nobodys_wish(demand: RenditionDemand) -> None:
    assert not demand.enter("video")
    demand.leave("video", 1.0, 7)
    assert demand.wanted(1.0) == frozenset()


def test_a_request_that_is_held_is_a_wish_however_long_it_takes(demand: RenditionDemand) -> None:
    demand.enter(LOW)
    fetch(demand, 5.0)
    assert demand.wanted(5.0 + 10 * IDLE_CLOSE_S) == {LOW}


@pytest.mark.parametrize("segments", [[], [7], [7, 7, 7]])
def test_who_only_looks_is_waited_for_shortly(demand: RenditionDemand, segments: list[int]) -> None:
    fetch(demand, 0.0)
    for msn in segments:
        fetch(demand, 1.0, msn)
    last_s = 1.0 if segments else 0.0
    assert demand.wanted(last_s + PROBE_CLOSE_S - 0.1) == {LOW}
    assert demand.wanted(last_s + PROBE_CLOSE_S) == frozenset()
    assert demand.enter(LOW), "then it is asked for anew"


def test_what_was_watched_stays_as_long_as_a_camera_that_was(demand: RenditionDemand) -> None:
    for msn in (7, 8, 9):
        fetch(demand, 1.0, msn)
    fetch(demand, 2.0, name=MIDDLE)
    assert demand.wanted(2.0 + PROBE_CLOSE_S) == {LOW}
    assert demand.wanted(1.0 + IDLE_CLOSE_S - 0.1) == {LOW}
    assert demand.wanted(1.0 + IDLE_CLOSE_S) == frozenset()
    fetch(demand, 50.0, 30)
    assert demand.wanted(50.0 + PROBE_CLOSE_S) == frozenset(), "what was watched before it slept counts no more"


def test_nobody_who_only_looks_is_waited_for_longer_than_who_watched() -> None:
    demand = RenditionDemand(7.0)
    demand.offer([LOW])
    fetch(demand, 0.0)
    assert demand.wanted(6.9) == {LOW}
    assert demand.wanted(7.0) == frozenset()


@pytest.mark.parametrize("segments", [[], [7, 8, 9]])
def test_nothing_sleeps_before_who_asked_for_it_can_have_changed_to_it(segments: list[int]) -> None:
    demand = RenditionDemand(1.0)
    demand.offer([LOW])
    for msn in segments:
        fetch(demand, 0.0, msn)
    fetch(demand, 0.0)
    assert demand.wanted(LEAST_CLOSE_S - 0.1) == {LOW}
    assert demand.wanted(LEAST_CLOSE_S) == frozenset()


def test_another_ladder_has_other_rungs(demand: RenditionDemand) -> None:
    demand.enter(LOW)
    demand.enter(MIDDLE)
    demand.offer([MIDDLE])
    assert demand.wanted(0.0) == {MIDDLE}
    demand.leave(LOW, 1.0, 7)
    demand.offer([LOW, MIDDLE])
    demand.enter(LOW)
    assert demand.wanted(99.0) == {LOW, MIDDLE}


@given(st.lists(st.tuples(st.sampled_from([LOW, MIDDLE]), st.booleans(), st.integers(1, 20)), max_size=40))
def test_whoever_is_there_is_never_put_to_sleep(steps: list[tuple[str, bool, int]]) -> None:
    demand = RenditionDemand(IDLE_CLOSE_S)
    demand.offer([LOW, MIDDLE])
    there = {LOW: 0, MIDDLE: 0}
    now_s = 0.0
    for name, comes, later_s in steps:
        now_s += later_s
        if comes:
            there[name] += 1
            demand.enter(name)
        elif there[name]:
            there[name] -= 1
            demand.leave(name, now_s, int(now_s))
        assert {one for one, count in there.items() if count} <= demand.wanted(now_s)
    assert demand.wanted(now_s + IDLE_CLOSE_S) == {one for one, count in there.items() if count}
