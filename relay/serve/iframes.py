"""The I-frame playlist of one video rendition: what its keyframes take, and its text, rendered once per segment.

Nothing of it is media: each keyframe is a range of a segment that is held anyway.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Final

from relay.mpegts import leading_keyframe_bytes
from relay.playlist import render_iframes
from relay.playlist.window import US_PER_S
from relay.serve.whole_segments import WholeSegments

if TYPE_CHECKING:
    from relay.model import Init
    from relay.playlist import Segment, Window
    from relay.serve.prepared import Prepared

_HEADROOM: Final = Fraction(5, 4)
"""How far over what was seen BANDWIDTH is said to be (Apple's specification, 1.29)."""


class IFrames:
    """See the module. `window` is the rendition's; `is_copied` says that no encoder of ours bounds its keyframes."""

    def __init__(self, window: Window, cache_control: str, *, is_copied: bool) -> None:
        self._window = window
        self._is_copied = is_copied
        self._peak_bps = 0
        self._listing = WholeSegments(window, render_iframes, cache_control)

    @property
    def is_offered(self) -> bool:
        """Whether there is something to scrub over."""
        return bool(self._window.iframes)

    def note(self, segment: Segment) -> None:
        """Look for the keyframe of a segment that is complete; one that was cut short says nothing of those to come."""
        segment.keyframe_bytes = leading_keyframe_bytes(segment.data or b"")
        if 2 * segment.duration_us >= self._window.settings.target_duration_s * US_PER_S:
            self._peak_bps = max(self._peak_bps, -(-segment.keyframe_bytes * 8 * US_PER_S // segment.duration_us))

    def bandwidth_bps(self, init: Init) -> int:
        """BANDWIDTH, the peak segment bit rate: a quarter over what was seen, so as to be true of what is coming.

        At first, or where nothing large was seen yet, what an encoder's buffer holds (`encode.video`): it is what
        BANDWIDTH of the rendition is over its average, and no keyframe is larger. Never more than that BANDWIDTH, since
        keyframes are of the same segments; and just that where pictures are copied, whose next segment may be a short
        one that is little else than its keyframe.
        """
        if self._is_copied:
            return init.bandwidth
        buffered_bps = init.bandwidth - init.average_bandwidth
        return min(max(ceil(self._peak_bps * _HEADROOM), buffered_bps), init.bandwidth) or init.bandwidth

    def playlist(self, *, skip: bool) -> Prepared:
        """The playlist; with `skip`, as a delta update where there is something to leave out."""
        return self._listing.playlist(skip=skip)
