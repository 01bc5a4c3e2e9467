"""What a chain of transforms is told of the one it works for, and by which it tells what happens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.walls import NO_TAPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.errors import TransformError
    from relay.links import Emitted
    from relay.model import Matrix
    from relay.walls import Taps


def _ignore(_: object) -> None:
    """Nobody wants to hear."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All of it is called in the chain's thread.

    `period_s` lies between two frames; a chain that needs longer lets links rest that may. Where there is no hurry, as
    with a file, it is `math.inf`: then nothing rests, and nothing is late. A link that works longer than
    `deadline_frames` periods on a frame is late. `on_event` hears of what is noticed in a frame, `on_failure` of every
    failure that does not stop the stream: that one is raised. `clock` counts seconds. `matrix` is the pictures'.
    `taps` is where other streams are, for transforms that show them.
    """

    period_s: float = 1 / 30
    deadline_frames: float = 4.0
    on_event: Callable[[Emitted], None] = _ignore
    on_failure: Callable[[TransformError], None] = _ignore
    clock: Callable[[], float] = time.perf_counter
    matrix: Matrix = "bt709"
    taps: Taps = NO_TAPS
