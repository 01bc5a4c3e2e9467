"""`segment`: a network that says of each pixel what it shows; parts of the picture are then tinted or hidden."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from relay.errors import TransformError
from relay.transform.base import Group, Transform
from relay.transform.colour import Colour, yuv_of
from relay.transform.models.descriptor import Described, Names, Share, describe
from relay.transform.models.looking import SmallPicture
from relay.transform.models.network import Device, Intake, Network, check_file, shapes
from relay.transform.privacy.cover import Area, Cover, Stencil

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame
    from relay.transform.models.network import Tensor

_USUAL_INPUT: Final = (192, 192)
_HALF: Final = (127.5, 127.5, 127.5)
_TINT: Final = 0.5


class DescribedSegments(Described):
    """What is said of a segmenter."""

    classes: Names | None = Field(
        default=None, description="names of what it tells apart, in its order; background and person if none are given"
    )
    labels: Names | None = Field(
        default=None, description="the names that are meant; all but the first of the classes, where none are given"
    )
    threshold: Share | None = Field(
        default=None,
        description="of a network with one channel: from which probability on it is meant; 0.5 if not said",
    )


class Segment(DescribedSegments, Transform):
    """Tints, blurs, pixelates or fills what an ONNX segmenter finds, or all but that."""

    name: ClassVar = "segment"
    group: ClassVar[Group] = "models"
    model: Path = Field(description="path of an ONNX file")
    descriptor: Path | None = Field(
        default=None, description="path of the TOML file that describes it; MODEL.toml beside it, where none is given"
    )
    device: Device = Field(default="cpu", description="cpu, or cuda with an OpenCV that was built for it")
    how: Literal["tint", "blur", "pixelate", "fill"] = Field(
        default="tint", description="what is done with what is found"
    )
    inverse: bool = Field(default=False, description="do it with all but what is found")
    colour: Colour = Field(default="#00c000", description="to tint or fill with: a name, or #rrggbb")
    block: float = Field(
        default=1 / 16, gt=0.01, le=1, description="size of what is left of what is hidden, in shares of the height"
    )
    event: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")] | None = Field(
        default=None, description="kind of the events that tell how much of the picture is meant"
    )
    _network: Network | None = PrivateAttr(default=None)
    _said: DescribedSegments = PrivateAttr(default_factory=DescribedSegments)
    _small: SmallPicture = PrivateAttr(default_factory=SmallPicture)
    _cover: Cover | None = PrivateAttr(default=None)
    _stencil: Stencil = PrivateAttr(default_factory=Stencil)
    _buffers: dict[str, NDArray[Any]] = PrivateAttr(default_factory=dict)

    def open(self) -> None:
        """Load the network; raises `TransformError` where it cannot be, or is described wrongly."""
        check_file(self.model)
        said = describe(DescribedSegments, self.model, self.descriptor, self, {"classes": ("background", "person")})
        names = said.classes or ()
        unknown = [name for name in said.labels or () if name not in names]
        if unknown:
            raise TransformError(f"{self.model.name}: it cannot find {unknown[0]!r}: it knows {', '.join(names)}")
        self._said = said
        intake = Intake(
            said.input or _USUAL_INPUT, said.rgb is not False, said.mean or _HALF, said.std or _HALF, is_stretched=True
        )
        self._network = Network(self.model, intake, self.device, said.outputs or ())

    def close(self) -> None:
        """Forget the network."""
        self._network = None

    def apply(self, frame: Frame) -> None:
        """Do with what is found what is wanted. Raises `TransformError` for outputs that are no segments."""
        if self._network is None:
            raise TransformError("its network was not loaded")
        longest = self._network.intake.longest or max(frame.size)
        _, outputs = self._network.run(self._small.of(frame, longest))
        meant = self._meant(outputs)
        if self.event is not None:
            frame.emit(self.event, share=round(float(np.count_nonzero(meant)) / meant.size, 4))
        mask = self._buffer("mask", (frame.height, frame.width), np.uint8)
        cv2.resize(meant, frame.size, dst=mask, interpolation=cv2.INTER_NEAREST)
        if self.inverse:
            cv2.bitwise_not(mask, dst=mask)
        self._do(frame, self._stencil.whole(mask))

    def _meant(self, outputs: list[Tensor]) -> Plane:
        """255 where the network sees what is meant, in the size of its output."""
        output = outputs[0]
        layers = output[0] if output.ndim == 4 and output.shape[0] == 1 else output
        names = self._said.classes or ()
        wanted = [names.index(label) for label in self._said.labels or names[1:]]
        if layers.ndim != 3 or layers.shape[0] not in {1, len(names)} or len(outputs) != 1:
            raise TransformError(
                f"{self.model.name}: a segmenter of {len(names)} classes gives 1 x {len(names)} x h x w, 1 x 1 x h x w "
                f"or 1 x h x w, and this one gives {shapes(outputs)}: say classes = [...], or outputs = [...]"
            )
        is_meant = self._buffer("is meant", layers.shape[1:], np.bool_)
        if layers.dtype.kind == "f" and not all(cv2.checkRange(layer)[0] for layer in layers):
            raise TransformError(f"{self.model.name}: the network gives values that are no numbers")
        if len(layers) == 1 and layers.dtype.kind == "f" and len(names) == 2:  # else it names classes, as floats or not
            np.greater_equal(layers[0], self._said.threshold or 0.5, out=is_meant)
        else:
            is_meant[:] = False
            told = self._classes(layers)
            for index in wanted:
                is_it = self._buffer("is it", told.shape, np.bool_)
                np.equal(told, index, out=is_it)
                np.logical_or(is_meant, is_it, out=is_meant)
        meant = self._buffer("meant", layers.shape[1:], np.uint8)
        np.multiply(is_meant.view(np.uint8), 255, out=meant)  # as bool it would be cast, in a buffer of its own
        return meant

    def _classes(self, layers: Tensor) -> NDArray[Any]:
        """The class of each pixel: what a network that gives them says, or the layer with the highest score."""
        if len(layers) == 1:
            return np.asarray(layers[0])
        best = self._buffer("best", (1, layers[0].size), np.int32)
        cv2.reduceArgMax(layers.reshape(len(layers), -1), 0, dst=best)  # numpy's would copy the layers first
        return best.reshape(layers.shape[1:])

    def _do(self, frame: Frame, area: Area) -> None:
        if self.how == "tint":
            for plane, mask, level in zip(
                frame.planes, (area.luma, area.chroma, area.chroma), yuv_of(self.colour), strict=True
            ):
                tinted = self._buffer(f"tinted {plane.shape[0]}", plane.shape, np.uint8)
                cv2.addWeighted(plane, 1 - _TINT, plane, 0, level * _TINT, dst=tinted)
                cv2.copyTo(tinted, mask, plane)
            return
        if self._cover is None:
            self._cover = Cover(self.how, self.colour)
        rows = max(1, round(1 / self.block))
        columns = max(1, round(frame.width / frame.height / self.block))
        self._cover.hide(frame.planes, area, columns, rows)

    def _buffer(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        if name not in self._buffers or self._buffers[name].shape != shape:
            self._buffers[name] = np.zeros(shape, kind)
        return self._buffers[name]
