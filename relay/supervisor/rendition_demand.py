"""Which rungs of a ladder somebody wants now: what wakes those that sleep, and lets them sleep again: pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

PROBE_CLOSE_S: Final = 10.0
"""Players look at a playlist and go elsewhere: nobody is expected back after that."""

LEAST_CLOSE_S: Final = 5.0
"""However short `idle_close_s` is: a page asks for a playlist up to four seconds before it changes to that rung, at the
next seam (`AWAKE_MS` in `serve/web/levels.js`), and would find it asleep with a second of buffer."""

WATCHED_SEGMENTS: Final = 2
"""Who fetches that many, or parts of that many, watches."""


@dataclass(slots=True)
class _Interest:
    fetching: int = 0
    last_s: float = 0.0
    segments: set[int] = field(default_factory=set)


class RenditionDemand:
    """Requests for what may sleep, at times of any clock that never goes back.

    A rung is wanted while anything of it is being fetched, a held playlist included. Behind the last request it is for
    `idle_close_s` where it was watched, and `PROBE_CLOSE_S` at the most where it was only looked at; for either,
    `LEAST_CLOSE_S` at the least.
    """

    def __init__(self, idle_close_s: float) -> None:
        self._idle_close_s = idle_close_s
        self._names: frozenset[str] = frozenset()
        self._interests: dict[str, _Interest] = {}

    def offer(self, names: Iterable[str]) -> None:
        """These may sleep, and no others."""
        self._names = frozenset(names)
        self._interests = {name: one for name, one in self._interests.items() if name in self._names}

    def enter(self, name: str) -> bool:
        """Somebody begins to fetch something of `name`. Whether nobody wanted it before."""
        if name not in self._names:
            return False
        is_first = name not in self._interests
        self._interests.setdefault(name, _Interest()).fetching += 1
        return is_first

    def leave(self, name: str, now_s: float, msn: int | None = None) -> None:
        """That came to its end; `msn` is the segment of which something was sent."""
        interest = self._interests.get(name)
        if interest is None:
            return
        interest.fetching = max(0, interest.fetching - 1)
        interest.last_s = now_s
        if msn is not None and len(interest.segments) < WATCHED_SEGMENTS:
            interest.segments.add(msn)

    def wanted(self, now_s: float) -> frozenset[str]:
        """Those that are to be encoded."""
        self._interests = {name: one for name, one in self._interests.items() if not self._is_over(one, now_s)}
        return frozenset(self._interests)

    def _is_over(self, interest: _Interest, now_s: float) -> bool:
        is_watched = len(interest.segments) >= WATCHED_SEGMENTS
        patience_s = self._idle_close_s if is_watched else min(PROBE_CLOSE_S, self._idle_close_s)
        return not interest.fetching and now_s - interest.last_s >= max(LEAST_CLOSE_S, patience_s)
