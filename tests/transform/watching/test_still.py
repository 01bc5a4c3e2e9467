"""A picture that repeats is frozen; one in which nothing happens is not, as long as its sensor makes any noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from fixtures.scenes import Mover, Scene, Trouble
from fixtures.scoring import spans
from fixtures.watching import flat, later, of, told, watch

SCENE: Final = Scene(30, noise=1.5, width=320, height=180, rate=5, troubles=(Trouble("frozen", (5.0, 22.0)),))


@pytest.mark.parametrize("width", [320, 640])
def test_a_freeze_begins_and_ends(width: int) -> None:
    events = watch("frozen", of(replace(SCENE, width=width)))
    assert spans(events, "frozen", 30) == [(pytest.approx(5, abs=0.5), pytest.approx(22, abs=0.5))]
    begin, end = told(events, "frozen")
    assert begin.keys() == end.keys() == {"phase", "lasted_s", "ago_s", "difference"}
    assert begin["lasted_s"] == pytest.approx(10, abs=0.3)
    assert (begin["difference"], end["difference"] > 0.5) == (0, True)


def test_a_short_freeze_is_none() -> None:
    assert watch("frozen", of(replace(SCENE, troubles=(Trouble("frozen", (5.0, 12.0)),)))) == []


@pytest.mark.parametrize(
    "scene",
    [
        replace(SCENE, troubles=()),
        replace(SCENE, troubles=(), noise=0.0, movers=(Mover(0, 30, (0.1, 0.5), (0.9, 0.5), (0.02, 0.06)),)),
        replace(SCENE, troubles=(), noise=0.0, light=lambda time_s: 1 - time_s / 60),
    ],
    ids=["noise alone", "something small that moves", "dusk"],
)
def test_a_place_where_nothing_happens_is_not_frozen(scene: Scene) -> None:
    assert watch("frozen", of(scene)) == []


def test_a_little_noise_of_coding_does_not_hide_a_freeze_and_without_tolerance_it_does() -> None:
    rng = np.random.default_rng(3)
    pictures = list(flat([90] * 60, rate=5))
    for picture in pictures:
        picture.i420[:48] += (rng.random((48, 64)) < 0.1).astype(np.uint8)
    assert len(watch("frozen", pictures)) == 1
    assert watch("frozen tolerance=0", pictures) == []
    assert len(watch("frozen tolerance=0", flat([90] * 60, rate=5))) == 1


def test_a_clock_in_the_picture_counts_unless_it_is_excluded() -> None:
    pictures = list(flat([90] * 60, rate=5, width=320, height=180))
    for n, picture in enumerate(pictures):
        picture.i420[8:20, 8 + n // 5 % 4 * 10 : 16 + n // 5 % 4 * 10] = 200
    assert watch("frozen", pictures) == []
    assert len(watch('frozen "exclude=0,0 0.4,0 0.4,0.2 0,0.2"', pictures)) == 1


def test_pictures_that_do_not_come_are_not_frozen() -> None:
    before = list(flat([90] * 25, rate=5))
    assert watch("frozen", [*before, *later(flat([90] * 25, rate=5), 60)]) == []


def test_another_size_is_another_picture() -> None:
    events = watch("frozen", [*flat([90] * 60, rate=5), *later(flat([90] * 10, rate=5, width=320), 12)])
    assert [event.data["phase"] for event in events] == ["begin", "end"]
