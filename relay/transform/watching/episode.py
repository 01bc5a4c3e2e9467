"""When something begins and when it is over, told from what is seen frame by frame. Pure.

    idle ──seen──> candidate ──seen for min_duration_s──> lasting ──not seen for cooldown_s──> idle
                       └─────not seen for bridge_s─────> idle

A blink is no episode, and two that follow each other closely are one. What is told is when it was, not when it was
known: an episode begins with the first frame in which it was seen, and its last moment is the last such frame.

Frames may be missing, because a slow chain lets some out or the camera was away. In a hole longer than `HOLE_S` nothing
was seen. What was seen before the clock was set back is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from relay.timeline import NS_PER_S

HOLE_S: Final = 2.0
"""Longer than the distance of two frames of the slowest camera (one in a second), with one lost."""


@dataclass(frozen=True, slots=True)
class Change:
    """An episode has begun, or is over: when it was seen first and last, and when that was known.

    `at` is for those that tell of what takes no time: no `Episode` says it.
    """

    phase: Literal["begin", "end", "at"]
    first_ns: int
    last_ns: int
    now_ns: int

    @property
    def lasted_s(self) -> float:
        """From its first moment to its last so far."""
        return (self.last_ns - self.first_ns) / NS_PER_S

    @property
    def ago_s(self) -> float:
        """How long its last moment lies back."""
        return (self.now_ns - self.last_ns) / NS_PER_S


class Episode:
    """One kind of happening at one place, which may come again and again."""

    def __init__(self, min_duration_s: float, cooldown_s: float, bridge_s: float = 0.0) -> None:
        self._min_duration_ns = round(min_duration_s * NS_PER_S)
        self._cooldown_ns = round(cooldown_s * NS_PER_S)
        self._bridge_ns = round(bridge_s * NS_PER_S)
        self._first_ns: int | None = None
        self._last_ns = 0
        self._now_ns = 0
        self._is_lasting = False

    @property
    def is_idle(self) -> bool:
        """Nothing lasts, and nothing has been seen that may become an episode."""
        return self._first_ns is None

    @property
    def is_lasting(self) -> bool:
        """It has begun and is not over."""
        return self._is_lasting

    def step(self, now_ns: int, *, is_seen: bool) -> Change | None:
        """What the newest frame means: `begin`, `end`, or mostly nothing.

        Where a hole lies between an episode and the next, this is the end of the first; `is_seen` begins anew.
        """
        was_looking = 0 <= now_ns - self._now_ns <= HOLE_S * NS_PER_S
        self._now_ns = now_ns
        ended = None if self.is_idle else self._end(now_ns, is_seen=is_seen, was_looking=was_looking)
        if not is_seen:
            return ended
        if self._first_ns is None:
            self._first_ns = now_ns
        self._last_ns = now_ns
        if ended or self._is_lasting or now_ns - self._first_ns < self._min_duration_ns:
            return ended
        self._is_lasting = True
        return Change("begin", self._first_ns, now_ns, now_ns)

    def _end(self, now_ns: int, *, is_seen: bool, was_looking: bool) -> Change | None:
        """Become idle where that is due; what there is to tell of it."""
        since_ns = now_ns - self._last_ns
        patience_ns = self._cooldown_ns if self._is_lasting else self._bridge_ns
        is_over = since_ns >= patience_ns if not is_seen else since_ns > patience_ns and not was_looking
        if not is_over and since_ns >= 0:
            return None
        first_ns, was_lasting = self._first_ns, self._is_lasting
        self._first_ns, self._is_lasting = None, False
        if first_ns is None or not was_lasting:
            return None
        return Change("end", first_ns, self._last_ns, max(now_ns, self._last_ns))
