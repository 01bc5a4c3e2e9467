"""A cut is told once, at its time; what moves, shines or fades is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from fixtures.scenes import BEGAN_NS, Lamp, Mover, Scene, Trouble
from fixtures.watching import flat, later, of, told, watch
from relay.timeline import NS_PER_S

SCENE: Final = Scene(8, (Mover(1, 6, (-0.1, 0.5), (1.1, 0.5), (0.3, 0.6)),), width=320, height=180, rate=20)
OTHER: Final = Trouble("cut", (4.0, 9.0))


def test_a_cut_is_told_once_with_its_time() -> None:
    events = watch("scene-change", of(replace(SCENE, troubles=(OTHER,))))
    assert [event.kind for event in events] == ["scene-change"]
    data = events[0].data
    assert data.keys() == {"phase", "lasted_s", "ago_s", "score", "difference"}
    assert (data["phase"], data["lasted_s"]) == ("at", 0)
    assert events[0].time_ns - data["ago_s"] * NS_PER_S == pytest.approx(BEGAN_NS + 4 * NS_PER_S, abs=NS_PER_S / 100)
    assert 0.2 <= data["ago_s"] <= 0.3
    assert 0.4 < data["score"] <= 1
    assert 10 < data["difference"] < 100


def test_two_cuts_are_two() -> None:
    there_and_back = replace(SCENE, troubles=(Trouble("cut", (3.0, 5.0)),))
    assert len(told(watch("scene-change", of(there_and_back)), "scene-change")) == 2


@pytest.mark.parametrize("rate", [2.0, 60.0])
def test_a_cut_is_told_at_any_rate(rate: float) -> None:
    events = watch("scene-change", of(replace(SCENE, rate=rate, troubles=(OTHER,))))
    assert len(told(events, "scene-change")) == 1


@pytest.mark.parametrize(
    "scene",
    [
        SCENE,
        replace(SCENE, noise=10.0, rain=200),
        replace(SCENE, light=lambda time_s: 1.6 if time_s >= 4 else 1.0),
        replace(SCENE, lamps=(Lamp((4.0, 9.0)),)),
        replace(SCENE, light=lambda time_s: 2.0 if 4 <= time_s < 4.1 else 1.0),
        replace(SCENE, troubles=(Trouble("frozen", (2.0, 6.0)),)),
        replace(SCENE, troubles=(Trouble("black", (4.0, 4.1)),)),
        replace(SCENE, movers=tuple(Mover(n / 2, n / 2 + 0.5, (-0.2, 0.5), (1.2, 0.5), (0.3, 0.9)) for n in range(16))),
    ],
    ids=["a walker", "noise and rain", "a light", "a lamp", "a flash", "a freeze", "a dropout", "lorries"],
)
def test_what_is_no_cut_is_not_told(scene: Scene) -> None:
    assert watch("scene-change", of(scene)) == []


def test_between_two_plain_pictures_brightness_makes_a_cut_only_with_a_place_in_one_of_them() -> None:
    assert watch("scene-change", flat([30] * 20 + [200] * 20)) == []
    place = list(of(replace(SCENE, seconds=2, rate=10, width=64, height=48)))
    assert len(told(watch("scene-change", [*flat([30] * 20), *later(place, 2)]), "scene-change")) == 1
    assert len(told(watch("scene-change", [*place, *later(flat([30] * 20), 2)]), "scene-change")) == 1


def test_neither_a_hole_nor_another_size_is_a_cut() -> None:
    before = list(of(replace(SCENE, seconds=2)))
    behind = list(of(replace(SCENE, seconds=2, seed=8)))
    assert watch("scene-change", [*before, *later(behind, 30)]) == []
    assert watch("scene-change", [*before, *later(of(replace(SCENE, seconds=2, seed=8, width=640)), 2)]) == []


def test_the_threshold_is_the_least_change_of_a_cut() -> None:
    scene = replace(SCENE, troubles=(OTHER,))
    change = told(watch("scene-change", of(scene)), "scene-change")[0]["difference"]
    assert watch(f"scene-change threshold={change + 3}", of(scene)) == []
    assert len(watch(f"scene-change threshold={change - 3}", of(scene))) == 1


def test_in_a_picture_that_shakes_more_is_asked_of_a_cut() -> None:
    rng = np.random.default_rng(1)
    still = of(replace(SCENE, movers=()))
    shaking = [np.roll(picture.i420[:180], rng.integers(-30, 30, 2), (0, 1)) for picture in still]
    pictures = list(of(SCENE))
    for picture, luma in zip(pictures, shaking, strict=True):
        picture.i420[:180] = luma
    assert watch("scene-change", pictures) == []
