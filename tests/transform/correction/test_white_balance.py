"""A tint that is known is taken out, slowly; gains that are given are what happens to red, green and blue."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fixtures.transforms import applied, moment, plain, scene, texture
from relay.pixels import I420, Bgr, new_i420
from relay.transform.correction.white_balance import WhiteBalance

WARM = (0.7, 1.0, 1.15)
COLD = (1.15, 1.0, 0.75)


def lit(light: tuple[float, float, float]) -> I420:
    """Grey things under a light of these shares of B, G and R."""
    grey = 30 + 160 * texture(180, 320)
    return packed(np.asarray(np.rint(grey[..., np.newaxis] * light), np.uint8))


def packed(bgr: Bgr) -> I420:
    i420 = new_i420(bgr.shape[1], bgr.shape[0])
    cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420, dst=i420)
    return i420


def opened(i420: I420) -> Bgr:
    return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420), np.uint8)


def tint(i420: I420) -> float:
    """How far the means of the colours are apart."""
    return float(np.ptp(opened(i420).reshape(-1, 3).mean(axis=0)))


@pytest.mark.parametrize("light", [WARM, COLD, (1.2, 0.8, 1.0)])
def test_what_is_grey_is_shown_grey(light: tuple[float, float, float]) -> None:
    before = lit(light)
    assert tint(before) > 15
    after = applied(WhiteBalance(), moment(before))[0].i420
    assert tint(after) < 2
    apart = np.ptp(opened(after).astype(int), axis=2)
    assert np.percentile(apart, 99) <= 6
    assert np.mean(after[:180]) == pytest.approx(np.mean(before[:180]), abs=2)


def test_only_as_much_is_taken_out_as_is_asked_for() -> None:
    before = lit(WARM)
    half = applied(WhiteBalance(strength=0.5), moment(before))[0].i420
    assert 0.35 * tint(before) < tint(half) < 0.65 * tint(before)
    none = applied(WhiteBalance(strength=0), moment(before))[0].i420
    assert np.abs(none.astype(int) - before).max() <= 1


def test_gains_that_are_given_multiply_the_colours() -> None:
    smooth = scene()
    for plane in np.split(smooth, [180]):
        cv2.GaussianBlur(plane, (0, 0), 2, dst=plane)
    after = opened(applied(WhiteBalance(red=1.2, blue=0.7), moment(smooth))[0].i420).astype(float)
    wanted = np.clip(opened(smooth) * np.array([0.7, 1.0, 1.2]), 0, 255)
    middle = (wanted > 20).all(axis=2) & (wanted < 235).all(axis=2)
    assert middle.mean() > 0.5
    assert np.percentile(np.abs(after - wanted)[middle], 95) <= 6


def test_another_light_is_followed_slowly() -> None:
    pictures = [moment(lit(WARM), 0), *(moment(lit(COLD), number) for number in range(1, 200))]
    after = [tint(picture.i420) for picture in applied(WhiteBalance(smoothing_s=1), *pictures)]
    assert after[0] < 2
    assert after[1] > tint(lit(COLD))
    assert after[25] < after[1] / 2
    assert after[-1] < 2


def test_a_dark_picture_says_nothing_of_the_light() -> None:
    black = plain(320, 180, (18, 120, 140))
    after = applied(WhiteBalance(smoothing_s=0), moment(lit(WARM)), moment(black, 1), moment(lit(WARM), 2))
    assert tint(after[2].i420) < 2
    alone = applied(WhiteBalance(), moment(black))[0].i420
    assert np.abs(alone.astype(int) - black).max() <= 1


def test_a_lawn_is_not_made_grey() -> None:
    lawn = packed(np.full((180, 320, 3), (20, 160, 30), np.uint8))
    assert np.abs(applied(WhiteBalance(), moment(lawn))[0].i420.astype(int) - lawn).max() <= 1


@pytest.mark.parametrize("light", [(1.0, 1.0, 1.0), WARM, COLD])
def test_a_lawn_beside_it_does_not_tint_a_house(light: tuple[float, float, float]) -> None:
    scenery = np.full((180, 320, 3), 150, np.uint8)
    scenery[80:] = (30, 130, 50)
    before = packed(np.asarray(np.rint(scenery * np.array(light)), np.uint8))
    house = opened(applied(WhiteBalance(), moment(before))[0].i420)[40, 160].astype(int)
    assert np.ptp(house) <= 4
