"""A logo is where it should be, at its size, with its alpha; a file that is no logo is refused before it harms."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from fixtures.transforms import applied, moment, plain
from relay.errors import TransformError
from relay.pixels import Planes, split
from relay.transform import Frame
from relay.transform.colour import yuv_of
from relay.transform.drawing.logo import Logo, read_png


def red_and_clear() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Left half red, right half clear (and blue, where nobody sees it); twice as wide as high."""
    bgra = np.zeros((50, 100, 4), np.uint8)
    bgra[:, :50] = (0, 0, 255, 255)
    bgra[:, 50:] = (255, 0, 0, 0)
    return bgra


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    path = tmp_path / "logo.png"
    assert cv2.imwrite(str(path), red_and_clear())
    return path


def shown(link: Logo, *, is_bgr: bool = False) -> Planes:
    return split(applied(link, moment(plain(320, 180)), is_bgr=is_bgr)[0].i420)


@pytest.mark.parametrize("is_bgr", [False, True])
def test_it_stands_in_its_corner_and_is_seen_through(logo: Path, is_bgr: bool) -> None:
    planes = shown(Logo(path=logo, size=0.2, margin=0, position="top-right"), is_bgr=is_bgr)
    # 36 rows and 72 columns: red from column 248 to 284, clear from there on.
    for plane, level, divisor in zip(planes, yuv_of("red"), (1, 2, 2), strict=True):
        inside = plane[2 // divisor : 34 // divisor, 252 // divisor : 280 // divisor].astype(int)
        assert np.abs(inside - level).max() <= 1
        plane[: 38 // divisor, 246 // divisor : 288 // divisor] = 128
        assert np.abs(plane.astype(int) - 128).max() <= 1


def test_its_opacity_is_that_of_all_of_it(logo: Path) -> None:
    y = shown(Logo(path=logo, size=0.2, margin=0, opacity=0.5))[0]
    assert abs(int(y[10, 260]) - (yuv_of("red")[0] + 128) / 2) <= 1


def test_it_never_is_larger_than_the_picture(logo: Path) -> None:
    y = shown(Logo(path=logo, size=1, margin=0))[0]
    rows, columns = np.nonzero(y != 128)
    assert columns.min() == 0
    assert columns.max() in range(156, 164)
    assert rows.max() < 164


def test_it_is_scaled_once_for_each_size(logo: Path) -> None:
    link = Logo(path=logo)
    link.open()
    small, again, large = (plain(64, 48), plain(64, 48), plain(128, 96))
    stamps = []
    for i420 in (small, again, large):
        link.apply(Frame(moment(i420)))
        stamps.append(link._stamp)
    assert stamps[0] is stamps[1]
    assert stamps[0] is not stamps[2]
    link.close()


@pytest.mark.parametrize(
    "image",
    [
        np.full((10, 10), 128, np.uint8),
        np.full((10, 10, 3), 128, np.uint8),
        np.full((10, 10, 3), 32896, np.uint16),
        np.full((10, 10, 4), (128, 128, 128, 255), np.uint8),
    ],
)
def test_every_kind_of_png_is_read(tmp_path: Path, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path = tmp_path / "logo.png"
    assert cv2.imwrite(str(path), image)
    read = read_png(path)
    assert read.shape == (10, 10, 4)
    assert read.dtype == np.float32
    assert np.abs(read - (0.502, 0.502, 0.502, 1)).max() < 0.002


def claiming(path: Path, width: int, height: int) -> bytes:
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", width, height)
    return bytes(content)


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_read(logo: Path) -> None:
    logo.write_bytes(claiming(logo, 100_000, 100_000))
    with pytest.raises(TransformError, match="is 100000x100000, and 4096 is the most that a side may have"):
        Logo(path=logo).open()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no PNG file"),
        (b"GIF89a" + bytes(100), "is no PNG file"),
        (b"\x89PNG\r\n\x1a\n", "is no PNG file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IDAT" + bytes(20), "is 0x0, and 4096"),
        (bytes(8 * 1024 * 1024 + 1), "has more than 8388608 bytes"),
    ],
)
def test_what_is_no_logo_is_said_plainly(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(content)
    with pytest.raises(TransformError, match=words):
        Logo(path=path).open()


def test_a_damaged_file_is_refused(logo: Path) -> None:
    header = logo.read_bytes()[:33]
    logo.write_bytes(header + bytes(200))
    with pytest.raises(TransformError, match="cannot be read: it is damaged"):
        Logo(path=logo).open()


def test_no_device_no_pipe_and_no_folder_is_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    refused = [
        (pipe, "is no regular file"),
        (Path("/dev/zero"), "is no regular file"),
        (tmp_path, "Is a directory|is no"),
        (tmp_path / "none.png", "No such file"),
    ]
    for path, words in refused:
        with pytest.raises(TransformError, match=words):
            Logo(path=path).open()
