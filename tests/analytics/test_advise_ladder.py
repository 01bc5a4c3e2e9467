from __future__ import annotations

from itertools import combinations

import pytest

from relay.analytics.advise_ladder import best_ladder, ladder_effect

TWO_KINDS = [(1000.0, 1.0)] * 50 + [(10_000.0, 1.0)] * 50


def test_what_fits_has_a_margin_and_what_starves_is_counted() -> None:
    found = ladder_effect([(1250, 3.0), (1249, 1.0)], (1000,))
    assert found.starved == 0.25
    assert found.bitrate_kbps == 1000
    assert ladder_effect([(10_000, 1.0)], (500, 2000)).bitrate_kbps == 2000


def test_two_kinds_of_viewers_get_a_rung_each() -> None:
    assert best_ladder(TWO_KINDS, (3000, 8000)) == (800, 8000)


def test_a_rung_more_is_proposed_where_it_is_worth_it() -> None:
    assert best_ladder(TWO_KINDS, (8000,)) == (800, 8000)
    assert best_ladder([(10_000.0, 1.0)] * 9, (8000,)) == (8000,)


def test_the_highest_is_never_above_that_of_today() -> None:
    assert max(best_ladder([(50_000.0, 1.0)] * 9, (3000, 6000))) == 6000


def test_the_lowest_is_no_lower_than_a_picture_needs() -> None:
    assert min(best_ladder([(50.0, 1.0)] * 9 + TWO_KINDS, (3000, 8000))) == 200


def test_six_rungs_are_enough() -> None:
    spread = [(500.0 * step, 1.0) for step in range(1, 60)]
    assert len(best_ladder(spread, (500, 1000, 2000, 3000, 5000, 8000))) == 6


@pytest.mark.parametrize("count", [2, 3])
def test_no_other_ladder_of_its_candidates_is_better(count: int) -> None:
    weights = [(300.0 + 370 * step, 1.0 + step % 3) for step in range(30)]
    best = best_ladder(weights, (400, 2000, 8000)[-count:])
    assert len(best) in {count, count + 1}
    worth = ladder_effect(weights, best).utility
    rates = range(best[0] + 50, 8001, 350)
    for others in combinations(rates, len(best) - 1):
        assert ladder_effect(weights, (best[0], *others)).utility <= worth + 0.02
