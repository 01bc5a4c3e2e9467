"""What is told of the links of a transform chain, on its way from a worker to API and metrics: figures, events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

TRANSFORM_BUCKETS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of the histogram of a transform's times: 0.035 is a frame at 30 a second. After the last is none."""
MEASURED: Final = frozenset({"activity"})
"""What is emitted every second, whether or not anything happens: `motion` tells how much moves."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """Something that a transform noticed in the frame captured at `time_ns`: `kind`, and what JSON can say of it."""

    kind: str
    time_ns: int
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransformFigures:
    """How one transform of a stream's chain does: what is counted, and what is so now.

    `counts` are runs by how long they took, one for each of `TRANSFORM_BUCKETS_S` and one for those that took longer;
    `seconds` is what all of them took, `mean_ms` what one did of late. It works on every `every`-th frame, and `rested`
    on those between. `late` runs took longer than a frame may be worked on. `is_failing` says that the last run
    failed, or that it could not be opened.
    """

    label: str
    counts: tuple[int, ...] = (0,) * (len(TRANSFORM_BUCKETS_S) + 1)
    seconds: float = 0.0
    mean_ms: float = 0.0
    failures: int = 0
    late: int = 0
    rested: int = 0
    every: int = 1
    delay_frames: int = 0
    is_failing: bool = False

    @property
    def runs(self) -> int:
        """How many frames it worked on."""
        return sum(self.counts)

    def counted_on(self, before: TransformFigures) -> TransformFigures:
        """What it is now, with what was counted `before`: by the same transform of a worker that is gone."""
        return replace(
            self,
            counts=tuple(one + other for one, other in zip(self.counts, before.counts, strict=True)),
            seconds=self.seconds + before.seconds,
            failures=self.failures + before.failures,
            late=self.late + before.late,
            rested=self.rested + before.rested,
        )
