from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from relay.cli import app
from relay.errors import TransformError
from relay.transform.registry import BUILT_IN

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.pictures import WriteModule
    from relay.pixels import Bgr


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["transforms", *map(str, arguments)], catch_exceptions=False)


def told(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture of 65x49, dark on the left and bright on the right, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    bgr = np.full((49, 65, 3), 40, np.uint8)
    bgr[:, 32:] = 200
    path = tmp_path / "yard.jpg"
    assert cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, 100])
    return path


def written(path: Path) -> Bgr:
    bgr = cv2.imread(str(path))
    assert bgr is not None
    return np.asarray(bgr, np.uint8)


def test_all_of_them_by_group_in_one_line_each() -> None:
    lines = told().splitlines()
    assert lines[0] == "geometry"
    listed = {line.split()[0]: line for line in lines if line.startswith("    ")}
    assert set(BUILT_IN) <= set(listed)
    assert listed["crop"].endswith(".")
    assert lines[-1] == "relay transforms NAME says what it takes; your own is written module:function."


def test_all_of_them_as_json() -> None:
    listed = {one["name"]: one for one in json.loads(told("--json"))}
    assert listed["crop"]["group"] == "geometry"
    assert {parameter["name"] for parameter in listed["crop"]["parameters"]} >= {"width", "height", "on_failure"}


def test_one_that_is_broken_is_listed_with_its_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, "faces", "relay_vision_x:Faces")  # type: ignore[arg-type]  # no mapping that changes
    assert "    faces" in (output := told())
    assert "faces: it cannot be loaded: No module named 'relay_vision_x'" in output


@pytest.mark.parametrize("words", [("fixtures.links:Hides",), ("show", "fixtures.links:Hides")])
def test_what_one_of_them_takes(words: tuple[str, ...]) -> None:
    lines = told(*words).splitlines()
    assert lines[:5] == [
        "fixtures.links:Hides  (correction)",
        "    Paints what is not to be seen.",
        "",
        "Works on the planes.",
        "Hides something: where it fails, or takes longer than four frames last, black is shown, whatever is set.",
    ]
    at = lines.index("luma  (whole number; 200)")
    assert lines[at + 1] == "    the grey"
    assert not any(line.startswith("on_failure") for line in lines)


def test_what_is_needed_and_what_it_does_to_a_frame_is_said(user_module: WriteModule) -> None:
    output = told("fixtures.links:Holds")
    assert "Holds frames until it has seen later ones, and so delays the picture." in output
    assert "Where it fails, the picture before stays (freeze)." in output
    assert "May be left out of every second" not in output, "it would be overtaken"
    assert "May be left out of every second" in told("fixtures.links:Looks")
    assert "Changes the size of the picture." in told("fixtures.links:Fits")
    name = user_module("def box(frame, size: int, *more):\n    'Draws a box.'\ndef plain(frame): pass\n")
    assert told(f"{name}:box").splitlines() == [
        f"{name}:box  (installed)",
        "    Draws a box.",
        "",
        "Works on the planes or BGR, whichever the frame is.",
        "Where it fails, the picture before stays (freeze).",
        "",
        "size  (int; needed)",
        "*more  (anything)",
    ]
    assert told(f"{name}:plain").splitlines()[-1] == "It takes nothing."
    assert json.loads(told(f"{name}:box", "--json"))["parameters"][0]["kind"] == "int"


def test_a_name_that_there_is_not_is_refused() -> None:
    with pytest.raises(TransformError, match="there is no transform 'crpo': did you mean 'crop'"):
        run("crpo")


@pytest.mark.parametrize(
    "words", [["crop x=0 y=0 width=32 height=48"], ["crop", "x=0", "y=0", "width=32", "height=48"]]
)
def test_one_is_tried_on_a_picture(image: Path, words: list[str]) -> None:
    output = told("try", *words, image)
    assert output.startswith("yard-crop.png: 32x48, of 64x48, in ")
    bgr = written(image.parent / "yard-crop.png")
    assert bgr.shape == (48, 32, 3)
    assert np.abs(bgr.astype(int) - 40).max() <= 3


def test_one_that_leaves_the_picture_out_says_so(image: Path) -> None:
    with pytest.raises(TransformError, match=r"^filter: it leaves this picture out$"):
        run("try", "filter", "graph=select=0", image)


def test_it_is_written_where_it_is_asked_for_and_what_was_noticed_is_told(image: Path) -> None:
    output = told("try", "fixtures.links:Paints", "luma=126", "emits=seen", image, "-o", "out.webp")
    assert output.splitlines()[0].startswith("out.webp: 64x48")
    assert output.splitlines()[1:] == ['noticed seen: {"slot": 0}']
    assert np.abs(written(image.parent / "out.webp").astype(int) - 128).max() <= 3
    told("try", "fixtures.links:Paints", image)
    assert (image.parent / "yard-fixtures.links-Paints.png").exists()


def test_one_that_holds_frames_is_shown_the_picture_often_enough(image: Path) -> None:
    told("try", "fixtures.links:Holds", "frames=5", "luma=16", image, "-o", "out.png")
    assert written(image.parent / "out.png").max() == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["crop", "width=640", "yard.jpg"], "crop: height is missing"),
        (["crop", "width", "yard.jpg"], "crop: behind its name, each word of a transform is KEY=VALUE"),
        (["crop width=640 height=480", "yard.jpg"], "crop: 640x480 at (0, 0) reaches out of a picture of 64x48"),
        (["fixtures.links:Hides", "fails=true", "yard.jpg"], "Hides raised ValueError: not slot 0"),
        (["fixtures.links:Hides", "opens=not", "yard.jpg"], "Hides: there is no model: give model=PATH"),
        (["fixtures.links:Paints", "fails=true", "on_failure=stop", "yard.jpg"], "Paints raised ValueError"),
        (["flip", "gone.jpg"], "gone.jpg: cannot be read: No such file or directory"),
        (["flip", "notes.txt"], "notes.txt: is no picture that can be read"),
        (["flip", "empty.png"], "empty.png: is no picture that can be read"),
        (["flip", "thin.png"], "thin.png: is 1x9, and each side has to be 2 to 8192 pixels"),
        (["flip", "yard.jpg", "-o", "yard.jpg"], "yard.jpg: is the picture itself; name another file with -o"),
        (["flip", "yard.jpg", "-o", "out.doc"], "out.doc: its name says what to write: end it with .png, .jpg"),
        (
            ["flip", "yard.jpg", "-o", "no/such/out.png"],
            "no/such/out.png: cannot be written: No such file or directory",
        ),
    ],
)
def test_what_will_not_do_is_refused_and_nothing_is_written(image: Path, words: list[str], problem: str) -> None:
    (image.parent / "notes.txt").write_text("no picture")
    (image.parent / "empty.png").touch()
    cv2.imwrite(str(image.parent / "thin.png"), np.zeros((9, 1, 3), np.uint8))
    before = sorted(image.parent.iterdir())
    with pytest.raises(TransformError) as caught:
        run("try", *words)
    assert problem in str(caught.value)
    assert sorted(image.parent.iterdir()) == before


def test_a_picture_without_a_transform_is_explained() -> None:
    result = run("try", "yard.jpg")
    assert result.exit_code == 2
    assert "give a transform and then a picture" in " ".join(result.output.split())
