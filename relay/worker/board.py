"""What the threads of a worker know of each other: its clock, its counters, and the state that an owner is told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from relay.errors import RelayError, SourceError, TransformError
from relay.model import StreamHealth, StreamState

if TYPE_CHECKING:
    from relay.timeline import ClockLine


_SMOOTHED_OVER: Final = 20


class Clock:
    """Unix time as the supervisor has it. Assignment of the line is atomic, so no lock is needed."""

    def __init__(self, line: ClockLine) -> None:
        self.line = line

    def unix_ns(self) -> int:
        """Now, in nanoseconds since the epoch."""
        return self.line.unix_at(time.monotonic_ns())


class Board:
    """Counters, gauges and the facts from which the stream's state is derived. Every thread writes, one reads."""

    def __init__(self, clock: Clock, stall_after_ns: int) -> None:
        self.counters: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}
        self.source_error: Exception | None = None
        self.transform_error = ""
        self.held_because = ""
        self.last_frame_ns: int | None = None
        self._clock = clock
        self._stall_after_ns = stall_after_ns
        self._began_ns = clock.unix_ns()
        self._lock = threading.Lock()
        self._smoothed: dict[str, int] = {}
        self._health = StreamHealth(StreamState.CONNECTING, self._began_ns)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self.counters[name] += by

    def smooth(self, name: str, value: float) -> None:
        """Let gauge `name` follow `value`: the mean of the first values, then exponentially, over about twenty."""
        before = self.gauges.get(name)
        count = 1 if before is None else min(_SMOOTHED_OVER, self._smoothed[name] + 1)
        self._smoothed[name] = count
        self.gauges[name] = value if before is None else before + (value - before) / count

    def adjust(self, name: str, by: float) -> None:
        """Add to gauge `name`, which several threads keep."""
        with self._lock:
            self.gauges[name] = self.gauges.get(name, 0.0) + by

    def note_age(self, step: str, time_ns: int) -> None:
        """A picture captured at `time_ns` has come to the end of `step`: what each stage adds is told from the ages."""
        self.smooth(f"age_{step}_ms", (self._clock.unix_ns() - time_ns) / 1e6)

    def health(self) -> StreamHealth:
        """The state now. `since_ns` changes only when the state or its reason does."""
        now = self._derive(self._clock.unix_ns())
        before = self._health
        if (now.state, now.reason, now.detail) != (before.state, before.reason, before.detail):
            self._health = now
        return self._health

    def is_live(self, now_ns: int | None = None) -> bool:
        """Whether pictures leave the chain: the last one did so less than `stall_after` ago."""
        last_ns = self.last_frame_ns
        now_ns = self._clock.unix_ns() if now_ns is None else now_ns
        return last_ns is not None and now_ns - last_ns < self._stall_after_ns

    def _derive(self, now_ns: int) -> StreamHealth:
        last_ns = self.last_frame_ns
        if self.is_live(now_ns):
            return StreamHealth(StreamState.LIVE, now_ns)
        away_since_ns = now_ns if last_ns is None else last_ns
        if self.held_because:
            return StreamHealth(StreamState.SLATE, away_since_ns, "it is being restarted", self.held_because)
        if (error := self.source_error) is not None:
            told = error.for_viewers if isinstance(error, RelayError) else SourceError.for_viewers
            return StreamHealth(StreamState.OFFLINE, away_since_ns, told, str(error))
        if self.transform_error:
            return StreamHealth(StreamState.SLATE, away_since_ns, TransformError.for_viewers, self.transform_error)
        if last_ns is None:
            return StreamHealth(StreamState.CONNECTING, self._began_ns, "waiting for the first picture")
        return StreamHealth(StreamState.STALLED, away_since_ns, "the camera is connected but sends no pictures")
