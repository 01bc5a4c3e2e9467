"""How long to wait before a source is tried again: pure, given its source of randomness.

A camera that refuses connections is switched off or starting: asking again costs nothing, so every second. One that
accepts and then fails (wrong password, a broken stream) is left alone for longer each time, since cameras lock accounts
that are hammered and some crash under reconnects; but never for longer than it had worked, where it had: of one that
hangs up every few seconds, viewers still see the most that there is.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from relay.errors import SourceUnreachableError

if TYPE_CHECKING:
    from relay.errors import SourceError

FIRST_DELAY_S: Final = 1.0
MAX_DELAY_S: Final = 15.0
HEALTHY_AFTER_S: Final = 10.0
"""A connection that lived this long was a good one: what ended it is a new trouble, not the old one again."""

JITTER: Final = 0.2
"""Cameras that lost power together must not be asked together for ever."""


class Backoff:
    """The delay before each new attempt, by what went wrong."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._failures = 0

    def delay_s(self, error: SourceError, healthy_s: float) -> float:
        """Seconds to wait after `error` ended a connection that had shown pictures for `healthy_s`."""
        if healthy_s >= HEALTHY_AFTER_S:
            self._failures = 0
        if isinstance(error, SourceUnreachableError):
            self._failures = 0
            delay_s = FIRST_DELAY_S
        else:
            # The exponent is bounded too: 2.0 ** 1025 is an OverflowError, four days into an outage.
            delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(self._failures, 10))
            if healthy_s > 0:
                delay_s = min(delay_s, max(FIRST_DELAY_S, healthy_s))
            self._failures += 1
        return delay_s * self._rng.uniform(1 - JITTER, 1 + JITTER)
