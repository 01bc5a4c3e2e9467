"""What workers count adds up over all of them; what one is at ends with it."""

from __future__ import annotations

from relay import wire
from relay.links import TRANSFORM_BUCKETS_S, TransformFigures
from relay.supervisor.ledger import Ledger

COUNTS = (2, *(0,) * len(TRANSFORM_BUCKETS_S))
CROP = TransformFigures("crop", COUNTS, 0.5, 3.0, failures=1)
FACES = TransformFigures("faces", COUNTS, 0.5, 30.0, late=2, rested=1, every=2, delay_frames=2, is_failing=True)


def test_it_begins_with_nothing() -> None:
    ledger = Ledger()
    assert (ledger.counters, ledger.gauges, ledger.transforms) == ({"worker_restarts": 0}, {}, ())


def test_counters_are_those_of_all_workers_and_gauges_those_of_the_last() -> None:
    ledger = Ledger()
    ledger.heed(wire.Stats({"slots": 3, "frames": 2}, {"load": 0.5}))
    ledger.heed(wire.Stats({"slots": 7, "frames": 2}, {"load": 0.75}))
    ledger.heed(wire.Hello(1))
    assert (ledger.counters, ledger.gauges) == ({"worker_restarts": 0, "slots": 7, "frames": 2}, {"load": 0.75})
    ledger.end_worker()
    ledger.count_restart()
    assert (ledger.counters, ledger.gauges) == ({"worker_restarts": 1, "slots": 7, "frames": 2}, {})
    ledger.heed(wire.Stats({"slots": 1}, {"jitter": 1.0}))
    assert (ledger.counters, ledger.gauges) == ({"worker_restarts": 1, "slots": 8, "frames": 2}, {"jitter": 1.0})


def test_transforms_go_on_counting_where_the_last_worker_ended() -> None:
    ledger = Ledger()
    ledger.heed(wire.Stats(transforms=(CROP, FACES)))
    assert ledger.transforms == (CROP, FACES)
    ledger.end_worker()
    rested = (
        TransformFigures("crop", COUNTS, 0.5, failures=1),
        TransformFigures("faces", COUNTS, 0.5, late=2, rested=1),
    )
    assert ledger.transforms == rested, "what it was at ends with it"
    ledger.heed(wire.Stats())
    assert ledger.transforms == rested, "in slate mode there is no chain"
    ledger.end_worker()
    ledger.heed(wire.Stats(transforms=(CROP, FACES)))
    assert ledger.transforms == (CROP.counted_on(CROP), FACES.counted_on(FACES))
