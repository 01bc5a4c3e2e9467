"""`segment` does with what a network finds what is wanted, pixel by pixel, and with nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto

from fixtures.hidden import BLACK, HEIGHT, SIDE, WIDTH, background, is_black, is_seen, scene
from fixtures.networks import Graph, red_pixels, tables
from fixtures.transforms import allocated
from fixtures.transforms import scene as textured
from relay.errors import TransformError
from relay.model import Picture
from relay.pixels import split
from relay.transform import Frame
from relay.transform.models.segment import Segment

if TYPE_CHECKING:
    from pathlib import Path

AT = (96, 64)
RAW = {"input": (WIDTH, HEIGHT), "mean": (0, 0, 0), "std": (1, 1, 1)}
"""The small picture is the scene itself: each cell of the network's grid is four pixels wide."""


def segmented(path: Path, picture: Picture, **said: Any) -> Frame:
    transform = Segment.model_validate({"model": path, **RAW, **said})
    transform.open()
    frames = [Frame(Picture(picture.slot, picture.time_ns, picture.i420.copy())) for _ in range(2)]
    for frame in frames:
        transform.apply(frame)
    return frames[-1]


@pytest.mark.parametrize(("channels", "said"), [(1, {}), (2, {}), (3, {"classes": "background,red,blue"})])
def test_what_is_found_is_filled_and_all_else_stays(tmp_path: Path, channels: int, said: dict[str, str]) -> None:
    out = segmented(red_pixels(tmp_path / "red.onnx", channels), scene(0, AT), how="fill", colour="#000000", **said)
    assert is_black(out.picture(), *AT)
    rest = np.ones((HEIGHT, WIDTH), bool)
    rest[AT[1] : AT[1] + SIDE, AT[0] : AT[0] + SIDE] = False
    np.testing.assert_array_equal(out.y[rest], split(background().i420).y[rest])


def test_all_but_what_is_found_can_be_meant(tmp_path: Path) -> None:
    out = segmented(red_pixels(tmp_path / "red.onnx", 2), scene(0, AT), how="fill", colour="#000000", inverse=True)
    assert is_seen(out.picture(), *AT)
    assert (out.y == BLACK[0]).sum() == WIDTH * HEIGHT - SIDE * SIDE


@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_what_is_found_is_told_no_more(tmp_path: Path, how: str) -> None:
    picture = scene(0, AT)
    assert is_seen(picture, *AT)
    assert not is_seen(segmented(red_pixels(tmp_path / "red.onnx", 2), picture, how=how).picture(), *AT)


def test_a_tint_leaves_what_is_under_it_to_be_seen(tmp_path: Path) -> None:
    out = segmented(red_pixels(tmp_path / "red.onnx", 2), scene(0, AT), colour="#0000ff")
    inside = (slice(AT[1], AT[1] + SIDE), slice(AT[0], AT[0] + SIDE))
    before = split(scene(0, AT).i420)
    assert np.abs(out.y[inside].astype(int) - (before.y[inside] / 2 + 41 / 2)).max() <= 1
    chroma = (slice(AT[1] // 2, (AT[1] + SIDE) // 2), slice(AT[0] // 2, (AT[0] + SIDE) // 2))
    assert (out.u[chroma] > before.u[chroma].astype(int) + 50).all()


def test_how_much_is_meant_is_told(tmp_path: Path) -> None:
    (event,) = segmented(red_pixels(tmp_path / "red.onnx", 1), scene(0, AT), event="red").events
    assert event.kind == "red"
    assert event.data["share"] == pytest.approx(SIDE * SIDE / WIDTH / HEIGHT, abs=1e-4)
    assert segmented(tmp_path / "red.onnx", scene(0, AT)).events == []


def test_a_network_that_names_the_class_of_each_pixel_is_believed(tmp_path: Path) -> None:
    graph = Graph()
    weights = np.zeros((3, 3))
    weights[2] = (1, -1, 0)
    scores = graph.grid(4, weights, [100.0, 0.0, 0.0])
    best = graph.add("ArgMax", scores, axis=1, keepdims=0)
    path = graph.save(tmp_path / "classes.onnx", {"classes": best}, kind=TensorProto.INT64)
    said = {"classes": ["wall", "cat", "dog"], "how": "fill"}
    assert is_black(segmented(path, scene(0, AT), labels=["dog"], colour="#000000", **said).picture(), *AT)
    assert is_seen(segmented(path, scene(0, AT), labels=["cat"], colour="#000000", **said).picture(), *AT)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"a": np.zeros((1, 3, 8, 8))}, r"2 classes gives 1 x 2 x h x w, .*gives 1x3x8x8: say classes"),
        ({"a": np.zeros((1, 2))}, "this one gives 1x2"),
        ({"a": np.zeros((1, 2, 8, 8)), "b": np.zeros((1, 2))}, "this one gives 1x2x8x8, 1x2"),
        ({"a": np.full((1, 2, 8, 8), np.nan)}, "values that are no numbers"),
        ({"a": np.concatenate([np.ones((1, 1, 8, 8)), np.full((1, 1, 8, 8), np.nan)], axis=1)}, "are no numbers"),
    ],
)
def test_what_are_no_segments_is_refused(tmp_path: Path, outputs: dict[str, Any], words: str) -> None:
    with pytest.raises(TransformError, match=words):
        segmented(tables(tmp_path / "bad.onnx", outputs), background())


@pytest.mark.parametrize("how", ["tint", "blur", "fill"])
@pytest.mark.parametrize("channels", [1, 2])
def test_nothing_is_allocated_once_warm(tmp_path: Path, how: str, channels: int) -> None:
    transform = Segment.model_validate({"model": red_pixels(tmp_path / "red.onnx", channels), "how": how})
    assert allocated(transform, [textured(320, 360, seed=seed) for seed in (1, 2, 3)]) < 4096


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    transform = Segment(model=tmp_path / "none.onnx")
    with pytest.raises(TransformError, match="there is no such file"):
        transform.open()
    with pytest.raises(TransformError, match="was not loaded"):
        transform.apply(Frame(background()))
    path = red_pixels(tmp_path / "red.onnx", 2)
    with pytest.raises(TransformError, match="it cannot find 'cat': it knows background, person"):
        Segment(model=path, labels=("cat",)).open()
    transform = Segment(model=path)
    transform.open()
    transform.close()
    with pytest.raises(TransformError, match="was not loaded"):
        transform.apply(Frame(background()))
