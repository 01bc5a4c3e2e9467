"""A camera that is covered or out of focus has lost its detail; one that looks into the dusk has not."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
import pytest

from fixtures.scenes import Lamp, Mover, Scene, Trouble
from fixtures.scoring import spans
from fixtures.watching import flat, of, told, watch

HAND: Final = Trouble("covered", (10.0, 18.0))
SCENE: Final = Scene(25, (Mover(3, 9, (-0.1, 0.5), (1.1, 0.5)),), width=320, height=180, rate=5, troubles=(HAND,))


@pytest.mark.parametrize("noise", [1.0, 6.0])
def test_a_cover_begins_and_ends(noise: float) -> None:
    events = watch("covered", of(replace(SCENE, noise=noise)))
    assert spans(events, "covered", 25) == [(pytest.approx(10, abs=0.5), pytest.approx(18, abs=0.5))]
    begin, end = told(events, "covered")
    assert begin.keys() == end.keys() == {"phase", "lasted_s", "ago_s", "lost"}
    assert begin["lost"] >= 0.8 > end["lost"]


def test_a_bright_blur_is_a_cover_too() -> None:
    pictures = list(of(replace(SCENE, troubles=())))
    for picture in pictures[60:]:
        luma = picture.i420[:180]
        cv2.GaussianBlur(luma, (0, 0), 12, dst=luma)
    assert [data["phase"] for data in told(watch("covered", pictures), "covered")] == ["begin"]


def test_black_is_covered() -> None:
    assert len(watch("covered", of(replace(SCENE, troubles=(Trouble("black", (10.0, 18.0)),))))) == 2


@pytest.mark.parametrize(
    "scene",
    [
        replace(SCENE, noise=6.0, rain=100),
        replace(SCENE, light=lambda time_s: 0.35 if time_s >= 10 else 1.0),
        replace(SCENE, lamps=(Lamp((10.0, 20.0)),)),
        replace(SCENE, movers=(Mover(5, 20, (-0.4, 0.5), (1.4, 0.5), (0.7, 1.2), stripes=0),)),
        replace(SCENE, contrast=0.0),
    ],
    ids=["noise and rain", "a light that goes out", "a lamp", "a lorry", "a view without detail"],
)
def test_what_is_no_cover_is_not_told(scene: Scene) -> None:
    assert watch("covered", of(replace(scene, troubles=()))) == []


def test_a_hand_that_passes_is_no_cover() -> None:
    assert watch("covered", of(replace(SCENE, troubles=(Trouble("covered", (10.0, 11.0)),)))) == []


def test_what_is_lost_slowly_is_the_look_of_the_place() -> None:
    pictures = list(of(replace(SCENE, seconds=100, rate=2, troubles=(), movers=())))
    for n, picture in enumerate(pictures):
        luma = picture.i420[:180]
        grey = np.full_like(luma, 120)
        cv2.addWeighted(luma, 1 - 0.7 * n / len(pictures), grey, 0.7 * n / len(pictures), 0, dst=luma)
    assert watch("covered", pictures) == []


@pytest.mark.parametrize(("width", "height"), [(2, 2), (16, 400)])
def test_any_size_will_do(width: int, height: int) -> None:
    assert watch("covered", flat([50, 200] * 20, width=width, height=height)) == []
