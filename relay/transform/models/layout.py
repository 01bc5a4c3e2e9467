"""How the outputs of a detector become boxes: what all families of detectors share.

The outputs of a detector are large, and nearly all of what stands in them is background: the scores are looked through
first, in buffers that are used again, and the rest is computed for those few that remain. A score that is no number is
a fault, and never background.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relay.errors import TransformError
from relay.transform.models.coco import COCO
from relay.transform.models.network import Intake, shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.transform.models.boxes import Boxes
    from relay.transform.models.descriptor import DescribedDetector
    from relay.transform.models.network import Tensor

Floats: TypeAlias = NDArray[np.float32]
Indices: TypeAlias = NDArray[np.intp]

MAX_LOGIT: Final = 100.0
"""As MediaPipe's `score_clipping_thresh`: beyond it the exponential overflows, and the score is 0 or 1 long before."""
_MAX_EXPONENT: Final = 20.0
"""The logarithm of a size beyond any picture's: what is larger is cut off at the edges anyway."""
_MAX_BUFFERS: Final = 16
"""A camera that keeps changing its size must not fill the memory."""


class Found(NamedTuple):
    """Candidates: boxes in pixels of the input, scores from 0 to 1, and the index of each one's class."""

    boxes: Boxes
    scores: Floats
    classes: Indices


class Layout(ABC):
    """How one family's outputs are read, and what it takes and finds where nothing else is said."""

    takes: ClassVar[str]
    intake: ClassVar[Intake]
    classes: ClassVar[tuple[str, ...]] = COCO
    threshold: ClassVar[float] = 0.4
    overlap: ClassVar[float | None] = 0.5
    strides: ClassVar[tuple[int, ...]] = ()
    outputs: ClassVar[tuple[str, ...]] = ()
    """By which names its authors' files have three or more, in the order of `decode`: where some look alike."""

    def __init__(self, label: str, described: DescribedDetector) -> None:
        """`label` is what messages call the model."""
        self.label = label
        self.names = described.classes or self.classes
        self._threshold = described.threshold or self.threshold
        self._strides = described.strides or self.strides
        self._buffers: dict[tuple[Any, ...], NDArray[Any]] = {}

    @abstractmethod
    def decode(self, outputs: Sequence[Tensor], width: int, height: int) -> Found:
        """What reaches the threshold in an input of `width` x `height`; may be that some does not.

        Raises `TransformError` for outputs that are not of this layout, and for scores that are no numbers.
        """

    def _pick(self, scores: Tensor, at_least: float | None = None) -> Indices:
        """The flat indices of the scores that reach the threshold. Raises `TransformError` for what is no number."""
        flags = self._buffer(scores.shape, np.bool_)
        np.isfinite(scores, out=flags)
        if not flags.all():
            raise TransformError(f"{self.label}: the network gives scores that are no numbers")
        np.greater_equal(scores, self._threshold if at_least is None else at_least, out=flags)
        return np.flatnonzero(flags)

    def _pick_rows(self, scores: Tensor, at_least: float | None = None) -> Indices:
        """The rows of `(n, classes)` of which the best score reaches the threshold."""
        best = self._buffer(scores.shape[:1], np.float32)
        np.max(scores, axis=1, out=best)
        return self._pick(best, at_least)

    def _buffer(self, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        key = (kind, *shape)
        if key not in self._buffers:
            if len(self._buffers) >= _MAX_BUFFERS:
                self._buffers.clear()
            self._buffers[key] = np.zeros(shape, kind)
        return self._buffers[key]

    def _logit(self) -> float:
        """The threshold as a logit."""
        return math.log(self._threshold / (1 - self._threshold))

    def _check_classes(self, count: int) -> None:
        if count != len(self.names):
            raise TransformError(
                f"{self.label}: the network tells {count} classes apart, and {len(self.names)} names are given: "
                "say classes = [...], one name for each"
            )

    def _refusal(self, outputs: Sequence[Tensor]) -> TransformError:
        return TransformError(
            f"{self.label}: a network of this layout gives {self.takes}, and this one gives {shapes(outputs)}: "
            "give another layout, or outputs = [...]"
        )

    def _grid_refusal(self, rows: int, cells: int, width: int, height: int) -> TransformError:
        return TransformError(
            f"{self.label}: the network gives {rows} rows, and strides of {', '.join(map(str, self._strides))} make "
            f"{cells} of an input of {width}x{height}: give the model's own input or strides"
        )


def around(centres: Tensor, sizes: Tensor) -> Boxes:
    """Boxes of `(n, 2)` centres and sizes."""
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1).astype(np.float32)


def exponential(logarithms: Tensor) -> Tensor:
    """Sizes from their logarithms."""
    return np.exp(np.minimum(logarithms, _MAX_EXPONENT))


def sigmoid(logits: Tensor) -> Floats:
    """Scores from logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -MAX_LOGIT, MAX_LOGIT).astype(np.float64))), np.float32)


def cells_of(stride: int, width: int, height: int) -> Floats:
    """Column and row of every cell of one grid over the input, shape `(n, 2)`, row by row."""
    rows, columns = np.mgrid[0 : math.ceil(height / stride), 0 : math.ceil(width / stride)]
    return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
