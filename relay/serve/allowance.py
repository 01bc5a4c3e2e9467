"""How often each network may do something. Pure: it takes the time and says how long to wait."""

from __future__ import annotations

from typing import Final

_MAX_NETWORKS: Final = 4096


class Allowance:
    """`burst` times at once, and `per_s` times a second for long (GCRA, ITU-T I.371)."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._every_s = 1 / per_s
        self._ahead_s = burst / per_s
        self._due_s: dict[str, float] = {}

    def wait_s(self, network: str, now_s: float) -> float:
        """0 where it is allowed, and then taken into account; else the time until it will be."""
        due_s = max(self._due_s.get(network, now_s), now_s) + self._every_s
        over_s = due_s - now_s - self._ahead_s
        if over_s > 1e-9:
            return over_s
        if network not in self._due_s and len(self._due_s) >= _MAX_NETWORKS:
            self._forget(now_s)
        self._due_s[network] = due_s
        return 0.0

    def _forget(self, now_s: float) -> None:
        """Keep those who came just now; where that is everybody, let them begin anew."""
        self._due_s = {network: due_s for network, due_s in self._due_s.items() if due_s > now_s}
        if len(self._due_s) >= _MAX_NETWORKS:
            self._due_s.clear()
