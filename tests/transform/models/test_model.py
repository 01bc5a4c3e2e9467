"""`model` tells what its detector finds, draws it if asked, and looks as often as it was told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.hidden import HEIGHT, SIDE, WIDTH, FindRed, background, scene
from fixtures.networks import red_faces
from relay.errors import TransformError
from relay.pixels import split
from relay.transform import Frame
from relay.transform.models.boxes import Detection
from relay.transform.models.model import Model

if TYPE_CHECKING:
    from pathlib import Path

    from relay.model import Picture
    from relay.pixels import Bgr


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return red_faces(tmp_path / "red.onnx", SIDE)


def applied(transform: Model, picture: Picture) -> Frame:
    frame = Frame(picture)
    transform.apply(frame)
    return frame


def test_what_is_found_is_told_with_its_place(network: Path) -> None:
    model = Model(model=network, layout="centerface", input=WIDTH, event="squares")
    model.open()
    frame = applied(model, scene(4, (100, 60)))
    (event,) = frame.events
    assert (event.kind, event.time_ns) == ("squares", frame.time_ns)
    (told,) = event.data["objects"]
    assert told["label"] == "face"
    assert told["x0"] * WIDTH == pytest.approx(100, abs=6)
    assert told["y1"] * HEIGHT == pytest.approx(60 + SIDE, abs=6)
    assert applied(model, background()).events == []


def test_the_picture_stays_as_it_was_unless_boxes_are_wanted(network: Path) -> None:
    model = Model(model=network, layout="centerface", input=WIDTH)
    model.open()
    picture = scene(0, (100, 60))
    before = picture.i420.copy()
    assert applied(model, picture).picture().i420 is picture.i420
    np.testing.assert_array_equal(picture.i420, before)


@pytest.mark.parametrize("colour", ["#ff0000", "#101010"])
def test_a_box_with_its_name_is_drawn_around_what_is_found(network: Path, colour: str) -> None:
    model = Model(model=network, layout="centerface", input=WIDTH, draw=True, colour=colour)
    model.open()
    picture = scene(0, (100, 60))
    before = [plane.copy() for plane in split(picture.i420)]
    y, _, v = split(applied(model, picture).picture().i420)
    changed = np.argwhere(y != before[0])
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert (top, left) < (60, 100 + 6)
    assert (bottom, right) > (60 + SIDE - 8, 100 + SIDE - 8)
    inner = (slice(60 + 10, 60 + SIDE - 10), slice(100 + 10, 100 + SIDE - 10))
    np.testing.assert_array_equal(y[inner], before[0][inner])
    if colour == "#ff0000":
        assert (v > 235).any()
        assert np.abs(np.argwhere(v != before[2]).min(axis=0) * 2 - (top, left)).max() <= 2


def test_of_many_the_surest_are_told_and_how_many_there_were(network: Path) -> None:
    class Crowd:
        def detect(self, bgr: Bgr) -> list[Detection]:
            return [Detection(0.1, 0.2, 0.3, 0.4, index / 1000, "person") for index in range(500)]

    model = Model(model=network)
    model._detector = Crowd()
    (event,) = applied(model, background()).events
    assert event.data["count"] == 500
    scores = [told["score"] for told in event.data["objects"]]
    assert scores == [round(0.499 - index / 1000, 3) for index in range(len(scores))]
    assert 30 < len(scores) < 50


def test_a_name_is_drawn_whole_at_the_edges_of_the_picture(network: Path) -> None:
    model = Model(model=network, layout="centerface", input=WIDTH, draw=True)
    model.open()
    for corner in ((0, 0), (WIDTH - SIDE, 0), (WIDTH - SIDE, HEIGHT - SIDE)):
        applied(model, scene(0, corner))
    tiny = Frame(scene(0, (0, 0)))
    tiny.crop(0, 0, 32, 32)
    model.apply(tiny)


def test_it_looks_at_every_kth_frame_and_draws_on_all(network: Path) -> None:
    model = Model(model=network, layout="centerface", every=3, draw=True)
    looking = FindRed()
    model._detector = looking
    frames = [applied(model, scene(slot, (100, 60))) for slot in range(7)]
    assert looking.looks == 3
    assert [len(frame.events) for frame in frames] == [1, 0, 0, 1, 0, 0, 1]
    for frame in frames:
        assert (frame.y != split(scene(0, (100, 60)).i420).y).any()


def test_without_its_file_it_says_so_and_unopened_it_does_nothing(tmp_path: Path) -> None:
    model = Model(model=tmp_path / "none.onnx", layout="yolox")
    with pytest.raises(TransformError, match="there is no such file"):
        model.open()
    with pytest.raises(TransformError, match="was not loaded"):
        model.apply(Frame(background()))


def test_once_closed_it_looks_no_more(network: Path) -> None:
    model = Model(model=network, layout="centerface")
    model.open()
    model.close()
    with pytest.raises(TransformError, match="was not loaded"):
        model.apply(Frame(background()))
