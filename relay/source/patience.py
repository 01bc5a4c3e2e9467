"""How long to wait for a source's next packet: a camera's own rhythm says what silence means. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from relay.timeline import NS_PER_S

STALL_PACKETS: Final = 3
RHYTHM_PACKETS: Final = 5
_WORTH_WHILE: Final = 1.25


class Patience:
    """Seconds to wait: `first_s` until the rhythm is known, then three times as long as packets lay apart lately.

    Never less than `floor_s`. PyAV takes it for a number and asks for its value (`float`) whenever `demux` begins;
    `is_outdated` says when it should begin anew, to be asked again.
    """

    def __init__(self, first_s: float, floor_s: float) -> None:
        self._first_s, self._floor_s = first_s, floor_s
        self._asked_s: float | None = None
        self._last_ns: int | None = None
        self._gaps_ns: deque[int] = deque(maxlen=RHYTHM_PACKETS)

    @property
    def seconds(self) -> float:
        """What it is now."""
        if len(self._gaps_ns) < RHYTHM_PACKETS:
            return max(self._first_s, self._floor_s)
        return max(self._floor_s, STALL_PACKETS * max(self._gaps_ns) / NS_PER_S)

    @property
    def is_outdated(self) -> bool:
        """Whether it has become much another than when it was last asked for."""
        asked_s = self._asked_s
        return asked_s is not None and not 1 / _WORTH_WHILE <= self.seconds / asked_s <= _WORTH_WHILE

    def note(self, now_ns: int) -> None:
        """A packet of video came."""
        if self._last_ns is not None:
            self._gaps_ns.append(now_ns - self._last_ns)
        self._last_ns = now_ns

    def __float__(self) -> float:
        self._asked_s = self.seconds
        return self._asked_s
