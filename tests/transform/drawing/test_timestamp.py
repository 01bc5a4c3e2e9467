"""The timestamp: only its own small box changes, it says the picture's time, and it can be read on anything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.pictures import only
from relay.config import TransformSettings
from relay.model import Picture
from relay.pixels import new_i420, split
from relay.transform import Frame
from relay.transform.drawing.timestamp import Timestamp
from relay.transform.registry import make_link

if TYPE_CHECKING:
    from fixtures.pictures import MakeChain, WriteModule


NS = 10**9
NOON_NS = 1_795_348_800 * NS  # 2026-11-22 12:00:00 UTC


def grey(width: int = 640, height: int = 360, luma: int = 128, time_ns: int = NOON_NS) -> Picture:
    i420 = new_i420(width, height)
    for plane, level in zip(split(i420), (luma, 118, 140), strict=True):
        plane[:] = level
    return Picture(1, time_ns, i420)


def changed(before: Picture, after: Picture) -> tuple[int, int, int, int]:
    """The box `(left, top, right, bottom)` of all luma that differs."""
    rows, columns = np.nonzero(before.i420[: before.height] != after.i420[: after.height])
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize(
    ("position", "left", "top"),
    [
        ("top-left", True, True), ("top-right", False, True), ("bottom-left", True, False),
        ("bottom-right", False, False), ("top", None, True), ("bottom", None, False),
    ],
)  # fmt: skip
def test_only_its_box_changes_and_stands_where_it_should(
    make_chain: MakeChain, position: str, left: bool | None, top: bool
) -> None:
    picture = only(make_chain(f"timestamp timezone=UTC position={position}").process(grey()))
    x0, y0, x1, y1 = changed(grey(), picture)
    assert x1 - x0 < 320
    assert y1 - y0 < 60
    if left is None:
        assert abs(x0 + x1 - 640) <= 2
    else:
        assert (x0 < 16) == left
        assert (x1 > 624) == (not left)
    assert (y0 < 16) == top
    assert (y1 > 344) == (not top)
    for plane, level in zip(split(picture.i420)[1:], (118, 140), strict=True):
        outside = np.ones(plane.shape, bool)
        outside[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = False
        assert (plane[outside] == level).all()
        assert (plane[~outside] != level).all()


@pytest.mark.parametrize("luma", [16, 128, 210])
@pytest.mark.parametrize("is_bgr", [False, True])
def test_white_on_dark_whatever_is_behind(
    make_chain: MakeChain, user_module: WriteModule, luma: int, is_bgr: bool
) -> None:
    before = [f"{user_module('def f(frame): frame.bgr')}:f"] if is_bgr else []
    out = only(make_chain(*before, "timestamp timezone=UTC").process(grey(luma=luma)))
    x0, y0, x1, y1 = changed(grey(luma=luma), out) if luma != 16 else (0, 0, 200, 24)
    box = out.i420[y0:y1, x0:x1]
    assert box.max() >= 225
    assert np.median(box) <= 105


def test_the_same_second_looks_the_same_and_another_does_not(make_chain: MakeChain) -> None:
    chain = make_chain("timestamp timezone=UTC")
    first, same, later = (only(chain.process(grey(time_ns=NOON_NS + ns))) for ns in (0, NS // 2, NS))
    np.testing.assert_array_equal(first.i420, same.i420)
    assert changed(grey(), first) == changed(grey(), later)
    assert not np.array_equal(first.i420, later.i420)


def test_the_box_is_equally_wide_at_any_time(make_chain: MakeChain) -> None:
    chain = make_chain("timestamp timezone=UTC format=%H:%M:%S.%2f")
    boxes = {changed(grey(), only(chain.process(grey(time_ns=NOON_NS + n * 1_234_567_890)))) for n in range(40)}
    assert len(boxes) == 1


@pytest.mark.parametrize(("zone", "hour"), [("UTC", "12"), ("Asia/Kolkata", "17:30"), ("local", "21")])
def test_time_zones(make_chain: MakeChain, monkeypatch: pytest.MonkeyPatch, zone: str, hour: str) -> None:
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    minutes = ":%M" if ":" in hour else ""
    asked = only(make_chain({"name": "timestamp", "timezone": zone, "format": f"%H{minutes}"}).process(grey()))
    plain = only(make_chain({"name": "timestamp", "timezone": "UTC", "format": hour}).process(grey()))
    np.testing.assert_array_equal(asked.i420, plain.i420)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("width", "height"), [(64, 64), (2, 2), (16, 480), (3840, 64)])
def test_it_fits_into_any_picture(make_chain: MakeChain, width: int, height: int) -> None:
    chain = make_chain("timestamp timezone=UTC size=400")
    assert only(chain.process(grey(width, height))).i420.shape == (height * 3 // 2, width)


def test_an_empty_text_draws_nothing(make_chain: MakeChain) -> None:
    np.testing.assert_array_equal(only(make_chain("timestamp format=").process(grey())).i420, grey().i420)


def test_a_camera_that_keeps_changing_its_size_does_not_fill_the_memory(make_chain: MakeChain) -> None:
    link = make_link(TransformSettings.model_validate("timestamp timezone=UTC"))
    assert isinstance(link, Timestamp)
    for width in range(100, 140, 2):
        link.apply(Frame(grey(width, 100)))
    assert len(link._writers) <= 8
