"""The grid, usual rates and the clocks: design §1, value by value and by property."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model import Latency, LatencyProfile, StreamFormat
from relay.timeline import (
    NS_PER_S,
    SAMPLE_RATE_HZ,
    SKIP_AFTER_SEGMENTS,
    SLEW_PPM,
    USUAL_RATES,
    ClockEvent,
    ClockLine,
    Grid,
    aac_frame_start_ns,
    copied_shortest_s,
    copied_target,
    sample_at,
    timestamp_ns,
    usual_rate,
)

NOW_NS = 1_790_000_000 * NS_PER_S
MS = 1_000_000

rates = st.sampled_from(USUAL_RATES)
latencies = st.sampled_from(Latency)


def grid(rate: str | Fraction, latency: Latency = Latency.LAN, segment_s: Fraction = Fraction(2)) -> Grid:
    return Grid.of(StreamFormat(1280, 720, Fraction(rate), True, latency, segment_s=segment_s))


grids = st.builds(grid, rates, latencies)
slots = st.integers(40_000_000_000, 120_000_000_000)


@pytest.mark.parametrize(
    ("rate", "latency", "slots_per_part", "parts_per_segment", "timescale", "ticks_per_slot"),
    [
        ("25", "lan", 5, 10, 60_000, 2_400),
        ("30", "lan", 6, 10, 60_000, 2_000),
        ("30000/1001", "lan", 6, 10, 60_000, 2_002),
        ("25/2", "lan", 2, 12, 60_000, 4_800),
        ("24000/1001", "internet", 12, 4, 72_000, 3_003),
        ("30", "internet", 15, 4, 60_000, 2_000),
        ("60", "lan", 12, 10, 60_000, 1_000),
        ("5", "lan", 1, 10, 60_000, 12_000),
    ],
)
def test_the_grid_of_a_format(
    rate: str, latency: str, slots_per_part: int, parts_per_segment: int, timescale: int, ticks_per_slot: int
) -> None:
    g = grid(rate, Latency(latency))
    assert (g.slots_per_part, g.parts_per_segment) == (slots_per_part, parts_per_segment)
    assert (g.timescale, g.ticks_per_slot) == (timescale, ticks_per_slot)
    assert g.target_duration_s == 2


@pytest.mark.parametrize("rate", ["30", "30000/1001", "25/2", "5"])
def test_without_parts_the_segments_are_those_of_a_grid_with_parts(rate: str) -> None:
    stream = StreamFormat(1280, 720, Fraction(rate), True, Latency.LAN, latency_profile=LatencyProfile.QUALITY)
    without = Grid.of(stream)
    assert (without.has_parts, without.parts_per_segment) == (False, 1)
    assert without.slots_per_segment == round(2 * Fraction(rate))
    assert without.target_duration_s == 2
    half = without.at(Fraction(rate) / 2) if without.slots_per_segment % 2 == 0 else without
    assert (half.has_parts, half.segment_s) == (False, without.segment_s)
    balanced = Grid.of(replace(stream, latency_profile=LatencyProfile.BALANCED))
    assert balanced == grid(rate)


def test_the_numbers_of_one_slot() -> None:
    g = grid("30")
    slot = g.slot_at(NOW_NS)
    assert slot == 1_790_000_000 * 30
    assert g.msn(slot) == 895_000_000
    assert g.part_index(slot) == 0
    assert g.starts_segment(slot)
    assert g.tfdt(slot) == 1_790_000_000 * 60_000
    assert g.part_index(slot + 59) == 9
    assert not g.starts_segment(slot + 59)
    assert g.first_slot(895_000_000, 9) == slot + 54
    assert g.first_slot(895_000_000, 10) == g.first_slot(895_000_001)


def test_keyframes_begin_parts_and_every_segment() -> None:
    g = grid("30")
    first = g.first_slot(895_000_000)

    def keyframes(interval_s: float) -> list[int]:
        gop = g.slots_per_gop(interval_s)
        return [slot - first for slot in range(first, first + 120) if g.starts_gop(slot, gop)]

    assert keyframes(2.0) == [0, 60]
    assert keyframes(0.6) == [0, 18, 36, 54, 60, 78, 96, 114]
    assert keyframes(0.2) == keyframes(0.1) == list(range(0, 120, 6))


@given(grids, slots, st.sampled_from([0.1, 0.4, 0.5, 1.0, 2.0]))
def test_a_keyframe_begins_a_part_in_every_rate_of_a_ladder(g: Grid, slot: int, interval_s: float) -> None:
    assert g.starts_gop(slot, g.slots_per_gop(interval_s)) <= (slot % g.slots_per_part == 0)
    assert g.starts_gop(g.next_segment_slot(slot), g.slots_per_gop(interval_s))


@given(grids, slots)
def test_a_slot_begins_where_it_is_found(g: Grid, slot: int) -> None:
    assert g.slot_at(g.start_ns(slot)) == slot
    assert g.slot_at(g.start_ns(slot) - 1) == slot - 1


@given(grids, slots)
def test_media_time_is_exact(g: Grid, slot: int) -> None:
    assert Fraction(g.tfdt(slot), g.timescale) == slot / g.rate
    assert g.timescale >= 60_000


@given(grids, slots)
def test_part_and_segment_of_a_slot_hold_it(g: Grid, slot: int) -> None:
    first = g.first_slot(g.msn(slot), g.part_index(slot))
    assert first <= slot < first + g.slots_per_part
    boundary = g.next_segment_slot(slot)
    assert g.starts_segment(boundary)
    assert 0 <= boundary - slot < g.slots_per_segment


@given(grids, slots)
def test_no_audio_part_is_longer_than_its_target(g: Grid, slot: int) -> None:
    a, b = slot, slot + g.slots_per_part
    frames = g.audio_frames_before(b) - g.audio_frames_before(a)
    assert 0 < Fraction(frames * 1024, SAMPLE_RATE_HZ) <= g.audio_part_s
    end_s = Fraction(g.audio_frames_before(b) * 1024, SAMPLE_RATE_HZ)
    assert b / g.rate - Fraction(1024, SAMPLE_RATE_HZ) < end_s <= b / g.rate


@given(st.builds(grid, rates, latencies, st.fractions(1, 10, max_denominator=4)))
def test_target_duration_is_never_below_a_rounded_segment(g: Grid) -> None:
    assert g.target_duration_s >= round(g.segment_s)
    assert g.target_duration_s >= round(g.audio_segment_s)
    assert abs(g.target_duration_s - g.segment_s) <= 1


def test_what_a_timestamp_is_in_nanoseconds() -> None:
    assert timestamp_ns(3, Fraction(1, 25)) == 3 * NS_PER_S // 25
    assert timestamp_ns(-1, Fraction(1, 90_000)) == -11_112
    assert timestamp_ns(0, Fraction(1)) == 0
    assert timestamp_ns(None, Fraction(1, 25)) is None
    assert timestamp_ns(3, None) is None
    assert timestamp_ns(3, Fraction(0)) is None


def test_audio_on_the_epoch() -> None:
    assert aac_frame_start_ns(0) == 0
    assert aac_frame_start_ns(375) == 8 * NS_PER_S
    assert sample_at(NS_PER_S) == 48_000
    assert sample_at(aac_frame_start_ns(1_000_001)) == 1_000_001 * 1024


@pytest.mark.parametrize(
    ("measured", "usual"),
    [(29.97, "30000/1001"), (29.999, "30"), (14.9, "15"), (12.4, "25/2"), (23.98, "24000/1001"), (200, "60")],
)
def test_usual_rates(measured: float, usual: str) -> None:
    assert usual_rate(measured) == Fraction(usual)


def test_a_start_never_publishes_a_number_again() -> None:
    g = grid("30")
    on_boundary = g.first_slot_to_publish(NOW_NS, None)
    assert g.msn(on_boundary) == 895_000_000
    inside = g.first_slot_to_publish(NOW_NS + 100 * MS, None)
    assert inside == g.first_slot(895_000_001)
    assert g.first_slot_to_publish(NOW_NS, 895_000_004) == g.first_slot(895_000_005)
    assert g.first_slot_to_publish(NOW_NS, 895_000_000 - 9) == g.first_slot(895_000_000)


def test_a_stream_on_demand_begins_with_the_segment_before_that_of_now() -> None:
    g = grid("30")
    for now_ns in (NOW_NS, NOW_NS + 1999 * MS):
        assert g.first_slot_on_demand(now_ns, None) == g.first_slot(894_999_999)
    assert g.first_slot_on_demand(NOW_NS, 894_999_000) == g.first_slot(894_999_999)
    assert g.first_slot_on_demand(NOW_NS, 894_999_999) == g.first_slot(895_000_000)


def test_a_short_hole_is_filled_and_a_long_one_skipped() -> None:
    g = grid("30")
    now_slot = g.slot_at(NOW_NS) + 7
    now_ns = g.start_ns(now_slot)
    hole = SKIP_AFTER_SEGMENTS * g.slots_per_segment
    assert g.resume_slot(now_slot - hole, now_ns) == now_slot - hole
    assert g.resume_slot(now_slot - hole - 1, now_ns) == g.next_segment_slot(now_slot)
    assert g.resume_slot(now_slot + 50, now_ns) == now_slot + 50


# The relay's own clock


def test_a_small_difference_is_slewed() -> None:
    line = ClockLine(0, NOW_NS)
    line, event = line.observe(NS_PER_S, NOW_NS + NS_PER_S + 2 * MS)
    assert event is ClockEvent.STEADY
    assert line.unix_ns == NOW_NS + NS_PER_S
    assert line.slew_ppm == 200
    assert line.unix_at(2 * NS_PER_S) == NOW_NS + 2 * NS_PER_S + 200_000


@given(st.integers(-NS_PER_S + 1, NS_PER_S - 1))
def test_slewing_is_bounded_continuous_and_converges(error_ns: int) -> None:
    line = ClockLine(0, NOW_NS)
    for second in range(1, 120):
        now = second * NS_PER_S
        before = line.unix_at(now)
        line, event = line.observe(now, NOW_NS + now + error_ns)
        assert event is ClockEvent.STEADY
        assert line.unix_at(now) == before
        assert abs(line.slew_ppm) <= SLEW_PPM
    left_ns = abs(NOW_NS + 120 * NS_PER_S + error_ns - line.unix_at(120 * NS_PER_S))
    assert left_ns <= max(abs(error_ns) - 50 * MS, 2 * MS)


def test_a_step_forward_is_followed_and_a_step_back_is_not() -> None:
    line = ClockLine(0, NOW_NS, slew_ppm=100)
    forward, event = line.observe(NS_PER_S, NOW_NS + 3600 * NS_PER_S)
    assert event is ClockEvent.STEPPED_FORWARD
    assert forward == ClockLine(NS_PER_S, NOW_NS + 3600 * NS_PER_S)
    back, event = line.observe(NS_PER_S, NOW_NS - 3600 * NS_PER_S)
    assert event is ClockEvent.STEPPED_BACK
    assert back == ClockLine(NS_PER_S, line.unix_at(NS_PER_S), 0)


# Copied streams


@pytest.mark.parametrize(
    ("longest_gop_s", "target_s", "is_independent"),
    [
        (0, 4, True),
        (0.5, 4, True),
        (2.1, 4, True),
        (2.4, 5, True),
        (5, 10, True),
        (11, 12, True),
        (12, 12, True),
        (12.1, 12, False),
        (300, 12, False),
    ],
)
def test_a_copied_streams_target_is_twice_its_longest_gop(
    longest_gop_s: float, target_s: int, is_independent: bool
) -> None:
    assert copied_target(longest_gop_s) == (target_s, is_independent)


def test_a_copied_segment_is_as_long_as_the_stream_wants_if_the_longest_gop_still_fits_behind() -> None:
    stream = StreamFormat(1280, 720, Fraction(30), True, Latency.LAN)
    assert copied_shortest_s(stream, 4) == 2
    assert copied_shortest_s(replace(stream, segment_s=Fraction(6)), 4) == 2
    assert copied_shortest_s(replace(stream, segment_s=Fraction(6)), 12) == 6
