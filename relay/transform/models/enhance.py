"""`enhance`: an image-to-image network over the picture: super-resolution, low light, denoising, dehazing.

Which of two kinds a network is stands in what is said of it: one that takes colours (`(1, 3, h, w)`, Zero-DCE and its
like), or one that takes luma alone (`luma = true`, `(1, 1, h, w)`, as Shi et al. 2016, arXiv:1609.05158, and most small
super-resolution has it), beside which chroma is made as large by interpolation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.errors import TransformError
from relay.pixels import Bgr, Plane
from relay.transform.base import MAX_SIDE, Group, Transform
from relay.transform.models.descriptor import Described, Numbers, describe
from relay.transform.models.network import Device, Intake, Network, Tensor, check_file, shapes

if TYPE_CHECKING:
    from relay.transform.frame import Frame

_BLACK: Final = 16
_LUMA_RANGE: Final = 219
_UNIT: Final = (255.0, 255.0, 255.0)


class DescribedImage(Described):
    """What is said of an image-to-image network."""

    luma: bool | None = Field(default=None, description="whether it takes and gives luma alone, in one channel")
    output_mean: Numbers | None = Field(default=None, description="what is added to its output, in levels (0 to 255)")
    output_std: Numbers | None = Field(
        default=None, description="what its output is multiplied by before that; 255 where it gives 0 to 1"
    )


class Enhance(DescribedImage, Transform):
    """Puts the picture through an image-to-image network: super-resolution, low light, denoising."""

    name: ClassVar = "enhance"
    group: ClassVar[Group] = "models"
    wants: ClassVar[Literal["planes", "bgr", "either"]] = "either"
    changes_size: ClassVar[bool] = True
    model: Path = Field(description="path of an ONNX file")
    descriptor: Path | None = Field(
        default=None, description="path of the TOML file that describes it; MODEL.toml beside it, where none is given"
    )
    device: Device = Field(default="cpu", description="cpu, or cuda with an OpenCV that was built for it")
    size: Literal["keep", "model"] = Field(
        default="model", description="keep: the picture stays as large as it was; model: as the network makes it"
    )
    _network: Network | None = PrivateAttr(default=None)
    _said: DescribedImage = PrivateAttr(default_factory=DescribedImage)
    _channels: list[Plane] = PrivateAttr(default_factory=list)
    _bgr: Bgr = PrivateAttr(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    _blob: Tensor = PrivateAttr(default_factory=lambda: np.zeros((1, 1, 0, 0), np.float32))
    _luma: Plane = PrivateAttr(default_factory=lambda: np.zeros((0, 0), np.uint8))

    def open(self) -> None:
        """Load the network; raises `TransformError` where it cannot be, or is described wrongly."""
        check_file(self.model)
        self._said = said = describe(DescribedImage, self.model, self.descriptor, self)
        if said.luma and isinstance(said.input, int):
            raise TransformError(f'{self.model.name}: input = {said.input} wants a height too: "{said.input}x..."')
        intake = Intake(said.input, said.rgb is not False, said.mean or (0, 0, 0), said.std or _UNIT, is_stretched=True)
        self._network = network = Network(self.model, intake, self.device, said.outputs or ())
        if len(network.names) > 1 and not said.outputs:
            raise TransformError(
                f"{self.model.name}: of its outputs {', '.join(network.names)} one is the picture: give outputs = [...]"
            )

    def close(self) -> None:
        """Forget the network."""
        self._network = None

    def apply(self, frame: Frame) -> None:
        """Put what the network makes of the frame in its place. Raises `TransformError` for what is no picture."""
        if self._network is None:
            raise TransformError("its network was not loaded")
        if self._said.luma:
            self._enhance_luma(frame, self._network)
        else:
            self._enhance_colours(frame, self._network)

    def _enhance_colours(self, frame: Frame, network: Network) -> None:
        size = frame.size
        _, outputs = network.run(frame.bgr)
        channels = self._levels(outputs, 3)
        if self._said.rgb is not False:
            channels = channels[::-1]
        shape = (*channels[0].shape, 3)
        if self._bgr.shape != shape:
            self._bgr = np.zeros(shape, np.uint8)
        cv2.merge(channels, dst=self._bgr)
        width, height = size if self.size == "keep" else (shape[1] // 2 * 2, shape[0] // 2 * 2)
        if (height, width) == shape[:2]:
            frame.bgr = self._bgr
        else:
            frame.map(width, height, lambda _, target: _resize(self._bgr, target))

    def _enhance_luma(self, frame: Frame, network: Network) -> None:
        y = frame.planes.y
        width, height = self._said.input if isinstance(self._said.input, tuple) else frame.size
        if self._luma.shape != (height, width):
            self._luma, self._blob = np.zeros((height, width), np.uint8), np.zeros((1, 1, height, width), np.float32)
        _resize(y, self._luma)
        mean = self._said.mean[0] if self._said.mean else 0.0
        std = self._said.std[0] if self._said.std else 255.0
        full = 255 / _LUMA_RANGE  # networks know luma from 0 to 255
        cv2.addWeighted(
            self._luma, full / std, self._luma, 0, -(_BLACK * full + mean) / std, dst=self._blob[0, 0], dtype=cv2.CV_32F
        )
        made = self._levels(network.forward(self._blob), 1)[0]
        cv2.addWeighted(made, 1 / full, made, 0, _BLACK, dst=made)
        width, height = frame.size if self.size == "keep" else (made.shape[1] // 2 * 2, made.shape[0] // 2 * 2)
        luma_rows = y.shape[0]
        frame.map(
            width, height, lambda source, target: _resize(made if source.shape[0] == luma_rows else source, target)
        )

    def _levels(self, outputs: list[Tensor], count: int) -> list[Plane]:
        """The channels of the first output as levels, in its order, in buffers that are used again."""
        output = outputs[0]
        if output.ndim != 4 or output.shape[:2] != (1, count) or not 2 <= min(output.shape[2:]) <= MAX_SIDE:
            raise TransformError(
                f"{self.model.name}: a network for {'luma' if count == 1 else 'colours'} gives 1 x {count} x h x w, "
                f"and this one gives {shapes(outputs)}: say luma = {'false' if count == 1 else 'true'}, or "
                "outputs = [...]"
            )
        if len(self._channels) != count or self._channels[0].shape != output.shape[2:]:
            self._channels = [np.zeros(output.shape[2:], np.uint8) for _ in range(count)]
        means, stds = self._said.output_mean or (0, 0, 0), self._said.output_std or _UNIT
        for channel, level, mean, std in zip(output[0], self._channels, means, stds, strict=False):
            if not cv2.checkRange(channel)[0]:
                raise TransformError(f"{self.model.name}: the network gives pixels that are no numbers")
            cv2.addWeighted(channel, std, channel, 0, mean, dst=level, dtype=cv2.CV_8U)
        return self._channels


def _resize(source: Plane, target: Plane) -> None:
    shrinks = target.shape[0] < source.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=interpolation)
