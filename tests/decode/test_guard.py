from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.clock import MS, NOW, S
from relay.decode.guard import (
    AUDIO_AHEAD_NS,
    AUDIO_BEHIND_NS,
    MAX_AHEAD_NS,
    MAX_MISSING,
    PATIENCE_NS,
    AudioGuard,
    TimestampGuard,
)

STEP = 40 * MS


def guarded(stamps: list[int | None], step_ns: int = STEP) -> list[int | None]:
    """What comes out for frames that arrive every 40 ms."""
    guard = TimestampGuard()
    return [guard.check(stamp, NOW + index * step_ns) for index, stamp in enumerate(stamps)]


def test_good_timestamps_pass_unchanged() -> None:
    stamps = [7 * S + index * STEP for index in range(10)]
    assert guarded(list(stamps)) == stamps


def test_the_first_packets_of_rtsp_have_none() -> None:
    assert guarded([None, 80 * MS, 120 * MS]) == [None, 80 * MS, 120 * MS]


def test_one_that_is_missing_later_costs_one_frame() -> None:
    assert guarded([0, STEP, None, 3 * STEP]) == [0, STEP, None, 3 * STEP]


def test_a_source_without_any_is_timed_by_arrival() -> None:
    assert guarded([None] * 6) == [None] * MAX_MISSING + [NOW + index * STEP for index in (3, 4, 5)]


def test_a_source_that_ceases_to_have_any_goes_on_by_arrival() -> None:
    assert guarded([0, STEP, *[None] * 5])[-2:] == [STEP + 4 * STEP, STEP + 5 * STEP]


def test_repeated_and_backward_ones_are_discarded() -> None:
    assert guarded([0, STEP, STEP, 20 * MS, 2 * STEP]) == [0, STEP, None, None, 2 * STEP]


@pytest.mark.parametrize("jump_ns", [3600 * S, -3600 * S, 86_400 * S, -86_400 * S, -(2**33) * S // 90_000])
def test_a_jump_is_bridged_by_arrival_and_then_followed(jump_ns: int) -> None:
    before = [100_000 * S + index * STEP for index in range(5)]
    after = [stamp + jump_ns for stamp in range(before[-1] + STEP, before[-1] + 6 * STEP, STEP)]
    assert guarded([*before, *after]) == [100_000 * S + index * STEP for index in range(10)]


def test_a_clock_that_went_back_a_little_is_waited_for() -> None:
    stamps = [index * STEP for index in range(10)] + [index * STEP for index in range(5, 20)]
    out = guarded(list(stamps))
    assert out[10:15] == [None] * 5
    assert out[15:] == stamps[15:]


def test_a_timestamp_that_stands_still_is_given_up_within_a_second() -> None:
    out = guarded([5 * S] * 60)
    taken = [index for index, time_ns in enumerate(out) if time_ns is not None]
    assert max(after - before for before, after in pairwise(taken)) * STEP <= PATIENCE_NS + 2 * STEP


def test_a_hole_in_the_network_is_no_jump() -> None:
    guard = TimestampGuard()
    assert guard.check(0, NOW) == 0
    assert guard.check(20 * S, NOW + 20 * S) == 20 * S
    assert guard.check(20 * S + STEP, NOW + 20 * S) == 20 * S + STEP
    assert guard.shift_ns == 0


def test_an_arrival_clock_that_was_set_back_does_no_harm() -> None:
    guard = TimestampGuard()
    assert guard.check(0, NOW) == 0
    assert guard.check(STEP, NOW - 3600 * S) == STEP
    assert guard.check(3600 * S, NOW - 3600 * S) == STEP + 1


stamps = st.one_of(
    st.none(),
    st.integers(-90_000 * S, 90_000 * S),
    st.sampled_from([0, STEP, 2 * STEP, S, 2 * S, 3600 * S, 3600 * S + STEP]),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(stamps, st.integers(0, 2 * S)), max_size=60))
def test_whatever_comes_what_comes_out_rises_and_keeps_to_the_clock(frames: list[tuple[int | None, int]]) -> None:
    guard, now_ns, out = TimestampGuard(), NOW, []
    for stamp, wait_ns in frames:
        now_ns += wait_ns
        time_ns = guard.check(stamp, now_ns)
        if time_ns is not None:
            out.append((time_ns, now_ns))
    for (time, arrival), (next_time, next_arrival) in pairwise(out):
        assert 0 < next_time - time <= max(1, next_arrival - arrival) + MAX_AHEAD_NS


@settings(max_examples=60)
@given(st.lists(stamps, min_size=30, max_size=60))
def test_no_source_is_dark_for_long(all_stamps: list[int | None]) -> None:
    taken = [index for index, time_ns in enumerate(guarded(list(all_stamps), 100 * MS)) if time_ns is not None]
    assert all(after - before <= 12 for before, after in pairwise([-1, *taken, len(all_stamps)]))


# Sound.

OFFSET = NOW - 100 * S


def video_at(shift_ns: int = 0, previous_shift_ns: int = 0) -> TimestampGuard:
    guard = TimestampGuard()
    guard.shift_ns, guard.previous_shift_ns = shift_ns, previous_shift_ns
    return guard


def test_sound_is_placed_by_the_pictures_clock() -> None:
    audio = AudioGuard()
    assert audio.check(100 * S + 5 * MS, NOW + 300 * MS, video_at(), OFFSET) == NOW + 5 * MS


def test_in_a_jump_sound_may_belong_to_either_side() -> None:
    audio, video = AudioGuard(), video_at(shift_ns=-3600 * S, previous_shift_ns=0)
    assert audio.check(100 * S, NOW, video, OFFSET) == NOW
    assert audio.check(3700 * S + 20 * MS, NOW, video, OFFSET) == NOW + 20 * MS


def test_sound_without_any_common_clock_is_placed_by_arrival_after_a_second() -> None:
    audio, video = AudioGuard(), video_at()
    heard = [audio.check(50_000 * S + index * 20 * MS, NOW + index * 20 * MS, video, OFFSET) for index in range(80)]
    taken = [index for index, time_ns in enumerate(heard) if time_ns is not None]
    assert taken == list(range(51, 80))
    assert [heard[index] for index in taken] == [NOW + index * 20 * MS for index in taken]


def test_sound_without_timestamps_likewise() -> None:
    audio = AudioGuard()
    heard = [audio.check(None, NOW + index * S // 2, video_at(), OFFSET) for index in range(5)]
    assert heard == [None, None, None, NOW + 3 * S // 2, NOW + 2 * S]


def test_patience_begins_anew_after_good_sound() -> None:
    audio = AudioGuard()
    assert audio.check(None, NOW, video_at(), OFFSET) is None
    assert audio.check(100 * S, NOW, video_at(), OFFSET) == NOW
    assert audio.check(None, NOW + 2 * S, video_at(), OFFSET) is None


@settings(max_examples=100)
@given(st.lists(st.tuples(stamps, st.integers(0, S)), max_size=40), st.integers(-4000 * S, 4000 * S))
def test_sound_never_strays_from_its_arrival(frames: list[tuple[int | None, int]], shift_ns: int) -> None:
    audio, now_ns = AudioGuard(), NOW
    for stamp, wait_ns in frames:
        now_ns += wait_ns
        time_ns = audio.check(stamp, now_ns, video_at(shift_ns), OFFSET)
        assert time_ns is None or -AUDIO_BEHIND_NS <= time_ns - now_ns <= AUDIO_AHEAD_NS
