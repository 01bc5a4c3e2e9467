"""When a dead worker is tried again, and how carefully: pure.

Backoff is for cameras and user code, never for the encoder. So a worker is respawned at once, always; after a second
failure within a minute it starts in slate mode and leaves source and transforms alone for a while that doubles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from relay.timeline import NS_PER_S

FORGET_AFTER_NS: Final = 60 * NS_PER_S
FIRST_HOLD_S: Final = 1.0
MAX_HOLD_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class RestartState:
    """How often a stream's worker failed of late."""

    failures: int = 0
    last_failure_ns: int | None = None

    def failed(self, now_ns: int) -> RestartState:
        """The state after a failure at `now_ns`."""
        is_fresh = self.last_failure_ns is None or now_ns - self.last_failure_ns > FORGET_AFTER_NS
        return replace(self, failures=1 if is_fresh else self.failures + 1, last_failure_ns=now_ns)

    @property
    def hold_source_s(self) -> float:
        """How long the next worker sends the slate before it tries the source; 0 after a single failure."""
        if self.failures < 2:
            return 0.0
        return min(MAX_HOLD_S, FIRST_HOLD_S * 2.0 ** min(self.failures - 2, 10))
