"""The figures that an owner is told, from what workers count, and the one word that sums them up."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model import Quality, StreamFigures, StreamState
from relay.supervisor.health import HOUR_NS, STAGES, HealthMeter, SlidingCount
from relay.timeline import NS_PER_S

MINUTE_NS = 60 * NS_PER_S
RATE = Fraction(30)
LIVE = StreamState.LIVE


class Stream:
    """A meter that is fed twice a second, as a worker does."""

    def __init__(self, source_rate: int | None = 30) -> None:
        self.meter = HealthMeter()
        self.now_ns = 1_000_000 * NS_PER_S
        self.counters: dict[str, int] = {"connections": 1}
        self.gauges: dict[str, float] = {}
        self.meter.source_found(None if source_rate is None else Fraction(source_rate))

    def run(self, seconds: float, **per_second: int) -> None:
        per_second = {"frames": 30, "slots": 30, **per_second}
        for _ in range(round(seconds * 2)):
            self.now_ns += NS_PER_S // 2
            for name, count in per_second.items():
                self.counters[name] = self.counters.get(name, 0) + count // 2
            self.meter.stats(self.now_ns, dict(self.counters), dict(self.gauges))

    def count(self, **counters: int) -> None:
        for name, count in counters.items():
            self.counters[name] = self.counters.get(name, 0) + count
        self.run(0.5)

    def figures(self, state: StreamState = LIVE, rate: Fraction | None = RATE) -> StreamFigures:
        return self.meter.figures(self.now_ns, state, self.counters, rate)

    def quality(self, state: StreamState = LIVE) -> Quality:
        return self.figures(state).quality


@pytest.fixture
def stream() -> Stream:
    stream = Stream()
    stream.run(10)
    return stream


def test_a_healthy_stream(stream: Stream) -> None:
    figures = stream.figures()
    assert (figures.quality, figures.fps_in, figures.fps_out) == (Quality.GOOD, 30, 30)
    assert (figures.repeated_frames, figures.dropped_frames, figures.reconnects_1h, figures.stalls_1h) == (0, 0, 0, 0)
    assert figures.delay_ms == {}


def test_all_that_was_dropped_is_told(stream: Stream) -> None:
    stream.count(dropped_frames=1, dropped_before_transform=2, dropped_before_encode=4)
    assert stream.figures().dropped_frames == 7


def test_rates_are_those_of_the_last_seconds(stream: Stream) -> None:
    stream.run(6, frames=10)
    assert (stream.figures().fps_in, stream.figures().fps_out) == (10, 30)
    stream.now_ns += 10 * NS_PER_S  # the worker is silent
    assert (stream.figures().fps_in, stream.figures().fps_out) == (0, 0)


@pytest.mark.parametrize(
    ("counters", "quality"),
    [
        ({"repeated_slots": 3}, Quality.GOOD),
        ({"repeated_slots": 10}, Quality.FAIR),
        ({"repeated_slots": 40}, Quality.POOR),
        ({"dropped_frames": 10}, Quality.FAIR),
        ({"dropped_frames": 40}, Quality.POOR),
        ({"repeated_slots": 43, "dropped_before_transform": 20, "dropped_before_encode": 20}, Quality.GOOD),
        ({"connections": 1}, Quality.GOOD),
        ({"connections": 2}, Quality.FAIR),
        ({"connections": 10}, Quality.POOR),
    ],
)
def test_faults_in_three_hundred_frames(stream: Stream, counters: dict[str, int], quality: Quality) -> None:
    stream.count(**counters)
    assert stream.quality() is quality


@pytest.mark.parametrize(("jitter_ms", "quality"), [(59, Quality.GOOD), (60, Quality.FAIR), (250, Quality.POOR)])
def test_jitter(stream: Stream, jitter_ms: float, quality: Quality) -> None:
    stream.gauges["jitter_ms"] = jitter_ms
    stream.run(1)
    assert (stream.quality(), stream.figures().jitter_ms) == (quality, jitter_ms)


def test_what_the_rates_make_necessary_is_no_fault() -> None:
    slow = Stream(source_rate=15)
    slow.run(10, frames=15, repeated_slots=15)
    assert slow.quality() is Quality.GOOD
    fast = Stream(source_rate=60)
    fast.run(10, frames=60, dropped_frames=30)
    assert fast.quality() is Quality.GOOD
    unsaid = Stream(source_rate=None)
    unsaid.run(10, repeated_slots=6)
    assert unsaid.quality() is Quality.POOR
    assert unsaid.figures(rate=None).quality is Quality.POOR


def test_the_last_minute_counts(stream: Stream) -> None:
    stream.count(repeated_slots=200)
    assert stream.quality() is Quality.POOR
    stream.run(61)
    assert stream.quality() is Quality.GOOD
    assert stream.figures().repeated_frames == 200


@pytest.mark.parametrize("away", [StreamState.STALLED, StreamState.OFFLINE, StreamState.SLATE])
def test_a_stall_counts_once_and_for_an_hour(stream: Stream, away: StreamState) -> None:
    for before, after in [(LIVE, away), (away, StreamState.OFFLINE), (StreamState.OFFLINE, LIVE), (LIVE, LIVE)]:
        stream.meter.state(stream.now_ns, before, after)
    assert stream.figures().stalls_1h == 1
    assert stream.quality(away) is Quality.LOST
    stream.now_ns += HOUR_NS + MINUTE_NS
    assert stream.figures().stalls_1h == 0


def test_two_words_at_the_same_moment_make_no_rate() -> None:
    stream = Stream()
    for frames in (0, 15):
        stream.meter.stats(stream.now_ns, {"frames": frames}, {})
    assert stream.figures().fps_in == 0


@pytest.mark.parametrize("state", [StreamState.CONNECTING, StreamState.STOPPED])
def test_nothing_is_said_of_what_is_not_known(stream: Stream, state: StreamState) -> None:
    assert stream.quality(state) is Quality.UNKNOWN
    assert Stream().quality() is Quality.UNKNOWN
    assert stream.quality(StreamState.CLOCK) is Quality.GOOD


def test_a_new_worker_counts_from_nothing(stream: Stream) -> None:
    stream.count(connections=1)
    stream.meter.begin_worker()
    stream.counters = {"connections": 1}
    assert (stream.quality(), stream.figures().fps_in) == (Quality.UNKNOWN, 0)
    stream.run(3)
    assert (stream.figures().reconnects_1h, stream.figures().fps_in) == (1, 30)


def test_what_each_stage_adds(stream: Stream) -> None:
    ages = {"age_received_ms": 12, "age_decoded_ms": 20, "age_transformed_ms": 19, "age_encoded_ms": 29}
    stream.gauges = {**ages, "age_sent_ms": 50, "package_ms": 0.5}
    stream.run(1)
    stream.meter.published(52)
    stream.meter.published(72)
    delay_ms = stream.figures().delay_ms
    assert delay_ms == {"receive": 12, "decode": 8, "transform": 0, "encode": 10, "package": 0.5, "publish": 3}
    assert tuple(delay_ms) == STAGES
    assert stream.figures(StreamState.OFFLINE).delay_ms == {}


def test_nothing_is_no_event() -> None:
    count = SlidingCount()
    count.add(0, 0)
    assert count.value(0) == 0


def test_what_happens_within_a_minute_is_one_number() -> None:
    count = SlidingCount()
    for at_s, by in ((0, 2), (59, 3), (60, 1)):
        count.add(at_s * NS_PER_S, by)
    assert count.value(60 * NS_PER_S) == 6
    assert list(count._minutes) == [(0, 5), (1, 1)]


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3)), max_size=80))
def test_the_last_hour_is_counted_to_the_minute_and_in_little_memory(events: list[tuple[int, int]]) -> None:
    count, now_ns, seen = SlidingCount(), 0, []
    for wait_s, by in events:
        now_ns += wait_s * NS_PER_S
        count.add(now_ns, by)
        seen.append((now_ns, by))
        least = sum(by for at_ns, by in seen if now_ns - at_ns < HOUR_NS - MINUTE_NS)
        most = sum(by for at_ns, by in seen if now_ns - at_ns < HOUR_NS + MINUTE_NS)
        assert least <= count.value(now_ns) <= most
