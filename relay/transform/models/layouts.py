"""The layouts of YOLOX, NanoDet, RT-DETR and CenterFace; MediaPipe's has a module of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from relay.transform.models.layout import (
    MAX_LOGIT,
    Floats,
    Found,
    Layout,
    around,
    cells_of,
    exponential,
    sigmoid,
)
from relay.transform.models.mediapipe import MediaPipe
from relay.transform.models.network import Intake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.transform.models.network import Tensor


class YoloX(Layout):
    """YOLOX (Ge et al. 2021, arXiv:2107.08430): `demo_postprocess` of github.com/Megvii-BaseDetection/YOLOX.

    One output `(1, n, 5 + classes)`: centre, logarithm of the size, objectness, and a score for each class; one row for
    each cell of each grid.
    """

    takes = "one output of 1 x n x (5 + classes)"
    intake = Intake((640, 640), is_rgb=False, pad=114)
    strides = (8, 16, 32)
    _grid: Floats | None = None
    _grid_of: tuple[int, int] = (0, 0)

    def decode(self, outputs: Sequence[Tensor], width: int, height: int) -> Found:
        """See `Layout.decode`."""
        if len(outputs) != 1 or outputs[0].ndim != 3 or outputs[0].shape[0] != 1 or outputs[0].shape[2] < 6:
            raise self._refusal(outputs)
        rows = outputs[0][0]
        self._check_classes(rows.shape[1] - 5)
        if self._grid is None or self._grid_of != (width, height):
            self._grid, self._grid_of = self._cells(width, height), (width, height)
        if len(rows) != len(self._grid):
            raise self._grid_refusal(len(rows), len(self._grid), width, height)
        picked = self._pick(rows[:, 4])  # no class is surer than that there is something
        found, cells = rows[picked], self._grid[picked]
        scores = found[:, 4:5] * found[:, 5:]
        stride = cells[:, 2:]
        boxes = around((found[:, :2] + cells[:, :2]) * stride, exponential(found[:, 2:4]) * stride)
        return Found(boxes, scores.max(axis=1, initial=0), scores.argmax(axis=1))

    def _cells(self, width: int, height: int) -> Floats:
        """Column, row and stride of every cell of every grid."""
        grids = [cells_of(stride, width, height) for stride in self._strides]
        strides = np.repeat(self._strides, [len(grid) for grid in grids])
        return np.column_stack([np.concatenate(grids), strides]).astype(np.float32)


class NanoDet(Layout):
    """NanoDet and NanoDet-Plus: `NanoDetPlusHead` of github.com/RangiLyu/nanodet, and the older head of `nanodet-m`.

    Each side of a box is a distribution over 0 to 7 strides from the cell's point (generalised focal loss, Li et al.
    2020, arXiv:2006.04388). NanoDet-Plus has one output `(1, n, classes + 32)` and its points at the cells' corners;
    the older one has two for each grid, `(1, n, classes)` and `(1, n, 32)`, and its points in the cells' middle.
    """

    takes = "one output of 1 x n x (classes + 32), or two for each stride, of n x classes and n x 32"
    intake = Intake((416, 416), is_rgb=False, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))
    overlap = 0.6
    strides = (8, 16, 32, 64)
    _BINS: Final = 8
    _SIDES: Final = 4 * _BINS

    def decode(self, outputs: Sequence[Tensor], width: int, height: int) -> Found:
        """See `Layout.decode`."""
        counts = [math.ceil(width / stride) * math.ceil(height / stride) for stride in self._strides]
        if len(outputs) == 1:
            grids, offset = self._cut_up(outputs, counts, width, height), 0.0
        else:
            grids, offset = self._pair(outputs, counts), 0.5
        self._check_classes(grids[0][0].shape[1])
        parts = [
            self._decode_grid(scores, sides, stride, width, offset * (stride - 1))
            for (scores, sides), stride in zip(grids, self._strides, strict=True)
        ]
        return Found(*(np.concatenate(kind) for kind in zip(*parts, strict=True)))

    def _cut_up(
        self, outputs: Sequence[Tensor], counts: Sequence[int], width: int, height: int
    ) -> list[tuple[Tensor, Tensor]]:
        """Scores and sides of each grid, out of the one output of NanoDet-Plus."""
        if outputs[0].ndim != 3 or outputs[0].shape[0] != 1 or outputs[0].shape[2] <= self._SIDES:
            raise self._refusal(outputs)
        rows = outputs[0][0]
        if len(rows) != sum(counts):
            raise self._grid_refusal(len(rows), sum(counts), width, height)
        ends = np.cumsum(counts)
        return [
            (rows[end - count : end, : -self._SIDES], rows[end - count : end, -self._SIDES :])
            for end, count in zip(ends, counts, strict=True)
        ]

    def _pair(self, outputs: Sequence[Tensor], counts: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Scores and sides of each grid, out of the many outputs of the older network, in whatever order they come."""
        pairs = []
        for count in counts:
            level: list[Tensor] = [
                output.reshape(output.shape[-2:]) for output in outputs if output.shape[-2:-1] == (count,)
            ]
            scores_and_sides = sorted(level, key=lambda output: output.shape[1] == self._SIDES)
            if len(level) != 2 or scores_and_sides[1].shape[1] != self._SIDES:
                raise self._refusal(outputs)
            pairs.append((scores_and_sides[0], scores_and_sides[1]))
        return pairs

    def _decode_grid(self, scores: Tensor, sides: Tensor, stride: int, width: int, offset: float) -> Found:
        picked = self._pick_rows(scores)
        rows, columns = np.divmod(picked, math.ceil(width / stride))
        points = np.stack([columns, rows], axis=1) * stride + offset
        logits = sides[picked].reshape(-1, 4, self._BINS)
        weights = np.exp(logits - logits.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        distances = weights @ np.arange(self._BINS, dtype=np.float32) * stride
        boxes = np.concatenate([points - distances[:, :2], points + distances[:, 2:]], axis=1)
        chosen = scores[picked]
        return Found(boxes.astype(np.float32), chosen.max(axis=1, initial=0), chosen.argmax(axis=1))


class RtDetr(Layout):
    """RT-DETR (Zhao et al. 2024, arXiv:2304.08069), which needs no suppression; as three programs export it.

    Its authors' (github.com/lyuwenyu/RT-DETR): `labels`, `boxes` and `scores`, boxes in pixels of the size that a
    second input says; give `sizes_input = "orig_target_sizes"`. Transformers': logits `(1, n, classes)`, and boxes
    `(1, n, 4)` as centre and size in shares. Ultralytics': both in one output `(1, n, 4 + classes)`, and scores in
    place of logits.
    """

    takes = "labels, boxes and scores; or 1 x n x classes and 1 x n x 4; or one output of 1 x n x (4 + classes)"
    intake = Intake((640, 640), std=(255.0, 255.0, 255.0), is_stretched=True)
    overlap = None
    outputs = ("labels", "boxes", "scores")

    def decode(self, outputs: Sequence[Tensor], width: int, height: int) -> Found:
        """See `Layout.decode`."""
        if any(output.shape[:1] != (1,) for output in outputs):
            raise self._refusal(outputs)
        told = [output[0] for output in outputs]
        sizes = np.array([width, height], np.float32)
        match [output.ndim for output in told]:
            case [1, 2, 1] if told[1].shape == (len(told[0]), 4) and len(told[2]) == len(told[0]):
                return self._decode_told(*told)
            case [2, 2] if {told[0].shape, told[1].shape} & {(len(told[0]), 4)} and len(told[0]) == len(told[1]):
                scores, boxes = told if told[1].shape[1] == 4 else told[::-1]
                return self._decode_shares(scores, boxes, sizes, are_logits=True)
            case [2] if told[0].shape[1] > 4:
                return self._decode_shares(told[0][:, 4:], told[0][:, :4], sizes, are_logits=False)
        raise self._refusal(outputs)

    def _decode_told(self, labels: Tensor, boxes: Tensor, scores: Tensor) -> Found:
        picked = self._pick(scores)
        classes = labels[picked].astype(np.intp)
        if classes.max(initial=0) >= len(self.names):
            self._check_classes(int(classes.max()) + 1)
        return Found(boxes[picked].astype(np.float32), scores[picked], classes)

    def _decode_shares(self, scores: Tensor, boxes: Tensor, sizes: Floats, *, are_logits: bool) -> Found:
        self._check_classes(scores.shape[1])
        picked = self._pick_rows(scores, self._logit() if are_logits else None)
        chosen, found = scores[picked], boxes[picked]
        best = chosen.max(axis=1, initial=-MAX_LOGIT)
        return Found(
            around(found[:, :2] * sizes, found[:, 2:] * sizes),
            sigmoid(best) if are_logits else best,
            chosen.argmax(axis=1),
        )


class CenterFace(Layout):
    """CenterFace (Xu et al. 2019, arXiv:1911.03599): `decode` of github.com/Star-Clouds/CenterFace.

    On one grid of a quarter of the input: where faces are `(1, 1, h, w)`, the logarithm of height and width in cells,
    the offset of the centre in y and x, and five landmarks, of which no use is made.
    """

    takes = "outputs of 1 x 1 x h x w, 1 x 2 x h x w (sizes), 1 x 2 x h x w (offsets), and maybe 1 x 10 x h x w"
    intake = Intake(480)
    classes = ("face",)
    threshold = 0.5
    overlap = 0.3
    outputs = ("537", "538", "539", "540")
    _STRIDE: Final = 4

    def decode(self, outputs: Sequence[Tensor], width: int, height: int) -> Found:
        """See `Layout.decode`."""
        grid = (height // self._STRIDE, width // self._STRIDE)
        wanted = [(1, 1, *grid), (1, 2, *grid), (1, 2, *grid)]
        if len(outputs) not in {3, 4} or [output.shape for output in outputs[:3]] != wanted:
            raise self._refusal(outputs)
        heat, scale, offset = (output[0] for output in outputs[:3])
        picked = self._pick(heat[0])
        rows, columns = np.divmod(picked, grid[1])
        cells = np.stack([columns, rows], axis=1)
        centres = (cells + offset[::-1, rows, columns].T + 0.5) * self._STRIDE
        sizes = exponential(scale[::-1, rows, columns].T) * self._STRIDE
        return Found(around(centres, sizes), heat[0, rows, columns], np.zeros(len(picked), np.intp))


LAYOUTS: Final[dict[str, type[Layout]]] = {
    "centerface": CenterFace,
    "mediapipe": MediaPipe,
    "nanodet": NanoDet,
    "rtdetr": RtDetr,
    "yolox": YoloX,
}
"""All but YuNet's, which OpenCV reads itself."""
