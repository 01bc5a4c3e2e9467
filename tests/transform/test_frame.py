"""A frame is planes or BGR, whichever was asked for last, and loses nothing on the way."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from relay.errors import TransformError
from relay.pixels import split
from relay.transform import Emitted, Frame

if TYPE_CHECKING:
    from fixtures.pictures import MakePicture
    from relay.model import Picture


@pytest.fixture
def frame(picture: Picture) -> Frame:
    return Frame(picture)


def test_what_a_frame_says_of_itself(frame: Frame, picture: Picture) -> None:
    assert (frame.slot, frame.time_ns) == (picture.slot, picture.time_ns)
    assert frame.time == dt.datetime(2026, 11, 22, 17, 43, 22, 123456, tzinfo=dt.UTC)
    assert (frame.width, frame.height, frame.size) == (64, 48, (64, 48))
    assert (frame.y.shape, frame.u.shape, frame.v.shape) == ((48, 64), (24, 32), (24, 32))
    assert frame.bgr.shape == (48, 64, 3)
    assert (frame.width, frame.height) == (64, 48)
    assert repr(frame) == "<Frame 64x48 slot 7 2026-11-22T17:43:22.123456Z>"


def test_planes_are_views_of_the_picture(frame: Frame, picture: Picture) -> None:
    frame.y[:] = 100
    frame.u[3, 5] = 1
    frame.v += 3
    assert frame.picture().i420 is picture.i420
    y, u, v = split(picture.i420)
    assert (y == 100).all()
    assert u[3, 5] == 1
    assert v[0, 0] == 143


def test_planes_take_an_array_of_their_shape_and_nothing_else(frame: Frame) -> None:
    frame.y = np.full((48, 64), 77, np.uint8)
    frame.u = np.full((24, 32), 78, np.uint8)
    assert (frame.y == 77).all()
    assert (frame.u == 78).all()
    for wrong in (np.zeros((24, 32)), np.zeros((48, 64), np.uint8), 5):
        with pytest.raises(TransformError, match=r"frame.v is uint8 of shape \(24, 32\), not"):
            frame.v = wrong


def test_untouched_bgr_comes_back_as_it_was(frame: Frame, picture: Picture) -> None:
    before = picture.i420.copy()
    assert not frame.is_bgr
    assert frame.bgr is frame.bgr
    assert frame.is_bgr
    difference = np.abs(frame.picture().i420.astype(int) - before)
    assert difference.max() <= 1
    assert not frame.is_bgr


def test_a_box_painted_into_bgr_is_in_the_planes(frame: Frame, picture: Picture) -> None:
    before = picture.i420.copy()
    cv2.rectangle(frame.bgr, (8, 8), (23, 15), (255, 255, 255), cv2.FILLED)
    y = frame.y
    assert (np.abs(y[8:16, 8:24].astype(int) - 235) <= 1).all()
    outside = np.ones_like(y, bool)
    outside[8:16, 8:24] = False
    assert np.abs(y[outside].astype(int) - before[:48][outside]).max() <= 1
    assert (np.abs(frame.u[4:8, 4:12].astype(int) - 128) <= 1).all()


def test_the_one_asked_for_last_is_the_picture(frame: Frame) -> None:
    frame.y[:], frame.u[:], frame.v[:] = 235, 128, 128
    assert (frame.bgr >= 254).all()
    frame.bgr[:] = 0
    assert (frame.y == 16).all()
    frame.y[:] = 126
    assert (np.abs(frame.bgr.astype(int) - 128) <= 1).all()


def test_assigned_bgr_is_copied_and_may_have_another_size(frame: Frame) -> None:
    users = np.full((20, 30, 3), 255, np.uint8)
    frame.bgr = users
    assert frame.size == (30, 20)
    frame.bgr[:] = 0
    assert (users == 255).all()
    frame.bgr += 10
    assert (frame.bgr == 10).all()
    frame.bgr = frame.bgr[:, ::-1]
    assert frame.picture().i420.shape == (30, 30)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((48, 64), np.uint8), r"an array of uint8 of shape \(48, 64\)"),
        (np.zeros((48, 64, 3)), r"an array of float64 of shape \(48, 64, 3\)"),
        (np.zeros((48, 64, 4), np.uint8), r"an array of uint8 of shape \(48, 64, 4\)"),
        (np.zeros((47, 64, 3), np.uint8), r"an array of uint8 of shape \(47, 64, 3\)"),
        (np.zeros((48, 63, 3), np.uint8), r"an array of uint8 of shape \(48, 63, 3\)"),
        (np.zeros((0, 64, 3), np.uint8), r"an array of uint8 of shape \(0, 64, 3\)"),
        ("hello", r"str \('hello'\)"),
    ],
)
def test_what_is_no_bgr_picture_is_refused(frame: Frame, wrong: object, words: str) -> None:
    with pytest.raises(TransformError, match=f"even height, even width, 3.*, not {words}"):
        frame.bgr = wrong


def test_a_cropped_frame_converts_and_packs(frame: Frame) -> None:
    frame.crop(32, 0, 32, 24)
    frame.y[:2] = 16
    assert frame.bgr.shape == (24, 32, 3)
    assert frame.bgr[:2].max() < frame.bgr[2:].max()
    frame.crop(0, 0, 16, 16)
    assert frame.bgr.flags.c_contiguous
    assert frame.picture().i420.shape == (24, 16)


def test_a_frame_takes_over_the_picture_of_another(frame: Frame, make_picture: MakePicture) -> None:
    other = Frame(make_picture(32, 32, slot=3))
    other.y[:] = 50
    frame.copy_from(other)
    other.y[:] = 60
    assert (frame.slot, frame.size) == (7, (32, 32))
    assert (frame.y == 50).all()


# What is noticed in it.


def test_what_is_emitted_has_the_frames_time_and_is_kept_as_it_was(frame: Frame, picture: Picture) -> None:
    boxes = [[0.25, 0.5]]
    frame.emit("faces", boxes=boxes, count=1, names=None)
    boxes.clear()
    assert frame.events == [Emitted("faces", picture.time_ns, {"boxes": [[0.25, 0.5]], "count": 1, "names": None})]


def test_numbers_of_numpy_are_numbers(frame: Frame) -> None:
    numbers = {"whole": np.uint8(3), "part": np.float32(0.5), "is_so": np.bool_(True), "many": np.eye(2, dtype=int)}
    frame.emit("numbers", **numbers, deep={"mean": np.float64(2)})
    (event,) = frame.events
    assert json.loads(json.dumps(event.data)) == {
        "whole": 3, "part": 0.5, "is_so": True, "many": [[1, 0], [0, 1]], "deep": {"mean": 2.0},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("", {}, r"frame.emit\(''\): a kind is 1 to 63 of a-z 0-9 _ . -, a letter first"),
        ("Motion", {}, "a kind is 1 to 63"),
        ("x" * 64, {}, "a kind is 1 to 63"),
        ("motion", {"score": float("nan")}, r"frame.emit\('motion'\): JSON cannot say this: Out of range float"),
        ("motion", {"path": object()}, "JSON cannot say this: it is object"),
        ("motion", {"text": "x" * 5000}, r"frame.emit\('motion'\): 5012 bytes of JSON, at most 4096"),
    ],
)
def test_what_cannot_be_told_is_refused(frame: Frame, kind: str, data: dict[str, Any], words: str) -> None:
    with pytest.raises(TransformError, match=words):
        frame.emit(kind, **data)
    assert frame.events == []


# What a chain does with one on which a transform failed.


def test_a_picture_that_is_kept_is_copied_when_somebody_asks_for_its_samples(frame: Frame, picture: Picture) -> None:
    before = picture.i420.copy()
    frame.keep()
    assert frame.size == (64, 48)
    assert frame.y.base is not picture.i420
    frame.y[:] = 5
    frame.u += 1
    assert (frame.y == 5).all()
    np.testing.assert_array_equal(picture.i420, before)
    frame.put_back()
    assert frame.picture().i420 is picture.i420


def test_bgr_that_is_kept_is_copied_too(frame: Frame) -> None:
    frame.bgr[:] = 40
    frame.keep()
    frame.bgr += 60
    assert (frame.bgr == 100).all()
    frame.bgr = frame.bgr[:20, :20]
    frame.put_back()
    assert frame.is_bgr
    assert (frame.bgr == 40).all()


def test_what_was_let_go_is_written_to_again(frame: Frame, picture: Picture) -> None:
    frame.keep()
    frame.let_go()
    frame.y[:] = 5
    assert (picture.i420[:48] == 5).all()
    frame.put_back()
    assert (frame.y == 5).all(), "there is nothing to put back"


def test_a_blank_frame_is_black_and_says_so(frame: Frame) -> None:
    frame.bgr[:] = 255
    assert not frame.is_blank
    frame.blank(32, 24)
    assert frame.is_blank
    assert frame.size == (32, 24)
    assert (frame.y == 16).all()
    assert (frame.u == 128).all()
    assert (frame.v == 128).all()
    assert frame.bgr.max() == 0
