"""Noise falls against the clean scene, edges stay, and what has moved away leaves no ghost."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from fixtures.transforms import applied, moment, noisy, plain, psnr, scene
from relay.pixels import I420, split
from relay.transform.correction.denoise import Denoise

NOISE = 6.0


def test_what_stands_still_comes_out_of_the_noise() -> None:
    clean = scene()
    pictures = [moment(noisy(clean, NOISE, number), number) for number in range(25)]
    after = applied(Denoise(strength=NOISE), *pictures)[-1]
    for plane, before, wanted in zip(split(after.i420), split(pictures[-1].i420), split(clean), strict=True):
        assert psnr(plane, wanted) > psnr(before, wanted) + 6


def moving(number: int) -> I420:
    """A bright square on a grey wall, that goes 6 pixels further each time."""
    wall = plain(320, 180, (90, 120, 135))
    x = 10 + 6 * number
    for plane, level, divisor in zip(split(wall), (200, 150, 100), (1, 2, 2), strict=True):
        plane[60 // divisor : 120 // divisor, x // divisor : (x + 40) // divisor] = level
    return wall


def test_what_moves_leaves_no_ghost_and_is_not_smeared() -> None:
    pictures = [moment(noisy(moving(number), 4, number), number) for number in range(30)]
    after = split(applied(Denoise(strength=4), *pictures)[-1].i420)
    clean = split(moving(29))
    left_behind = slice(60, 120), slice(10, 170)
    assert abs(float(after.y[left_behind].mean()) - 90) < 1
    assert np.abs(after.y[left_behind].astype(int) - 90).max() <= 20
    square = slice(66, 114), slice(190, 218)
    assert abs(float(after.y[square].mean()) - 200) < 2
    assert abs(float(after.u[33:57, 95:109].mean()) - 150) < 2
    assert np.mean(np.abs(after.y.astype(int) - clean.y) > 25) < 0.002


def test_another_scene_and_another_size_are_shown_at_once() -> None:
    first, second, small = scene(seed=1), scene(seed=2), scene(160, 90, seed=3)
    pictures = [*(moment(first, number) for number in range(5)), moment(second, 5), moment(small, 6)]
    after = applied(Denoise(strength=4), *pictures)
    assert psnr(split(after[5].i420).y, split(second).y) > 34
    np.testing.assert_array_equal(after[6].i420, small)


def test_light_that_changes_slowly_is_followed() -> None:
    pictures = [moment(plain(64, 48, (60 + number, 128, 128)), number) for number in range(80)]
    after = applied(Denoise(strength=5), *pictures)
    assert all(abs(int(split(picture.i420).y[20, 20]) - (60 + number)) <= 8 for number, picture in enumerate(after))


@pytest.mark.parametrize(("method", "gain"), [("bilateral", 3), ("nlm", 3)])
def test_one_picture_by_itself_comes_out_of_the_noise(method: Literal["bilateral", "nlm"], gain: float) -> None:
    clean = plain(160, 96, (80, 120, 140))
    split(clean).y[:, 80:] = 180
    before = noisy(clean, NOISE, 1)
    after = split(applied(Denoise(method=method, strength=NOISE), moment(before))[0].i420)
    assert psnr(after.y, split(clean).y) > psnr(split(before).y, split(clean).y) + gain
    assert float(after.y[:, 81].mean()) - float(after.y[:, 78].mean()) > 90
