"""Every slot gets one picture: the camera's, a repeat or the slate; what is made of them obeys the rules of CMAF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.worker import (
    FIRST,
    GRID,
    SMALL,
    Outbox,
    SteppedClock,
    decoded,
    findings,
    flat,
    flat_picture,
    places,
    run_of_places,
    shown,
    slots_of,
)
from relay import slate, wire
from relay.config import StreamSettings
from relay.model import AccessUnit, MediaKind, Picture
from relay.timeline import NS_PER_S, ClockLine
from relay.worker import rungs
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.video import VideoLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from relay.model import Part

LATE_NS = 20_000_000
SEGMENT = GRID.slots_per_segment
PART = GRID.slots_per_part


class Stage:
    """A video line with a scripted clock, stepped picture by picture. It can be told from where to go on."""

    def __init__(
        self,
        next_slot: int = FIRST,
        data: bytes = b"",
        stall_after_s: float = 2.0,
        *,
        is_data_old: bool = False,
        slate_image: Path | None = None,
    ) -> None:
        self.clock = SteppedClock()
        stall_after_ns = int(stall_after_s * NS_PER_S)
        self.board = Board(self.clock, stall_after_ns)
        self.outbox = Outbox()
        self.ready: Handoff[Picture] = Handoff(float(1 / SMALL.rate))
        self.line = VideoLine(
            "cam",
            StreamSettings(stall_after_s=stall_after_s, slate_image=slate_image),
            wire.Start(SMALL, {"video": next_slot, "audio": next_slot}, data, is_data_old=is_data_old),
            self.clock,
            self.board,
            self.outbox.as_link(),
            self.ready,
        )
        self.line.open()

    def show(self, slot: int, luma: int = 80) -> None:
        """A picture for `slot` comes a moment after it began."""
        self.clock.go_to(GRID.start_ns(slot) + LATE_NS)
        self.line.step(flat_picture(slot, luma))

    def wait_until(self, slot: int) -> None:
        """Nothing comes until `slot` is due: then its deadline has passed, and that of the next has not."""
        while self.line.slots.next_slot <= slot:
            self.clock.advance(self.line.wait_s())
            self.line.step(None)

    @property
    def parts(self) -> list[Part]:
        return self.outbox.parts(MediaKind.VIDEO)

    def pictures(self) -> list[str]:
        return shown(decoded(self.outbox.init(MediaKind.VIDEO), self.parts))

    def check(self) -> None:
        """What was published is in order, without a hole, and as CMAF wants it."""
        assert places(self.parts) == run_of_places(self.parts)
        assert findings(self.outbox.init(MediaKind.VIDEO), self.parts) == []


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.line.close()


def test_frames_fill_their_slots(stage: Stage) -> None:
    for n in range(SEGMENT + PART):
        stage.show(FIRST + n, luma=40 if n < SEGMENT else 80)
    assert slots_of(stage.parts) == list(range(FIRST, FIRST + SEGMENT + PART))
    assert stage.pictures() == ["30 x 40", "3 x 80"]
    assert stage.board.counters == {"slots": SEGMENT + PART}
    stage.check()


def test_idr_pictures_stand_where_a_segment_begins_and_nowhere_else(stage: Stage) -> None:
    for n in range(2 * SEGMENT):
        stage.show(FIRST + n, luma=40 + 80 * (n % 2))
    assert [part.index for part in stage.parts if part.is_independent] == [0, 0]
    assert [part.index for part in stage.parts if part.is_last] == [9, 9]


def test_a_missing_frame_is_repeated_when_a_later_one_comes(stage: Stage) -> None:
    stage.show(FIRST, 40)
    stage.show(FIRST + 1, 40)
    stage.show(FIRST + 4, 80)
    stage.show(FIRST + 5, 80)
    assert stage.pictures() == ["4 x 40", "2 x 80"]
    assert stage.board.counters["repeated_slots"] == 2


def test_a_missing_frame_is_repeated_when_its_deadline_passes(stage: Stage) -> None:
    stage.show(FIRST, 40)
    deadline_ns = int(stage.board.gauges["deadline_ms"] * 1e6)
    stage.clock.go_to(GRID.start_ns(FIRST + 1) + deadline_ns - 1)
    stage.line.step(None)
    assert stage.line.slots.next_slot == FIRST + 1
    assert 0 < stage.line.wait_s() < 1e-6
    stage.clock.advance(stage.line.wait_s() + 1e-9)
    stage.line.step(None)
    assert stage.line.slots.next_slot == FIRST + 2
    assert stage.line.wait_s() == pytest.approx(1 / 15)


def test_a_frame_that_comes_after_its_deadline_is_what_is_repeated_next(stage: Stage) -> None:
    stage.show(FIRST, 40)
    stage.wait_until(FIRST + 3)
    stage.line.step(flat_picture(FIRST + 2, 80))
    stage.wait_until(FIRST + 5)
    assert stage.pictures() == ["4 x 40", "2 x 80"]
    assert stage.board.counters["late_frames"] == 1


def test_a_network_that_becomes_slow_is_soon_waited_for(stage: Stage) -> None:
    """The camera says when it captured, so the times of its pictures tell nothing of the network."""
    slow = FIRST + 20 * SEGMENT
    for slot in range(FIRST, slow):
        stage.show(slot)
    assert "late_frames" not in stage.board.counters
    for slot in range(slow, slow + 3 * SEGMENT):
        stage.clock.go_to(GRID.start_ns(slot) + 15 * LATE_NS)
        stage.line.step(None)
        stage.line.step(flat_picture(slot, 80))
        if slot == slow + SEGMENT:
            late = stage.board.counters["late_frames"]
    assert stage.board.counters["late_frames"] == late < SEGMENT
    assert "slate_slots" not in stage.board.counters
    stage.check()


def test_a_slate_after_two_seconds_without_a_picture_and_pictures_again_at_once(stage: Stage) -> None:
    for n in range(PART):
        stage.show(FIRST + n, luma=160)
    stage.board.source_error = OSError("the camera is gone")
    stage.wait_until(FIRST + 2 * SEGMENT - 1)
    stage.show(FIRST + 2 * SEGMENT + 8, luma=40)
    assert stage.pictures()[:2] == ["32 x 160", "36 x slate"]
    assert stage.pictures()[2] == "1 x 40"
    assert stage.board.counters["slate_slots"] == 36
    stage.check()


def test_the_slate_is_the_last_picture_darkened(stage: Stage) -> None:
    stage.show(FIRST, luma=200)
    stage.wait_until(FIRST + SEGMENT + 2)
    *_, last = decoded(stage.outbox.init(MediaKind.VIDEO), stage.parts).values()
    assert 20 < last[:4].mean() < 120
    stage.line.step(flat_picture(FIRST + SEGMENT + 2, 40))
    stage.wait_until(FIRST + 2 * SEGMENT + 2 * PART)
    *_, of_a_dark_one = decoded(stage.outbox.init(MediaKind.VIDEO), stage.parts).values()
    assert of_a_dark_one[:4].mean() < last[:4].mean() - 10


def test_the_slate_may_be_an_image_of_the_owners(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(slate.to_jpeg(flat(200)))
    first, *_ = slate_at_start(slate_image=path)
    assert abs(int(first[0, 0]) - 200) < 12
    path.unlink()
    first, *_ = slate_at_start(slate_image=path)  # its worker was replaced meanwhile
    assert first[0, 0] < 60


def test_who_wakes_a_stream_is_not_shown_its_last_picture_as_if_it_were_new() -> None:
    data = slate.to_jpeg(flat(120), 90)
    assert {float(luma.std()) < 2 for luma in slate_at_start(data=data)} == {True}
    assert {float(luma.std()) < 2 for luma in slate_at_start(data=data, is_data_old=True)} == {False}


def slate_at_start(**start: Any) -> list[NDArray[np.uint8]]:
    """The first part's pictures where nothing comes from the camera."""
    stage = Stage(**start)
    stage.wait_until(FIRST + 3)
    stage.line.close()
    return list(decoded(stage.outbox.init(MediaKind.VIDEO), stage.parts).values())


def test_the_slate_is_drawn_once_for_each_reason(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def render(_width: int, _height: int, words: slate.Words, *_: object, **__: object) -> NDArray[np.uint8]:
        drawn.append((words.since.split()[0], words.reason))
        return flat(20)

    monkeypatch.setattr(slate, "render", render)
    stage.wait_until(FIRST + 3)
    stage.board.source_error = OSError("refused")
    stage.wait_until(FIRST + 6)
    assert drawn == [("Connecting", "waiting for the first picture"), ("Offline", "the camera cannot be read")]


def test_before_the_first_slot_begins_pictures_are_neither_shown_nor_late(stage: Stage) -> None:
    early = Stage(FIRST + SEGMENT)
    for n in range(0, SEGMENT, 3):
        early.show(FIRST + n, luma=120)
    assert early.line.slots.next_slot == FIRST + SEGMENT
    early.wait_until(FIRST + SEGMENT + 2)
    assert early.pictures() == ["3 x 120"]
    assert early.board.counters == {"slots": 3, "repeated_slots": 3}
    assert early.board.gauges["deadline_ms"] == pytest.approx(300)
    early.line.close()


def test_a_worker_that_takes_over_repeats_the_last_picture_until_it_has_caught_up() -> None:
    behind = Stage(FIRST - SEGMENT - PART, data=slate.to_jpeg(flat(120), 90))
    assert behind.line.wait_s() == 0
    behind.show(FIRST, luma=40)
    behind.show(FIRST + 1, luma=40)
    behind.show(FIRST + 2, luma=40)
    assert slots_of(behind.parts) == list(range(FIRST - SEGMENT - PART, FIRST + PART))
    assert [part.is_independent for part in behind.parts[:3]] == [True, True, False]
    assert behind.pictures()[0] == "30 x 120"
    assert behind.pictures()[-1] == "3 x 40"
    behind.check()
    behind.line.close()


def test_a_picture_that_cannot_be_read_does_not_keep_a_worker_from_taking_over() -> None:
    behind = Stage(FIRST - 3 * PART, data=b"no JPEG")
    behind.line.step(None)
    assert behind.pictures() == ["3 x slate"]
    behind.line.close()


def test_a_hole_of_more_than_three_segments_is_skipped_to_where_a_segment_begins(stage: Stage) -> None:
    for n in range(PART + 1):
        stage.show(FIRST + n, 40)
    resumed = FIRST + 4 * SEGMENT
    stage.clock.go_to(GRID.start_ns(resumed - PART))
    stage.line.step(None)
    assert (stage.line.slots.next_slot, stage.line.slots.skipped_to) == (resumed, resumed)
    assert stage.board.counters["skipped_slots"] == 4 * SEGMENT - PART - 1
    for n in range(PART):
        stage.show(resumed + n, 80)
    assert places(stage.parts) == [(GRID.msn(FIRST), 0), (GRID.msn(resumed), 0)]
    assert stage.parts[1].is_independent


def test_a_clock_that_is_set_forward_while_a_picture_is_waited_for(stage: Stage) -> None:
    stage.show(FIRST, 40)
    now_ns = stage.clock.unix_ns() + 3601 * NS_PER_S
    stage.clock.line = ClockLine(stage.clock.monotonic_ns, now_ns)
    stage.line.step(flat_picture(GRID.slot_at(now_ns), 80))
    assert stage.line.slots.next_slot == GRID.next_segment_slot(GRID.slot_at(now_ns))
    assert stage.board.counters["slots"] == 1


def test_the_thread_takes_what_is_ready_and_ends_when_it_is_told() -> None:
    stage = Stage()
    stage.clock.go_to(GRID.start_ns(FIRST + PART))
    for n in range(PART):
        stage.ready.put(flat_picture(FIRST + n, 40))
    stage.ready.put(flat_picture(FIRST + PART, 40))
    stop_after = stage.outbox.send

    def send(message: wire.Message) -> None:
        stop_after(message)
        if isinstance(message, wire.PartReady):
            stage.line.stop()

    stage.outbox.send = send  # type: ignore[method-assign] - the last message of this test ends it
    stage.line.run()
    assert [type(message) for message in stage.outbox.messages] == [wire.InitReady, wire.PartReady]


class Encoder:
    """Stands for the real one: says which slot got which picture, in `last`."""

    last: Encoder
    name = "fake"
    bandwidth_bps = average_bandwidth_bps = repeats = 0

    def __init__(self, *_: object) -> None:
        self.encoded: list[tuple[int, int, bool]] = []
        Encoder.last = self

    def encode(self, i420: NDArray[np.uint8], slot: int, *, is_idr: bool) -> list[AccessUnit]:
        self.encoded.append((slot, int(i420[0, 0]), is_idr))
        return []

    def flush(self) -> list[AccessUnit]:
        return []

    def close(self) -> None:
        """Nothing is held."""


@settings(max_examples=40)
@given(
    first=st.integers(-4 * SEGMENT, SEGMENT),
    events=st.lists(st.tuples(st.integers(0, 130), st.integers(-8, 2), st.booleans()), max_size=40),
)
def test_whatever_comes_whenever_each_slot_is_filled_once_and_in_order(
    first: int, events: list[tuple[int, int, bool]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rungs, "VideoEncoder", Encoder)
        patch.setattr(slate, "render", lambda *_, **__: flat(0))
        stage = Stage(FIRST + first)
        encoder = Encoder.last
        for slots, ahead, has_picture in events:
            stage.clock.advance(slots / 15)
            slot = GRID.slot_at(stage.clock.unix_ns()) + ahead
            stage.line.step(Picture(slot, GRID.start_ns(slot), flat(slot % 200 + 20)) if has_picture else None)
        stage.line.step(None)
    expected = FIRST + first
    for slot, luma, is_idr in encoder.encoded:
        if slot != expected:
            assert GRID.starts_segment(slot)
            assert slot > expected
        assert is_idr or not GRID.starts_segment(slot)
        assert luma in {0, *(n % 200 + 20 for n in range(slot - SEGMENT - 40, slot + 1))}
        expected = slot + 1
    assert stage.line.slots.next_slot >= expected
    assert stage.line.slots.next_slot >= GRID.slot_at(stage.clock.unix_ns()) - 3 * SEGMENT - 15
