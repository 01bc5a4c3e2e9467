"""A network out of an ONNX file, run by OpenCV's DNN: a picture in, its outputs as arrays.

OpenCV 4 reads ONNX with its classic engine, OpenCV 5 with a new one and, where it has to, with the classic. Three rules
follow from what they differ in: outputs that look alike are told by their names, because the classic engine forgets the
order in which the file has them; all of them are always asked for, because the new engine refuses a part; and CUDA is
asked of the classic engine alone, because the new one goes on with the processor and only logs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from relay.errors import TransformError
from relay.transform.models.boxes import Fitted, in_steps, letterbox, stretched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from relay.pixels import Bgr

Tensor: TypeAlias = NDArray[Any]
Device = Literal["cpu", "cuda"]
Triple = tuple[float, float, float]
"""One number for each channel, in the order that the network takes them."""

STEP: Final = 32
"""What the sides of an input are multiples of where a network takes any size: most halve it five times."""
_MAX_WORDS: Final = 200


@dataclass(frozen=True, slots=True)
class Intake:
    """What a network takes: `(pixel - mean) / std` of each channel, pixels being 0 to 255.

    `size` is `(width, height)`; or the longer side alone, where the network takes any size in steps of 32; or `None`,
    where it takes the picture as it is. `pad` is the level around a picture that does not fill the input.
    """

    size: tuple[int, int] | int | None = None
    is_rgb: bool = True
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    pad: int = 0
    is_stretched: bool = False

    def fit(self, width: int, height: int) -> Fitted:
        """How a picture of `width` x `height` goes into the input."""
        if self.size is None:
            return stretched((width, height))
        if isinstance(self.size, int):
            return in_steps((width, height), self.size, STEP)
        return stretched(self.size) if self.is_stretched else letterbox((width, height), self.size)

    @property
    def longest(self) -> int | None:
        """The longer side of the input: a larger picture is of no use to the network."""
        return max(self.size) if isinstance(self.size, tuple) else self.size


class Network:
    """One network, its input and its outputs in buffers that are used again."""

    def __init__(
        self, path: Path, intake: Intake, device: Device = "cpu", outputs: Sequence[str] = (), sizes_input: str = ""
    ) -> None:
        """Load it. Raises `TransformError` for a file or a device that will not do.

        `outputs` are the names of those that `run` gives, in that order; all, in any order, where none are named.
        `sizes_input` is the name of a second input that wants to know width and height, which some detectors have; the
        picture's is called `images` then.
        """
        self.label = path.name
        self.intake = intake
        self._net = _load(path, device)
        self.names = [str(name) for name in self._net.getUnconnectedOutLayersNames()]
        self._picked = self._find(outputs)
        self._sizes_input = sizes_input
        self._fitted: Fitted | None = None
        self._canvas: Bgr = np.zeros((0, 0, 3), np.uint8)
        self._blob: Tensor | None = None
        self._outputs: list[Tensor] = []
        self._params = cv2.dnn.Image2BlobParams(
            [1 / std for std in intake.std], (0, 0), list(intake.mean), intake.is_rgb, cv2.CV_32F
        )

    def pick(self, known: Sequence[str]) -> None:
        """Let `run` give the outputs in the order of `known`. Raises `TransformError` where one has another name."""
        if not set(self.names) <= set(known):
            raise TransformError(
                f"{self.label}: its outputs are to be told apart by their names, and it has {', '.join(self.names)}: "
                "give outputs = [...], their names in the order of the layout"
            )
        self._picked = self._find([name for name in known if name in self.names])

    def run(self, bgr: Bgr) -> tuple[Fitted, list[Tensor]]:
        """Where the picture came to lie in the input, and the outputs: they are overwritten by the next run.

        Raises `TransformError` where the network cannot be run on an input of this size.
        """
        fitted = self.intake.fit(bgr.shape[1], bgr.shape[0])
        if (fitted.width, fitted.height) == (bgr.shape[1], bgr.shape[0]) == (fitted.inner_width, fitted.inner_height):
            picture = bgr
        else:
            picture = self._place(bgr, fitted)
        self._blob = cv2.dnn.blobFromImageWithParams(picture, self._blob, self._params)
        return fitted, self.forward(self._blob)

    def forward(self, blob: Tensor) -> list[Tensor]:
        """The outputs for an input of shape `(1, channels, height, width)`, made by somebody else."""
        height, width = blob.shape[2:]
        try:
            if self._sizes_input:
                self._net.setInput(blob, "images")
                self._net.setInput(np.array([[width, height]], np.int64), self._sizes_input)
            else:
                self._net.setInput(blob)
            self._outputs = list(self._net.forward(self.names, self._reusable()))
        except cv2.error as error:
            raise TransformError(f"{self.label}: running it on {width}x{height} failed: {words_of(error)}") from error
        return [self._outputs[index] for index in self._picked]

    def _reusable(self) -> list[Tensor] | None:
        """The last outputs, to be written over. OpenCV gives whole numbers of 64 bits, but cannot be given them."""
        return self._outputs if self._outputs and all(output.dtype == np.float32 for output in self._outputs) else None

    def _place(self, bgr: Bgr, fitted: Fitted) -> Bgr:
        if fitted != self._fitted:
            self._canvas = np.full((fitted.height, fitted.width, 3), self.intake.pad, np.uint8)
            self._fitted = fitted
        fitted.place(bgr, self._canvas)
        return self._canvas

    def _find(self, outputs: Sequence[str]) -> list[int]:
        missing = [name for name in outputs if name not in self.names]
        if missing:
            raise TransformError(
                f"{self.label}: there is no output {missing[0]!r}: the network has {', '.join(self.names)}"
            )
        return [self.names.index(name) for name in outputs or self.names]


def shapes(outputs: Sequence[Tensor]) -> str:
    """The shapes of outputs, for a message."""
    return ", ".join("x".join(map(str, output.shape)) for output in outputs)


def words_of(error: cv2.error) -> str:
    """What OpenCV says, in one line and without the place in its source."""
    return " ".join(str(getattr(error, "err", "") or error).split())[:_MAX_WORDS]


def check_file(path: Path) -> None:
    """Raise `TransformError` where a model's file cannot be read."""
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise TransformError(f"model {path}: there is no such file; give the path of an ONNX file") from error
    except OSError as error:
        raise TransformError(f"model {path} cannot be read: {error.strerror or error}") from error


def check_device(device: Device) -> None:
    """Raise `TransformError` where this OpenCV cannot compute on `device`."""
    if device == "cuda" and cv2.dnn.DNN_TARGET_CUDA not in cv2.dnn.getAvailableTargets(cv2.dnn.DNN_BACKEND_CUDA):
        raise TransformError(
            "device cuda needs an OpenCV that was built with CUDA and cuDNN, and a GPU; the wheels on PyPI are not: "
            'build OpenCV with both, or say device = "cpu"'
        )


def _load(path: Path, device: Device) -> cv2.dnn.Net:
    check_file(path)
    check_device(device)
    classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
    engine = {"engine": classic} if device == "cuda" and classic is not None else {}
    try:
        net = cv2.dnn.readNetFromONNX(str(path), **engine)
        if device == "cuda":
            net.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
            net.setPreferableTarget(cv2.dnn.DNN_TARGET_CUDA)
    except cv2.error as error:
        raise TransformError(f"model {path} is no ONNX network that OpenCV can read: {words_of(error)}") from error
    if net.empty():
        raise TransformError(f"model {path} is no ONNX network that OpenCV can read: it is empty")
    return net
