"""Backoff is for cameras and user code: one failure costs nothing, repeated ones hold the source longer and longer."""

from relay.supervisor.restart import FORGET_AFTER_NS, MAX_HOLD_S, RestartState
from relay.timeline import NS_PER_S


def test_the_first_failure_is_forgiven() -> None:
    assert RestartState().failed(0).hold_source_s == 0


def test_repeated_failures_hold_the_source_longer_up_to_a_bound() -> None:
    state, holds = RestartState(), []
    for second in range(8):
        state = state.failed(second * NS_PER_S)
        holds.append(state.hold_source_s)
    assert holds == [0, 1, 2, 4, 8, MAX_HOLD_S, MAX_HOLD_S, MAX_HOLD_S]


def test_a_minute_of_health_is_a_fresh_start() -> None:
    state = RestartState().failed(0).failed(NS_PER_S)
    assert state.failed(NS_PER_S + FORGET_AFTER_NS).hold_source_s == 2
    assert state.failed(NS_PER_S + FORGET_AFTER_NS + 1).hold_source_s == 0
