"""Media that comes faster than it plays (a file, the segments of an HLS playlist), slowed to its own pace. Pure."""

from __future__ import annotations

from typing import Final

from relay.timeline import NS_PER_S

BREATH_S: Final = 0.1
"""The longest a paced source sleeps before it hands over `None`, so that its reader can look whether to stop."""


class Pacer:
    """Says when each packet is to be let go so that media time passes as fast as the clock.

    The first packet is due at once and anchors the rest. What lies too far from where it was expected becomes the new
    anchor, so nothing waits for ever and nothing rushes to catch up. Where that is because it was late (a download that
    hung), all that follows is later by as much: `delayed_ns` is the sum of it.
    """

    MAX_WAIT_NS: Final = 10 * NS_PER_S
    MAX_LATE_NS: Final = NS_PER_S
    MAX_DELAY_NS: Final = 60 * NS_PER_S
    """What is later still has not been waited for: sources are given up before. Its timestamps are other ones."""

    def __init__(self) -> None:
        self.delayed_ns = 0
        self._anchor_ns: int | None = None

    def release_ns(self, media_ns: int, now_ns: int, *, has_run_dry: bool = False) -> int:
        """When the packet with decoding time `media_ns`, in hand at `now_ns`, is to be let go; never long before now.

        `has_run_dry`: it had been waited for, so that to be late is its source's doing and not its reader's.
        """
        if self._anchor_ns is not None:
            wait_ns = media_ns + self._anchor_ns - now_ns
            if (0 if has_run_dry else -self.MAX_LATE_NS) <= wait_ns <= self.MAX_WAIT_NS:
                return now_ns + wait_ns
            self.delayed_ns += -wait_ns if 0 < -wait_ns <= self.MAX_DELAY_NS else 0
        self._anchor_ns = now_ns - media_ns
        return now_ns

    def restart(self) -> None:
        """What comes next has another line of time: it is due at once."""
        self._anchor_ns = None
