"""Whether the links of a chain keep up with the frames, and how often those work that may rest. Pure.

    cost of a frame = what works on each + what may rest / every

Where that is more than the time between two frames, `every` becomes the least number with which it is not. It goes back
by one where the cost would be well below that time even so. Nothing waits meanwhile: of frames that a chain has no time
for, only the newest is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_EVERY: Final = 10
"""What is to notice things has to look now and then: three times a second, of thirty frames."""
LOOK_EVERY: Final = 15
"""Frames from one look to the next: by then the means know what a change has brought."""
WARM_UP: Final = 30
"""Frames before the first look: caches, tables, and the first run of a network are no measure."""
EASY: Final = 0.8
"""The share of a frame's time below which more is dared."""
_OUTLIER: Final = 4.0
"""Frame times that one run may count for: a machine that stood still for a second says nothing of the next."""
_SMOOTHED_OVER: Final = 20


class Mean:
    """The mean of the first values, then exponentially over about twenty."""

    def __init__(self) -> None:
        self.value = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        """Take another value into it."""
        self._count = min(_SMOOTHED_OVER, self._count + 1)
        self.value += (value - self.value) / self._count


class Budget:
    """Of a chain whose links, by their numbers, may rest or not.

    `every` is 1 where none has to; `is_over` says that frames take longer all the same than lies between them.
    """

    def __init__(self, may_rest: Sequence[bool]) -> None:
        self.every = 1
        self.is_over = False
        self._may_rest = tuple(may_rest)
        self._costs = [Mean() for _ in may_rest]
        self._frames = 0

    def works(self, index: int, frame: int) -> bool:
        """Whether link `index` works on the frame of that number. Those that rest do not all do so at once."""
        return not self._may_rest[index] or (frame + index) % self.every == 0

    def note(self, index: int, took_s: float, period_s: float) -> None:
        """Link `index` worked on a frame for so long."""
        self._costs[index].add(min(took_s, _OUTLIER * period_s))

    def look(self, period_s: float) -> None:
        """Another frame is through: now and then, decide anew."""
        self._frames += 1
        if self._frames < WARM_UP or self._frames % LOOK_EVERY:
            return
        if any(self._may_rest):
            self._settle(period_s)
        self.is_over = self.cost_s(self.every) > (EASY if self.is_over else 1) * period_s

    def _settle(self, period_s: float) -> None:
        needed = next((every for every in range(1, MOST_EVERY) if self.cost_s(every) <= period_s), MOST_EVERY)
        if needed > self.every:
            self.every = needed
        elif self.every > 1 and self.cost_s(self.every - 1) <= EASY * period_s:
            self.every -= 1

    def cost_s(self, every: int) -> float:
        """What a frame takes on average if those that may rest work on every `every`-th."""
        return sum(
            cost.value / (every if may_rest else 1) for cost, may_rest in zip(self._costs, self._may_rest, strict=True)
        )
