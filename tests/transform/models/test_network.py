"""A network gets the picture that it wants, gives its outputs in order, and says what is wrong with it."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from onnx import TensorProto

from fixtures.networks import Graph, same, tables
from relay.errors import TransformError
from relay.transform.models.network import Intake, Network

if TYPE_CHECKING:
    from pathlib import Path

    from relay.pixels import Bgr


@pytest.fixture
def bgr() -> Bgr:
    return np.random.default_rng(3).integers(0, 256, (40, 64, 3), np.uint8)


@pytest.mark.parametrize("is_rgb", [True, False])
def test_the_input_is_the_picture_less_the_mean_by_the_deviation_in_the_networks_order(
    tmp_path: Path, bgr: Bgr, is_rgb: bool
) -> None:
    mean, std = (10.0, 20.0, 30.0), (2.0, 4.0, 8.0)
    network = Network(same(tmp_path / "same.onnx"), Intake(is_rgb=is_rgb, mean=mean, std=std))
    fitted, outputs = network.run(bgr)
    assert (fitted.width, fitted.height) == (64, 40)
    ordered = bgr[:, :, ::-1] if is_rgb else bgr
    wanted = (ordered.astype(np.float32) - mean) / std
    np.testing.assert_allclose(outputs[0][0], wanted.transpose(2, 0, 1), rtol=1e-5, atol=1e-4)


def test_around_a_picture_that_does_not_fill_the_input_is_the_level_that_was_given(tmp_path: Path, bgr: Bgr) -> None:
    network = Network(same(tmp_path / "same.onnx"), Intake((64, 64), is_rgb=False, pad=114))
    for _ in range(2):
        fitted, (output,) = network.run(bgr)
        assert (fitted.top, fitted.inner_height) == (12, 40)
        assert (output[0, :, :12] == 114).all()
        assert (output[0, :, 52:] == 114).all()
        np.testing.assert_array_equal(output[0, :, 12:52], bgr.transpose(2, 0, 1))
    _, (output,) = network.run(np.full((80, 40, 3), 7, np.uint8))  # another shape: its border is elsewhere
    assert (output[0, :, :, :16] == 114).all()
    assert (output[0, :, :, 16:48] == 7).all()


def test_a_stretched_picture_has_no_border(tmp_path: Path) -> None:
    network = Network(same(tmp_path / "same.onnx"), Intake((64, 64), pad=114, is_stretched=True))
    _, (output,) = network.run(np.full((20, 60, 3), 9, np.uint8))
    assert (output == 9).all()


def test_outputs_come_in_the_order_in_which_they_are_named(tmp_path: Path, bgr: Bgr) -> None:
    path = tables(tmp_path / "two.onnx", {"537": [[1.0, 2.0]], "538": [[3.0, 4.0, 5.0]]})
    _, outputs = Network(path, Intake((32, 32)), outputs=("538", "537")).run(bgr)
    assert [output.ravel().tolist() for output in outputs] == [[3, 4, 5], [1, 2]]
    with pytest.raises(TransformError, match=r"two\.onnx: there is no output 'x': the network has 537, 538"):
        Network(path, Intake((32, 32)), outputs=("x",))


def test_a_second_input_is_told_the_size(tmp_path: Path, bgr: Bgr) -> None:
    graph = Graph()
    sizes = graph.also_takes("orig_target_sizes", (1, 2))
    told = graph.add("Cast", sizes, to=TensorProto.FLOAT)
    mean = graph.add("ReduceMean", "images", axes=[1, 2, 3], keepdims=0)
    nothing = graph.add("Mul", mean, graph.constant([0.0]))
    path = graph.save(tmp_path / "sizes.onnx", {"size": graph.add("Add", told, nothing)})
    _, (output,) = Network(path, Intake((96, 64)), sizes_input="orig_target_sizes").run(bgr)
    assert output.ravel().tolist() == [96, 64]


def test_a_file_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match=r"model .*/no\.onnx: there is no such file; give the path of an ONNX"):
        Network(tmp_path / "no.onnx", Intake())


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match=r"model .* cannot be read: Is a directory"):
        Network(tmp_path, Intake())


@pytest.mark.parametrize("content", [b"", b"this is no network", bytes(range(256)) * 40])
def test_a_file_that_is_no_network_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(TransformError, match=r"model .*/broken\.onnx is no ONNX network that OpenCV can read"):
        Network(path, Intake())


def test_half_a_network_is_none(tmp_path: Path) -> None:
    path = tables(tmp_path / "half.onnx", {"a": np.ones((1, 50))})
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(TransformError, match=r"half\.onnx is no ONNX network"):
        Network(path, Intake())


def test_an_input_that_the_network_cannot_take_is_named_with_its_size(tmp_path: Path, bgr: Bgr) -> None:
    graph = Graph(3, 32, 32)
    flat = graph.add("Flatten", "images", axis=1)
    dense = graph.add("MatMul", flat, graph.constant(np.ones((3 * 32 * 32, 2))))
    path = graph.save(tmp_path / "fixed.onnx", {"dense": dense})
    network = Network(path, Intake((64, 32)))
    with pytest.raises(TransformError, match=r"fixed\.onnx: running it on 64x32 failed: "):
        network.run(bgr)


def test_cuda_is_refused_where_opencv_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda _: [])
    with pytest.raises(TransformError, match=r'device cuda needs an OpenCV that was built with CUDA.*device = "cpu"'):
        Network(same(tmp_path / "same.onnx"), Intake(), "cuda")


def test_cuda_is_asked_of_the_engine_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Net:
        def setPreferableBackend(self, backend: int) -> None:  # noqa: N802 - OpenCV's name
            asked.append(backend)

        def setPreferableTarget(self, target: int) -> None:  # noqa: N802
            asked.append(target)

        def empty(self) -> bool:
            return False

        def getUnconnectedOutLayersNames(self) -> list[str]:  # noqa: N802
            return ["out"]

    def read(path: str, **keywords: int) -> Net:
        asked.append(keywords)
        return Net()

    monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda _: [cv2.dnn.DNN_TARGET_CUDA])
    monkeypatch.setattr(cv2.dnn, "ENGINE_CLASSIC", 1, raising=False)
    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", read)
    Network(same(tmp_path / "same.onnx"), Intake(), "cuda")
    assert asked == [{"engine": 1}, cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA]


@pytest.mark.parametrize("intake", [Intake((64, 64), pad=3), Intake(64), Intake()])
def test_a_warm_network_allocates_no_buffers(tmp_path: Path, bgr: Bgr, intake: Intake) -> None:
    network = Network(same(tmp_path / "same.onnx"), intake)
    for _ in range(3):
        network.run(bgr)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        network.run(bgr)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 4096  # a channel of the input alone has 10240 bytes
