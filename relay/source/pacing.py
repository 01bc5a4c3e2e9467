"""Media that comes faster than it plays (a file, the segments of an HLS playlist), slowed to its own pace. Pure."""

from __future__ import annotations

from typing import Final

from relay.timeline import NS_PER_S

BREATH_S: Final = 0.1
"""The longest a paced source sleeps before it hands over `None`, so that its reader can look whether to stop."""


class Pacer:
    """Says how long each packet has to wait so that media time passes as fast as the clock.

    The first packet is due at once and anchors the rest. What lies too far from where it was expected (a jump in the
    file, a download that hung) becomes the new anchor, so nothing waits for ever and nothing rushes to catch up.
    """

    MAX_WAIT_NS: Final = 10 * NS_PER_S
    MAX_LATE_NS: Final = NS_PER_S

    def __init__(self) -> None:
        self._anchor_ns: int | None = None

    def wait_ns(self, media_ns: int, now_ns: int) -> int:
        """How long the packet with decoding time `media_ns`, in hand at `now_ns`, has to wait; 0 or less: let it go."""
        if self._anchor_ns is not None:
            wait_ns = media_ns + self._anchor_ns - now_ns
            if -self.MAX_LATE_NS <= wait_ns <= self.MAX_WAIT_NS:
                return wait_ns
        self._anchor_ns = now_ns - media_ns
        return 0
