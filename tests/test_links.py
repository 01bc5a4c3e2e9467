"""What is told of a transform: what is counted adds up, what is so now does not."""

from __future__ import annotations

from relay.links import TRANSFORM_BUCKETS_S, TransformFigures

COUNTS = (3, 1, *(0,) * (len(TRANSFORM_BUCKETS_S) - 1))


def test_runs_are_those_of_all_buckets() -> None:
    assert TransformFigures("crop").runs == 0
    assert TransformFigures("crop", COUNTS).runs == 4


def test_what_is_counted_goes_on_over_workers_and_what_is_so_now_does_not() -> None:
    before = TransformFigures("motion", COUNTS, 2.0, 5.0, failures=1, late=2, rested=3, every=4, is_failing=True)
    now = TransformFigures("motion", COUNTS, 0.5, 7.0, failures=10, late=20, rested=30, every=2, delay_frames=1)
    assert now.counted_on(before) == TransformFigures(
        "motion", tuple(2 * count for count in COUNTS), 2.5, 7.0, 11, 22, 33, every=2, delay_frames=1
    )
