"""A detector's finds become visits: one event each, with what it was, where, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
import pytest

from fixtures.scenes import BEGAN_NS
from fixtures.scoring import spans
from fixtures.watching import flat, open_watcher, told
from relay.errors import TransformError
from relay.timeline import NS_PER_S
from relay.transform import Frame
from relay.transform.models.boxes import Detection, Detector
from relay.transform.watching.sightings import WatchFaces, WatchObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.pixels import Bgr
    from relay.transform.frame import Emitted


class Scripted:
    """A detector that finds what it is told to, at the time of the frame it is asked about."""

    def __init__(self) -> None:
        self.script: Callable[[float], list[Detection]] = lambda _: []
        self.time_s = 0.0
        self.asked: list[float] = []

    def detect(self, bgr: Bgr) -> list[Detection]:
        assert bgr.shape[2] == 3
        self.asked.append(self.time_s)
        return self.script(self.time_s)


class Objects(WatchObjects):
    detector: ClassVar[Scripted] = Scripted()

    def _load(self) -> Detector:
        return self.detector


class Faces(WatchFaces):
    detector: ClassVar[Scripted] = Scripted()

    def _load(self) -> Detector:
        return self.detector


def person(x: float, label: str = "person", score: float = 0.8) -> Detection:
    return Detection(x - 0.05, 0.3, x + 0.05, 0.9, score, label)


def run(watcher: Objects | Faces, script: Any, seconds: float = 12, rate: float = 10) -> list[Emitted]:
    watcher.detector.script, watcher.detector.asked = script, []
    watcher.open()
    events: list[Emitted] = []
    for picture in flat([100] * round(seconds * rate), rate):
        watcher.detector.time_s = (picture.time_ns - BEGAN_NS) / NS_PER_S
        frame = Frame(picture)
        watcher.apply(frame)
        events += frame.events
    watcher.close()
    return events


def walker(time_s: float) -> list[Detection]:
    """There from 2 to 6 s, from the left to the right."""
    return [person(0.1 + (time_s - 2) * 0.2, score=0.9 if 3 <= time_s < 4 else 0.6)] if 2 <= time_s < 6 else []


def test_a_visit_is_told_when_it_begins_and_when_it_is_over() -> None:
    events = run(Objects(), walker)
    assert spans(events, "object", 12) == [(pytest.approx(2, abs=0.1), pytest.approx(5.5, abs=0.1))]
    begin, end = told(events, "object")
    assert begin.keys() == end.keys() == {"phase", "lasted_s", "ago_s", "visit", "label", "score", "box", "zones"}
    assert (begin["visit"], begin["label"], begin["zones"]) == (1, "person", ["picture"])
    assert (begin["score"], end["score"]) == (0.6, 0.9)
    assert begin["box"] == pytest.approx([0.15, 0.3, 0.25, 0.9], abs=0.01)
    assert end["box"] == pytest.approx([0.75, 0.3, 0.85, 0.9], abs=0.01)
    assert end["ago_s"] == pytest.approx(3.0, abs=0.1)


def test_faces_are_told_as_faces() -> None:
    events = run(Faces(), lambda time_s: [person(0.5, "face")] if 2 <= time_s < 4 else [])
    assert [(data["phase"], data["label"]) for data in told(events, "face")] == [("begin", "face"), ("end", "face")]


@pytest.mark.parametrize(("every_s", "rate", "looks"), [(0.5, 10, 24), (1.0, 10, 12), (0.05, 10, 120), (0.25, 30, 48)])
def test_it_looks_as_often_as_it_is_told_to(every_s: float, rate: float, looks: int) -> None:
    watcher = Objects(every_s=every_s)
    run(watcher, walker, rate=rate)
    assert len(watcher.detector.asked) == looks


def test_zones_are_those_in_which_somebody_stands_or_a_face_is() -> None:
    zones = {"left": "0,0.8 0.5,0.8 0.5,1 0,1", "right": "0.5,0.8 1,0.8 1,1 0.5,1", "above": "0,0 1,0 1,0.65 0,0.65"}
    begin, end = told(run(Objects.model_validate({"zones": zones}), walker), "object")
    assert (begin["zones"], end["zones"]) == (["left"], ["left", "right"])
    faces = run(Faces.model_validate({"zones": zones}), walker)
    assert [data["zones"] for data in told(faces, "face")] == [["above"], ["above"]]


def test_nobody_is_seen_where_it_is_excluded() -> None:
    assert run(Objects.model_validate({"exclude": "0,0.8 1,0.8 1,1 0,1"}), walker) == []


def test_two_at_once_are_two_visits() -> None:
    events = run(Objects(), lambda time_s: [person(0.2), person(0.8, "car")] if 2 <= time_s < 5 else [])
    assert [spans(events, "object", 12, visit=visit) for visit in (1, 2)] == [[(2, pytest.approx(4.5, abs=0.1))]] * 2
    assert {data["label"] for data in told(events, "object")} == {"person", "car"}


def test_the_picture_stays_as_it_is_unless_boxes_are_asked_for() -> None:
    for watcher, changed in ((Objects(), False), (Objects(draw=True), True)):
        watcher.detector.script = lambda _: [person(0.5)]
        watcher.open()
        frames = [Frame(picture) for picture in flat([100] * 20, 10, 320, 180)]
        for frame in frames:
            watcher.apply(frame)
            assert frame.is_bgr is False
        assert bool((frames[-1].y != 100).any()) is changed
        if changed:
            rows, columns = np.nonzero(frames[-1].y == 145)
            box = columns.min() / 320, rows.min() / 180, (columns.max() + 1) / 320, (rows.max() + 1) / 180
            assert box == pytest.approx((0.45, 0.3, 0.55, 0.9), abs=0.02)


def test_a_bgr_frame_is_looked_at_as_it_is() -> None:
    watcher = Objects()
    watcher.detector.script = lambda _: [person(0.5)]
    watcher.open()
    frame = Frame(next(flat([100])))
    bgr = frame.bgr
    watcher.apply(frame)
    assert frame.bgr is bgr


def test_without_a_model_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(TransformError, match=r"there is no model of faces: `pip install"):
        open_watcher("watch-faces")
    monkeypatch.delattr(cv2, "HOGDescriptor", raising=False)
    with pytest.raises(TransformError, match=r"has no people detector built in.*give model"):
        open_watcher("watch-objects")


@pytest.mark.parametrize("name", ["watch-objects", "watch-faces"])
def test_a_model_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(TransformError, match=r"nowhere/at-all\.onnx"):
        open_watcher(f"{name} model=nowhere/at-all.onnx layout=yolox")
