"""Text changes its own box alone, stands where it should, can be read, and is drawn once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.transforms import applied, moment, plain
from relay.pixels import I420, Plane, split
from relay.transform.colour import yuv_of
from relay.transform.drawing.lettered import tidy
from relay.transform.drawing.text import Text


def written(width: int = 640, height: int = 360, *, is_bgr: bool = False, **parameters: Any) -> I420:
    link = Text.model_validate({"text": "Hello", **parameters})
    return applied(link, moment(plain(width, height)), is_bgr=is_bgr)[0].i420


def box(plane: Plane) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all that is not the grey of before."""
    rows, columns = np.nonzero(plane != 128)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize(
    ("position", "left", "top"),
    [("top-left", 0, 0), ("top", 0.5, 0), ("right", 1, 0.5), ("center", 0.5, 0.5), ("bottom-right", 1, 1)],
)
@pytest.mark.parametrize("is_bgr", [False, True])
def test_it_stands_where_it_should(position: str, left: float, top: float, is_bgr: bool) -> None:
    x0, y0, x1, y1 = box(split(written(position=position, is_bgr=is_bgr, margin=0))[0])
    assert abs(x0 - left * (640 - (x1 - x0))) <= 2
    assert abs(y0 - top * (360 - (y1 - y0))) <= 2


def test_its_size_goes_with_the_picture() -> None:
    small, large = (box(split(written(width, height))[0]) for width, height in ((640, 360), (1280, 720)))
    assert large[3] - large[1] == pytest.approx(2 * (small[3] - small[1]), abs=4)


def test_letters_and_box_have_their_colours() -> None:
    for colour, behind in (("yellow", "blue"), ("red", "white")):
        y, u, v = split(written(colour=colour, box=behind, box_opacity=1, size=0.3))
        seen = np.stack([y[::2, ::2], u, v], axis=2).reshape(-1, 3).astype(int)
        for wanted in (yuv_of(colour), yuv_of(behind)):
            assert (np.abs(seen - wanted).max(axis=1) <= 2).sum() > 100


def test_without_a_box_what_is_behind_stays() -> None:
    luma = split(written(box=None, size=0.3))[0]
    assert (luma != 128).mean() < (split(written(size=0.3))[0] != 128).mean() / 2
    assert luma.min() >= 127


def test_lines_stand_below_each_other() -> None:
    one, two = (box(split(written(text=text))[0]) for text in ("Hello", "Hello\\nyou"))
    assert two[3] - two[1] > 1.7 * (one[3] - one[1])
    assert two[2] - two[0] == one[2] - one[0]


def test_a_long_text_is_written_smaller() -> None:
    x0, _, x1, _ = box(split(written(160, 120, text="W" * 60, size=0.2))[0])
    assert x1 - x0 <= 160


def test_half_opacity_is_between() -> None:
    full, half = (split(written(box=None, size=0.3, opacity=opacity))[0] for opacity in (1, 0.5))
    assert full.max() == 235
    assert abs(int(half.max()) - 181) <= 2


def test_a_text_that_stays_is_drawn_once() -> None:
    link = Text(text="Hello")
    applied(link, moment(plain(64, 48)))
    first = link._stamp
    applied(link, moment(plain(64, 48)))
    assert link._stamp is first
    applied(link, moment(plain(128, 96)))
    assert link._stamp is not first


@pytest.mark.parametrize("text", ["a\tb", "x" * 201, "\\n" * 20, "bell\x07"])
def test_what_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is at most 20 lines of 200 characters that can be printed"):
        Text(text=text)


def test_an_empty_text_draws_nothing() -> None:
    np.testing.assert_array_equal(written(text=""), plain(640, 360))


def test_what_comes_from_elsewhere_is_made_fit() -> None:
    assert tidy("  one\x00two \r\n three  \n") == "one two\n three"
    assert tidy("x" * 500) == "x" * 200
    assert tidy("\n".join("abc") * 20).count("\n") == 19
