"""`model`: any detector, whose findings become events and, if wanted, boxes in the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.pixels import Plane, lettering
from relay.transform.base import Group, OnFailure
from relay.transform.colour import Colour, yuv_of
from relay.transform.frame import MAX_EVENT_BYTES
from relay.transform.models.boxes import Detection
from relay.transform.models.detectors import make_detector
from relay.transform.models.looking import Looking

if TYPE_CHECKING:
    from relay.transform.frame import Frame
    from relay.transform.models.boxes import Detector

_LINES: Final = 30
"""The picture's height in lines of text of the names beside boxes."""
_LEAST_TEXT_PX: Final = 10
_LEAST_BRIGHT: Final = 128
"""Text on a colour of at least this luma is black, on a darker one white."""
_BLACK, _WHITE = 16, 235
_MAX_LABELS: Final = 256
_OTHER_BYTES: Final = 64
"""Of an event, for what it says beside its objects."""


class Model(Looking):
    """Finds things with an ONNX detector, tells of them as events, and draws boxes around them if asked."""

    name: ClassVar = "model"
    group: ClassVar[Group] = "models"
    may_rest: ClassVar[bool] = True
    model: Path = Field(description="path of an ONNX file")
    every: int = Field(default=1, ge=1, le=300, description="look at every k-th frame")
    on_failure: OnFailure = Field(
        default="skip",
        description="what is shown where it fails: skip, the picture without boxes; freeze, blank or stop",
    )
    event: str = Field(
        default="objects", pattern=r"^[a-z][a-z0-9_.-]{0,62}$", description="kind of the events that it tells"
    )
    draw: bool = Field(default=False, description="draw boxes with names around what is found")
    colour: Colour = Field(default="#ffd000", description="of the boxes: a name, or #rrggbb")
    _frames: int = PrivateAttr(default=0)
    _found: list[Detection] = PrivateAttr(default_factory=list)
    _labels: dict[tuple[str, int], Plane] = PrivateAttr(default_factory=dict)

    def apply(self, frame: Frame) -> None:
        """Look at the frame if it is its turn, and draw what was found last."""
        if self._frames % self.every == 0:
            self._found = self._look(frame)
            if self._found:
                frame.emit(self.event, count=len(self._found), objects=_told(self._found))
        self._frames += 1
        if self.draw:
            for found in self._found:
                self._draw(frame, found)

    def _load(self) -> Detector:
        return make_detector(self.model, self, self.descriptor, self.device)

    def _draw(self, frame: Frame, found: Detection) -> None:
        """A box around it, and on its upper edge what it is; chroma has half the pixels, and half the thickness."""
        thickness = max(2, frame.height // 360 * 2)
        for plane, level, divisor in zip(frame.planes, yuv_of(self.colour), (1, 2, 2), strict=True):
            rows, columns = plane.shape
            corners = [
                (round(x * (columns - 1)), round(y * (rows - 1)))
                for x, y in ((found.x0, found.y0), (found.x1, found.y1))
            ]
            cv2.rectangle(plane, corners[0], corners[1], (level,), thickness // divisor)
        self._write(frame, found)

    def _write(self, frame: Frame, found: Detection) -> None:
        size_px = max(_LEAST_TEXT_PX, frame.height // _LINES)
        ink = self._label(found.label, size_px)
        x = min(int(found.x0 * frame.width) // 2 * 2, max(0, frame.width - ink.shape[1]) // 2 * 2)
        y = max(0, int(found.y0 * frame.height) - ink.shape[0]) // 2 * 2
        height, width = min(ink.shape[0], frame.height - y), min(ink.shape[1], frame.width - x)
        for plane, level, divisor in zip(frame.planes, yuv_of(self.colour), (1, 2, 2), strict=True):
            target = plane[y // divisor : (y + height) // divisor, x // divisor : (x + width) // divisor]
            target[:] = ink[:height, :width] if divisor == 1 else level

    def _label(self, text: str, size_px: int) -> Plane:
        """The luma of a name on the colour of the boxes, with even sides; drawn once."""
        key = (text, size_px)
        if key not in self._labels:
            if len(self._labels) >= _MAX_LABELS:
                self._labels.clear()
            drawn = lettering.coverage(text, size_px)
            mask = cv2.copyMakeBorder(drawn, 0, drawn.shape[0] % 2, 4, 4 + drawn.shape[1] % 2, cv2.BORDER_CONSTANT)
            behind, _, _ = yuv_of(self.colour)
            ink = _BLACK if behind >= _LEAST_BRIGHT else _WHITE
            share = mask.astype(np.float32) / 255
            self._labels[key] = np.asarray(behind + (ink - behind) * share, np.uint8)
        return self._labels[key]


def _told(detections: list[Detection]) -> list[dict[str, float | str]]:
    """For an event: the surest, as many as there is room for, with shares to a thousandth."""
    told: list[dict[str, float | str]] = []
    room = MAX_EVENT_BYTES - _OTHER_BYTES
    for found in sorted(detections, key=lambda found: found.score, reverse=True):
        box = {key: round(getattr(found, key), 3) for key in ("x0", "y0", "x1", "y1", "score")}
        told.append({"label": found.label, **box})
        room -= len(json.dumps(told[-1])) + len(", ")
        if room < 0:
            return told[:-1]
    return told
