"""Frames into slots, the filling of those that stay empty, and deadlines: design §1, value by value and by property."""

from __future__ import annotations

import random
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.model import Latency, StreamFormat
from relay.slots import Fill, Lateness, SlotAssigner, SlotFiller
from relay.timeline import NS_PER_S, SKIP_AFTER_SEGMENTS, USUAL_RATES, Grid

NOW_NS = 1_790_000_000 * NS_PER_S
MS = 1_000_000

rates = st.sampled_from(USUAL_RATES)


def grid(rate: str | Fraction) -> Grid:
    return Grid.of(StreamFormat(1280, 720, Fraction(rate), True, Latency.LAN))


def assign_all(g: Grid, times_ns: list[int]) -> list[int | None]:
    assigner = SlotAssigner(g)
    return [assigner.assign(time_ns) for time_ns in times_ns]


@settings(max_examples=60)
@given(rates, st.floats(0, 0.999), st.integers(0, 2**32))
def test_jitter_of_a_quarter_slot_at_any_phase_costs_nothing(rate: Fraction, phase: float, seed: int) -> None:
    g = grid(rate)
    jitter = random.Random(seed)
    slot_ns = NS_PER_S / g.rate
    times = [
        int(NOW_NS + slot_ns * (n + Fraction(phase) + Fraction(jitter.uniform(-0.249, 0.249)))) for n in range(600)
    ]
    got = assign_all(g, times)
    assert got[0] is not None
    assert got == list(range(got[0], got[0] + 600))


@settings(max_examples=30)
@given(st.floats(0, 0.999), st.floats(-300, 300), st.integers(0, 2**32))
def test_drift_costs_what_it_asks_for_and_no_more(phase: float, drift_ppm: float, seed: int) -> None:
    g = grid("30")
    jitter = random.Random(seed)
    slot_ns = NS_PER_S / g.rate * (1 + Fraction(drift_ppm) / 1_000_000)
    count = 3000
    times = [int(NOW_NS + slot_ns * (n + Fraction(phase) + Fraction(jitter.uniform(-0.2, 0.2)))) for n in range(count)]
    got = [slot for slot in assign_all(g, times) if slot is not None]
    dropped = count - len(got)
    repeated = got[-1] - got[0] + 1 - len(got)
    asked = int(abs(drift_ppm) * 1e-6 * count) + 1
    assert dropped + repeated <= asked


@given(st.lists(st.integers(-5 * NS_PER_S, 5 * NS_PER_S), min_size=1, max_size=60))
def test_any_sequence_of_times_fills_each_slot_at_most_once(steps: list[int]) -> None:
    g = grid("25")
    assigner = SlotAssigner(g)
    time_ns, last = NOW_NS, None
    for step in steps:
        time_ns += step
        slot = assigner.assign(time_ns)
        if slot is not None:
            assert last is None or slot > last
            assert abs(g.start_ns(slot) - time_ns) <= 1.5 * NS_PER_S / g.rate
            last = slot


def test_a_second_frame_for_a_slot_is_dropped_and_a_gap_snaps() -> None:
    g = grid("25")
    slot = g.slot_at(NOW_NS)
    at = [g.start_ns(slot) + MS * offset for offset in (0, 5, 40, 80, 400, 405)]
    assert assign_all(g, at) == [slot, None, slot + 1, slot + 2, slot + 10, None]


def test_25_frames_on_a_grid_of_30_leave_every_sixth_slot_empty() -> None:
    g = grid("30")
    start = g.slot_at(NOW_NS)
    got = assign_all(g, [NOW_NS + n * 40 * MS + MS for n in range(250)])
    filled = {slot for slot in got if slot is not None}
    assert len(filled) == 250
    assert 48 <= len(set(range(start, max(filled) + 1)) - filled) <= 50


# Deadlines


def test_the_deadline_follows_the_worst_frame_in_two_hundred() -> None:
    lateness = Lateness(floor_ns=33 * MS, ceiling_ns=NS_PER_S)
    assert lateness.deadline_ns == Lateness.INITIAL_NS
    for n in range(1000):
        lateness.add(NOW_NS + n * 33 * MS, (400 if n % 100 == 0 else 50) * MS)
    assert lateness.deadline_ns == 400 * MS
    for n in range(1000, 4000):
        lateness.add(NOW_NS + n * 33 * MS, 5 * MS)
    assert lateness.deadline_ns == 33 * MS
    lateness.add(NOW_NS + 4100 * 33 * MS, 60 * NS_PER_S)
    for n in range(4100, 4200):
        lateness.add(NOW_NS + n * 33 * MS, 60 * NS_PER_S)
    assert lateness.deadline_ns == NS_PER_S


def test_a_burst_after_a_hole_is_not_waited_for_the_next_time_and_a_longer_way_is() -> None:
    lateness = Lateness(floor_ns=33 * MS, ceiling_ns=NS_PER_S)
    for n in range(1000):
        lateness.add(NOW_NS + n * 33 * MS, 50 * MS)
    held_up_ns = NOW_NS + 1030 * 33 * MS
    for n in range(30):
        lateness.add(held_up_ns + n * MS, (30 - n) * 33 * MS)
    for n in range(1031, 1100):
        lateness.add(NOW_NS + n * 33 * MS, 50 * MS)
    assert lateness.deadline_ns == 50 * MS
    for n in range(1100, 1160):
        lateness.add(NOW_NS + n * 33 * MS, 400 * MS)
    assert lateness.deadline_ns == 400 * MS


def test_nothing_is_late_by_definition() -> None:
    lateness = Lateness(floor_ns=33 * MS, ceiling_ns=NS_PER_S, margin_ns=33 * MS)
    for n in range(2000):
        lateness.add(NOW_NS + n * 33 * MS, (50 + n % 10) * MS)
    assert lateness.deadline_ns == (59 + 33) * MS


# Filling the slots.

FIRST_SLOT = 53_700_000_000
STALL_NS = 2 * NS_PER_S


def filler(first_slot: int = FIRST_SLOT, *, has_picture: bool = True) -> SlotFiller:
    return SlotFiller(grid("30"), first_slot, STALL_NS, has_picture=has_picture)


def test_an_empty_slot_repeats_the_picture_and_then_is_slate() -> None:
    slots = filler()
    slots.show(FIRST_SLOT + 1, grid("30").start_ns(FIRST_SLOT + 1))
    filled = [slots.take() for _ in range(63)]
    assert filled[:3] == [(FIRST_SLOT, Fill.REPEAT), (FIRST_SLOT + 1, Fill.PICTURE), (FIRST_SLOT + 2, Fill.REPEAT)]
    assert [slot for slot, fill in filled if fill is Fill.SLATE] == [FIRST_SLOT + 61, FIRST_SLOT + 62]


def test_without_a_picture_there_is_only_slate() -> None:
    assert filler(has_picture=False).take() == (FIRST_SLOT, Fill.SLATE)
    slots = filler()
    assert [slots.take()[1] for _ in range(61)] == [Fill.REPEAT] * 60 + [Fill.SLATE]


def test_a_machine_that_is_behind_shows_old_pictures_and_no_slate() -> None:
    slots = filler()
    assert {slots.take(is_live=True)[1] for _ in range(200)} == {Fill.REPEAT}


def test_the_slate_stays_until_a_picture_fills_its_slot() -> None:
    slots = filler()
    back = FIRST_SLOT + 70
    fills = [slots.take()[1] for _ in range(62)]
    slots.show(back, grid("30").start_ns(FIRST_SLOT) - 1)
    fills += [slots.take(is_live=True)[1] for _ in range(10)]
    assert fills[60:] == [Fill.SLATE] * 10 + [Fill.PICTURE, Fill.REPEAT]


def test_a_hole_that_is_too_long_to_fill_is_left_out_up_to_the_next_segment() -> None:
    g, slots = grid("30"), filler()
    longest = SKIP_AFTER_SEGMENTS * g.slots_per_segment
    assert slots.skip(g.start_ns(FIRST_SLOT + longest)) == 0
    assert (slots.next_slot, slots.skipped_to) == (FIRST_SLOT, None)
    now_slot = FIRST_SLOT + longest + 1
    skipped = slots.skip(g.start_ns(now_slot))
    assert slots.next_slot == slots.skipped_to == FIRST_SLOT + skipped == g.next_segment_slot(now_slot)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(-20, 3), st.booleans()), max_size=12))
def test_every_slot_is_filled_once_whatever_comes(events: list[tuple[int, int, bool]]) -> None:
    slots, now_slot, filled, skips, free = filler(), FIRST_SLOT, [], {}, set()
    for passed, ahead, has_picture in events:
        now_slot += passed
        before = slots.next_slot
        if skipped := slots.skip(grid("30").start_ns(now_slot)):
            skips[before] = before + skipped
            assert slots.skipped_to == slots.next_slot == before + skipped
            assert grid("30").starts_segment(slots.next_slot)
            assert skipped > SKIP_AFTER_SEGMENTS * grid("30").slots_per_segment
        if has_picture:
            slot = now_slot + ahead
            while slots.next_slot < slot:
                filled.append(slots.take())
            slots.show(slot, grid("30").start_ns(slot))
            if slot == slots.next_slot:
                free.add(slot)
        while slots.next_slot < now_slot:
            filled.append(slots.take())
    expected = FIRST_SLOT
    for slot, fill in filled:
        while expected in skips:
            expected = skips[expected]
        assert slot == expected
        assert fill is not Fill.PICTURE or slot in free
        expected += 1
