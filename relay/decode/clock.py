"""From a source's timestamps to the relay's clock: pure."""

from __future__ import annotations

from typing import Final

from relay.timeline import NS_PER_S, SLEW_PPM


class SourceClock:
    """From a source's timestamps to the wall clock: `time = pts + offset`.

    Where the camera says when it captured (RTCP sender reports, RFC 3550 §6.4.1) and that can be true, the offset is
    the camera's. Else it follows the *floor*, the lower envelope of (arrival - pts): the fastest packet is the one
    with the least network in it. The floor goes down at once, and up at `SLEW_PPM`, which also follows a camera whose
    crystal runs slow; what lies far above it for long is a new floor. A source that keeps a pace of its own knows when
    it has fallen behind, and says so (`fall_behind`): there is nothing to guess.
    """

    RESET_AFTER_NS: Final = 3 * NS_PER_S
    """A timestamp this far behind the floor did not travel slowly: the camera's clock went back."""

    LATE_NS: Final = NS_PER_S // 2
    LATE_FOR_NS: Final = 2 * NS_PER_S
    """All so late for so long: the camera paused and its timestamps did not. To slew that would take half an hour."""

    MAX_DELAY_NS: Final = NS_PER_S // 2
    EARLY_NS: Final = 5_000_000
    """What a sender report may say of the fastest packet: captured up to half a second before it came. Anything else
    is a camera whose clock was never set (the 5 ms are the error of NTP in a local network)."""

    GLIDE_NS: Final = 20_000_000
    SENDER_GLIDE_NS: Final = 100_000_000
    GLIDE_PPM: Final = 2500
    """A small difference is glided over, at half of what the resampler can follow: the sound stays with the picture. A
    large one is jumped, and counted in `jumps`, so that the sound jumps too. What a camera's own times differ by from
    arrivals is mostly its encoder's delay, which is glided over."""

    def __init__(self, behind_ns: int = 0) -> None:
        self.offset_ns: int | None = None
        self.jumps = 0
        self.is_by_sender = False
        self.delay_ns: int | None = None
        """How long the fastest packet took since its capture, by the camera's clock; negative if that is ahead."""
        self.behind_ns = behind_ns
        """By how much the source said last that it has fallen behind, in all."""
        self.fell_ns = 0
        """By how much the last one was faster than the fastest before it."""
        self._floor_ns: int | None = None
        self._late_since_ns: int | None = None
        self._late_floor_ns = 0
        self._last_arrival_ns = 0

    def time_ns(self, pts_ns: int, arrival_ns: int, sender_ns: int | None = None) -> int:
        """The capture time, as near as can be known, of what has timestamp `pts_ns` and came at `arrival_ns`.

        `sender_ns` is when it was captured by the camera's own wall clock, if the camera says so.
        """
        elapsed_ns = max(0, arrival_ns - self._last_arrival_ns)
        self._last_arrival_ns = arrival_ns
        floor_ns, is_new = self._follow(arrival_ns - pts_ns, arrival_ns, elapsed_ns)
        self.delay_ns = None if sender_ns is None else floor_ns + pts_ns - sender_ns
        self.is_by_sender = self.delay_ns is not None and -self.EARLY_NS <= self.delay_ns <= self.MAX_DELAY_NS
        wanted_ns = floor_ns - self.delay_ns if self.is_by_sender and self.delay_ns is not None else floor_ns
        if self.offset_ns is None:
            self.offset_ns = wanted_ns
        elif is_new or self.offset_ns - wanted_ns > (self.SENDER_GLIDE_NS if self.is_by_sender else self.GLIDE_NS):
            self.offset_ns = wanted_ns
            self.jumps += 1
        else:
            reach_ns = elapsed_ns * self.GLIDE_PPM // 1_000_000
            self.offset_ns = min(max(wanted_ns, self.offset_ns - reach_ns), self.offset_ns + reach_ns)
        return pts_ns + self.offset_ns

    def fall_behind(self, behind_ns: int) -> None:
        """The source has fallen behind by so much in all: what comes from now on comes later by what is new of it."""
        by_ns, self.behind_ns = behind_ns - self.behind_ns, behind_ns
        if by_ns and self.offset_ns is not None and self._floor_ns is not None:
            self.offset_ns += by_ns
            self._floor_ns += by_ns
            self._late_since_ns = None
            self.jumps += 1

    def _follow(self, observed_ns: int, arrival_ns: int, elapsed_ns: int) -> tuple[int, bool]:
        """The floor now, and whether it is another than before."""
        self.fell_ns = 0 if self._floor_ns is None else max(0, self._floor_ns - observed_ns)
        if self._floor_ns is None or observed_ns - self._floor_ns > self.RESET_AFTER_NS:
            self._floor_ns, self._late_since_ns = observed_ns, None
            return observed_ns, True
        if observed_ns - self._floor_ns <= self.LATE_NS:
            self._late_since_ns = None
        elif self._late_since_ns is None:
            self._late_since_ns, self._late_floor_ns = arrival_ns, observed_ns
        else:
            self._late_floor_ns = min(self._late_floor_ns, observed_ns)
            if arrival_ns - self._late_since_ns >= self.LATE_FOR_NS:
                self._floor_ns, self._late_since_ns = self._late_floor_ns, None
                return self._floor_ns, True
        self._floor_ns = min(observed_ns, self._floor_ns + elapsed_ns * SLEW_PPM // 1_000_000)
        return self._floor_ns, False
