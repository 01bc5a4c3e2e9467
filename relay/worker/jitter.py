"""How unevenly a camera's frames arrive: pure."""

from __future__ import annotations

from typing import Final


class Jitter:
    """How unevenly frames come: the mean difference of one's transit from the one before (RFC 3550 §6.4.1, A.8)."""

    _GAIN: Final = 16

    def __init__(self) -> None:
        self.value_ns = 0.0
        self._transit_ns: int | None = None

    def add(self, transit_ns: int) -> None:
        """A frame came so long after its time; what is the same for all frames does not matter."""
        if self._transit_ns is not None:
            self.value_ns += (abs(transit_ns - self._transit_ns) - self.value_ns) / self._GAIN
        self._transit_ns = transit_ns
