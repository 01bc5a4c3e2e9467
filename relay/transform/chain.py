"""The transforms of one stream, one after the other.

    Picture ──> Frame ──step──step──step──> Picture, or none, or several: a link may hold frames until it has seen more

What does not pass every link does not go out, unless the owner has said so for that link (`on_failure`). Nothing waits
here for a chain that is too slow: it says so, lets links rest that may, and the newest frame is the next.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from relay.errors import TransformError
from relay.pixels import Pool
from relay.timeline import NS_PER_S
from relay.transform.budget import Budget
from relay.transform.frame import Frame
from relay.transform.registry import make_link
from relay.transform.setup import Setup
from relay.transform.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.config import TransformSettings
    from relay.links import TransformFigures
    from relay.model import Picture

HOLE_S: Final = 0.5
"""Frames that are further apart do not belong together: what a link saw before says nothing of what lies between."""
_HOLE_PERIODS: Final = 4.0


class Chain:
    """All links of a stream. Made and used in one thread; keeps the buffers that it works in.

    `period_s`, the time between two frames, and `matrix`, the pictures', may change. `figures` and `at_work` may be
    asked for from any thread.
    """

    def __init__(self, settings: Sequence[TransformSettings], setup: Setup | None = None) -> None:
        """Build every link; raises `TransformError` for the first that is unknown, misconfigured or not importable."""
        self._setup = setup if setup is not None else Setup()
        self.period_s = self._setup.period_s
        self.matrix = self._setup.matrix
        self._steps = [Step(make_link(link), self._setup) for link in settings]
        self._budget = Budget([*(step.may_rest for step in self._steps), False])  # the last is the chain's own work
        self._pool = Pool()
        self._stopped = ""
        self._frames = 0
        self._spent_s = 0.0  # by links, on what goes through just now
        self._last_ns: int | None = None

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def delay_frames(self) -> int:
        """How many frames its links hold together, at the most, when the next comes."""
        return sum(step.delay_frames for step in self._steps)

    @property
    def hole_s(self) -> float:
        """After so long without a picture nothing is to be held any more: `flush`."""
        if not any(step.holding for step in self._steps):
            return math.inf
        return max(HOLE_S, _HOLE_PERIODS * self.period_s)

    @property
    def every(self) -> int:
        """The links that may rest work on every n-th frame: on each, 1, while the chain is fast enough."""
        return self._budget.every

    @property
    def is_over(self) -> bool:
        """Whether frames take longer than lies between two, however many links rest: then some are left out."""
        return self._budget.is_over

    @property
    def load(self) -> float:
        """What a frame takes on average, as a share of the time between two; 0 where there is no hurry."""
        return self._budget.cost_s(self._budget.every) / self.period_s

    @property
    def resting(self) -> list[str]:
        """The links that may rest, by their labels."""
        return [step.label for step in self._steps if step.may_rest]

    def open(self) -> None:
        """Let every link load what it needs. Raises `TransformError` for the first that cannot do without.

        A chain that could not be opened processes nothing; it is to be closed all the same.
        """
        for step in self._steps:
            try:
                step.open()
            except TransformError as error:
                self._stopped = str(error)
                raise

    def close(self) -> None:
        """Let every link give back what it took."""
        for step in self._steps:
            step.close()

    def process(self, picture: Picture) -> list[Picture]:
        """What leaves the chain now that `picture` is there, oldest first: same `slot` and `time_ns`, any even size.

        It is one picture where no link holds any and none failed. The chain owns `picture` from here on: links may
        write into its array, so nobody else may still need it. What comes back is not written to again by the chain.
        Raises `TransformError`, from what a link raised that is to stop the stream, and from then on for every picture.
        """
        if not self._steps:
            return [picture]
        done = self.flush() if self._is_behind_a_hole(picture) else []
        self._last_ns = picture.time_ns
        clock = self._setup.clock
        began_s, self._spent_s = clock(), 0.0
        done += self._advance([Frame(picture, self._pool, self.matrix)])
        self._budget.note(len(self._steps), max(0.0, clock() - began_s - self._spent_s), self.period_s)
        self._budget.look(self.period_s)
        self._frames += 1
        return done

    def flush(self) -> list[Picture]:
        """All that links hold: at the end of a file, or where for `hole_s` nothing came. Raises as `process` does."""
        return self._advance([], is_flush=True)

    def figures(self) -> tuple[TransformFigures, ...]:
        """How each link does."""
        return tuple(step.figures(self._budget.every) for step in self._steps)

    def at_work(self) -> tuple[str, float] | None:
        """The link that works on a frame just now, and for how many seconds it has done so; `None` between two."""
        for step in self._steps:
            began_s = step.began_s
            if began_s is not None:
                return step.label, self._setup.clock() - began_s
        return None

    def _is_behind_a_hole(self, picture: Picture) -> bool:
        """Whether there is time between `picture` and the one before of which nothing is known."""
        if self._last_ns is None:
            return False
        return not 0 <= picture.time_ns - self._last_ns <= self.hole_s * NS_PER_S

    def _advance(self, frames: list[Frame], *, is_flush: bool = False) -> list[Picture]:
        """`frames` through all links, and, to flush, what each of them holds through those behind it."""
        if self._stopped:
            raise TransformError(self._stopped)
        deadline_s = self._setup.deadline_frames * self.period_s
        try:
            for index, step in enumerate(self._steps):
                frames = self._through(index, frames, deadline_s)
                if is_flush:
                    frames += step.flush(deadline_s)
        except TransformError as error:
            self._stopped = str(error)
            raise
        for frame in frames:
            if frame.is_blank:
                frame.blank(*frame.size)  # whatever was drawn into it behind the link that failed
        return [frame.picture() for frame in frames]

    def _through(self, index: int, frames: list[Frame], deadline_s: float) -> list[Frame]:
        step = self._steps[index]
        done: list[Frame] = []
        for frame in frames:
            if step.lets_pass(frame):
                done.append(frame)
            elif self._budget.works(index, self._frames):
                done += step.run(frame, deadline_s)
                self._budget.note(index, step.took_s, self.period_s)
                self._spent_s += step.took_s
            else:
                step.rested += 1
                done.append(frame)
        return done
