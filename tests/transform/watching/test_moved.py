"""A camera that is turned is noticed, and by how much; what happens before it is not taken for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from fixtures.scenes import Lamp, Mover, Scene, Trouble
from fixtures.scoring import spans
from fixtures.watching import flat, later, of, told, watch

AWAY: Final = (12.0, 24.0)
SCENE: Final = Scene(35, (Mover(3, 9, (-0.1, 0.5), (1.1, 0.5)),), width=320, height=180, rate=4)


def turned(x: float, y: float) -> Scene:
    return replace(SCENE, troubles=(Trouble("moved", AWAY, (x, y)),))


@pytest.mark.parametrize("shift", [(0.05, 0.0), (-0.1, 0.04), (0.0, -0.08), (0.2, 0.15)])
def test_a_turn_begins_and_ends_and_says_by_how_much(shift: tuple[float, float]) -> None:
    events = watch("moved", of(turned(*shift)))
    assert spans(events, "moved", 35) == [(pytest.approx(12, abs=0.6), pytest.approx(24, abs=0.6))]
    begin, end = told(events, "moved")
    assert begin.keys() == {"phase", "lasted_s", "ago_s", "shift", "likeness"}
    assert end.keys() == {*begin.keys(), "is_back"}
    assert begin["shift"] == pytest.approx(shift, abs=0.015)
    assert end["shift"] == pytest.approx((0, 0), abs=0.01)
    assert end["is_back"] is True
    assert begin["likeness"] < end["likeness"]


def test_another_place_has_no_shift() -> None:
    begin, end = told(watch("moved", of(replace(SCENE, troubles=(Trouble("cut", AWAY),)))), "moved")
    assert (begin["shift"], end["is_back"]) == (None, True)


def test_a_new_view_is_the_usual_one_after_a_while() -> None:
    begin, end = told(watch("moved settle_s=8", of(turned(0.1, 0.0))), "moved")[:2]
    assert (begin["phase"], end["phase"], end["is_back"]) == ("begin", "end", False)
    assert end["lasted_s"] == pytest.approx(8, abs=1.1)


def test_a_tremble_is_no_turn_and_how_far_is_far_can_be_said() -> None:
    assert watch("moved", of(turned(0.0125, 0.0))) == []
    assert len(watch("moved shift=0.01", of(turned(0.0125, 0.0)))) == 2
    assert watch("moved shift=0.2", of(turned(0.1, 0.0))) == []


@pytest.mark.parametrize(
    "scene",
    [
        replace(SCENE, noise=6.0, rain=100),
        replace(SCENE, light=lambda time_s: 0.4 if 12 <= time_s < 24 else 1.0),
        replace(SCENE, lamps=(Lamp(AWAY),)),
        replace(SCENE, movers=(Mover(10, 30, (-0.4, 0.5), (1.4, 0.5), (0.6, 0.9)),)),
        replace(SCENE, troubles=(Trouble("covered", AWAY),)),
        replace(SCENE, troubles=(Trouble("black", AWAY),)),
        replace(SCENE, contrast=0.0),
    ],
    ids=["noise and rain", "a light", "a lamp", "a lorry", "a cover", "black", "a view without detail"],
)
def test_what_is_no_turn_is_not_told(scene: Scene) -> None:
    assert watch("moved", of(scene)) == []


def test_who_is_turned_behind_a_cover_is_found_out_when_it_is_gone() -> None:
    both = replace(SCENE, troubles=(Trouble("covered", (12.0, 18.0)), Trouble("moved", (15.0, 30.0), (0.1, 0.0))))
    assert spans(watch("moved", of(both)), "moved", 35) == [(pytest.approx(18, abs=0.6), pytest.approx(30, abs=0.6))]


def test_who_is_turned_while_nobody_looks_is_found_out() -> None:
    before = replace(SCENE, seconds=10)
    after = replace(before, troubles=(Trouble("moved", (0, 10), (0.1, 0)),))
    assert len(watch("moved", [*of(before), *later(of(after), 3600)])) == 1


@pytest.mark.parametrize(("width", "height"), [(2, 2), (16, 400)])
def test_any_size_will_do(width: int, height: int) -> None:
    assert watch("moved", flat([50, 200] * 20, width=width, height=height)) == []
