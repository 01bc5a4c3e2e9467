"""`blur-people`: the whole picture is hidden, and only what is surely no person is opened; or the other way round.

To find people and hide them would show whoever is overlooked. Here everything is hidden to begin with:

- `show = "background"` opens what has looked the same for `settle_s` while nobody was found there. Who is overlooked by
  the detector is hidden still, because somebody who moves is not what stood there before.
- `show = "people"` opens what the detector says are people, and nothing else: the surroundings stay private, and who is
  overlooked is hidden with them. In frames between two looks only that is open which is a person before and after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.pixels import Plane
from relay.transform.colour import Colour
from relay.transform.models.detectors import HogPeople, make_detector
from relay.transform.privacy.background import Background
from relay.transform.privacy.cover import Cover, How, Stencil
from relay.transform.privacy.holding import Watched, hull_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from relay.transform.frame import Frame
    from relay.transform.models.boxes import Detector
    from relay.transform.privacy.holding import Sighting

_USUAL: Final = {"labels": ("person",)}


class BlurPeople(Watched):
    """Hides the whole picture but for what is surely background, or but for people (`show`)."""

    name: ClassVar = "blur-people"
    widths_per_s: ClassVar[float] = 4.0  # somebody who walks past, and is 40 cm wide
    show: Literal["background", "people"] = Field(
        default="background", description="background: people are hidden; people: all around them is"
    )
    how: How = Field(default="blur", description="blur, pixelate, or fill with a colour")
    colour: Colour = Field(default="black", description="what is filled with: a name, or #rrggbb")
    block: float = Field(
        default=1 / 16, gt=0.01, le=1, description="size of what is left of the hidden part, in shares of the height"
    )
    settle_s: float = Field(
        default=10.0, ge=1, le=3600, description="seconds for which a place must look the same to count as background"
    )
    tolerance: int = Field(
        default=10, ge=1, le=64, description="levels of brightness by which it may differ meanwhile; noise does"
    )
    _cover: Cover | None = PrivateAttr(default=None)
    _stencil: Stencil = PrivateAttr(default_factory=Stencil)
    _background: Background | None = PrivateAttr(default=None)
    _masks: tuple[Plane, Plane] = PrivateAttr(default_factory=lambda: _two_masks(0, 0))

    def close(self) -> None:
        """Forget the detector, what is held, what was seen and what the background is."""
        super().close()
        self._background = None

    def _load(self) -> Detector:
        if self.model is None:
            return HogPeople()
        return make_detector(self.model, self, self.descriptor, self.device, _USUAL)

    def _hide_between(self, frame: Frame, before: Sighting, after: Sighting) -> None:
        if self.show == "people":
            self._hide_around(frame, before, after)
        else:
            self._hide_all_but_background(
                frame, [*self._hulls_between(frame, before, after), *self._hulls_of_lost(frame)]
            )

    def _hide_seen(self, frame: Frame, seen: Sighting) -> None:
        if self.show == "people":
            self._hide_around(frame, seen, seen)
        else:
            self._hide_all_but_background(frame, [*self._hulls_seen(frame, seen), *self._hulls_of_lost(frame)])

    def _hide_all_but_background(self, frame: Frame, people: Sequence[NDArray[np.float32]]) -> None:
        if self._background is None:
            self._background = Background(self.settle_s, self.tolerance)
        unsure = self._background.see(frame.planes.y, frame.time_ns, people)
        mask, _ = self._whole_masks(frame)
        cv2.resize(unsure, (frame.width, frame.height), dst=mask, interpolation=cv2.INTER_NEAREST)
        self._hide(frame, mask)

    def _hide_around(self, frame: Frame, before: Sighting, after: Sighting) -> None:
        mask, open_after = self._whole_masks(frame)
        for plane, sighting in ((mask, before), (open_after, after)):
            plane.fill(0)
            for found in sighting.found:
                corners = hull_of([found], 0.0, 1.0) * np.array([frame.width - 1, frame.height - 1], np.float32)
                cv2.fillConvexPoly(plane, np.round(corners).astype(np.int32), (255,))
        cv2.bitwise_and(mask, open_after, dst=mask)
        cv2.bitwise_not(mask, dst=mask)
        self._hide(frame, mask)

    def _hide(self, frame: Frame, mask: Plane) -> None:
        if self._cover is None:
            self._cover = Cover(self.how, self.colour)
        rows = max(1, round(1 / self.block))
        columns = max(1, round(frame.width / frame.height / self.block))
        self._cover.hide(frame.planes, self._stencil.whole(mask), columns, rows)

    def _whole_masks(self, frame: Frame) -> tuple[Plane, Plane]:
        """Two masks of the frame's size, made once for each."""
        if self._masks[0].shape != (frame.height, frame.width):
            self._masks = _two_masks(frame.height, frame.width)
        return self._masks


def _two_masks(rows: int, columns: int) -> tuple[Plane, Plane]:
    return np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
