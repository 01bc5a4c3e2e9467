"""Cameras' timestamps, made fit to be used: pure decisions about each one, by where it lies and when it came.

They are missing (the first packets over RTSP), repeated, out of order, an hour off after the camera's own clock was
set, or start again at zero (MPEG-TS counts to 2**33, RTP to 2**32). What comes out rises strictly and keeps to real
time; what cannot be placed is discarded, and never for longer than a second.
"""

from __future__ import annotations

from typing import Final

from relay.timeline import NS_PER_S

MAX_AHEAD_NS: Final = 3 * NS_PER_S
"""Timestamps may run this far ahead of the clock between two frames: a burst after a hole in the network, no more."""

MAX_BEHIND_NS: Final = NS_PER_S
"""A smaller step back is a frame out of order or sent twice; a larger one is another clock."""

PATIENCE_NS: Final = NS_PER_S
"""Discarding goes on no longer than this."""

MAX_MISSING: Final = 3
"""After so many frames without a timestamp the source has none: the time of arrival is then the best there is."""

AUDIO_BEHIND_NS: Final = 5 * NS_PER_S
AUDIO_AHEAD_NS: Final = NS_PER_S
"""How far sound may lie from its arrival, on the picture's clock: muxers interleave up to a second, networks delay."""


class TimestampGuard:
    """For the video of one connection. `shift_ns` is what is added to the source's timestamps since their last jump."""

    def __init__(self) -> None:
        self.shift_ns = 0
        self.previous_shift_ns = 0
        self.jumps = 0
        self._last_ns: int | None = None
        self._last_arrival_ns = 0
        self._missing = 0
        self._refused_since_ns: int | None = None

    def check(self, pts_ns: int | None, arrival_ns: int) -> int | None:
        """The timestamp to use for a frame that came at `arrival_ns`, above all before; `None`: discard the frame."""
        if pts_ns is None:
            self._missing += 1
            if self._missing <= MAX_MISSING and self._has_patience(arrival_ns):
                return None
            return self._accept(self._expected_ns(arrival_ns), arrival_ns)
        self._missing = 0
        if self._last_ns is None:
            return self._accept(pts_ns, arrival_ns)
        step_ns = pts_ns + self.shift_ns - self._last_ns
        elapsed_ns = max(0, arrival_ns - self._last_arrival_ns)
        if 0 < step_ns <= elapsed_ns + MAX_AHEAD_NS:
            return self._accept(pts_ns + self.shift_ns, arrival_ns)
        if -MAX_BEHIND_NS <= step_ns <= 0 and self._has_patience(arrival_ns):
            return None
        expected_ns = self._expected_ns(arrival_ns)
        self.jumps += 1
        self.previous_shift_ns, self.shift_ns = self.shift_ns, expected_ns - pts_ns
        return self._accept(expected_ns, arrival_ns)

    def _expected_ns(self, arrival_ns: int) -> int:
        """Where a frame belongs by its arrival alone."""
        if self._last_ns is None:
            return arrival_ns
        return self._last_ns + max(1, arrival_ns - self._last_arrival_ns)

    def _has_patience(self, arrival_ns: int) -> bool:
        if self._refused_since_ns is None:
            self._refused_since_ns = arrival_ns
        return arrival_ns - self._refused_since_ns <= PATIENCE_NS

    def _accept(self, time_ns: int, arrival_ns: int) -> int:
        self._last_ns = time_ns
        self._last_arrival_ns = arrival_ns
        self._refused_since_ns = None
        return time_ns


class AudioGuard:
    """For the sound beside it: placed by the picture's clock, so that lips stay with it.

    A camera's jump comes in video and audio at different moments, so sound may still belong to the shift before.
    """

    def __init__(self) -> None:
        self._own_shift_ns: int | None = None
        self._refused_since_ns: int | None = None

    def check(self, pts_ns: int | None, arrival_ns: int, video: TimestampGuard, offset_ns: int) -> int | None:
        """The wall-clock time of sound with timestamp `pts_ns`; `None`: discard it.

        `offset_ns` is the picture's, from timestamps to the wall clock.
        """
        if pts_ns is not None:
            for shift_ns in (video.shift_ns, video.previous_shift_ns, self._own_shift_ns):
                if shift_ns is None:
                    continue
                time_ns = pts_ns + shift_ns + offset_ns
                if -AUDIO_BEHIND_NS <= time_ns - arrival_ns <= AUDIO_AHEAD_NS:
                    self._refused_since_ns = None
                    return time_ns
        if self._refused_since_ns is None:
            self._refused_since_ns = arrival_ns
        if arrival_ns - self._refused_since_ns <= PATIENCE_NS:
            return None
        # No common clock can be found: better sound that is nearly in time than none.
        if pts_ns is not None:
            self._own_shift_ns = arrival_ns - pts_ns - offset_ns
        return arrival_ns
