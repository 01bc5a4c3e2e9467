"""Detail in the dark is seen, levels stay within limited range, and colour is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.transforms import plain, planes_of, texture
from relay.pixels import split
from relay.transform.correction.clahe import Clahe


@pytest.mark.parametrize("size", [(320, 180), (322, 182), (64, 48)])
def test_detail_in_the_dark_is_seen(size: tuple[int, int]) -> None:
    night = plain(*size, (16, 120, 140))
    split(night).y[:] = 20 + 25 * texture(size[1], size[0])
    y, u, v = planes_of(Clahe(clip=4), night)
    assert y.std() > 2 * split(night).y.std()
    assert y.min() >= 16
    assert y.max() <= 235
    assert (u == 120).all()
    assert (v == 140).all()


def test_more_clip_is_more_contrast() -> None:
    night = plain(320, 180)
    split(night).y[:] = 20 + 25 * texture(180, 320)
    soft, hard = (planes_of(Clahe(clip=clip), night)[0].std() for clip in (1, 8))
    assert soft < hard


def test_what_is_brighter_stays_brighter_nearby() -> None:
    steps = plain(320, 180)
    split(steps).y[:] = np.repeat(np.arange(40, 200, 20), 40)
    y = planes_of(Clahe(tiles=1), steps)[0]
    assert (np.diff(y[90, 20::40].astype(int)) > 0).all()
