"""Colours by name and by number are the same, and what is drawn in planes looks as what is drawn in BGR."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from relay.pixels import split
from relay.transform.colour import Colour, bgr_of, yuv_of


@pytest.mark.parametrize(
    ("text", "bgr"),
    [("white", (255, 255, 255)), (" Red ", (0, 0, 255)), ("#0a0B0c", (12, 11, 10)), ("grey", (128, 128, 128))],
)
def test_names_and_numbers_are_understood(text: str, bgr: tuple[int, int, int]) -> None:
    assert bgr_of(TypeAdapter(Colour).validate_python(text)) == bgr


@pytest.mark.parametrize("text", ["", "#fff", "#12345g", "reddish", "rgb(1,2,3)", "#1234567"])
def test_what_is_no_colour_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ValidationError, match="is #rrggbb or one of aqua, black, blue"):
        TypeAdapter(Colour).validate_python(text)


@pytest.mark.parametrize(
    ("colour", "yuv"),
    [("black", (16, 128, 128)), ("white", (235, 128, 128)), ("red", (81, 90, 240)), ("blue", (41, 240, 110))],
)
def test_levels_are_those_of_bt_601(colour: str, yuv: tuple[int, int, int]) -> None:
    assert np.abs(np.subtract(yuv_of(colour), yuv)).max() <= 1


@pytest.mark.parametrize("colour", ["orange", "#3377cc", "lime", "maroon", "silver"])
def test_levels_are_what_opencv_makes_of_a_frame(colour: str) -> None:
    i420 = cv2.cvtColor(np.full((2, 2, 3), bgr_of(colour), np.uint8), cv2.COLOR_BGR2YUV_I420)
    levels = [plane[0, 0] for plane in split(np.asarray(i420, np.uint8))]
    assert np.abs(np.subtract(yuv_of(colour), np.array(levels, int))).max() <= 1
