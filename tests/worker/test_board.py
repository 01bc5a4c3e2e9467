"""The state that an owner is told, derived from what the threads know."""

from __future__ import annotations

import pytest

from relay.errors import SourceUnreachableError
from relay.model import StreamState
from relay.timeline import NS_PER_S, ClockLine
from relay.worker.board import Board, Clock


class SteppedClock(Clock):
    def __init__(self) -> None:
        super().__init__(ClockLine(0, 0))
        self.now_ns = 100 * NS_PER_S

    def unix_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def board(clock: SteppedClock) -> Board:
    return Board(clock, stall_after_ns=2 * NS_PER_S)


def test_the_life_of_a_camera(clock: SteppedClock, board: Board) -> None:
    assert board.health().state is StreamState.CONNECTING
    board.last_frame_ns = clock.now_ns
    live = board.health()
    assert (live.state, live.reason) == (StreamState.LIVE, "")
    clock.now_ns += 2 * NS_PER_S
    stalled = board.health()
    assert (stalled.state, stalled.since_ns) == (StreamState.STALLED, board.last_frame_ns)
    board.source_error = OSError("refused")
    assert (board.health().state, board.health().reason) == (StreamState.OFFLINE, "the camera cannot be read")
    assert board.health().detail == "refused"
    board.held_because = "its worker was killed"
    assert (board.health().state, board.health().reason) == (StreamState.SLATE, "it is being restarted")
    assert board.health().detail == "its worker was killed"


def test_viewers_are_not_told_where_the_camera_is(board: Board) -> None:
    board.source_error = SourceUnreachableError("nothing listens at 192.0.2.10:554: is the camera on?")
    health = board.health()
    assert health.reason == "the camera cannot be reached"
    assert "192.0.2.10" in health.detail


def test_a_failing_transform_shows_as_a_slate_with_its_reason(clock: SteppedClock, board: Board) -> None:
    board.transform_error = "paint raised ValueError"
    assert (board.health().state, board.health().reason) == (
        StreamState.SLATE,
        "the picture cannot be prepared",
    )
    assert board.health().detail == "paint raised ValueError"


def test_since_when_changes_with_the_state_only(clock: SteppedClock, board: Board) -> None:
    board.last_frame_ns = clock.now_ns
    first = board.health()
    clock.now_ns += NS_PER_S
    assert board.health() is first


def test_counters_and_gauges(board: Board) -> None:
    board.count("slots")
    board.count("slots", 2)
    board.smooth("encode_ms", 10)
    board.smooth("encode_ms", 30)
    assert board.counters["slots"] == 3
    assert board.gauges["encode_ms"] == pytest.approx(20), "the first is one of few"
    for _ in range(18):
        board.smooth("encode_ms", 20)
    board.smooth("encode_ms", 40)
    assert board.gauges["encode_ms"] == pytest.approx(21), "and then one of about twenty"
