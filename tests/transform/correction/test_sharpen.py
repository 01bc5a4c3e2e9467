"""Edges are steeper, and what is flat stays as it was."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fixtures.transforms import plain, planes_of, scene
from relay.pixels import split
from relay.transform.correction.sharpen import Sharpen


@pytest.mark.parametrize("is_bgr", [False, True])
def test_an_edge_is_steeper(is_bgr: bool) -> None:
    edge = plain(64, 48)
    split(edge).y[:] = 80
    split(edge).y[:, 32:] = 160
    cv2.GaussianBlur(split(edge).y, (0, 0), 2, dst=split(edge).y)
    y = planes_of(Sharpen(amount=2, radius=2), edge, is_bgr=is_bgr)[0]
    assert np.diff(y[20].astype(int)).max() > 1.4 * np.diff(split(edge).y[20].astype(int)).max()


def test_what_is_flat_stays() -> None:
    flat = plain(64, 48, (77, 99, 155))
    for plane, before in zip(planes_of(Sharpen(amount=5), flat), split(flat), strict=True):
        assert np.abs(plane.astype(int) - before).max() <= 1


def test_no_amount_is_nothing_done() -> None:
    before = scene()
    for plane, source in zip(planes_of(Sharpen(amount=0), before), split(before), strict=True):
        np.testing.assert_array_equal(plane, source)
