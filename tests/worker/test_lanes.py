"""Rungs that sleep: made again out of the largest on the same slots, brought to the slot line, and laid down again.

Their threads are real; what comes out of them is the same however fast they are.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Self, cast

import pytest

from fixtures.worker import (
    FIRST,
    SMALL,
    WITHIN_S,
    AtOnce,
    Gate,
    Heard,
    SteppedClock,
    decoded,
    end_of,
    findings,
    flat,
    places,
    run_of_places,
    until,
)
from relay import wire
from relay.config import StreamSettings
from relay.model import LatencyProfile, Rung
from relay.timeline import NS_PER_S, Grid
from relay.worker.board import Board
from relay.worker.lanes import MOST_MISSES, Shot, SleepyLane
from relay.worker.rungs import LadderOutlet, outlet_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.model import Init, Part, StreamFormat
    from relay.worker.belt import Belt

TOP = Rung("video", 96, 64, Fraction(15), 200)
MIDDLE = Rung("video-48p", 72, 48, Fraction(15), 150, "superfast", "main")
LOW = Rung("video-32p5", 48, 32, Fraction(5), 100)
LADDER = replace(SMALL, audio=False, ladder=(TOP, MIDDLE, LOW))
SETTINGS = StreamSettings(ladder="auto", renditions_on_demand=True)
LENGTH = Grid.of(LADDER).slots_per_segment
PART = Grid.of(LADDER).slots_per_part
profiles = pytest.mark.parametrize("profile", list(LatencyProfile), ids=str)


def luma_of(slot: int) -> int:
    """What is shown in a slot; no two segments begin with the same."""
    return 40 + 5 * (slot % 31)


class Stage:
    """A ladder whose largest rung is encoded in the test's thread, and those that sleep in their own."""

    def __init__(self, stream: StreamFormat = LADDER, next_slots: dict[str, int] | None = None) -> None:
        self.grid = Grid.of(stream)
        self.steps = {rung.name: int(stream.rate / rung.rate) for rung in stream.ladder}
        self.board = Board(SteppedClock(), NS_PER_S)
        self.heard = Heard()
        start = wire.Start(stream, next_slots or {"video": FIRST})
        outlet = outlet_of(SETTINGS, start, self.board, self.heard.as_link())
        assert isinstance(outlet, LadderOutlet)
        self.outlet = outlet
        self.top, *sleepy = outlet.lanes
        self.top.line.open()
        self.top.belt = cast("Belt[Shot]", AtOnce(self.top))
        self.lanes = {lane.line.rung.name: lane for lane in sleepy if isinstance(lane, SleepyLane)}
        for lane in self.lanes.values():
            lane._most_joining = 9 * LENGTH  # the test shows pictures faster than real time
        self.next_slot = min(start.next_slots.values())
        self._threads = [threading.Thread(target=lane.run) for lane in sleepy]
        for thread in self._threads:
            thread.start()

    def show(self, slots: int) -> None:
        """The next slots."""
        for slot in range(self.next_slot, self.next_slot + slots):
            self.outlet.give(Shot(slot, flat(luma_of(slot)), None))
        self.next_slot += slots

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.outlet.stop()
        self.top.line.close()
        for thread in self._threads:
            thread.join(WITHIN_S)
            assert not thread.is_alive()

    def parts(self, name: str) -> list[Part]:
        return [message.part for message in self.heard.of(wire.PartReady) if message.part.rendition == name]

    def init(self, name: str) -> Init:
        (init,) = {message.init for message in self.heard.of(wire.InitReady) if message.init.rendition == name}
        return init

    def wait_for_first_part(self, name: str) -> None:
        self.heard.wait_until(lambda: bool(self.parts(name)))

    def wait_for(self, name: str, slot: int) -> None:
        """Until all before `slot` was sent."""
        self.heard.wait_until(lambda: bool(self.parts(name)) and end_of(self.parts(name)[-1], self.grid) >= slot)

    def show_slowly(self, segments: int, *names: str) -> None:
        """The next segments, each when the rungs have come near the one before: the ring forgets what is old."""
        for _ in range(segments):
            self.show(LENGTH)
            for name in names:
                self.wait_for(name, self.next_slot - 2 * LENGTH)

    def show_until_live(self, name: str) -> None:
        """Slot after slot, slowly, until the rung is given them; and one more, so that none begins a segment next."""
        deadline_s = time.monotonic() + WITHIN_S
        while not self.lanes[name]._is_live or self.next_slot % LENGTH == 0:
            assert time.monotonic() < deadline_s
            self.show(1)
            time.sleep(0.002)

    def lumas(self, name: str, parts: list[Part]) -> dict[int, float]:
        """What each of the stream's slots shows."""
        step = self.steps[name]
        pictures = decoded(self.init(name), parts, self.grid.at(self.grid.rate / step))
        return {slot * step: float(luma.mean()) for slot, luma in pictures.items()}

    def check(self, name: str, parts: list[Part], first_slot: int) -> None:
        """They follow each other from `first_slot` on, and show what the largest rung does in the same slots."""
        own = self.grid.at(self.grid.rate / self.steps[name])
        assert parts[0].pdt_ns == self.grid.start_ns(first_slot)
        assert places(parts) == run_of_places(parts, own)
        assert findings(self.init(name), parts) == []
        dates = {(part.msn, part.index): part.pdt_ns for part in self.parts("video")}
        assert all(dates.get((part.msn, part.index), part.pdt_ns) == part.pdt_ns for part in parts)
        lumas = self.lumas(name, parts)
        assert list(lumas) == list(range(first_slot, end_of(parts[-1], self.grid), self.steps[name]))
        assert {slot: luma for slot, luma in lumas.items() if abs(luma - luma_of(slot)) > 2.4} == {}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@profiles
def test_a_rung_that_is_woken_amid_a_segment_has_the_same_slots_in_the_same_parts(profile: LatencyProfile) -> None:
    with Stage(replace(LADDER, latency_profile=profile)) as stage:
        stage.show(6 * LENGTH + 11)
        place = stage.lanes[LOW.name]._ring.find(0)
        assert place is not None
        assert FIRST + LENGTH <= place.slot <= FIRST + 2 * LENGTH
        for name in (LOW.name, MIDDLE.name):
            stage.outlet.wake(name, FIRST)
            stage.wait_for_first_part(name)
        stage.show_slowly(5, LOW.name, MIDDLE.name)
        for name in (LOW.name, MIDDLE.name):
            stage.wait_for(name, FIRST + 9 * LENGTH)
            stage.check(name, stage.parts(name), place.slot)


def test_it_is_described_before_anybody_asks_and_the_same_when_it_is_awake(stage: Stage) -> None:
    stage.heard.wait_until(lambda: len(stage.heard.of(wire.InitReady)) == 2)
    sizes = {name: (stage.init(name).width, stage.init(name).height) for name in stage.lanes}
    assert sizes == {MIDDLE.name: (72, 48), LOW.name: (48, 32)}
    stage.show(LENGTH)
    assert stage.parts(LOW.name) == []
    assert stage.board.gauges["renditions_awake"] == 1
    stage.outlet.wake(LOW.name, FIRST)
    stage.wait_for_first_part(LOW.name)
    stage.show(1)
    assert len([one for one in stage.heard.of(wire.InitReady) if one.init.rendition == LOW.name]) == 2
    assert stage.init(LOW.name).codecs.startswith("avc1.64")
    assert stage.board.gauges["renditions_awake"] == 2
    assert stage.board.counters["rendition_wakes"] == 1


@profiles
def test_it_ends_with_its_segment_and_is_made_again_from_there(profile: LatencyProfile) -> None:
    with Stage(replace(LADDER, latency_profile=profile)) as stage:
        stage.show(3 * LENGTH)
        stage.outlet.wake(LOW.name, FIRST)
        stage.show_until_live(LOW.name)
        stage.outlet.sleep(LOW.name)
        end = -(-stage.next_slot // LENGTH) * LENGTH
        stage.show(end - stage.next_slot + 3 * LENGTH + 5)
        stage.heard.wait_until(lambda: stage.heard.of(wire.Asleep) == [wire.Asleep(LOW.name)])
        until(lambda: "encode_ms_video-32p5" not in stage.board.gauges)
        before = stage.parts(LOW.name)
        assert end_of(before[-1], stage.grid) == end
        stage.outlet.wake(LOW.name, FIRST)
        stage.heard.wait_until(lambda: len(stage.parts(LOW.name)) > len(before))
        stage.show_slowly(3, LOW.name)
        stage.wait_for(LOW.name, end + 4 * LENGTH)
        assert stage.parts(LOW.name)[len(before)].is_independent
        stage.check(LOW.name, stage.parts(LOW.name), stage.grid.first_slot(before[0].msn))


def test_nothing_is_made_again_of_what_another_worker_published(stage: Stage) -> None:
    stage.show(4 * LENGTH)
    stage.outlet.wake(LOW.name, FIRST + LENGTH + PART)
    stage.wait_for(LOW.name, FIRST + 3 * LENGTH)
    stage.check(LOW.name, stage.parts(LOW.name), FIRST + 2 * LENGTH)


def test_who_comes_back_before_its_segment_is_over_finds_it_going_on(stage: Stage) -> None:
    stage.show(2 * LENGTH)
    stage.outlet.wake(LOW.name, FIRST)
    stage.show_until_live(LOW.name)
    stage.outlet.sleep(LOW.name)
    stage.show(1)
    stage.outlet.wake(LOW.name, FIRST)
    stage.show(3 * LENGTH)
    stage.wait_for(LOW.name, stage.next_slot - PART)
    stage.check(LOW.name, stage.parts(LOW.name), FIRST)
    assert stage.heard.of(wire.Asleep) == []
    assert stage.board.counters["rendition_wakes"] == 1


def test_one_that_sleeps_says_so_again(stage: Stage) -> None:
    stage.outlet.sleep(LOW.name)
    assert stage.heard.of(wire.Asleep) == [wire.Asleep(LOW.name)]
    stage.outlet.sleep("video")
    stage.outlet.wake("video", FIRST)
    stage.outlet.wake("video-7p", FIRST)
    stage.show(PART)
    assert len(stage.parts("video")) == 1


def test_one_that_nobody_wants_any_more_while_it_is_made_again_ends_with_a_segment(stage: Stage) -> None:
    stage.show(4 * LENGTH)
    gate = Gate(stage.lanes[LOW.name])
    stage.outlet.wake(LOW.name, FIRST)
    gate.encode(LENGTH // 3 + 2)
    stage.outlet.sleep(LOW.name)
    gate.let(4 * LENGTH)
    stage.heard.wait_until(lambda: bool(stage.heard.of(wire.Asleep)))
    stage.check(LOW.name, stage.parts(LOW.name), FIRST)
    assert end_of(stage.parts(LOW.name)[-1], stage.grid) == FIRST + 2 * LENGTH


def test_the_slot_line_never_waits_for_one_that_is_being_made_again(stage: Stage) -> None:
    stage.show(2 * LENGTH)
    gate = Gate(stage.lanes[MIDDLE.name])
    stage.outlet.wake(MIDDLE.name, FIRST)
    gate.encode(1)
    stage.show(2 * LENGTH)
    assert stage.board.counters["encoder_waits"] == 0
    gate.let(20 * LENGTH)
    stage.show(LENGTH)
    stage.wait_for(MIDDLE.name, FIRST + 5 * LENGTH - PART)
    stage.check(MIDDLE.name, stage.parts(MIDDLE.name), FIRST)


def test_one_that_is_far_too_slow_begins_anew_where_a_segment_does(stage: Stage) -> None:
    stage.show(LENGTH)
    gate = Gate(stage.lanes[MIDDLE.name])
    stage.outlet.wake(MIDDLE.name, FIRST)
    gate.encode(1)
    stage.show(6 * LENGTH + 4)  # of what follows the first segment, the ring has nothing now
    gate.let(20 * LENGTH)
    stage.wait_for(MIDDLE.name, FIRST + LENGTH - PART)
    until(lambda: len(gate.slots) >= LENGTH - 1)
    until(lambda: stage.lanes[MIDDLE.name]._asks.name == "NEXT_SEGMENT")
    stage.show(2 * LENGTH)
    stage.wait_for(MIDDLE.name, FIRST + 9 * LENGTH)
    again = [part for part in stage.parts(MIDDLE.name) if part.msn >= stage.grid.msn(FIRST + 2 * LENGTH)]
    stage.check(MIDDLE.name, again, FIRST + 8 * LENGTH)


def test_one_that_finds_no_room_on_its_belt_asks_again_and_then_begins_anew(stage: Stage) -> None:
    lane = stage.lanes[MIDDLE.name]
    lane._most_joining = lane._limit = 2
    gate = Gate(lane)
    stage.show(LENGTH + 10)
    stage.outlet.wake(MIDDLE.name, FIRST)
    gate.encode(LENGTH + 5)
    for misses in range(1, MOST_MISSES + 1):
        until(lambda: lane._asks.name == "NEXT_SLOT")
        stage.show(3)
        assert lane._misses == misses
        gate.let(1)
    until(lambda: lane._asks.name == "NEXT_SEGMENT")
    stage.show(FIRST + 2 * LENGTH - stage.next_slot)
    gate.let(9 * LENGTH)
    stage.show(LENGTH + PART)
    stage.wait_for(MIDDLE.name, FIRST + 3 * LENGTH)
    parts = stage.parts(MIDDLE.name)
    again = [part for part in parts if part.msn >= stage.grid.msn(FIRST + 2 * LENGTH)]
    stage.check(MIDDLE.name, again, FIRST + 2 * LENGTH)
    stage.check(MIDDLE.name, parts[: -len(again)], FIRST)


def test_behind_a_hole_it_is_made_again_from_there_on(stage: Stage) -> None:
    stage.show(2 * LENGTH + 7)
    stage.next_slot = FIRST + 9 * LENGTH
    stage.show(LENGTH + 7)
    stage.outlet.wake(LOW.name, FIRST)
    stage.wait_for_first_part(LOW.name)
    stage.show(LENGTH)
    stage.wait_for(LOW.name, FIRST + 11 * LENGTH)
    stage.check(LOW.name, stage.parts(LOW.name), FIRST + 9 * LENGTH)


def test_an_heir_that_begins_amid_a_segment_wakes_with_the_next() -> None:
    with Stage(next_slots={"video": FIRST + 2 * PART}) as stage:
        stage.show(PART)
        stage.outlet.wake(LOW.name, FIRST + 3 * PART)
        until(lambda: stage.lanes[LOW.name]._asks.name == "NEXT_SEGMENT")
        stage.show(2 * LENGTH)
        stage.wait_for(LOW.name, FIRST + 2 * LENGTH)
        stage.check(LOW.name, stage.parts(LOW.name), FIRST + LENGTH)
        assert stage.board.counters["backfilled_slots"] == 0


def test_one_that_waits_for_a_segment_and_is_wanted_no_more_sleeps_on() -> None:
    with Stage(next_slots={"video": FIRST + 2 * PART}) as stage:
        stage.outlet.wake(LOW.name, FIRST)
        until(lambda: stage.lanes[LOW.name]._asks.name == "NEXT_SEGMENT")
        stage.outlet.sleep(LOW.name)
        stage.heard.wait_until(lambda: bool(stage.heard.of(wire.Asleep)))
        stage.show(2 * LENGTH)
        assert stage.parts(LOW.name) == []


def test_an_heir_goes_on_with_one_that_is_awake_where_it_was_and_lays_it_down() -> None:
    with Stage(next_slots={"video": FIRST + 3 * PART, LOW.name: FIRST + PART}) as stage:
        stage.show(LENGTH // 2)
        stage.outlet.sleep(LOW.name)
        stage.show(LENGTH)
        stage.heard.wait_until(lambda: bool(stage.heard.of(wire.Asleep)))
        stage.check(LOW.name, stage.parts(LOW.name), FIRST + PART)
        assert end_of(stage.parts(LOW.name)[-1], stage.grid) == FIRST + LENGTH
        assert stage.parts("video")[0].pdt_ns == stage.grid.start_ns(FIRST + 3 * PART)
        assert stage.board.counters["rendition_wakes"] == 0


def test_a_rung_that_is_faster_than_the_largest_repeats_what_that_shows() -> None:
    slow_top = replace(TOP, rate=Fraction(5))
    fast = Rung("video-32p", 48, 32, Fraction(15), 100)
    with Stage(replace(LADDER, ladder=(slow_top, fast))) as stage:
        stage.show(2 * LENGTH + 8)
        stage.outlet.wake(fast.name, FIRST)
        stage.wait_for_first_part(fast.name)
        stage.show(LENGTH)
        stage.wait_for(fast.name, FIRST + 3 * LENGTH)
        parts = stage.parts(fast.name)
        assert places(parts) == run_of_places(parts, stage.grid)
        lumas = stage.lumas(fast.name, parts)
        assert list(lumas) == list(range(FIRST, end_of(parts[-1], stage.grid)))
        backfilled = stage.board.counters["backfilled_slots"]
        assert backfilled >= 2 * LENGTH
        for n, (slot, luma) in enumerate(lumas.items()):
            shown = slot - slot % 3 if n < backfilled else slot
            assert abs(luma - luma_of(shown)) < 2.4, (n, slot)


def test_the_slot_line_joins_behind_a_picture_that_is_being_made_again() -> None:
    """Three slots show one picture of a largest rung that is slower, and the slot line is at the third of them."""
    fast = Rung("video-32p", 48, 32, Fraction(15), 100)
    with Stage(replace(LADDER, ladder=(replace(TOP, rate=Fraction(5)), fast))) as stage:
        lane = stage.lanes[fast.name]
        gate = Gate(lane)
        stage.show(LENGTH + 5)
        stage.outlet.wake(fast.name, FIRST)
        gate.encode(LENGTH + 4)  # it makes the slot after the next from that picture, too
        stage.show(1)
        assert lane._joined_at is None
        stage.show(1)
        assert lane._joined_at == FIRST + LENGTH + 6
        gate.let(9 * LENGTH)
        stage.show(LENGTH)
        stage.wait_for(fast.name, FIRST + 2 * LENGTH)
        assert gate.slots[: 2 * LENGTH] == list(range(FIRST, FIRST + 2 * LENGTH))


def test_a_worker_that_ends_leaves_nobody_waiting(stage: Stage) -> None:
    stage.show(2 * LENGTH)
    gate = Gate(stage.lanes[LOW.name])
    stage.outlet.wake(LOW.name, FIRST)
    gate.encode(3)
    stage.outlet.finish()
    gate.let(9 * LENGTH)
    stage.close()
    assert stage.heard.of(wire.Asleep) == []
