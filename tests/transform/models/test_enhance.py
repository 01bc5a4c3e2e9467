"""`enhance` puts in the picture's place what the network makes of it: its size, its colours, and no nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.hidden import background
from fixtures.networks import IMAGES, Graph, tables
from fixtures.pictures import corners, four_colours
from fixtures.transforms import allocated, scene
from relay.errors import TransformError
from relay.model import Picture
from relay.pixels import new_i420, split
from relay.transform import Frame
from relay.transform.models.enhance import Enhance

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WHERE = {corner: corner for corner in ("top-left", "top-right", "bottom-left", "bottom-right")}


def twice_as_large(path: Path, channels: int = 3) -> Path:
    """A transposed convolution that makes four pixels of each."""
    graph = Graph(channels)
    kernel = np.zeros((channels, channels, 2, 2))
    for channel in range(channels):
        kernel[channel, channel] = 1
    made = graph.add("ConvTranspose", IMAGES, graph.constant(kernel), kernel_shape=[2, 2], strides=[2, 2])
    return graph.save(path, {"image": made})


def linear(path: Path, factor: list[float], plus: list[float]) -> Path:
    """Each channel times a factor, and more."""
    graph = Graph(len(factor))
    shape = (1, len(factor), 1, 1)
    scaled = graph.add("Mul", IMAGES, graph.constant(np.reshape(factor, shape)))
    return graph.save(path, {"image": graph.add("Add", scaled, graph.constant(np.reshape(plus, shape)))})


def enhanced(transform: Enhance, picture: Picture) -> Picture:
    """What it makes of the picture the second time, in buffers that are used again."""
    transform.open()
    frames = [Frame(Picture(picture.slot, picture.time_ns, picture.i420.copy())) for _ in range(2)]
    for frame in frames:
        transform.apply(frame)
    return frames[-1].picture()


def level(y: int, u: int = 128, v: int = 128) -> Picture:
    i420 = new_i420(64, 48)
    for plane, value in zip(split(i420), (y, u, v), strict=True):
        plane[:] = value
    return Picture(0, 0, i420)


@pytest.mark.parametrize(("size", "wanted"), [("model", (128, 96)), ("keep", (64, 48))])
@pytest.mark.parametrize("luma", [False, True])
def test_a_larger_picture_is_taken_or_made_as_large_as_it_was(
    tmp_path: Path, size: str, wanted: tuple[int, int], luma: bool
) -> None:
    path = twice_as_large(tmp_path / "twice.onnx", 1 if luma else 3)
    out = enhanced(Enhance.model_validate({"model": path, "size": size, "luma": luma}), four_colours())
    assert (out.width, out.height) == wanted
    assert corners(out) == WHERE


def test_light_is_made_of_the_dark(tmp_path: Path) -> None:
    path = linear(tmp_path / "light.onnx", [2.0] * 3, [0.1] * 3)
    y, u, v = split(enhanced(Enhance(model=path), level(16 + 44)).i420)  # a fifth of white becomes a half
    assert np.abs(y.astype(int) - (16 + 110)).max() <= 2
    assert np.abs(u.astype(int) - 128).max() <= 1
    assert np.abs(v.astype(int) - 128).max() <= 1


def test_what_is_brighter_than_white_is_white_and_darker_than_black_black(tmp_path: Path) -> None:
    bright = enhanced(Enhance(model=linear(tmp_path / "a.onnx", [9.0] * 3, [0.0] * 3)), level(180))
    dark = enhanced(Enhance(model=linear(tmp_path / "b.onnx", [1.0] * 3, [-2.0] * 3)), level(180))
    assert set(np.unique(split(bright.i420).y)) <= {234, 235}
    assert set(np.unique(split(dark.i420).y)) <= {16, 17}


@pytest.mark.parametrize("rgb", [True, False])
def test_channels_come_and_go_in_the_networks_order(tmp_path: Path, rgb: bool) -> None:
    path = linear(tmp_path / "first.onnx", [0.0] * 3, [1.0, 0.0, 0.0])
    bgr = Frame(enhanced(Enhance(model=path, rgb=rgb), level(100))).bgr
    first, last = bgr[24, 32, 2 if rgb else 0], bgr[24, 32, 0 if rgb else 2]
    assert first > 240
    assert last < 15


def test_a_network_of_plus_and_minus_one_says_so(tmp_path: Path) -> None:
    path = linear(tmp_path / "same.onnx", [1.0] * 3, [0.0] * 3)
    (tmp_path / "same.toml").write_text(
        "mean = [127.5, 127.5, 127.5]\nstd = [127.5, 127.5, 127.5]\n"
        "output_mean = [127.5, 127.5, 127.5]\noutput_std = [127.5, 127.5, 127.5]\n"
    )
    assert corners(enhanced(Enhance(model=path), four_colours())) == WHERE


def test_a_network_of_one_size_gets_the_picture_in_that_size(tmp_path: Path) -> None:
    graph = Graph(3, 32, 96)
    flat = graph.add("Reshape", IMAGES, graph.constant([1, 3, 32, 96], np.int64))
    path = graph.save(tmp_path / "fixed.onnx", {"image": flat})
    out = enhanced(Enhance.model_validate({"model": path, "input": "96x32"}), four_colours())
    assert (out.width, out.height) == (96, 32)
    assert corners(out) == WHERE
    out = enhanced(Enhance.model_validate({"model": path, "input": "96x32", "size": "keep"}), four_colours())
    assert (out.width, out.height) == (64, 48)


def test_luma_alone_is_changed_and_stays_in_its_range(tmp_path: Path) -> None:
    path = linear(tmp_path / "half.onnx", [0.5], [0.5])
    y, u, v = split(enhanced(Enhance(model=path, luma=True), level(16, 100, 150)).i420)
    assert np.abs(y.astype(int) - (16 + 110)).max() <= 1
    assert (u == 100).all()
    assert (v == 150).all()
    y = split(enhanced(Enhance(model=path, luma=True), level(235)).i420).y
    assert np.abs(y.astype(int) - 235).max() <= 1


def test_an_odd_size_becomes_even(tmp_path: Path) -> None:
    graph = Graph()
    made = graph.add("AveragePool", IMAGES, kernel_shape=[2, 2], strides=[1, 1])
    out = enhanced(Enhance(model=graph.save(tmp_path / "odd.onnx", {"image": made})), four_colours())
    assert (out.width, out.height) == (62, 46)


@pytest.mark.parametrize(
    ("outputs", "luma", "words"),
    [
        (np.zeros((1, 1, 48, 64)), False, r"colours gives 1 x 3 x h x w, and this one gives 1x1x48x64: say luma = tr"),
        (np.zeros((1, 3, 48, 64)), True, r"luma gives 1 x 1 x h x w, and this one gives 1x3x48x64: say luma = false"),
        (np.zeros((1, 3)), False, "this one gives 1x3"),
        (np.zeros((1, 3, 1, 64)), False, "this one gives 1x3x1x64"),
        (np.full((1, 3, 48, 64), np.nan), False, "gives pixels that are no numbers"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, outputs: NDArray[np.float64], luma: bool, words: str) -> None:
    path = tables(tmp_path / "bad.onnx", {"image": outputs}, **({"channels": 1} if luma else {}))
    transform = Enhance(model=path, luma=luma)
    transform.open()
    with pytest.raises(TransformError, match=words):
        transform.apply(Frame(background()))


@pytest.mark.parametrize("is_bgr", [False, True])
@pytest.mark.parametrize("said", [{}, {"size": "keep"}, {"luma": True}])
def test_nothing_is_allocated_once_warm(tmp_path: Path, said: dict[str, object], is_bgr: bool) -> None:
    path = twice_as_large(tmp_path / "twice.onnx", 1 if "luma" in said else 3)
    pictures = [scene(160, 180, seed=seed) for seed in (1, 2, 3)]
    assert allocated(Enhance.model_validate({"model": path, **said}), pictures, is_bgr=is_bgr) < 4096


def test_of_several_outputs_one_is_to_be_named(tmp_path: Path) -> None:
    path = tables(tmp_path / "two.onnx", {"a": np.zeros((1, 3, 48, 64)), "b": np.ones((1, 3, 48, 64))})
    with pytest.raises(TransformError, match=r"two\.onnx: of its outputs a, b one is the picture: give outputs"):
        Enhance(model=path).open()
    assert set(np.unique(split(enhanced(Enhance(model=path, outputs=("b",)), four_colours()).i420).y)) <= {234, 235}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    transform = Enhance(model=tmp_path / "none.onnx")
    with pytest.raises(TransformError, match="there is no such file"):
        transform.open()
    with pytest.raises(TransformError, match="was not loaded"):
        transform.apply(Frame(background()))
    path = linear(tmp_path / "same.onnx", [1.0], [0.0])
    with pytest.raises(TransformError, match=r'input = 96 wants a height too: "96x\.\.\."'):
        Enhance(model=path, luma=True, input=96).open()
    transform = Enhance(model=path, luma=True)
    transform.open()
    transform.close()
    with pytest.raises(TransformError, match="was not loaded"):
        transform.apply(Frame(background()))
