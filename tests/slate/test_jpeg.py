"""JPEG keeps the colours of the stream's matrix, there and back, and refuses what is no picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from relay.errors import ProtocolError
from relay.pixels import new_i420, split
from relay.slate import from_jpeg, to_jpeg

if TYPE_CHECKING:
    from relay.model import Matrix
    from relay.pixels import I420


def coloured(width: int = 64, height: int = 48, ycbcr: tuple[int, int, int] = (63, 102, 240)) -> I420:
    i420 = new_i420(width, height)
    for plane, level in zip(split(i420), ycbcr, strict=True):
        plane[:] = level
    return i420


@pytest.mark.parametrize(("matrix", "ycbcr"), [("bt709", (63, 102, 240)), ("smpte170m", (81, 90, 240))])
def test_red_of_either_matrix_is_red_and_comes_back(matrix: Matrix, ycbcr: tuple[int, int, int]) -> None:
    data = to_jpeg(coloured(ycbcr=ycbcr), 95, matrix)
    assert data.startswith(b"\xff\xd8\xff")
    red = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(red.astype(int) - (0, 0, 255)).max() <= 3
    back = split(from_jpeg(data, 64, 48, matrix))
    for plane, level in zip(back, ycbcr, strict=True):
        assert np.abs(plane.astype(int) - level).max() <= 3


def test_quality_changes_the_size() -> None:
    noise = coloured()
    noise[:48] = np.random.default_rng(3).integers(16, 236, (48, 64), np.uint8)
    assert len(to_jpeg(noise, 20)) < len(to_jpeg(noise)) < len(to_jpeg(noise, 100))


def test_another_size_is_letterboxed() -> None:
    back = from_jpeg(to_jpeg(coloured(ycbcr=(200, 128, 128))), 128, 128)
    assert back.shape == (192, 128)
    assert (back[:14] == 16).all()
    assert (np.abs(back[20:100].astype(int) - 200) <= 2).all()


def test_a_jpeg_of_odd_size_loses_its_last_row_and_column() -> None:
    _, data = cv2.imencode(".jpg", np.full((35, 51, 3), 128, np.uint8))
    assert from_jpeg(data.tobytes(), 50, 34).shape == (51, 50)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0" + bytes(100)])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match=f"^{len(data)} bytes that should be a JPEG picture are none"):
        from_jpeg(data, 64, 48)


def test_a_picture_of_one_pixel_is_refused() -> None:
    _, data = cv2.imencode(".jpg", np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(ProtocolError):
        from_jpeg(data.tobytes(), 64, 48)
