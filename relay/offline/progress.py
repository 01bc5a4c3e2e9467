"""How far a run has come, in words: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_TELLS_SPEED_FROM_S: Final = 0.5
"""Before that it says more of how the first picture was waited for than of what is to come."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Seconds of the film that are done, those that it has (`None`: it does not say), and what that took so far."""

    done_s: float
    total_s: float | None
    elapsed_s: float

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; `None` where nobody knows how long it is."""
        if not self.total_s:
            return None
        return min(1.0, max(0.0, self.done_s / self.total_s))

    @property
    def words(self) -> str:
        """For a line or the end of a bar."""
        return progress_words(self.done_s, self.total_s, self.elapsed_s)


def progress_words(done_s: float, total_s: float | None, elapsed_s: float) -> str:
    """`42 %, 3.2x, 0:15 left`: the share that is done, how much faster than it plays, and what is left at that speed.

    Of a film whose length nobody knows (`total_s` is `None` or 0): how much is done, and the speed.
    """
    done_s = max(0.0, done_s)
    speed = done_s / elapsed_s if elapsed_s >= _TELLS_SPEED_FROM_S else 0.0
    words = [f"{min(100, int(100 * done_s / total_s))} %" if total_s else f"{clock_words(done_s)} done"]
    if speed > 0:
        words.append(f"{speed:.1f}x" if speed < 100 else f"{speed:.0f}x")
        if total_s:
            words.append(f"{clock_words(max(0.0, total_s - done_s) / speed)} left")
    return ", ".join(words)


def clock_words(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
