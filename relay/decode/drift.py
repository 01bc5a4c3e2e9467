"""Sound whose timestamps run faster or slower than the picture's: found by their arrivals, and undone. Pure.

Many cameras stamp sound by counting samples and pictures by another crystal. At 200 ppm, lips are 40 ms off after
three minutes and 0.7 s after an hour. Both travel the same way, so the difference between how late the two arrive by
their own timestamps is constant, but for that drift.
"""

from __future__ import annotations

from typing import Final

from relay.timeline import NS_PER_S

WINDOW_NS: Final = 30 * NS_PER_S
"""The fastest packet of half a minute has next to no jitter in it; at 200 ppm the sound moves 6 ms in that time."""

MAX_PPM: Final = 500
"""Crystals are within 100 ppm, cheap ones at night within 300. More than this is a jump, which others look after."""

_MAX_STEP_NS: Final = WINDOW_NS * MAX_PPM // 1_000_000


class AudioDrift:
    """Of one connection. `drift_ns` is what to add to the sound's times: how far they have fallen behind by now."""

    def __init__(self) -> None:
        self.drift_ns = 0
        self._window_ends_ns: int | None = None
        self._video_floor_ns: int | None = None
        self._audio_floor_ns: int | None = None
        self._lag_ns: int | None = None

    def see_video(self, pts_ns: int, arrival_ns: int) -> None:
        """Take note of a picture's own timestamp, and of when it came."""
        self._turn(arrival_ns)
        delay_ns, floor_ns = arrival_ns - pts_ns, self._video_floor_ns
        self._video_floor_ns = delay_ns if floor_ns is None else min(floor_ns, delay_ns)

    def see_audio(self, pts_ns: int, arrival_ns: int) -> None:
        """Take note of the timestamp of sound, and of when it came."""
        self._turn(arrival_ns)
        delay_ns, floor_ns = arrival_ns - pts_ns, self._audio_floor_ns
        self._audio_floor_ns = delay_ns if floor_ns is None else min(floor_ns, delay_ns)

    def _turn(self, arrival_ns: int) -> None:
        """At the end of a window, compare it with the one before."""
        if self._window_ends_ns is None:
            self._window_ends_ns = arrival_ns + WINDOW_NS
        if arrival_ns < self._window_ends_ns:
            return
        lag_ns = None
        if self._audio_floor_ns is not None and self._video_floor_ns is not None:
            lag_ns = self._audio_floor_ns - self._video_floor_ns
            # A larger step is a jump of one of the two, or a network that changed: the new lag is where to go on from.
            if self._lag_ns is not None and abs(lag_ns - self._lag_ns) <= _MAX_STEP_NS:
                self.drift_ns += lag_ns - self._lag_ns
        self._lag_ns = lag_ns
        self._video_floor_ns = self._audio_floor_ns = None
        self._window_ends_ns = arrival_ns + WINDOW_NS
