"""What is hidden cannot be had back, in no plane, and what is not to be hidden stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.hidden import HEIGHT, SIDE, WIDTH, background, is_seen, scene
from relay.pixels import split
from relay.transform import Frame
from relay.transform.privacy.cover import Cover, How, Stencil

AT = (96, 64)
BOX = np.array([[x / WIDTH, y / HEIGHT] for x in (AT[0], AT[0] + SIDE) for y in (AT[1], AT[1] + SIDE)], np.float32)
BOX = BOX[[0, 1, 3, 2]]


@pytest.mark.parametrize(
    ("colour", "levels"),
    [
        ("#000000", (16, 128, 128)),
        ("#ffffff", (235, 128, 128)),
        ("#ff0000", (82, 90, 240)),
        ("#0000ff", (41, 240, 110)),
    ],
)
def test_what_is_filled_has_the_colour_in_every_plane(colour: str, levels: tuple[int, int, int]) -> None:
    frame = Frame(scene(0, AT))
    area = Stencil().convex(BOX, *frame.size)
    assert area is not None
    Cover("fill", colour).hide(frame.planes, area, 4, 4)
    for plane, level, divisor in zip(frame.planes, levels, (1, 2, 2), strict=True):
        part = plane[AT[1] // divisor : (AT[1] + SIDE) // divisor, AT[0] // divisor : (AT[0] + SIDE) // divisor]
        assert np.abs(part.astype(int) - level).max() <= 1


@pytest.mark.parametrize("how", ["fill", "blur", "pixelate"])
def test_an_area_is_hidden_in_every_plane_and_nothing_around_it_changes(how: How) -> None:
    frame = Frame(scene(0, AT))
    before = [plane.copy() for plane in frame.planes]
    area = Stencil().convex(BOX, *frame.size)
    assert area is not None
    Cover(how).hide(frame.planes, area, 4, 4)
    assert not is_seen(frame.picture(), *AT)
    for plane, was, divisor in zip(frame.planes, before, (1, 2, 2), strict=True):
        inside = np.zeros(plane.shape, bool)
        edge = 2 // divisor  # the polygon holds every pixel that it touches
        rows = slice(AT[1] // divisor, (AT[1] + SIDE) // divisor + edge)
        inside[rows, AT[0] // divisor : (AT[0] + SIDE) // divisor + edge] = True
        np.testing.assert_array_equal(plane[~inside], was[~inside])


@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_of_a_hidden_area_only_the_means_of_its_cells_are_left(how: How) -> None:
    """Two pictures that differ in everything but the means of their cells come out alike."""
    shown = []
    for pattern in (np.indices((SIDE, SIDE)).sum(axis=0) % 2, np.indices((SIDE, SIDE))[0] % 2):
        picture = background()
        for plane, divisor in zip(split(picture.i420), (1, 2, 2), strict=True):
            side = SIDE // divisor
            part = plane[AT[1] // divisor :, AT[0] // divisor :][:side, :side]
            part[:] = 60 + 100 * pattern[:side, :side]
        frame = Frame(picture)
        area = Stencil().convex(BOX, *frame.size)
        assert area is not None
        Cover(how).hide(frame.planes, area, 4, 4)
        shown.append([plane.copy() for plane in frame.planes])
    for one, other in zip(*shown, strict=True):
        np.testing.assert_array_equal(one, other)


def test_blocks_are_flat_and_a_blur_has_no_steps() -> None:
    luma = {}
    for how in ("pixelate", "blur"):
        frame = Frame(background())
        area = Stencil().convex(BOX, *frame.size)
        assert area is not None
        Cover(how).hide(frame.planes, area, 2, 2)
        luma[how] = frame.y[AT[1] : AT[1] + SIDE, AT[0] : AT[0] + SIDE].astype(int)
    half = SIDE // 2
    for rows in (slice(0, half), slice(half, SIDE)):
        for columns in (slice(0, half), slice(half, SIDE)):
            assert len(np.unique(luma["pixelate"][rows, columns])) == 1
    assert np.abs(np.diff(luma["blur"], axis=0)).max() <= 2


@pytest.mark.parametrize("side", [4, 8, 12])
def test_what_is_small_gets_fewer_cells_so_that_it_is_hidden_too(side: int) -> None:
    frame = Frame(background())
    frame.y[64 : 64 + side, 96 : 96 + side : 2] = 20
    frame.y[64 : 64 + side, 97 : 97 + side : 2] = 220
    pixels = np.array([[96, 64], [96, 63 + side], [95 + side, 63 + side], [95 + side, 64]])
    area = Stencil().convex((pixels / np.array([WIDTH, HEIGHT])).astype(np.float32), *frame.size)
    assert area is not None
    Cover("pixelate").hide(frame.planes, area, 16, 16)
    inside = frame.y[64 : 64 + side, 96 : 96 + side].astype(int)
    assert np.abs(inside - 120).max() <= 2


@pytest.mark.parametrize(
    ("corners", "rectangle"),
    [
        ([(-0.5, -0.5), (-0.5, 0.1), (0.1, 0.1), (0.1, -0.5)], (0, 0, 32, 20)),
        ([(0.95, 0.95), (0.95, 2), (2, 2), (2, 0.95)], (304, 182, 16, 10)),
        ([(-1, -1), (-1, 2), (2, 2), (2, -1)], (0, 0, WIDTH, HEIGHT)),
    ],
)
def test_what_reaches_out_of_the_picture_is_hidden_as_far_as_there_is_one(
    corners: list[tuple[float, float]], rectangle: tuple[int, int, int, int]
) -> None:
    area = Stencil().convex(np.asarray(corners, np.float32), WIDTH, HEIGHT)
    assert area is not None
    assert area[:4] == rectangle
    assert (area.luma == 255).all()
    assert (area.chroma == 255).all()


@pytest.mark.parametrize("corners", [[(1.1, 0), (1.1, 1), (1.2, 1)], [(0, -0.5), (1, -0.5), (1, -0.1)]])
def test_outside_of_the_picture_there_is_nothing_to_hide(corners: list[tuple[float, float]]) -> None:
    assert Stencil().convex(np.array(corners, np.float32), WIDTH, HEIGHT) is None


def test_chroma_is_hidden_where_any_of_its_four_pixels_is() -> None:
    luma = np.zeros((8, 8), np.uint8)
    luma[3, 5] = 255
    area = Stencil().whole(luma)
    assert np.argwhere(area.chroma).tolist() == [[1, 2]]
