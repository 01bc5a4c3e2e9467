from __future__ import annotations

from fractions import Fraction

import pytest

from relay.offline.timing import FileClock, Rising, began_at_ns, ns_of, ticks_of

S = 1_000_000_000
VIDEO, AUDIO = 0, 1
LENGTH = S // 25


def placed(clock: FileClock, stream: int, time_ns: int) -> int:
    return time_ns + clock.shift_ns(stream, time_ns, LENGTH)


def test_a_format_whose_clock_does_not_jump_is_left_as_it_is() -> None:
    clock = FileClock(5 * S, may_jump=False)
    for time_ns in (5 * S, 100 * S, 3 * S):
        assert placed(clock, VIDEO, time_ns) == time_ns
    assert clock.jumps == 0


def test_a_clock_that_begins_anywhere_begins_at_the_files_start() -> None:
    clock = FileClock(95_000 * S, may_jump=True)
    assert placed(clock, VIDEO, 95_000 * S) == 0
    assert placed(clock, AUDIO, 95_000 * S + LENGTH) == LENGTH
    assert placed(clock, VIDEO, 95_002 * S) == 2 * S, "a gap stays"
    assert clock.jumps == 0


@pytest.mark.parametrize("after_ns", [0, 3 * S, 4000 * S])
def test_a_clock_that_jumps_goes_on_where_it_was(after_ns: int) -> None:
    clock = FileClock(1000 * S, may_jump=True)
    for n in range(25):
        placed(clock, VIDEO, 1000 * S + n * LENGTH)
        placed(clock, AUDIO, 1000 * S + n * LENGTH)
    assert placed(clock, VIDEO, after_ns) == S
    assert placed(clock, AUDIO, after_ns) == S
    assert placed(clock, VIDEO, after_ns + LENGTH) == S + LENGTH
    assert clock.jumps == 1


def test_what_is_late_from_before_a_jump_is_put_where_it_was() -> None:
    clock = FileClock(0, may_jump=True)
    for n in range(50):
        placed(clock, VIDEO, n * LENGTH)
    for n in range(45):
        placed(clock, AUDIO, n * LENGTH)
    assert placed(clock, VIDEO, 5000 * S) == 2 * S
    assert placed(clock, AUDIO, 45 * LENGTH) == 45 * LENGTH
    assert placed(clock, AUDIO, 5000 * S) == 2 * S
    assert clock.jumps == 1


def test_a_muxers_disorder_is_no_jump() -> None:
    clock = FileClock(0, may_jump=True)
    times = [0, 2 * LENGTH, LENGTH, 3 * LENGTH, S, S // 2]
    assert [placed(clock, VIDEO, time_ns) for time_ns in times] == times
    assert clock.jumps == 0


def test_pictures_keep_their_times_however_far_they_lie_apart() -> None:
    rising = Rising(40)
    times = [-80, 0, 1, 500, 501, 100_000]
    assert [rising.place(pts) for pts in times] == times
    assert rising.mended == 0


def test_a_picture_that_does_not_lie_behind_the_one_before_is_put_there() -> None:
    rising = Rising(40)
    assert [rising.place(pts) for pts in (0, 40, 40, 30, 80)] == [0, 40, 41, 42, 80]
    assert rising.mended == 2


def test_pictures_without_a_time_come_in_their_rate() -> None:
    rising = Rising(40)
    assert [rising.place(pts) for pts in (None, None, 90, None)] == [0, 40, 90, 130]
    assert rising.mended == 3


def test_a_rate_finer_than_the_ticks_still_rises() -> None:
    rising = Rising(0)
    assert [rising.place(None) for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    "time_base",
    [Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 12_800), Fraction(1, 1000), Fraction(1, 16_000_000)],
)
def test_nanoseconds_lose_no_tick(time_base: Fraction) -> None:
    for ticks in (0, 1, 2, 3, 333, 1001, 123_456_789, -1, -1024):
        assert ticks_of(ns_of(ticks, time_base), time_base) == ticks


CREATED = "2026-11-22T17:43:22.500000Z"
CREATED_NS = 1_795_369_402_500_000_000


@pytest.mark.parametrize(
    ("created", "modified_ns", "began_ns"),
    [
        ([CREATED, None], 5 * S, CREATED_NS),
        ([None, CREATED], 5 * S, CREATED_NS),
        (["2026-11-22T18:43:22.5+01:00"], None, CREATED_NS),
        (["2026-11-22 17:43:22.5"], None, CREATED_NS),
        ([None, "yesterday", ""], 50 * S, 40 * S),
        (["1970-01-01T00:00:00Z"], 50 * S, 40 * S),
        (["1904-01-01T00:00:00Z", CREATED], 50 * S, CREATED_NS),
        ([], 50 * S, 40 * S),
        ([], None, 0),
    ],
)
def test_when_a_film_was_recorded(created: list[str | None], modified_ns: int | None, began_ns: int) -> None:
    assert began_at_ns(created, modified_ns, length_ns=10 * S) == began_ns
