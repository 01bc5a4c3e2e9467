"""An owner's image in whatever format, at the stream's size; what is none is said plainly, at the relay's start too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from relay.errors import ConfigError
from relay.pixels import split
from relay.slate import read_image


@pytest.fixture
def image(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Red, and twice as wide as high."""
    path = tmp_path / f"image.{getattr(request, 'param', 'png')}"
    assert cv2.imwrite(str(path), np.full((101, 203, 3), (0, 0, 255), np.uint8))
    return path


@pytest.mark.parametrize("image", ["png", "jpg", "webp", "bmp", "tiff"], indirect=True)
def test_any_format_fits_the_stream_with_its_aspect_kept(image: Path) -> None:
    y, _, v = split(read_image(image, 160, 120))
    assert y.shape == (120, 160)
    assert abs(int(y[60, 80]) - 63) < 4
    assert abs(int(v[30, 40]) - 240) < 4
    assert (y[:18].max(), y[-18:].max()) == (16, 16)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read: No such file"), (b"", "is no image"), (b"<svg/>", "is no image that can be read: give a")],
)
def test_what_is_no_image_is_said_plainly(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "logo.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: {words}"):
        read_image(path, 64, 64)


def test_images_are_checked_by_a_process_of_their_own(image: Path, tmp_path: Path) -> None:
    check = [sys.executable, "-m", "relay.slate", str(image)]
    good = subprocess.run(check, capture_output=True, text=True, timeout=30, check=False, cwd=_ROOT)
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = [*check, str(tmp_path / "none.png"), str(tmp_path)]
    ran = subprocess.run(bad, capture_output=True, text=True, timeout=30, check=False, cwd=_ROOT)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert [line.rpartition(": ")[2] for line in ran.stdout.splitlines()] == [
        "No such file or directory",
        "Is a directory",
    ]


_ROOT = Path(__file__).parents[2]
