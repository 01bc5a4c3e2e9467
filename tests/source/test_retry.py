from __future__ import annotations

import random

import pytest

from relay.errors import (
    SourceAuthError,
    SourceEndedError,
    SourceError,
    SourceFaultyError,
    SourceNotFoundError,
    SourceStalledError,
    SourceUnreachableError,
)
from relay.source.retry import HEALTHY_AFTER_S, JITTER, MAX_DELAY_S, Backoff


class Middle(random.Random):
    """No jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_a_camera_that_is_off_is_asked_every_second() -> None:
    backoff = Backoff(Middle())
    assert [backoff.delay_s(SourceUnreachableError("off"), 0) for _ in range(5)] == [1.0] * 5


@pytest.mark.parametrize(
    "leaf", [SourceAuthError, SourceFaultyError, SourceEndedError, SourceStalledError, SourceNotFoundError]
)
def test_one_that_accepts_and_fails_is_asked_ever_less(leaf: type[SourceError]) -> None:
    backoff = Backoff(Middle())
    assert [backoff.delay_s(leaf("no"), 0) for _ in range(6)] == [1, 2, 4, 8, MAX_DELAY_S, MAX_DELAY_S]


def test_after_a_good_connection_it_begins_anew() -> None:
    backoff = Backoff(Middle())
    for _ in range(4):
        backoff.delay_s(SourceEndedError("x"), 0)
    assert backoff.delay_s(SourceEndedError("x"), HEALTHY_AFTER_S) == 1


def test_nobody_waits_for_longer_than_it_had_worked() -> None:
    backoff = Backoff(Middle())
    assert [backoff.delay_s(SourceEndedError("x"), 3.0) for _ in range(5)] == [1, 2, 3, 3, 3]
    assert backoff.delay_s(SourceEndedError("x"), 0.1) == 1
    assert backoff.delay_s(SourceEndedError("x"), 0.0) == MAX_DELAY_S


def test_a_camera_that_restarts_is_met_at_once() -> None:
    backoff = Backoff(Middle())
    for _ in range(4):
        backoff.delay_s(SourceAuthError("x"), 0)
    backoff.delay_s(SourceUnreachableError("off"), 0)
    assert backoff.delay_s(SourceAuthError("x"), 0) == 1


def test_weeks_of_failures_do_not_overflow() -> None:
    backoff = Backoff()
    delays = [backoff.delay_s(SourceAuthError("no"), 0) for _ in range(2000)]
    assert max(delays) <= MAX_DELAY_S * (1 + JITTER)
    assert min(delays) >= 1 - JITTER
    assert len(set(delays)) > 1900
