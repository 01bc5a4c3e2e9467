from __future__ import annotations

from relay.sessions.coverage import MAX_OPEN_SEGMENTS, MAX_RUNS, Coverage


def test_segments_in_any_order_grow_together() -> None:
    coverage = Coverage()
    assert [coverage.add_segment(msn, 2) for msn in (5, 7, 6, 4, 8, 1)] == [2] * 6
    assert coverage._runs == [(1, 1), (4, 8)]
    assert [coverage.add_segment(msn, 2) for msn in (1, 4, 5, 6, 7, 8)] == [0] * 6
    assert [coverage.add_segment(msn, 2) for msn in (0, 2, 3)] == [2] * 3
    assert coverage._runs == [(0, 8)]


def test_a_segment_adds_what_its_parts_had_not() -> None:
    coverage = Coverage()
    assert [coverage.add_part(5, index, 3) for index in (0, 1, 1, 0)] == [3, 3, 0, 0]
    assert coverage.add_segment(5, 10) == 4
    assert coverage.add_part(5, 2, 3) == 0


def test_a_segment_shorter_than_its_parts_takes_nothing_back() -> None:
    coverage = Coverage()
    coverage.add_part(5, 0, 3)
    assert coverage.add_segment(5, 2) == 0


def test_the_oldest_open_segment_is_taken_as_fetched() -> None:
    coverage = Coverage()
    for msn in range(MAX_OPEN_SEGMENTS + 1):
        coverage.add_part(msn, 0, 1)
    assert coverage.add_part(0, 1, 1) == 0
    assert coverage.add_part(1, 1, 1) == 1


def test_a_viewer_who_jumps_about_is_never_credited_with_too_much() -> None:
    coverage = Coverage()
    for msn in range(0, 4 * MAX_RUNS, 2):
        coverage.add_segment(msn, 2)
    assert len(coverage._runs) == MAX_RUNS
    assert coverage.add_segment(1, 2) == 0
    assert coverage.add_segment(4 * MAX_RUNS - 3, 2) == 2


def test_an_object_is_a_part_or_a_segment() -> None:
    coverage = Coverage()
    assert [coverage.add(5, index, 3) for index in (0, 1, 1)] == [3, 3, 0]
    assert coverage.add(5, None, 10) == 4
    assert coverage.add(6, None, 10) == 10
