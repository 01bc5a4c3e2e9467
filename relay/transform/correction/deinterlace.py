"""`deinterlace`: two half pictures in one, which are combs wherever something moves, made one whole picture.

What a camera's codec marks as interlaced is made whole when it is decoded. This is for what is interlaced and not
marked so: analogue grabbers, recordings that were encoded again. A slot holds one picture, so of two half pictures one
is made, and not two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.transform.base import Group, Holding
from relay.transform.filter_graph import FilterRunner
from relay.transform.filter_text import parse_graph

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame

_ACROSS: Final = np.array([[1.0]])
_DOWN: Final = np.array([[0.25], [0.5], [0.25]])
"""Each line with half of its neighbours, which are of the other half picture."""
_PARITY: Final = {"top": "tff", "bottom": "bff"}


class Deinterlace(Holding):
    """Makes one whole picture of two interlaced halves."""

    name: ClassVar = "deinterlace"
    group: ClassVar[Group] = "correction"

    method: Literal["blend", "bob", "yadif"] = Field(
        default="yadif",
        description="blend: both halves mixed; bob: the lines of one half, and those between made of them; "
        "yadif: FFmpeg's, which keeps sharp what stands still, and shows each picture one later",
    )
    first: Literal["top", "bottom"] = Field(default="top", description="the earlier half, which bob shows")
    _runner: FilterRunner | None = PrivateAttr(default=None)

    @property
    def delay_frames(self) -> int:
        """One for yadif, which looks at the next picture; none for the others."""
        return 1 if self.method == "yadif" else 0

    def feed(self, frame: Frame) -> list[Frame]:
        """Make `frame` whole, or the one before it."""
        if self.method == "yadif":
            if self._runner is None:
                graph = f"yadif=mode=send_frame:parity={_PARITY[self.first]}:deint=all"
                self._runner = FilterRunner(parse_graph(graph))
            return self._runner.feed(frame)
        if self.method == "blend":
            frame.map(*frame.size, _blend)
        else:
            for plane in frame.planes:
                _bob(plane, is_top=self.first == "top")
        return [frame]

    def flush(self) -> list[Frame]:
        """The picture that yadif held."""
        return self._runner.flush() if self._runner is not None else []

    def close(self) -> None:
        """Drop the filter, in the thread that made it."""
        self._runner = None


def _blend(source: Plane, target: Plane) -> None:
    cv2.sepFilter2D(source, -1, _ACROSS, _DOWN, dst=target, borderType=cv2.BORDER_REPLICATE)


def _bob(plane: Plane, *, is_top: bool) -> None:
    """Make every other line of `plane` of the two beside it, and at an edge of the one."""
    kept, made = (plane[0::2], plane[1::2]) if is_top else (plane[1::2], plane[0::2])
    if len(kept) == 0:
        return
    if not is_top:
        made[0] = kept[0]
        made = made[1:]
    between = min(len(made), len(kept) - 1)
    if between > 0:
        cv2.addWeighted(kept[:between], 0.5, kept[1 : between + 1], 0.5, 0, dst=made[:between])
    made[between:] = kept[-1]
