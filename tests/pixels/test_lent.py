"""Pictures in a decoder's own memory: read where they lie, never written to, packed for who asks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from relay.pixels import LentPicture, Planes, Pool
from relay.transform.frame import Frame


def lent() -> tuple[LentPicture, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """A picture of 64x32 in planes whose rows lie 96 bytes apart, and their memory."""
    memory = np.random.default_rng(5).integers(16, 236, (64, 96), np.uint8)
    planes = Planes(memory[:32, :64], memory[32:48, :32], memory[48:64, :32])
    return LentPicture(3, 7, planes, Pool()), memory


def test_a_lent_picture_packs_as_one_that_was_copied() -> None:
    picture, memory = lent()
    expected = np.concatenate([memory[:32, :64].ravel(), memory[32:48, :32].ravel(), memory[48:64, :32].ravel()])
    assert (picture.slot, picture.time_ns, picture.width, picture.height) == (3, 7, 64, 32)
    assert picture.i420.shape == (48, 64)
    assert np.array_equal(picture.i420.ravel(), expected)
    assert picture.i420 is picture.i420


def test_its_planes_cannot_be_written_to() -> None:
    picture, _ = lent()
    with pytest.raises(ValueError, match="read-only"):
        picture.planes.y[:] = 0
    with pytest.raises(cv2.error):
        cv2.bitwise_not(picture.planes.u, dst=picture.planes.u)


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_a_transform_writes_goes_to_a_copy(is_kept: bool) -> None:
    picture, memory = lent()
    before = memory.copy()
    frame = Frame(picture)
    if is_kept:
        frame.keep()
    frame.crop(4, 2, 40, 20)
    frame.y[:] = 99
    frame.u += 1
    frame.let_go()
    frame.v[:] = 7
    assert np.array_equal(memory, before)
    assert (frame.picture().i420[:20] == 99).all()


def test_bgr_that_is_drawn_into_leaves_it_alone_and_it_can_be_put_back() -> None:
    picture, memory = lent()
    before = memory.copy()
    frame = Frame(picture)
    frame.keep()
    frame.bgr[:] = 0
    frame.put_back()
    frame.y[:] = 50
    assert np.array_equal(memory, before)
    assert np.array_equal(frame.u, before[32:48, :32])


def test_scaling_reads_the_planes_where_they_lie() -> None:
    picture, _ = lent()
    copied = Frame(LentPicture(0, 0, Planes(*(plane.copy() for plane in picture.planes)), Pool()))
    frame = Frame(picture)
    for one in (frame, copied):
        one.map(32, 16, lambda source, target: cv2.resize(source, target.shape[::-1], target, 0, 0, cv2.INTER_AREA))
    assert np.array_equal(frame.picture().i420, copied.picture().i420)
