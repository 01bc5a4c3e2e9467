"""What OpenCV's own model of a lens bends is straight again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.transforms import applied, moment, plain, planes_of, psnr, scene
from relay.pixels import I420, new_i420, split
from relay.transform.geometry.undistort import Undistort

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180
FOCAL = 0.8
BARREL = {"k1": -0.3, "k2": 0.08, "p1": 0.002, "p2": -0.001, "k3": 0.01}


def camera_of(columns: int, rows: int) -> NDArray[np.float64]:
    """The matrix for a plane of that size, whose centre is between its middle pixels."""
    focal = FOCAL * columns
    return np.array([[focal, 0, (columns - 1) / 2], [0, focal, (rows - 1) / 2], [0, 0, 1]])


def bent(straight: I420) -> I420:
    """`straight` as the lens of `BARREL` shows it: of each place in the bent picture, where it is in the straight."""
    seen = new_i420(straight.shape[1], straight.shape[0] * 2 // 3)
    coefficients = np.array([BARREL[name] for name in ("k1", "k2", "p1", "p2", "k3")])
    for source, target in zip(split(straight), split(seen), strict=True):
        rows, columns = target.shape
        camera = camera_of(columns, rows)
        down, across = np.indices((rows, columns), np.float32)
        places = np.stack([across.ravel(), down.ravel()], axis=1)[:, np.newaxis]
        ends = np.asarray(cv2.undistortPoints(places, camera, coefficients, P=camera), np.float32)
        grid = ends.reshape(rows, columns, 2)
        cv2.remap(
            source, grid[..., 0].copy(), grid[..., 1].copy(), cv2.INTER_CUBIC, dst=target, borderMode=cv2.BORDER_REFLECT
        )
    return seen


@pytest.fixture(scope="module")
def straight() -> I420:
    i420 = scene(WIDTH, HEIGHT)
    for plane in split(i420):
        cv2.GaussianBlur(plane, (0, 0), 1.5, dst=plane)
    return i420


@pytest.mark.parametrize("is_bgr", [False, True])
def test_what_a_lens_bent_is_straight_again(straight: I420, is_bgr: bool) -> None:
    seen = bent(straight)
    assert psnr(split(seen).y, split(straight).y, border=8) < 30
    link = Undistort(**BARREL, focal=FOCAL, view="same", interpolation="bicubic")
    for plane, before in zip(planes_of(link, seen, is_bgr=is_bgr), split(straight), strict=True):
        assert psnr(plane, before, border=plane.shape[0] // 8) > 32


def test_the_camera_matrix_says_the_same_as_the_focal_length(straight: I420) -> None:
    seen = bent(straight)
    focal = FOCAL * WIDTH
    rows = [[focal, 0, (WIDTH - 1) / 2], [0, focal, (HEIGHT - 1) / 2], [0, 0, 1]]
    # The same camera, calibrated with pictures of twice the size.
    twice = f"{2 * focal},{2 * focal},{WIDTH - 0.5},{HEIGHT - 0.5}"
    wanted = applied(Undistort(**BARREL, focal=FOCAL), moment(seen))[0].i420
    others: list[dict[str, Any]] = [
        {"camera": rows},
        {"camera": [focal, focal, (WIDTH - 1) / 2, (HEIGHT - 1) / 2]},
        {"camera": twice, "camera_width": 2 * WIDTH},
    ]
    for other in others:
        link = Undistort.model_validate(BARREL | other)
        np.testing.assert_array_equal(applied(link, moment(seen))[0].i420, wanted)


def test_inside_nothing_is_empty_and_the_whole_has_an_edge() -> None:
    bright = plain(WIDTH, HEIGHT, (180, 128, 128))
    inside = planes_of(Undistort(k1=-0.3, focal=FOCAL, view="inside"), bright)[0]
    assert inside.min() >= 179
    whole = planes_of(Undistort(k1=-0.3, focal=FOCAL, view="whole"), bright)[0]
    assert whole[0, 0] < 60 or whole[0, WIDTH // 2] < 60
    assert whole[HEIGHT // 2, WIDTH // 2] == 180


def test_another_size_gets_maps_of_its_own() -> None:
    link = Undistort(k1=-0.2, focal=1.0)
    first, second = applied(link, moment(scene(160, 90)), moment(scene(320, 180), 1))
    assert (first.width, second.width) == (160, 320)
    np.testing.assert_array_equal(second.i420, applied(Undistort(k1=-0.2, focal=1.0), moment(scene(320, 180)))[0].i420)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"k1": -0.3}, "give focal or camera, and not both"),
        ({"k1": -0.3, "focal": 1, "camera": "1,1,1,1"}, "give focal or camera, and not both"),
        ({"focal": 1}, "give at least one of k1, k2, p1, p2, k3"),
        ({"k1": -0.3, "camera": "800,800,320"}, 'is "fx,fy,cx,cy" in pixels'),
        ({"k1": -0.3, "camera": [[800, 0, 320], [0, 800, 240], [0, 0, 2]]}, "a camera matrix is"),
        ({"k1": -0.3, "camera": "800,wide,320,240"}, "valid number"),
        ({"k1": "nan", "focal": 1}, "finite number"),
    ],
)
def test_what_is_no_lens_is_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Undistort.model_validate(parameters)
