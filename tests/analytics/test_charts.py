from __future__ import annotations

import pytest

from relay.analytics.charts import Label, area, bars, box, ceiling, curve, plot, upward


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (-3, 1), (0.4, 1), (1, 1), (3, 4), (5, 8), (9, 10), (38, 40), (41, 80), (1000, 1000)]
)
def test_an_axis_ends_with_a_round_number(most: float, top: float) -> None:
    assert ceiling(most) == top


def test_four_steps_divide_an_axis() -> None:
    assert [(label.at, label.text) for label in upward(40)] == [
        (100, "0"),
        (75, "10"),
        (50, "20"),
        (25, "30"),
        (0, "40"),
    ]
    assert [label.text for label in upward(1)] == ["0", "1"]
    assert [label.text for label in upward(100, " %")][-1] == "100 %"


def test_nothing_draws_nothing() -> None:
    assert curve([]) == area([]) == bars([], [], 1) == ""


def test_a_curve_and_the_area_below_it() -> None:
    assert curve([(0, 100), (50, 33.333)]) == '<polyline class="line" points="0,100 50,33.33"/>'
    assert 'points="0,100 0,100 50,33.33 50,100"' in area([(0, 100), (50, 33.333)])


def test_bars_stand_on_the_ground() -> None:
    drawn = bars([1, 4], ["one", "four"], 4)
    assert 'x="3" y="75" width="44" height="25"' in drawn
    assert 'x="53" y="0" width="44" height="100"' in drawn


def test_texts_are_escaped_everywhere() -> None:
    evil = '"><script>'
    for drawn in (box(0, 0, 1, 1, "bar", evil), plot("", evil, [Label(0, evil)], [Label(0, evil)])):
        assert "<script>" not in drawn
        assert "&quot;&gt;&lt;script&gt;" in drawn


def test_labels_at_the_edges_stay_inside_and_minor_ones_may_go() -> None:
    drawn = plot("", "words", along=[Label(0, "a"), Label(50, "b", is_minor=True), Label(100, "c")])
    for kind in ("along first", "along minor", "along last"):
        assert f'class="{kind}"' in drawn
