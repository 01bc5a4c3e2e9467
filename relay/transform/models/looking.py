"""What every transform with a detector has: its parameters, its loading, and a small picture to look at."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.errors import TransformError
from relay.pixels import new_i420, split
from relay.transform.base import Transform
from relay.transform.models.boxes import Detection, Detector
from relay.transform.models.descriptor import DescribedDetector
from relay.transform.models.network import Device

if TYPE_CHECKING:
    from relay.pixels import I420, Bgr
    from relay.transform.frame import Frame

_LONGEST: Final = 640
"""For a detector that does not say what it looks at."""
_AREA_FROM: Final = 2


class SmallPicture:
    """A frame as BGR, no larger than somebody looks at: shrunk plane by plane, so that little is converted."""

    def __init__(self) -> None:
        self._i420: I420 = new_i420(2, 2)
        self._bgr: Bgr = np.zeros((0, 0, 3), np.uint8)

    def of(self, frame: Frame, longest: int) -> Bgr:
        """The whole frame, its longer side at most `longest`, or its own BGR picture; the next one overwrites it."""
        if frame.is_bgr:
            return frame.bgr
        scale = min(1.0, longest / max(frame.size))
        width, height = (max(2, round(side * scale / 2) * 2) for side in frame.size)
        if self._bgr.shape != (height, width, 3):
            self._i420, self._bgr = new_i420(width, height), np.zeros((height, width, 3), np.uint8)
        interpolation = cv2.INTER_AREA if scale <= 1 / _AREA_FROM else cv2.INTER_LINEAR
        for source, target in zip(frame.planes, split(self._i420), strict=True):
            cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=interpolation)
        cv2.cvtColor(self._i420, cv2.COLOR_YUV2BGR_I420, dst=self._bgr)
        return self._bgr


class Looking(DescribedDetector, Transform):
    """A transform that finds things with a detector."""

    model: Path | None = Field(default=None, description="path of an ONNX file")
    descriptor: Path | None = Field(
        default=None, description="path of the TOML file that describes it; MODEL.toml beside it, where none is given"
    )
    device: Device = Field(default="cpu", description="cpu, or cuda with an OpenCV that was built for it")
    _detector: Detector | None = PrivateAttr(default=None)
    _small: SmallPicture = PrivateAttr(default_factory=SmallPicture)

    def open(self) -> None:
        """Load the detector; raises `TransformError` where it cannot be."""
        self._detector = self._load()

    def close(self) -> None:
        """Forget the detector."""
        self._detector = None

    @abstractmethod
    def _load(self) -> Detector:
        """The detector that the parameters ask for."""

    def _look(self, frame: Frame) -> list[Detection]:
        """What is in the frame. Raises `TransformError` where that cannot be told."""
        if self._detector is None:
            raise TransformError("its detector was not loaded")
        return self._detector.detect(self._small.of(frame, getattr(self._detector, "longest", None) or _LONGEST))
