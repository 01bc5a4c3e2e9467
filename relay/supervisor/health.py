"""How well a stream does, in figures: pure. What its worker counts goes in, with the time; what is told comes out.

The connection's quality is one word, from the last minute's figures and the last hour's interruptions:

    poor      a tenth of the frames missing or dropped, jitter of 250 ms, or 10 interruptions
    fair      a fiftieth of them, jitter of 60 ms, or 2 interruptions
    good      better than that
    lost      there are no pictures
    unknown   there were none yet, or nobody asks for any

A frame is missing where a picture had to be repeated, beyond what the camera's own rate in the stream's makes
necessary; a camera that lowers its rate in the dark looks the same. What this machine dropped because it is too slow,
and the repeats in the place of that, are no fault of the connection: the stages' delays show them. An interruption is a
connection made anew, or a stall.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from relay.model import Quality, StreamFigures, StreamState
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

RATE_WINDOW_NS: Final = 5 * NS_PER_S
QUALITY_WINDOW_NS: Final = 60 * NS_PER_S
HOUR_NS: Final = 3600 * NS_PER_S
STAGES: Final = ("receive", "decode", "transform", "encode", "package", "publish")
_BUCKET_NS: Final = 60 * NS_PER_S
_SMOOTHING: Final = 1 / 20
_TOO_SLOW: Final = ("dropped_before_transform", "dropped_before_encode")
"""Counters of what this machine had no time for."""
_AWAY: Final = frozenset({StreamState.STALLED, StreamState.OFFLINE, StreamState.SLATE})
_LIMITS: Final = ((Quality.POOR, 0.1, 250.0, 10), (Quality.FAIR, 0.02, 60.0, 2))


class SlidingCount:
    """How often something happened in the last hour, to the minute, in at most 61 numbers."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, int]] = deque()

    def add(self, now_ns: int, by: int = 1) -> None:
        """It happened `by` times."""
        minute = now_ns // _BUCKET_NS
        if by and self._minutes and self._minutes[-1][0] == minute:
            by += self._minutes.pop()[1]
        if by:
            self._minutes.append((minute, by))
        self._forget(now_ns)

    def value(self, now_ns: int) -> int:
        """How often by now."""
        self._forget(now_ns)
        return sum(count for _, count in self._minutes)

    def _forget(self, now_ns: int) -> None:
        while self._minutes and self._minutes[0][0] <= (now_ns - HOUR_NS) // _BUCKET_NS:
            self._minutes.popleft()


class HealthMeter:
    """The figures of one stream. `now_ns` never goes back."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Mapping[str, int]]] = deque()
        self._gauges: Mapping[str, float] = {}
        self._connections = 0
        self._reconnects, self._stalls = SlidingCount(), SlidingCount()
        self._published_age_ms: float | None = None
        self._source_rate: Fraction | None = None

    def begin_worker(self) -> None:
        """There is another worker, whose counters begin at 0."""
        self._samples.clear()
        self._gauges, self._connections, self._published_age_ms = {}, 0, None

    def source_found(self, rate: Fraction | None) -> None:
        """The camera says that it sends `rate` frames a second."""
        self._source_rate = rate

    def stats(self, now_ns: int, counters: Mapping[str, int], gauges: Mapping[str, float]) -> None:
        """The worker's counters and gauges at `now_ns`."""
        connections = counters.get("connections", 0)
        self._reconnects.add(now_ns, max(0, connections - max(1, self._connections)))
        self._connections, self._gauges = connections, gauges
        self._samples.append((now_ns, counters))
        while now_ns - self._samples[0][0] > QUALITY_WINDOW_NS:
            self._samples.popleft()

    def state(self, now_ns: int, before: StreamState, after: StreamState) -> None:
        """The state changed, or not."""
        if before is StreamState.LIVE and after in _AWAY:
            self._stalls.add(now_ns)

    def published(self, age_ms: float) -> None:
        """The newest slot of a part was so old when the part could be fetched."""
        before = age_ms if self._published_age_ms is None else self._published_age_ms
        self._published_age_ms = before + (age_ms - before) * _SMOOTHING

    def figures(
        self, now_ns: int, state: StreamState, counters: Mapping[str, int], rate: Fraction | None
    ) -> StreamFigures:
        """What is told: `counters` are those of all workers so far, `rate` is the stream's own."""
        is_live = state in {StreamState.LIVE, StreamState.CLOCK}
        reconnects, stalls = self._reconnects.value(now_ns), self._stalls.value(now_ns)
        jitter_ms = self._gauges.get("jitter_ms", 0.0) if is_live else 0.0
        return StreamFigures(
            quality=self._quality(state, jitter_ms, reconnects + stalls, rate),
            fps_in=self._per_second(now_ns, "frames"),
            fps_out=self._per_second(now_ns, "slots"),
            repeated_frames=counters.get("repeated_slots", 0),
            dropped_frames=sum(counters.get(key, 0) for key in ("dropped_frames", *_TOO_SLOW)),
            jitter_ms=jitter_ms,
            reconnects_1h=reconnects,
            stalls_1h=stalls,
            delay_ms=self._delays() if is_live else {},
        )

    def _quality(self, state: StreamState, jitter_ms: float, interruptions: int, rate: Fraction | None) -> Quality:
        if state in _AWAY:
            return Quality.LOST
        if state not in {StreamState.LIVE, StreamState.CLOCK} or len(self._samples) < 2:
            return Quality.UNKNOWN
        faults = self._fault_share(rate)
        for quality, share, jitter_limit_ms, interruption_limit in _LIMITS:
            if faults >= share or jitter_ms >= jitter_limit_ms or interruptions >= interruption_limit:
                return quality
        return Quality.GOOD

    def _fault_share(self, rate: Fraction | None) -> float:
        """The larger of the shares of slots without a frame of their own, and of frames that were dropped."""
        (_, first), (_, last) = self._samples[0], self._samples[-1]
        counted = ("slots", "frames", "repeated_slots", "dropped_frames", *_TOO_SLOW)
        gone = {key: last.get(key, 0) - first.get(key, 0) for key in counted}
        missing = gone["repeated_slots"] - sum(gone[key] for key in _TOO_SLOW)
        source_rate = self._source_rate or rate
        expected_repeats = max(0.0, float(1 - source_rate / rate)) if source_rate and rate else 0.0
        expected_drops = max(0.0, float(1 - rate / source_rate)) if source_rate and rate else 0.0
        repeats = missing / max(1, gone["slots"]) - expected_repeats
        drops = gone["dropped_frames"] / max(1, gone["frames"]) - expected_drops
        return max(repeats, drops)

    def _per_second(self, now_ns: int, key: str) -> float:
        recent = [sample for sample in self._samples if now_ns - sample[0] <= RATE_WINDOW_NS]
        if not recent or recent[0][0] == recent[-1][0]:
            return 0.0
        (first_ns, first), (last_ns, last) = recent[0], recent[-1]
        return (last.get(key, 0) - first.get(key, 0)) * NS_PER_S / (last_ns - first_ns)

    def _delays(self) -> dict[str, float]:
        """What each stage adds to a frame's age, waiting included: of averages, so a difference may be below 0."""
        ages = [self._gauges.get(f"age_{stage}_ms") for stage in ("received", "decoded", "transformed", "encoded")]
        delays: dict[str, float] = {}
        before_ms = 0.0
        for stage, age_ms in zip(STAGES, ages, strict=False):
            if age_ms is not None:
                delays[stage], before_ms = max(0.0, age_ms - before_ms), age_ms
        if (package_ms := self._gauges.get("package_ms")) is not None:
            delays["package"] = package_ms
        sent_age_ms = self._gauges.get("age_sent_ms")
        if self._published_age_ms is not None and sent_age_ms is not None:
            delays["publish"] = max(0.0, self._published_age_ms - sent_age_ms)
        return delays
