"""Haze that was put over a known scene is taken off it, and clear air is left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fixtures.transforms import applied, moment, plain, texture
from relay.pixels import I420, Bgr, new_i420, split
from relay.transform.correction.dehaze import Dehaze

WIDTH, HEIGHT = 480, 270
AIR = np.array([225.0, 220.0, 215.0])


def packed(bgr: Bgr) -> I420:
    i420 = new_i420(bgr.shape[1], bgr.shape[0])
    cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2YUV_I420, dst=i420)
    return i420


def clear() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A street: coloured houses with dark windows, whose colours all have something dark in them."""
    bgr = np.stack([20 + 180 * texture(HEIGHT, WIDTH, seed) for seed in (1, 2, 3)], axis=2).astype(float)
    bgr[::12] *= 0.15
    bgr[:, ::16] *= 0.15
    return bgr


def hazed(near: float, far: float) -> Bgr:
    """The street from `near` (at the bottom) to `far`: shares of the scene that come through."""
    share = np.linspace(far, near, HEIGHT)[:, np.newaxis, np.newaxis]
    return np.asarray(np.rint(clear() * share + AIR * (1 - share)), np.uint8)


def error(i420: I420) -> float:
    return float(np.mean(np.abs(split(i420).y.astype(float) - split(packed(np.asarray(clear(), np.uint8))).y)))


def test_haze_is_taken_off_and_the_scene_is_nearer_to_what_it_was() -> None:
    before = packed(hazed(0.8, 0.35))
    after = applied(Dehaze(strength=0.95), moment(before))[0].i420
    top = slice(0, HEIGHT // 2)
    assert split(after).y[top].std() > 1.5 * split(before).y[top].std()
    assert error(after) < 0.6 * error(before)


def test_colours_come_back_too() -> None:
    before = packed(hazed(0.6, 0.4))
    after = applied(Dehaze(strength=0.95), moment(before))[0].i420
    for plane, source in zip(split(after)[1:], split(before)[1:], strict=True):
        assert plane.std() > 1.3 * source.std()


def test_clear_air_is_left_alone() -> None:
    before = packed(np.asarray(clear(), np.uint8))
    after = applied(Dehaze(), moment(before))[0].i420
    assert np.mean(np.abs(after.astype(int) - before)) < 6


def test_more_strength_takes_more_off() -> None:
    before = moment(packed(hazed(0.6, 0.4)))
    contrasts = [float(split(applied(Dehaze(strength=strength), before)[0].i420).y.std()) for strength in (0, 0.5, 0.9)]
    assert contrasts[0] == pytest.approx(float(split(before.i420).y.std()), abs=0.5)
    assert contrasts[0] < contrasts[1] < contrasts[2]


def test_night_is_no_haze() -> None:
    night = plain(WIDTH, HEIGHT, (30, 126, 130))
    np.testing.assert_array_equal(applied(Dehaze(), moment(night))[0].i420, night)


def test_the_light_of_the_air_does_not_flicker() -> None:
    haze = packed(hazed(0.6, 0.4))
    flash = packed(np.asarray(np.clip(hazed(0.6, 0.4).astype(int) + 20, 0, 255), np.uint8))
    pictures = [moment(haze if number % 2 else flash, number) for number in range(40)]
    link = Dehaze(smoothing_s=5)
    assert applied(link, *pictures)
    steady = link._air
    assert steady is not None
    applied(link, moment(flash, 40))
    assert link._air is not None
    assert np.abs(link._air - steady).max() < 2
