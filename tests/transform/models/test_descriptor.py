"""What is said of a model: in its parameters, else in the file beside it, else by default; and what is said wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.errors import TransformError
from relay.transform.models.coco import COCO
from relay.transform.models.descriptor import DescribedDetector, describe

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = DescribedDetector()


def test_a_file_of_the_models_name_beside_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "people.toml").write_text(
        'layout = "yolox"\ninput = "416x320"\nclasses = ["person", "dog"]\nmean = [1, 2, 3]\nthreshold = 0.6\n'
    )
    said = describe(DescribedDetector, tmp_path / "people.onnx", None, NOTHING)
    assert (said.layout, said.input, said.classes, said.mean) == ("yolox", (416, 320), ("person", "dog"), (1, 2, 3))
    assert said.threshold == 0.6
    assert said.overlap is None


def test_a_parameter_wins_over_the_file_and_the_file_over_what_is_usual(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("threshold = 0.6\noverlap = 0.2\n")
    usual = {"threshold": 0.1, "overlap": 0.1, "layout": "yolox"}
    said = describe(DescribedDetector, tmp_path / "a.onnx", None, DescribedDetector(threshold=0.7), usual)
    assert (said.threshold, said.overlap, said.layout) == (0.7, 0.2, "yolox")


def test_another_file_is_read_where_its_path_is_given(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('layout = "yolox"\n')
    (tmp_path / "b.toml").write_text('layout = "nanodet"\n')
    assert describe(DescribedDetector, tmp_path / "a.onnx", tmp_path / "b.toml", NOTHING).layout == "nanodet"
    with pytest.raises(TransformError, match=r"descriptor .*/c\.toml: there is no such file"):
        describe(DescribedDetector, tmp_path / "a.onnx", tmp_path / "c.toml", NOTHING)


def test_without_a_file_the_parameters_are_all(tmp_path: Path) -> None:
    assert describe(DescribedDetector, tmp_path / "a.onnx", None, DescribedDetector(stretch=True)) == DescribedDetector(
        stretch=True
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("layout = 'yolo9'", r"layout = 'yolo9': input should be 'centerface', .*\(it may say input, rgb, "),
        ("colour = 1", r"there is no 'colour'"),
        ("input = '640 by 480'", "input = '640 by 480': input should be"),
        ("input = '4x9999'", "is WIDTHxHEIGHT, or the longer side alone, each from 8 to 4096"),
        ("input = 5000", "is WIDTHxHEIGHT"),
        ("std = [1, 0, 1]", r"std = \[1, 0, 1\]: is divided by: none of the three may be 0"),
        ("classes = []", r"classes = \[\]: is a list of names, none of them empty"),
        ("labels = ['a', '']", "is a list of names"),
        ("threshold = 0", "threshold = 0: input should be greater than 0"),
        ("mean = [1, 2]", "mean = "),
        ("layout = yolox", "is no TOML: "),
    ],
)
def test_what_is_said_wrongly_is_named_with_what_would_do(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(TransformError, match=rf"descriptor {tmp_path}/a\.toml:? .*{words}"):
        describe(DescribedDetector, tmp_path / "a.onnx", None, NOTHING)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match=r"descriptor .* cannot be read: Is a directory"):
        describe(DescribedDetector, tmp_path / "a.onnx", tmp_path, NOTHING)


def test_a_command_line_says_it_all_in_words() -> None:
    said = DescribedDetector.model_validate(
        {"input": "480", "classes": "coco", "labels": "person, car", "mean": "1,2,3.5", "strides": "8,16", "rgb": "no"}
    )
    assert (said.input, said.classes, said.labels) == (480, COCO, ("person", "car"))
    assert (said.mean, said.strides, said.rgb) == ((1, 2, 3.5), (8, 16), False)
    assert DescribedDetector.model_validate({"input": "640x352"}).input == (640, 352)


def test_there_are_eighty_names_of_coco_and_none_twice() -> None:
    assert len(set(COCO)) == 80
    assert COCO[0] == "person"
