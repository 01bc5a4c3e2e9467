"""A shaken scene stands still, a pan stays a pan, and another scene is another scene."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fixtures.transforms import applied, moment, plain, psnr, texture
from relay.pixels import I420, new_i420, split
from relay.transform.geometry.stabilise import Stabilise, _Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.model import Picture

WIDTH, HEIGHT = 320, 180
BORDER = 48
Places = list[tuple[float, float]]


def world(seed: int = 1) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Planes of a scene that is larger than the picture of it."""
    rows, columns = HEIGHT + 2 * BORDER, WIDTH + 2 * BORDER
    return [
        30 + 190 * texture(rows, columns, seed),
        *(100 + 56 * texture(rows // 2, columns // 2, seed + n) for n in (1, 2)),
    ]


def shot(at: tuple[float, float], seed: int = 1) -> I420:
    """The world from a camera whose picture begins at `BORDER` + `at`, in pixels, to fractions of one."""
    i420 = new_i420(WIDTH, HEIGHT)
    for source, target, divisor in zip(world(seed), split(i420), (1, 2, 2), strict=True):
        x, y = ((BORDER + part) / divisor for part in at)
        rows, columns = target.shape
        matrix = np.array([[1, 0, x], [0, 1, y]])
        moved = cv2.warpAffine(source, matrix, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        target[:] = np.rint(moved)
    return i420


def shots(places: Places) -> list[Picture]:
    return [moment(shot(place), number) for number, place in enumerate(places)]


def shaken(count: int, pixels: float, seed: int = 3) -> Places:
    return [(float(x), float(y)) for x, y in np.random.default_rng(seed).uniform(-pixels, pixels, (count, 2))]


def steps(pictures: list[Picture], first: int = 0) -> list[Sequence[float]]:
    """How far the content moves from each picture to the next, measured at the pictures' own size."""
    window = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)
    seen = [np.float32(split(picture.i420).y) - 128 for picture in pictures[first:]]
    return [cv2.phaseCorrelate(one * window, other * window)[0] for one, other in itertools.pairwise(seen)]


def jitter(pictures: list[Picture], first: int = 0) -> float:
    return float(np.sqrt(np.mean(np.square(steps(pictures, first)))))


def test_shaking_is_halved_and_more() -> None:
    before = shots(shaken(40, 6))
    after = applied(Stabilise(), *before)
    assert jitter(before, 5) > 3
    assert jitter(after, 5) < jitter(before, 5) / 2


def test_all_planes_move_together() -> None:
    before = shots(shaken(12, 6))
    half = (WIDTH // 2, HEIGHT // 2)
    for picture in before:
        for plane in split(picture.i420)[1:]:
            cv2.resize(split(picture.i420).y, half, dst=plane, interpolation=cv2.INTER_AREA)
    for picture in applied(Stabilise(), *before):
        y, *chroma = split(picture.i420)
        for plane in chroma:
            assert psnr(plane, np.asarray(cv2.resize(y, half, interpolation=cv2.INTER_AREA), np.uint8)) > 40


def test_a_still_camera_is_only_zoomed() -> None:
    after = applied(Stabilise(margin=0.1), *shots([(0.0, 0.0)] * 6))
    assert jitter(after) < 0.05
    zoomed = cv2.resize(split(shot((0, 0))).y[18:-18, 32:-32], (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    difference = np.abs(split(after[-1].i420).y.astype(int) - zoomed)
    assert np.mean(difference) < 1.5


def test_a_pan_is_followed_and_never_shows_what_is_not_there() -> None:
    pan = [(-40 + 2.0 * n, 0.0) for n in range(41)]
    after = applied(Stabilise(smoothing_s=0.3, margin=0.05), *shots(pan))
    moved = np.array(steps(after, 20))
    assert np.mean(moved[:, 0]) == pytest.approx(-2 / 0.9, abs=0.3)
    assert min(int(split(picture.i420).y.min()) for picture in after) >= 25


def test_another_scene_is_not_moved_by_the_one_before() -> None:
    places = shaken(10, 6)
    cut = [*shots(places), *(moment(shot((0, 0), seed=9), 10 + n) for n in range(4))]
    alone = [moment(shot((0, 0), seed=9), n) for n in range(4)]
    after, wanted = applied(Stabilise(), *cut)[10:], applied(Stabilise(), *alone)
    for picture, same in zip(after, wanted, strict=True):
        assert np.abs(picture.i420.astype(int) - same.i420).max() <= 1


def test_a_black_picture_and_a_pause_begin_anew() -> None:
    shaking = shots(shaken(6, 6))
    black = moment(plain(WIDTH, HEIGHT, (16, 128, 128)), 6)
    later = [moment(shot((4, 4)), 7), moment(shot((-5, 2)), 100)]
    after = applied(Stabilise(), *shaking, black, *later)
    for picture, alone in zip(after[7:], later, strict=True):
        np.testing.assert_array_equal(picture.i420, applied(Stabilise(), alone)[0].i420)


def test_a_camera_may_change_its_size() -> None:
    large, small = moment(shot((0, 0))), moment(plain(160, 120), 1)
    assert [picture.width for picture in applied(Stabilise(), large, small)] == [WIDTH, 160]


def test_an_axis_never_goes_beyond_its_limit() -> None:
    axis = _Axis()
    moved = [axis.step(move, 0.05, 8) for move in (5, -3, 20, 20, 20, -60, 1, 0, 0)]
    assert all(-8 <= by <= 8 for by in moved)
    assert moved[0] == pytest.approx(-4.75)
    assert moved[4] == -8
    assert moved[5] == 8
    by = moved[-1]
    for _ in range(200):
        by = axis.step(0, 0.05, 8)
    assert abs(by) < 0.01
