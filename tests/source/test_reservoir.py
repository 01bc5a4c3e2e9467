from __future__ import annotations

import pytest

from fixtures.clock import MS, S
from relay.source.reservoir import Reservoir

FRAME = 40 * MS
SEGMENT = 50
"""Frames: two seconds."""


def put_segment(reservoir: Reservoir[int], number: int, now_ns: int) -> None:
    for frame in range(number * SEGMENT, (number + 1) * SEGMENT):
        reservoir.put(frame, 1000, frame * FRAME, now_ns)


def played(reservoir: Reservoir[int], count: int, now_ns: int) -> int:
    """Ask for `count` frames, each when the one before it was shown; the time at which the last is."""
    for _ in range(count):
        assert reservoir.take(now_ns) is not None
        assert not reservoir.has_run_dry
        now_ns += FRAME
    return now_ns - FRAME


@pytest.fixture
def reservoir() -> Reservoir[int]:
    """Two segments that came two seconds apart, played up to the last frame, at 3.96 s of its clock."""
    made: Reservoir[int] = Reservoir()
    put_segment(made, 0, 0)
    now_ns = played(made, SEGMENT, 0)
    put_segment(made, 1, now_ns + FRAME)
    assert played(made, SEGMENT, now_ns + FRAME) == 4 * S - FRAME
    return made


def test_what_was_read_first_is_given_first_and_at_once() -> None:
    reservoir: Reservoir[int] = Reservoir()
    assert reservoir.take(0) is None
    put_segment(reservoir, 0, 5 * S)
    assert reservoir.take(5 * S) == 0
    assert not reservoir.has_run_dry, "to open something takes as long as it takes"
    assert reservoir.take(5 * S) == 1


def test_what_comes_just_when_it_is_due_is_not_late(reservoir: Reservoir[int]) -> None:
    assert reservoir.take(4 * S - FRAME) is None
    put_segment(reservoir, 2, 4 * S + 30 * MS)
    assert reservoir.take(4 * S + 30 * MS) == 2 * SEGMENT
    assert not reservoir.has_run_dry


def test_after_a_hole_in_the_media_it_is_due_later(reservoir: Reservoir[int]) -> None:
    assert reservoir.take(4 * S - FRAME) is None
    put_segment(reservoir, 4, 7 * S)
    assert reservoir.take(7 * S) == 4 * SEGMENT
    assert not reservoir.has_run_dry


def test_one_segment_that_came_late_is_held_back_until_there_is_another(reservoir: Reservoir[int]) -> None:
    assert reservoir.take(4 * S - FRAME) is None
    put_segment(reservoir, 2, 7 * S)
    assert reservoir.take(7 * S) is None
    put_segment(reservoir, 3, 8 * S)
    assert reservoir.take(8 * S) == 2 * SEGMENT
    assert reservoir.has_run_dry
    assert played(reservoir, 2 * SEGMENT - 1, 8 * S) == 12 * S - 2 * FRAME


def test_or_for_as_long_as_lies_between_two_but_two_seconds_at_most(reservoir: Reservoir[int]) -> None:
    assert reservoir.take(4 * S - FRAME) is None
    put_segment(reservoir, 2, 17 * S)
    assert reservoir.take(19 * S - 1) is None
    assert reservoir.take(19 * S) == 2 * SEGMENT
    assert reservoir.has_run_dry


def test_at_the_end_nothing_is_held_back(reservoir: Reservoir[int]) -> None:
    assert reservoir.take(4 * S - FRAME) is None
    put_segment(reservoir, 2, 7 * S)
    reservoir.finish()
    assert not reservoir.is_spent
    played_frames = [reservoir.take(7 * S) for _ in range(SEGMENT)]
    assert played_frames[0] == 2 * SEGMENT
    assert reservoir.is_spent
    assert reservoir.take(9 * S) is None


def test_a_trickle_that_is_late_is_not_held_back() -> None:
    """There are no segments to wait for."""
    reservoir: Reservoir[int] = Reservoir()
    for frame in range(10):
        assert reservoir.take(frame * 100 * MS) is None
        reservoir.put(frame, 1000, frame * FRAME, (frame + 1) * 100 * MS)
        assert reservoir.take((frame + 1) * 100 * MS) == frame
        assert reservoir.has_run_dry == (frame > 0)


def test_what_has_no_time_lies_where_the_one_before_it_does() -> None:
    reservoir: Reservoir[int] = Reservoir()
    reservoir.put(0, 1000, S, 0)
    reservoir.put(1, 1000, None, 0)
    assert [reservoir.take(0) for _ in range(3)] == [0, 1, None]
    reservoir.put(2, 1000, None, 50 * MS)
    assert reservoir.take(50 * MS) == 2
    assert reservoir.has_run_dry


def test_it_is_full_by_bytes_and_by_age() -> None:
    reservoir: Reservoir[int] = Reservoir()
    assert not reservoir.is_full(0)
    reservoir.put(0, Reservoir.MAX_BYTES - 1, 0, 0)
    assert not reservoir.is_full(Reservoir.MAX_AGE_NS - 1)
    assert reservoir.is_full(Reservoir.MAX_AGE_NS)
    reservoir.put(1, 1, 0, 1)
    assert reservoir.is_full(1)
    reservoir.take(1)
    assert not reservoir.is_full(1)
