"""Background is what has looked the same for long enough; what moves, comes or was just uncovered is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.hidden import HEIGHT, RATE, SIDE, START_NS, WIDTH, background, scene
from relay.pixels import split
from relay.transform.privacy.background import Background

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.model import Picture

SETTLE_S = 2.0
CELL = 4
"""Pixels of the scene in a cell."""


@pytest.fixture
def watched() -> Background:
    return Background(SETTLE_S, tolerance=10)


def see(
    watched: Background, picture: Picture, time_s: float, people: list[NDArray[np.float32]] | None = None
) -> NDArray[np.uint8]:
    return watched.see(split(picture.i420).y, START_NS + round(time_s * 1e9), people or []).copy()


def settle(watched: Background, picture: Picture, until_s: float, from_s: float = 0.0) -> NDArray[np.uint8]:
    frames = np.arange(round(from_s * RATE), round(until_s * RATE) + 1)
    return [see(watched, picture, frame / RATE) for frame in frames][-1]


def part(mask: NDArray[np.uint8], x: int, y: int, side: int = SIDE) -> NDArray[np.uint8]:
    return mask[y // CELL : (y + side) // CELL, x // CELL : (x + side) // CELL]


def test_nothing_is_background_at_first_and_all_that_stands_still_is_in_the_end(watched: Background) -> None:
    assert (settle(watched, background(), SETTLE_S - 0.1) == 255).all()
    assert (settle(watched, background(), SETTLE_S + 0.1, SETTLE_S - 0.05) == 0).all()


def test_what_comes_is_none_and_neither_is_what_it_leaves_until_it_has_settled(watched: Background) -> None:
    settle(watched, background(), 3)
    come = see(watched, scene(0, (96, 64)), 3.1)
    assert (part(come, 96, 64) == 255).all()
    assert (come[:, 50:] == 0).all()
    left = see(watched, background(), 3.2)
    assert (part(left, 96, 64) == 255).all()
    assert (settle(watched, background(), 5.0, 3.3) == 255).any()
    assert (settle(watched, background(), 5.4, 5.05) == 0).all()


def test_who_is_found_there_is_none_however_still(watched: Background) -> None:
    corners = np.array([[0.3, 0.3], [0.3, 0.7], [0.4, 0.7], [0.4, 0.3]], np.float32)
    mask = [see(watched, background(), frame / RATE, [corners]) for frame in range(10 * RATE)][-1]
    middle = mask[int(0.3 * mask.shape[0]) : int(0.7 * mask.shape[0]), int(0.3 * 80) : int(0.4 * 80)]
    assert (middle == 255).all()
    assert (mask[:, 50:] == 0).all()
    assert (settle(watched, background(), 12.5, 10) == 0).all()


def darker(levels: float, noise: NDArray[np.float64] | float) -> Picture:
    picture = background()
    y = split(picture.i420).y
    y[:] = np.clip(y.astype(float) - levels + noise, 16, 235)
    return picture


def test_noise_is_no_change(watched: Background) -> None:
    rng = np.random.default_rng(3)
    mask = np.zeros((0, 0), np.uint8)
    for frame in range(round((SETTLE_S + 1) * RATE)):
        mask = see(watched, darker(0, rng.normal(0, 5, (HEIGHT, WIDTH))), frame / RATE)
    assert (mask == 0).all()


@pytest.mark.parametrize(("levels_per_s", "is_background"), [(0.2, True), (2.0, False)], ids=["evening", "dimmer"])
def test_light_that_goes_slowly_is_no_change(watched: Background, levels_per_s: float, is_background: bool) -> None:
    times = np.arange(0, 30 / levels_per_s, 0.5)
    masks = [see(watched, darker(levels_per_s * time_s, 0), time_s) for time_s in times]
    assert (masks[-1] == 0).all() == is_background


def test_a_light_that_goes_on_makes_all_unsure(watched: Background) -> None:
    settle(watched, background(), 3)
    bright = background()
    split(bright.i420).y[:] += 40
    assert (see(watched, bright, 3.1) == 255).all()


def test_a_hole_in_time_does_not_count_as_calm(watched: Background) -> None:
    settle(watched, background(), 1)
    assert (see(watched, background(), 60) == 255).all()
    assert (see(watched, background(), 59) == 255).all()


def test_another_size_begins_again(watched: Background) -> None:
    settle(watched, background(), 3)
    assert (see(watched, background(WIDTH // 2, HEIGHT), 3.1) == 255).all()


@pytest.mark.parametrize(("width", "height"), [(2, 2), (64, 4000), (4000, 2), (160, 90)])
def test_any_size_has_a_grid(watched: Background, width: int, height: int) -> None:
    mask = watched.see(np.zeros((height, width), np.uint8), START_NS, [])
    assert mask.shape[1] == max(1, min(160, width // CELL))
    assert mask.shape[0] >= 1
