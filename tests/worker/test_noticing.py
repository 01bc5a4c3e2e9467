"""Events go on as they come, up to a bound, some with a picture that has left the chain; what is more is counted."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from fixtures.worker import GRID, Outbox, SteppedClock
from relay import wire
from relay.links import Emitted
from relay.model import Picture
from relay.timeline import NS_PER_S
from relay.worker.board import Board
from relay.worker.noticing import BURST, PATIENCE_NS, PER_S, STANDS_FOR_NS, Noticing

FRAME_NS = NS_PER_S // 10


class Stage:
    """A worker that takes ten pictures a second, each of another grey."""

    def __init__(self) -> None:
        self.clock, self.outbox = SteppedClock(), Outbox()
        self.board = Board(self.clock, NS_PER_S)
        self.noticing = Noticing(self.outbox.as_link(), self.board, self.clock)
        self.began_ns = self.clock.unix_ns()

    def emit(self, kind: str, frame: int, **data: Any) -> None:
        self.noticing.send(Emitted(kind, self.time_ns(frame), data))

    def leave(self, frame: int) -> None:
        """Frame `frame` leaves the chain."""
        i420 = np.full((96, 64), 128, np.uint8)
        i420[:64] = 16 + 2 * frame
        self.noticing.left(Picture(GRID.slot_at(self.time_ns(frame)), self.time_ns(frame), i420), "bt709")

    def time_ns(self, frame: int) -> int:
        return self.began_ns + frame * FRAME_NS

    @property
    def told(self) -> list[tuple[str, int | None]]:
        """Kinds, and the frame of which each has a picture."""
        return [(message.event.kind, shown(message.data)) for message in self.outbox.of(wire.Noticed)]


def shown(jpeg: bytes) -> int | None:
    if not jpeg:
        return None
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    return round((float(grey.mean()) * 219 / 255) / 2)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_flood_of_events_is_cut_off_and_counted(stage: Stage) -> None:
    for n in range(100):
        stage.emit("activity", n)
    counters = stage.board.counters
    assert [message.event.time_ns for message in stage.outbox.of(wire.Noticed)] == [
        stage.time_ns(n) for n in range(BURST)
    ]
    assert (counters["events_noticed"], counters["events_dropped"]) == (BURST, 100 - BURST)
    stage.clock.advance(1)
    for n in range(100):
        stage.emit("activity", n)
    assert counters["events_noticed"] == BURST + PER_S


def test_so_many_a_second_all_go_on(stage: Stage) -> None:
    for n in range(20 * PER_S):
        stage.emit("activity", n)
        stage.clock.advance(1 / PER_S)
    assert len(stage.outbox.messages) == 20 * PER_S
    assert stage.board.counters["events_dropped"] == 0


def test_what_begins_waits_for_its_frame_and_has_it_as_it_left_the_chain(stage: Stage) -> None:
    stage.emit("motion", 3, phase="begin")
    for frame in (1, 2):
        stage.leave(frame)
    assert stage.told == []
    stage.leave(3)
    stage.leave(4)
    assert stage.told == [("motion", 3)]


def test_where_its_frame_does_not_leave_the_chain_the_next_stands_for_it(stage: Stage) -> None:
    stage.emit("motion", 3, phase="begin")
    stage.leave(5)
    assert stage.told == [("motion", 5)]


def test_one_that_was_taken_much_later_does_not(stage: Stage) -> None:
    stage.emit("motion", 3, phase="begin")
    stage.leave(4 + STANDS_FOR_NS // FRAME_NS)
    assert stage.told == [("motion", None)]


def test_where_none_leaves_it_goes_without_after_a_while(stage: Stage) -> None:
    stage.emit("motion", 3, phase="begin")
    stage.clock.advance(PATIENCE_NS / NS_PER_S - 0.01)
    stage.noticing.hurry()
    assert stage.told == []
    stage.clock.advance(0.01)
    stage.noticing.hurry()
    stage.leave(3)
    assert stage.told == [("motion", None)]


def test_what_waits_is_told_when_the_worker_ends(stage: Stage) -> None:
    stage.emit("motion", 3, phase="begin")
    stage.noticing.close()
    assert stage.told == [("motion", None)]


def test_what_comes_behind_waits_too_so_that_no_end_comes_before_its_begin(stage: Stage) -> None:
    stage.emit("motion", 3, phase="begin")
    stage.emit("motion", 3, phase="end")
    stage.emit("activity", 4)
    assert stage.told == []
    stage.leave(3)
    assert stage.told == [("motion", 3), ("motion", None), ("activity", None)]


def test_neither_an_end_nor_what_is_measured_has_a_picture(stage: Stage) -> None:
    stage.emit("motion", 3, phase="end")
    stage.emit("activity", 3)
    assert stage.told == [("motion", None), ("activity", None)]


def test_there_is_one_picture_a_second_and_those_of_one_frame_share_it(stage: Stage) -> None:
    for kind in ("motion", "object"):
        stage.emit(kind, 3, phase="begin")
    stage.leave(3)
    stage.clock.advance(0.9)
    stage.emit("face", 12, phase="at")
    stage.clock.advance(0.1)
    stage.emit("object", 13, phase="begin")
    stage.leave(13)
    assert stage.told == [("motion", 3), ("object", 3), ("face", None), ("object", 13)]


def test_moments_do_not_take_the_turn_of_what_begins(stage: Stage) -> None:
    stage.emit("bright", 1)
    stage.leave(1)
    stage.emit("motion", 2, phase="begin")
    stage.leave(2)
    stage.clock.advance(0.5)
    stage.emit("bright", 6)
    stage.leave(6)
    stage.clock.advance(0.5)
    stage.emit("bright", 12)
    stage.leave(12)
    assert stage.told == [("bright", 1), ("motion", 2), ("bright", None), ("bright", 12)]


def test_it_is_the_turn_of_one_again_where_the_clock_was_set_back(stage: Stage) -> None:
    stage.emit("motion", 1, phase="begin")
    stage.leave(1)
    stage.clock.monotonic_ns -= 100 * NS_PER_S
    stage.emit("motion", 2, phase="begin")
    stage.leave(2)
    assert stage.told == [("motion", 1), ("motion", 2)]
