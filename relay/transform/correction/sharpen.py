"""`sharpen`: unsharp masking, on luma: what differs from its blurred self is made to differ more."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2
from pydantic import Field, PrivateAttr

from relay.transform.base import Group, Transform
from relay.transform.scratch import Scratch

if TYPE_CHECKING:
    from relay.transform.frame import Frame


class Sharpen(Transform):
    """Makes edges crisper."""

    name: ClassVar = "sharpen"
    group: ClassVar[Group] = "correction"

    amount: float = Field(default=0.7, ge=0, le=5, description="how much of the difference is added")
    radius: float = Field(default=1.5, ge=0.3, le=20, description="width of what is made crisper, in pixels")
    _scratch: Scratch = PrivateAttr(default_factory=Scratch)

    def apply(self, frame: Frame) -> None:
        """Sharpen luma; chroma stays."""
        y = frame.planes.y
        blurred = self._scratch.uint8("blurred", *y.shape)
        cv2.GaussianBlur(y, (0, 0), self.radius, dst=blurred)
        cv2.addWeighted(y, 1 + self.amount, blurred, -self.amount, 0, dst=y)
