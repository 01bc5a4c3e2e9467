"""A chain that is too slow lets those rest that may, as little as is needed; and a hiccup changes nothing."""

from __future__ import annotations

import math

import pytest

from relay.transform.budget import LOOK_EVERY, MOST_EVERY, WARM_UP, Budget, Mean

PERIOD_S = 0.1


def run(budget: Budget, frames: int, *costs_s: float, first: int = 0) -> None:
    """So many frames, of which link n takes `costs_s[n]` where it works."""
    for frame in range(first, first + frames):
        for index, cost_s in enumerate(costs_s):
            if budget.works(index, frame):
                budget.note(index, cost_s, PERIOD_S)
        budget.look(PERIOD_S)


@pytest.mark.parametrize(
    ("works_s", "rests_s", "every"),
    [(0.05, 0.04, 1), (0.05, 0.09, 2), (0.05, 0.14, 3), (0.05, 0.19, 4), (0.095, 0.09, MOST_EVERY)],
)
def test_they_rest_as_little_as_is_needed(works_s: float, rests_s: float, every: int) -> None:
    budget = Budget([False, True])
    run(budget, 10 * LOOK_EVERY, works_s, rests_s)
    assert budget.every == every
    assert budget.is_over is (budget.cost_s(every) > PERIOD_S)


def test_where_nothing_may_rest_it_is_only_said() -> None:
    budget = Budget([False, False])
    run(budget, 60, 0.08, 0.08)
    assert (budget.every, budget.is_over) == (1, True)
    assert budget.cost_s(1) == pytest.approx(0.16)


def test_it_goes_back_step_by_step_and_only_where_there_is_room() -> None:
    budget = Budget([False, True])
    run(budget, 60, 0.05, 0.14)
    assert budget.every == 3
    run(budget, 60, 0.05, 0.09)  # each second one would take 0.095, which is enough by a hair
    assert budget.every == 3
    seen = []
    for _ in range(20):
        run(budget, LOOK_EVERY, 0.05, 0.01)
        seen.append(budget.every)
    assert sorted(set(seen), reverse=True) == [3, 2, 1]
    assert sorted(seen, reverse=True) == seen


def test_what_it_says_does_not_flutter() -> None:
    budget = Budget([False])
    for cost_s, is_over in ((0.09, False), (0.11, True), (0.095, True), (0.07, False), (0.095, False)):
        run(budget, 10 * LOOK_EVERY, cost_s)
        assert budget.is_over is is_over


def test_a_slow_beginning_and_a_machine_that_stood_still_change_nothing() -> None:
    budget = Budget([False, True])
    run(budget, 1, 5.0, 5.0)
    run(budget, WARM_UP + LOOK_EVERY, 0.02, 0.02)
    assert (budget.every, budget.is_over) == (1, False)
    run(budget, 1, 60.0, 0.02)
    run(budget, 5 * LOOK_EVERY, 0.02, 0.02)
    assert (budget.every, budget.is_over) == (1, False)


def test_those_that_rest_do_not_all_work_on_the_same_frame() -> None:
    budget = Budget([True, True, True, False])
    budget.every = 3
    at_work = [[index for index in range(4) if budget.works(index, frame)] for frame in range(3)]
    assert at_work == [[0, 3], [2, 3], [1, 3]]


def test_without_hurry_nothing_rests() -> None:
    budget = Budget([True])
    for _ in range(100):
        budget.note(0, 60.0, math.inf)
        budget.look(math.inf)
    assert (budget.every, budget.is_over) == (1, False)


def test_a_mean_of_the_first_values_and_then_of_the_last() -> None:
    mean = Mean()
    for value in (1.0, 2.0, 3.0):
        mean.add(value)
    assert mean.value == 2
    for _ in range(400):
        mean.add(7.0)
    assert mean.value == pytest.approx(7)
