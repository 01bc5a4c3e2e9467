"""A burst is worked off, a lack of speed is not queued, and every drop is counted."""

from __future__ import annotations

import threading

from relay.worker.handoff import BURST, Handoff


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_what_is_put_comes_out_in_order() -> None:
    handoff: Handoff[int] = Handoff(period_s=0.04)
    for n in range(3):
        handoff.put(n)
    assert [handoff.take(0), handoff.take(0), handoff.take(0), handoff.take(0)] == [0, 1, 2, None]
    assert handoff.dropped == 0


def test_a_burst_beyond_the_bound_drops_the_oldest() -> None:
    handoff: Handoff[int] = Handoff(period_s=0.04)
    for n in range(BURST + 2):
        handoff.put(n)
    assert handoff.dropped == 2
    assert handoff.take(0) == 2


def test_for_a_consumer_that_is_too_slow_only_the_newest_waits() -> None:
    clock = Clock()
    handoff: Handoff[int] = Handoff(period_s=0.04, clock=clock)
    for n in range(40):
        handoff.put(n)
        assert handoff.take(0) is not None
        clock.now_s += 0.06
    handoff.take(0)
    for n in range(3):
        handoff.put(n)
    assert handoff.take(0) == 2
    assert handoff.dropped == 2


def test_waiting_for_work_is_not_being_busy() -> None:
    clock = Clock()
    handoff: Handoff[int] = Handoff(period_s=0.04, clock=clock)
    for n in range(40):
        handoff.put(n)
        handoff.take(0)
        clock.now_s += 0.01
        assert handoff.take(0) is None
        clock.now_s += 1
    for n in range(3):
        handoff.put(n)
    assert handoff.take(0) == 0


def test_closing_wakes_whoever_waits() -> None:
    handoff: Handoff[int] = Handoff(period_s=0.04)
    taken: list[int | None] = []
    thread = threading.Thread(target=lambda: taken.append(handoff.take(30)))
    thread.start()
    handoff.close()
    thread.join(timeout=5)
    assert taken == [None]


def test_after_the_end_what_waits_can_be_taken_and_nobody_waits_for_more() -> None:
    handoff: Handoff[int] = Handoff(period_s=0.04)
    handoff.put(1)
    handoff.close()
    assert [handoff.take(30), handoff.take(30), handoff.take(30)] == [1, None, None]
    for n in range(BURST + 1):
        handoff.put(n)
    assert (handoff.take(30), handoff.dropped) == (1, 1)
