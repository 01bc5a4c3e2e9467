"""The writer of `relay.source.barcode` and the reader of `fixtures.barcode`, made apart from each other, agree."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.barcode import read_strip
from relay.source import barcode

TIME_MS = 1_790_000_123_456


def picture(width: int, height: int, unix_ms: int = TIME_MS, counter: int = 1234) -> np.ndarray:
    luma = np.random.default_rng(1).integers(16, 235, (height, width)).astype(np.uint8)
    barcode.draw(luma, unix_ms, counter)
    return luma


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (640, 360), (64, 64), (1366, 768), (704, 576)])
def test_what_is_written_is_read(size: tuple[int, int]) -> None:
    assert read_strip(picture(*size), source_size=size) == (TIME_MS, 1234)


@settings(max_examples=80)
@given(unix_ms=st.integers(0, 2**50), counter=st.integers(0, 2**20))
def test_any_number_is_read_modulo_its_bits(unix_ms: int, counter: int) -> None:
    read = read_strip(picture(640, 360, unix_ms, counter), source_size=(640, 360))
    assert read == (unix_ms % 2**44, counter % 4096)


@pytest.mark.parametrize("scale", [0.25, 0.4, 0.5, 0.77, 1.5, 2.0, 3.1])
def test_it_is_read_at_any_scale(scale: float) -> None:
    scaled = cv2.resize(picture(1280, 720), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert read_strip(scaled) == (TIME_MS, 1234)


def test_it_is_read_out_of_a_letterbox_at_a_fraction_of_a_pixel() -> None:
    screen = np.zeros((900, 1000), np.uint8)
    screen[150:713, :] = cv2.resize(picture(1280, 720), (1000, 563))
    assert read_strip(screen, (0.0, 150.2, 1000.0, 562.5)) == (TIME_MS, 1234)


def test_it_survives_jpeg() -> None:
    _, data = cv2.imencode(".jpg", picture(640, 360), [cv2.IMWRITE_JPEG_QUALITY, 50])
    assert read_strip(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), source_size=(640, 360)) == (TIME_MS, 1234)


def test_a_picture_without_a_strip_is_not_read() -> None:
    assert read_strip(np.full((720, 1280), 128, np.uint8)) is None
    assert read_strip(np.zeros((720, 1280), np.uint8)) is None
    assert read_strip(picture(1280, 720), (0.0, 0.0, 1280.0, 9000.0)) is None
