"""MediaPipe's boxes are relative to anchors, which stand where its own calculator puts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.networks import tables
from relay.errors import TransformError
from relay.transform.models.descriptor import DescribedDetector
from relay.transform.models.detectors import OnnxDetector
from relay.transform.models.mediapipe import place_anchors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from relay.transform.models.boxes import Detection


@pytest.mark.parametrize(
    ("strides", "side", "count"),
    [
        ((8, 16, 16, 16), 128, 896),  # face_detection_short_range.pbtxt
        ((4,), 192, 2304),  # face_detection_full_range.pbtxt
        ((8, 16, 32, 32, 32), 224, 2254),  # pose_detection_cpu.pbtxt
        ((8, 16, 16, 16), 192, 2016),  # palm_detection_cpu.pbtxt
        ((16, 32, 32, 32), 256, 896),  # face_detection_back_mobile_gpu.pbtxt
    ],
)
def test_there_are_as_many_anchors_as_the_graphs_say(strides: tuple[int, ...], side: int, count: int) -> None:
    anchors = place_anchors(strides, side, side)
    assert anchors.shape == (count, 2)
    first = strides[0] / 2
    assert anchors[0].tolist() == [first, first]
    assert anchors[-1].tolist() == [side - strides[-1] / 2] * 2


def test_every_cell_has_its_anchors_one_after_the_other() -> None:
    anchors = place_anchors((8, 16, 16, 16), 128, 128)
    assert anchors[:4].tolist() == [[4, 4], [4, 4], [12, 4], [12, 4]]
    assert anchors[512:520].tolist() == [*[[8, 8]] * 6, *[[24, 8]] * 2]


def find(tmp_path: Path, side: int, rows: int, index: int, values: Sequence[float], score: float) -> list[Detection]:
    boxes, logits = np.zeros((1, rows, len(values))), np.full((1, rows, 1), -200.0)
    boxes[0, index], logits[0, index] = values, np.log(score / (1 - score))
    path = tables(tmp_path / "small.onnx", {"regressors": boxes, "classificators": logits})
    said = DescribedDetector(layout="mediapipe", input=(side, side))
    return OnnxDetector(path, said).detect(np.zeros((side, side, 3), np.uint8))


def test_a_face_lies_where_its_anchor_and_its_offset_say(tmp_path: Path) -> None:
    (found,) = find(tmp_path, 128, 896, 2 * (3 * 16 + 5), [4, -2, 32, 16, *[0] * 12], 0.75)
    assert (found.label, round(found.score, 3)) == ("face", 0.75)
    edges = [found.x0 * 128, found.y0 * 128, found.x1 * 128, found.y1 * 128]
    assert edges == pytest.approx([44 + 4 - 16, 28 - 2 - 8, 44 + 4 + 16, 28 - 2 + 8], abs=1e-3)


def test_a_person_is_the_circle_around_the_hips_and_the_head(tmp_path: Path) -> None:
    # The anchor is (116, 108). The head is 20 wide around (116, 48), the hips are at (116, 118), the rim 60 above them.
    values = [0, -60, 20, 20, 0, 10, 0, -50, 0, 0, 0, 0]
    (found,) = find(tmp_path, 224, 2254, 2 * (13 * 28 + 14), values, 0.9)
    assert found.label == "person"
    edges = [found.x0 * 224, found.y0 * 224, found.x1 * 224, found.y1 * 224]
    assert edges == pytest.approx([116 - 60, 48 - 10, 116 + 60, 118 + 60], abs=1e-3)


def test_grids_that_nobody_knows_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match="no grids that are known make 17 anchors of an input of 128x128"):
        find(tmp_path, 128, 17, 0, [0] * 16, 0.9)


def test_grids_can_be_given(tmp_path: Path) -> None:
    path = tables(tmp_path / "small.onnx", {"a": np.zeros((1, 32, 16)), "b": np.full((1, 32, 1), -9.0)})
    said = DescribedDetector(layout="mediapipe", input=(64, 64), strides=(16, 64))
    with pytest.raises(TransformError, match="make 32 anchors"):
        OnnxDetector(path, said).detect(np.zeros((64, 64, 3), np.uint8))
    said = DescribedDetector(layout="mediapipe", input=(64, 64), strides=(16,))
    with pytest.raises(TransformError, match="make 32 anchors"):
        OnnxDetector(path, said).detect(np.zeros((64, 64, 3), np.uint8))
    path = tables(tmp_path / "other.onnx", {"a": np.zeros((1, 34, 16)), "b": np.full((1, 34, 1), -9.0)})
    said = DescribedDetector(layout="mediapipe", input=(64, 64), strides=(16, 64))
    assert OnnxDetector(path, said).detect(np.zeros((64, 64, 3), np.uint8)) == []
