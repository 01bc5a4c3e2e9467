"""What a source really sends, counted over a few seconds: pure, from the timestamps and arrivals of its packets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from relay.timeline import NS_PER_S

_NS_PER_MS: Final = 1_000_000
JUMP_NS: Final = 3 * NS_PER_S
MAX_GOP_NS: Final = 600 * NS_PER_S
"""Keyframes further apart than this are a jump of the timestamps: nobody listens for so long."""

SETTLE_NS: Final = NS_PER_S
"""What a live source sent while FFmpeg probed it comes in a burst, which says nothing of the camera's own rhythm."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen in `seconds`; `None` where there was too little to tell."""

    seconds: float
    frames: int
    rate: float | None
    bitrate_kbps: float
    keyframes: int
    keyframe_interval_s: float | None
    """The longest, or how long there was none, where that is longer."""
    jitter_ms: float | None
    """Between the fastest and the 95th percentile of packets, by (arrival - timestamp)."""
    longest_gap_s: float
    missing_timestamps: int
    repeated_timestamps: int
    backward_timestamps: int
    jumps: int
    has_b_frames: bool
    audio_packets: int
    decode_ms: float | None
    decode_errors: int


class Meter:
    """Counts. All times are nanoseconds; arrivals and `started_ns` are of one clock."""

    def __init__(self, started_ns: int, settle_ns: int = SETTLE_NS) -> None:
        self._counts_from_ns = started_ns + settle_ns
        self._arrivals: list[int] = []
        self._delays: list[int] = []
        self._steps: list[int] = []
        self._keyframes: list[int] = []
        self._keyframe_came_ns = started_ns
        self._decode_ns: list[int] = []
        self._bytes = 0
        self._missing = self._repeated = self._backward = self._jumps = 0
        self._last_dts: int | None = None
        self._highest_pts: int | None = None
        self._has_b_frames = False
        self._audio_packets = 0
        self.decode_errors = 0

    def add_video(
        self, pts_ns: int | None, dts_ns: int | None, arrival_ns: int, size: int, *, is_keyframe: bool
    ) -> None:
        """Take note of a video packet, in the order they came."""
        if is_keyframe:
            self._keyframes.append(arrival_ns if pts_ns is None else pts_ns)
            self._keyframe_came_ns = arrival_ns
        if arrival_ns < self._counts_from_ns:
            return
        self._arrivals.append(arrival_ns)
        self._bytes += size
        if pts_ns is None:
            self._missing += 1
            return
        self._delays.append(arrival_ns - (pts_ns if dts_ns is None else dts_ns))
        if self._highest_pts is not None and pts_ns < self._highest_pts and dts_ns is not None and dts_ns < pts_ns:
            self._has_b_frames = True
        self._highest_pts = pts_ns if self._highest_pts is None else max(self._highest_pts, pts_ns)
        self._note_order(pts_ns if dts_ns is None else dts_ns)

    def add_audio(self, arrival_ns: int) -> None:
        """Take note of an audio packet."""
        self._audio_packets += arrival_ns >= self._counts_from_ns

    def add_decoding(self, cpu_ns: int) -> None:
        """Take note of what decoding one frame cost."""
        self._decode_ns.append(cpu_ns)

    def measured(self, now_ns: int) -> Measured:
        """The sum of it all, at the end of listening."""
        seconds = max(1, now_ns - self._counts_from_ns) / NS_PER_S
        edges = [self._counts_from_ns, *self._arrivals, now_ns]
        return Measured(
            seconds=seconds,
            frames=len(self._arrivals),
            rate=NS_PER_S / median(self._steps) if len(self._steps) > 2 else None,
            bitrate_kbps=self._bytes * 8 / 1000 / seconds,
            keyframes=len(self._keyframes),
            keyframe_interval_s=self._keyframe_interval_s(now_ns),
            jitter_ms=self._jitter_ms(),
            longest_gap_s=max(after - before for before, after in pairwise(edges)) / NS_PER_S,
            missing_timestamps=self._missing,
            repeated_timestamps=self._repeated,
            backward_timestamps=self._backward,
            jumps=self._jumps,
            has_b_frames=self._has_b_frames,
            audio_packets=self._audio_packets,
            decode_ms=median(self._decode_ns) / _NS_PER_MS if self._decode_ns else None,
            decode_errors=self.decode_errors,
        )

    def _note_order(self, dts_ns: int) -> None:
        if self._last_dts is not None:
            step_ns = dts_ns - self._last_dts
            if abs(step_ns) > JUMP_NS:
                self._jumps += 1
            elif step_ns < 0:
                self._backward += 1
            elif step_ns == 0:
                self._repeated += 1
            else:
                self._steps.append(step_ns)
        self._last_dts = dts_ns

    def _keyframe_interval_s(self, now_ns: int) -> float | None:
        if not self._keyframes:
            return None
        between = [step for before, after in pairwise(self._keyframes) if 0 < (step := after - before) < MAX_GOP_NS]
        return max([*between, now_ns - self._keyframe_came_ns]) / NS_PER_S

    def _jitter_ms(self) -> float | None:
        if len(self._delays) < 10:
            return None
        ranked = sorted(self._delays)
        return (ranked[len(ranked) * 95 // 100] - ranked[0]) / _NS_PER_MS
