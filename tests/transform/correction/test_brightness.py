"""Levels go where the parameters say, black and white stay within limited range, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.transforms import plain, planes_of, scene
from relay.pixels import split
from relay.transform.correction.brightness import Brightness


@pytest.mark.parametrize(
    ("link", "before", "after"),
    [
        (Brightness(brightness=0.1), 100, 122),
        (Brightness(brightness=-0.1), 100, 78),
        (Brightness(brightness=1), 16, 235),
        (Brightness(brightness=-1), 235, 16),
        (Brightness(contrast=2), 150, 174),
        (Brightness(contrast=2), 235, 235),
        (Brightness(contrast=0), 40, 126),
        (Brightness(gamma=2), 71, 126),
        (Brightness(gamma=2), 16, 16),
        (Brightness(gamma=0.5), 235, 235),
        (Brightness(gamma=0.5), 126, 71),
        (Brightness(contrast=1.5, brightness=0.2), 126, 169),
    ],
)
def test_luma_goes_where_it_should(link: Brightness, before: int, after: int) -> None:
    y, u, v = planes_of(link, plain(32, 32, (before, 90, 170)))
    assert np.abs(y.astype(int) - after).max() <= 1
    assert (u == 90).all()
    assert (v == 170).all()


@pytest.mark.parametrize(
    ("saturation", "u", "v"), [(0, 128, 128), (0.5, 118, 148), (2, 88, 208), (8, 16, 240), (1, 108, 168)]
)
def test_colour_goes_where_it_should(saturation: float, u: int, v: int) -> None:
    planes = planes_of(Brightness(saturation=saturation), plain(32, 32, (100, 108, 168)))
    assert [int(plane[5, 5]) for plane in planes] == [100, u, v]


@pytest.mark.parametrize("is_bgr", [False, True])
def test_a_brighter_scene_is_brighter_everywhere(is_bgr: bool) -> None:
    before = scene()
    y = planes_of(Brightness(brightness=0.15), before, is_bgr=is_bgr)[0]
    assert np.abs(y.astype(int) - split(before).y - 33).max() <= 22
    assert np.mean(y) == pytest.approx(np.mean(split(before).y) + 33, abs=2)


def test_nothing_asked_for_is_nothing_done() -> None:
    before = scene()
    for plane, source in zip(planes_of(Brightness(), before), split(before), strict=True):
        np.testing.assert_array_equal(plane, source)
