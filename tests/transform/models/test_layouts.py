"""Every layout's outputs become the boxes that its authors mean by them; what is not of the layout is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from onnx import TensorProto

from fixtures.networks import Graph, tables
from relay.errors import TransformError
from relay.transform.models.boxes import Detection
from relay.transform.models.descriptor import DescribedDetector
from relay.transform.models.detectors import OnnxDetector

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


Detect: TypeAlias = Callable[..., list[Detection]]
WIDTH, HEIGHT = 64, 32
PICTURE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    """What a detector with these outputs finds in a picture of 64 x 32, which is its input as well."""

    def go(layout: str, outputs: Mapping[str, ArrayLike], **said: Any) -> list[Detection]:
        path = tables(tmp_path / "small.onnx", outputs)
        given = {"layout": layout, "input": (WIDTH, HEIGHT), **said}
        detector = OnnxDetector(path, DescribedDetector.model_validate(given))
        first = detector.detect(PICTURE)
        assert detector.detect(PICTURE) == first  # buffers that are used again change nothing
        return first

    return go


def pixels(found: Detection) -> list[float]:
    return [found.x0 * WIDTH, found.y0 * HEIGHT, found.x1 * WIDTH, found.y1 * HEIGHT]


def logit(score: float) -> float:
    return float(np.log(score / (1 - score)))


def yolox(*rows: tuple[int, list[float]], classes: int = 2) -> dict[str, NDArray[np.float64]]:
    """Strides 8, 16 and 32 make 32, 8 and 2 cells of 64 x 32."""
    output = np.zeros((1, 42, 5 + classes))
    for index, values in rows:
        output[0, index] = values
    return {"output": output}


def test_yolox_gives_centre_and_logarithm_of_the_size_in_strides_from_a_cell(detect: Detect) -> None:
    found = detect(
        "yolox",
        yolox(
            (8 + 2, [0.5, 0.25, 0.0, np.log(2), 0.9, 0.1, 0.8]),  # stride 8, row 1, column 2
            (32 + 4 + 3, [0.5, 0.5, 0.0, -50.0, 0.9, 0.9, 0.1]),  # no height at all, but for rounding
            (32 + 3, [0.0, 0.5, np.log(0.5), 0.0, 1.0, 0.7, 0.1]),  # stride 16, row 0, column 3
        ),
        classes=["person", "dog"],
    )
    told = {one.label: one for one in found}
    assert pixels(told["dog"]) == pytest.approx([20 - 4, 10 - 8, 20 + 4, 10 + 8], abs=1e-4)
    assert told["dog"].score == pytest.approx(0.72)
    person = next(one for one in found if one.label == "person" and one.score < 0.75)
    assert pixels(person) == pytest.approx([48 - 4, 8 - 8, 48 + 4, 8 + 8], abs=1e-4)


def test_yolox_of_one_thing_only_the_surest_box_stays_and_less_than_the_threshold_does_not(detect: Detect) -> None:
    rows = yolox(
        (9, [0.5, 0.5, 1, 1, 0.9, 0.9, 0]),
        (10, [-0.4, 0.5, 1, 1, 0.9, 0.8, 0]),
        (30, [0.5, 0.5, 0, 0, 0.5, 0.5, 0]),
        (31, [0.5, 0.5, 0, 0, 0.3, 1, 0]),
    )
    found = detect("yolox", rows, classes=["person", "dog"])
    assert [round(one.score, 3) for one in found] == [0.81]
    assert len(detect("yolox", rows, classes=["person", "dog"], threshold=0.2)) == 3
    assert len(detect("yolox", rows, classes=["person", "dog"], overlap=0.99)) == 2


def test_only_the_names_that_matter_are_told(detect: Detect) -> None:
    rows = yolox((3, [0, 0, 1, 1, 1, 1, 0]), (20, [0, 0, 1, 1, 1, 0, 1]))
    assert {one.label for one in detect("yolox", rows, classes=["person", "dog"])} == {"person", "dog"}
    assert [one.label for one in detect("yolox", rows, classes=["person", "dog"], labels=["dog"])] == ["dog"]
    with pytest.raises(TransformError, match=r"it cannot find 'cat': it knows person, dog"):
        detect("yolox", rows, classes=["person", "dog"], labels=["cat"])


def sides(*strides: float) -> list[float]:
    """Four distributions over 0 to 7: all of it on one number, or half on each of two."""
    rows = np.full((4, 8), -20.0)
    for row, side in zip(rows, strides, strict=True):
        row[int(np.floor(side))] = row[int(np.ceil(side))] = 20
    return rows.ravel().tolist()


def test_nanodet_plus_gives_distributions_of_sides_from_the_corner_of_a_cell(detect: Detect) -> None:
    output = np.zeros((1, 32 + 8 + 2 + 1, 2 + 32))  # stride 64 makes one cell of which half lies outside
    output[0, :, 2:] = sides(0, 0, 0, 0)
    output[0, 8 + 3] = [0.2, 0.9, *sides(1, 0.5, 2, 1)]  # stride 8, row 1, column 3: its point is (24, 8)
    output[0, 32 + 8 + 2] = [0.8, 0.1, *sides(0, 0, 0.5, 0.5)]  # stride 64
    found = {one.label: one for one in detect("nanodet", {"output": output}, classes=["person", "dog"])}
    assert pixels(found["dog"]) == pytest.approx([16, 4, 40, 16], abs=1e-3)
    assert found["dog"].score == pytest.approx(0.9)
    assert pixels(found["person"]) == pytest.approx([0, 0, 32, 32], abs=1e-3)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_older_nanodet_gives_them_apart_and_from_the_middle_of_a_cell(detect: Detect, is_reversed: bool) -> None:
    outputs: dict[str, ArrayLike] = {}
    for stride, cells in ((8, 32), (16, 8), (32, 2), (64, 1)):
        scores, distances = np.zeros((1, cells, 2)), np.tile(sides(0, 0, 0, 0), (1, cells, 1))
        if stride == 16:
            scores[0, 5, 1], distances[0, 5] = 0.9, sides(1, 0.5, 1, 0.5)  # row 1, column 1: (23.5, 23.5)
        outputs |= {f"cls{stride}": scores, f"dis{stride}": distances}
    if is_reversed:
        outputs = dict(reversed(outputs.items()))
    (found,) = detect("nanodet", outputs, classes=["person", "dog"])
    assert found.label == "dog"
    assert pixels(found) == pytest.approx([7.5, 15.5, 39.5, 31.5], abs=1e-3)


def test_rt_detr_as_ultralytics_exports_it(detect: Detect) -> None:
    output = np.zeros((1, 5, 4 + 2))
    output[0, 3] = [0.5, 0.5, 0.25, 0.5, 0.1, 0.6]
    output[0, 4] = [0.5, 0.5, 0.25, 0.5, 0.5, 0.1]
    found = detect("rtdetr", {"output0": output}, classes=["person", "dog"])
    assert [(one.label, round(one.score, 3)) for one in found] == [("dog", 0.6), ("person", 0.5)]
    assert pixels(found[0]) == pytest.approx([24, 8, 40, 24])


@pytest.mark.parametrize("is_reversed", [False, True])
def test_rt_detr_as_transformers_exports_it(detect: Detect, is_reversed: bool) -> None:
    logits = np.full((1, 6, 3), -9.0)
    logits[0, 2, 1] = logit(0.7)
    boxes = np.tile([0.25, 0.5, 0.5, 1.0], (1, 6, 1))
    outputs = {"logits": logits, "pred_boxes": boxes}
    if is_reversed:
        outputs = dict(reversed(outputs.items()))
    (found,) = detect("rtdetr", outputs, classes=["a", "b", "c"])
    assert (found.label, round(found.score, 3)) == ("b", 0.7)
    assert pixels(found) == pytest.approx([0, 0, 32, 32])


def test_rt_detr_as_its_authors_export_it(tmp_path: Path) -> None:
    graph = Graph()
    wanted = graph.add("Cast", graph.also_takes("orig_target_sizes", (1, 2)), to=TensorProto.FLOAT)
    twice = graph.add("Concat", wanted, wanted, axis=1)
    mean = graph.add("ReduceMean", "images", axes=[1, 2, 3], keepdims=0)
    nothing = graph.add("Mul", mean, graph.constant([0.0]))
    shares = graph.add("Add", nothing, graph.constant([[[0.25, 0.5, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0]]]))
    path = graph.save(
        tmp_path / "detr.onnx",
        {
            "labels": graph.add("Add", nothing, graph.constant([[1.0, 0.0]])),
            "boxes": graph.add("Mul", shares, twice),
            "scores": graph.add("Add", nothing, graph.constant([[0.9, 0.2]])),
        },
    )
    said = {"layout": "rtdetr", "input": (128, 96), "classes": ["person", "dog"], "sizes_input": "orig_target_sizes"}
    (found,) = OnnxDetector(path, DescribedDetector.model_validate(said)).detect(PICTURE)
    assert (found.label, round(found.score, 3)) == ("dog", 0.9)
    assert pixels(found) == pytest.approx([16, 16, 32, 32], abs=1e-3)


def centerface(height: int, width: int) -> dict[str, NDArray[np.float64]]:
    return {
        "537": np.zeros((1, 1, height, width)),
        "538": np.zeros((1, 2, height, width)),
        "539": np.zeros((1, 2, height, width)),
        "540": np.zeros((1, 10, height, width)),
    }


def test_centerface_gives_height_before_width_and_y_before_x(detect: Detect) -> None:
    outputs = centerface(8, 16)
    outputs["537"][0, 0, 3, 5] = 0.8
    outputs["538"][0, :, 3, 5] = np.log(4), np.log(2)
    outputs["539"][0, :, 3, 5] = 0.25, -0.5
    (found,) = detect("centerface", outputs)
    assert (found.label, round(found.score, 3)) == ("face", 0.8)
    assert pixels(found) == pytest.approx([20 - 4, 15 - 8, 20 + 4, 15 + 8], abs=1e-4)


def test_neighbouring_cells_of_one_face_are_one_face(detect: Detect) -> None:
    outputs = centerface(8, 16)
    outputs["537"][0, 0, 3, 4:7] = 0.6, 0.9, 0.7
    outputs["538"][0] = np.log(4)
    assert [round(one.score, 3) for one in detect("centerface", outputs)] == [0.9]


def test_outputs_of_other_names_are_told_apart_by_what_is_said_of_them(detect: Detect, tmp_path: Path) -> None:
    outputs = centerface(8, 16)
    outputs["537"][0, 0, 3, 5] = 0.8
    outputs["538"][0, :, 3, 5] = np.log(4), np.log(2)
    renamed = dict(zip(("heat", "size", "offset", "dots"), outputs.values(), strict=True))
    path = tables(tmp_path / "renamed.onnx", renamed)
    said = DescribedDetector(layout="centerface", input=(64, 32), outputs=("heat", "size", "offset", "dots"))
    assert OnnxDetector(path, said).detect(PICTURE) == detect("centerface", outputs)


def test_landmarks_may_be_missing(detect: Detect) -> None:
    outputs = centerface(8, 16)
    outputs["537"][0, 0, 3, 5] = 0.8
    del outputs["540"]
    assert len(detect("centerface", outputs)) == 1


@pytest.mark.parametrize(
    ("layout", "outputs", "words"),
    [
        ("yolox", {"a": np.zeros((1, 42, 4))}, r"gives one output of 1 x n x \(5 \+ classes\), and this one .* 1x42x4"),
        ("yolox", {"a": np.zeros((1, 42, 7)), "b": np.zeros((1, 2))}, "this one gives 1x42x7, 1x2"),
        ("yolox", {"a": np.zeros((42, 7))}, "give another layout, or outputs"),
        ("yolox", {"a": np.zeros((1, 43, 7))}, "gives 43 rows, and strides of 8, 16, 32 make 42 of an input of 64x32"),
        ("yolox", {"a": np.zeros((1, 42, 8))}, "tells 3 classes apart, and 2 names are given: say classes"),
        ("nanodet", {"a": np.zeros((1, 43, 32))}, "or two for each stride"),
        ("nanodet", {"a": np.zeros((1, 42, 34))}, "gives 42 rows, and strides of 8, 16, 32, 64 make 43"),
        ("nanodet", {"a": np.zeros((1, 43, 35))}, "tells 3 classes apart"),
        ("nanodet", {"a": np.zeros((1, 32, 2)), "b": np.zeros((1, 32, 32))}, "this one gives 1x32x2, 1x32x32"),
        ("rtdetr", {"a": np.zeros((1, 5, 4))}, "labels, boxes and scores"),
        ("rtdetr", {"a": np.zeros((1, 5, 2)), "b": np.zeros((1, 6, 4))}, "this one gives 1x5x2, 1x6x4"),
        ("rtdetr", {"a": np.zeros((1, 5, 9))}, "tells 5 classes apart"),
        ("rtdetr", {"labels": [[7.0]], "boxes": np.ones((1, 1, 4)), "scores": [[0.9]]}, "tells 8 classes apart"),
        ("rtdetr", {"labels": [[7.0, 1.0]], "boxes": np.ones((1, 1, 4)), "scores": [[0.9]]}, "1x2, 1x1x4, 1x1"),
        ("rtdetr", {"a": [[7.0]], "b": np.ones((1, 1, 4)), "c": [[0.9]]}, "it has a, b, c: give outputs"),
        ("centerface", dict(zip("abcd", centerface(8, 16).values(), strict=True)), "it has a, b, c, d: give outputs"),
        ("centerface", {"a": np.zeros((1, 1, 8, 16))}, "this one gives 1x1x8x16"),
        ("centerface", {**centerface(8, 16), "537": np.zeros((1, 2, 8, 16))}, "outputs of 1 x 1 x h x w"),
        ("centerface", centerface(9, 16), "this one gives 1x1x9x16"),
        ("mediapipe", {"a": np.zeros((1, 10, 16))}, "two outputs, of 1 x n"),
        ("mediapipe", {"a": np.zeros((1, 10, 17)), "b": np.zeros((1, 10, 1))}, "this one gives 1x10x17, 1x10x1"),
        ("mediapipe", {"a": np.zeros((1, 10, 16)), "b": np.zeros((1, 9, 1))}, "this one gives 1x10x16, 1x9x1"),
    ],
)
def test_what_is_of_no_such_layout_is_refused(
    detect: Detect, layout: str, outputs: Mapping[str, ArrayLike], words: str
) -> None:
    said = {} if layout in {"centerface", "mediapipe"} else {"classes": ["person", "dog"]}
    with pytest.raises(TransformError, match=rf"^small\.onnx: .*{words}"):
        detect(layout, outputs, **said)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("layout", "name", "where"),
    [("yolox", "output", (0, 41, 4)), ("yolox", "output", (0, 10, 6)), ("centerface", "537", (0, 0, 7, 15)),
     ("centerface", "538", (0, 0, 3, 5)), ("centerface", "539", (0, 1, 3, 5))],
)  # fmt: skip
def test_what_is_no_number_is_a_fault_and_never_nothing_found(
    detect: Detect, layout: str, name: str, where: tuple[int, ...], wrong: float
) -> None:
    if layout == "yolox":
        outputs = yolox((10, [0.5, 0.5, 0, 0, 0.9, 0.9, 0]))
    else:
        outputs = centerface(8, 16)
        outputs["537"][0, 0, 3, 5] = 0.8
    outputs[name][where] = wrong
    if (name, wrong) == ("538", np.inf):  # a size without end is the whole picture
        assert pixels(detect(layout, outputs)[0])[1::2] == [0, HEIGHT]
        return
    with pytest.raises(TransformError, match="that are no numbers"):
        detect(layout, outputs, **({"classes": ["person", "dog"]} if layout == "yolox" else {}))


def test_a_layout_has_to_be_said(tmp_path: Path) -> None:
    path = tables(tmp_path / "small.onnx", {"a": np.zeros((1, 2))})
    words = r"its layout is not known; give layout = one of centerface, .*, yunet, .* in small\.toml beside it"
    with pytest.raises(TransformError, match=words):
        OnnxDetector(path, DescribedDetector())
