"""The layout of MediaPipe's detectors: boxes and key points relative to anchors."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from relay.errors import TransformError
from relay.transform.models.layout import Floats, Found, Layout, around, cells_of, sigmoid
from relay.transform.models.network import Intake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.transform.models.boxes import Boxes
    from relay.transform.models.network import Tensor


class MediaPipe(Layout):
    """BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047) and its like in MediaPipe: faces, persons, palms.

    Two outputs, `(1, n, 4 + 2 * points)` and `(1, n, 1)`: centre, size and key points in pixels relative to an anchor,
    and a logit. Which grids of anchors there are is told by how many rows there are.

    The box of a person's detector is that of the head (`pose_detection_cpu.pbtxt`); the body lies in a circle around
    the middle of the hips, the first key point, on which the second one is. What is given holds both.
    """

    takes = "two outputs, of 1 x n x (4 + 2 for each key point) and of 1 x n x 1"
    intake = Intake((128, 128), mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))
    classes = ()
    threshold = 0.5
    overlap = 0.3
    _KINDS: Final = {16: "face", 12: "person", 18: "palm"}
    _GRIDS: Final = ((8, 16, 16, 16), (16, 32, 32, 32), (8, 16, 32, 32, 32), (4,))
    """Faces at short range and palms; faces at the back camera; persons and older palms; faces at full range."""
    _anchors: Floats | None = None
    _anchors_of: tuple[int, int, int] = (0, 0, 0)

    def decode(self, outputs: Sequence[Tensor], width: int, height: int) -> Found:
        """See `Layout.decode`."""
        if len(outputs) != 2 or any(output.ndim != 3 or output.shape[0] != 1 for output in outputs):
            raise self._refusal(outputs)
        rows, logits = (output[0] for output in (outputs if outputs[1].shape[2] == 1 else outputs[::-1]))
        if logits.shape != (len(rows), 1) or rows.shape[1] not in self._KINDS:
            raise self._refusal(outputs)
        kind = self._KINDS[rows.shape[1]]
        self.names = self.names or (kind,)
        anchors = self._placed(len(rows), width, height)
        picked = self._pick(logits, self._logit())
        found, anchors = rows[picked], anchors[picked]
        boxes = around(found[:, :2] + anchors, found[:, 2:4])
        if kind == "person":
            boxes = _with_body(boxes, found[:, 4:6] + anchors, found[:, 6:8] + anchors)
        return Found(boxes, sigmoid(logits[picked, 0]), np.zeros(len(picked), np.intp))

    def _placed(self, rows: int, width: int, height: int) -> Floats:
        """Where the anchors are; made once for each size."""
        if self._anchors is not None and self._anchors_of == (rows, width, height):
            return self._anchors
        for strides in [self._strides] if self._strides else self._GRIDS:
            anchors = place_anchors(strides, width, height)
            if len(anchors) == rows:
                self._anchors, self._anchors_of = anchors, (rows, width, height)
                return anchors
        raise TransformError(
            f"{self.label}: no grids that are known make {rows} anchors of an input of {width}x{height}: "
            "give the model's own input or strides"
        )


def place_anchors(strides: Sequence[int], width: int, height: int) -> Floats:
    """The middle of every cell in pixels, as often as there is an anchor, shape `(n, 2)`.

    `SsdAnchorsCalculator` with `fixed_anchor_size`: layers that follow each other with one stride share a grid, and
    have two anchors each in every cell. A network of one layer has one: its `interpolated_scale_aspect_ratio` is 0.
    """
    grids = []
    for stride, layers in groupby(strides):
        middles = (cells_of(stride, width, height) + 0.5) * stride
        grids.append(np.repeat(middles, 1 if len(strides) == 1 else 2 * len(list(layers)), axis=0))
    return np.concatenate(grids).astype(np.float32)


def _with_body(heads: Boxes, hips: Tensor, rims: Tensor) -> Boxes:
    radii = np.hypot(*(rims - hips).T)[:, np.newaxis]
    corners = [np.minimum(heads[:, :2], hips - radii), np.maximum(heads[:, 2:], hips + radii)]
    return np.concatenate(corners, axis=1).astype(np.float32)
