"""The slate says who, since when and why, at any size, over a picture that can no longer be made out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from relay import slate as slates
from relay.pixels import lettering, new_i420, split
from relay.slate import Words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relay.pixels import I420


SINCE_NS = 1_795_369_402_999_999_999  # 2026-11-22 17:43:22.999999999 UTC
SIZES = [(64, 64), (64, 480), (128, 96), (320, 180), (640, 360), (720, 1280), (1280, 720), (2048, 64), (3840, 2160)]


def render(
    width: int,
    height: int,
    name: str,
    since_ns: int,
    reason: str,
    base: I420 | None = None,
    *,
    timezone: dt.tzinfo | None = None,
    is_image: bool = False,
) -> I420:
    return slates.render(width, height, Words.of(name, since_ns, reason, timezone), base, is_image=is_image)


@pytest.fixture
def base() -> I420:
    """A checkerboard that is sharp, bright and colourful."""
    i420 = new_i420(640, 360)
    y, u, v = split(i420)
    y[:] = np.where((np.indices(y.shape) // 8).sum(0) % 2, 235, 120)
    u[:], v[:] = 90, 200
    return i420


def words(slate: I420) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where there is ink: luma of text is brighter than any background."""
    height = slate.shape[0] * 2 // 3
    rows, columns = np.nonzero(slate[:height] > 150)
    return rows, columns


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("has_base", [False, True])
def test_every_size_has_words_within_its_margins(width: int, height: int, has_base: bool, base: I420) -> None:
    slate = render(width, height, "front-door", SINCE_NS, "connection refused", base if has_base else None)
    assert slate.shape == (height * 3 // 2, width)
    assert slate.dtype == np.uint8
    assert slate.flags.c_contiguous
    assert slate[:height].min() >= 16
    assert slate[:height].max() <= 235
    rows, columns = words(slate)
    assert rows.size > 30
    assert height * 0.05 < rows.min() <= rows.max() < height * 0.95
    assert width * 0.04 < columns.min() <= columns.max() < width * 0.96
    assert abs((columns.min() + columns.max()) / 2 - width / 2) < max(3, width * 0.02)


def test_letters_wider_than_the_picture_are_cut_off() -> None:
    assert render(8, 64, "mmm", SINCE_NS, "gone").shape == (96, 8)


def test_the_base_is_blurred_and_dimmed_and_not_changed(base: I420) -> None:
    before = base.copy()
    slate = render(640, 360, "cam", SINCE_NS, "", base)
    np.testing.assert_array_equal(base, before)
    edge = slate[:60].astype(int)
    assert edge.max() < 110
    assert np.ptp(edge) < 12, "the squares are gone"
    u, v = split(slate)[1:]
    assert abs(int(u[0, 0]) - (128 - 38 * 0.55)) <= 2
    assert abs(int(v[0, 0]) - (128 + 72 * 0.55)) <= 2


def test_a_base_of_another_shape_is_letterboxed(base: I420) -> None:
    slate = render(640, 640, "cam", SINCE_NS, "", base)
    assert slate[:40].max() < 40
    assert slate[160:200].max() > 60


def test_without_a_base_it_is_grey_but_for_the_rule() -> None:
    y, u, v = split(render(1280, 720, "cam", SINCE_NS, "gone"))
    coloured = (u != 128) | (v != 128)
    assert 0 < coloured.sum() < coloured.size / 500
    assert 20 < np.median(y) < 50


@pytest.mark.parametrize("change", [{"name": "other"}, {"since_ns": SINCE_NS + 10**9}, {"reason": "other"}])
def test_each_word_matters(change: dict[str, Any]) -> None:
    said = {"name": "cam", "since_ns": SINCE_NS, "reason": "gone"}
    first, second = (render(640, 360, **words) for words in (said, {**said, **change}))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, render(640, 360, **said))


def test_the_time_zone_is_the_callers() -> None:
    zones = (dt.UTC, dt.timezone(dt.timedelta(hours=1)))
    utc, plus_one = (render(640, 360, "cam", SINCE_NS, "", timezone=zone) for zone in zones)
    assert not np.array_equal(utc, plus_one)


@pytest.mark.parametrize("name", ["Überwachung Süd", "дворовая камера", "防犯カメラ", "مدخل", "a" * 300, "\n\0\t", ""])
@pytest.mark.parametrize("size", [(64, 64), (640, 360)])
def test_names_of_any_script_and_length(name: str, size: tuple[int, int]) -> None:
    slate = render(*size, name, SINCE_NS, name)
    assert words(slate)[0].size > 30


def test_stroke_fonts_of_older_opencv_do_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "HAS_OUTLINE_FONTS", False)
    for width, height in SIZES[:7]:
        rows, columns = words(render(width, height, "Überwachung Süd", SINCE_NS, "кто-то"))
        assert rows.size > 30
        assert width * 0.03 < columns.min() <= columns.max() < width * 0.97


def test_text_can_be_read_over_white() -> None:
    white = new_i420(640, 360)
    white[:] = 235
    white[360:] = 128
    slate = render(640, 360, "cam", SINCE_NS, "gone", white)
    assert slate[:360].max() >= 225
    assert np.median(slate[:360]) < 120
    assert cv2.Laplacian(slate[150:210], cv2.CV_64F).var() > 100


@pytest.mark.parametrize("size", [(640, 360), (64, 64), (360, 640)])
def test_an_image_of_the_owners_is_dark_only_behind_the_words_which_stand_below(size: tuple[int, int]) -> None:
    width, height = size
    white = new_i420(width, height)
    y, u, v = split(white)
    y[:], u[:], v[:] = 200, 90, 200
    slate = render(width, height, "cam", SINCE_NS, "gone", white, is_image=True)
    luma = slate[:height]
    np.testing.assert_array_equal(luma[0], y[0])
    assert luma[-height // 10 :, :4].max() < 80
    assert luma.max() > 200
    np.testing.assert_array_equal(split(slate)[2][0], v[0])
    assert white[:height].min() == 200


def test_an_image_without_words_is_left_alone(base: I420) -> None:
    np.testing.assert_array_equal(slates.render(640, 360, Words("", "", "", ""), base, is_image=True), base)
