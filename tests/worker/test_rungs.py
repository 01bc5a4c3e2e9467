"""A ladder: rungs have the same slots in the same segments, begin where they lack something, and wait for the rest."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import pytest

from fixtures.worker import (
    FIRST,
    GRID,
    SMALL,
    WITHIN_S,
    AtOnce,
    Outbox,
    SteppedClock,
    decoded,
    findings,
    flat,
    flat_picture,
    places,
    run_of_places,
)
from relay import wire
from relay.config import StreamSettings
from relay.errors import EncodeError
from relay.model import AccessUnit, MediaKind, Picture, Rung
from relay.timeline import NS_PER_S
from relay.worker import lanes, rungs, sizes
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.lanes import MOST_ON_BELT, Shot
from relay.worker.rungs import LadderOutlet, outlet_of
from relay.worker.video import VideoLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from relay.model import Init, Part, StreamFormat
    from relay.worker.belt import Belt

TOP = Rung("video", 96, 64, Fraction(15), 200)
MIDDLE = Rung("video-48p", 72, 48, Fraction(15), 150, "superfast", "main")
LOW = Rung("video-32p5", 48, 32, Fraction(5), 100)
LADDER = replace(SMALL, ladder=(TOP, MIDDLE, LOW))
SEGMENT, PART = GRID.slots_per_segment, GRID.slots_per_part
STEPS = {TOP.name: 1, MIDDLE.name: 1, LOW.name: 3}


class Stage:
    """A slot line over a ladder, stepped picture by picture, all in the thread of the test."""

    def __init__(
        self,
        next_slots: dict[str, int] | None = None,
        stream: StreamFormat = LADDER,
        keyframe_interval_s: float | None = None,
    ) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        self.outbox = Outbox()
        start = wire.Start(stream, next_slots or dict.fromkeys(stream.renditions, FIRST))
        link, ready = self.outbox.as_link(), Handoff[Picture](1 / 15)
        settings = StreamSettings(keyframe_interval_s=keyframe_interval_s)
        self.line = VideoLine("cam", settings, start, self.clock, self.board, link, ready)
        outlet = self.line._outlet
        assert isinstance(outlet, LadderOutlet)
        self.lanes = outlet.lanes
        for lane in self.lanes:
            lane.line.open()
            lane.belt = cast("Belt[Shot]", AtOnce(lane))

    def show(self, slot: int, luma: int = 80) -> None:
        self.clock.go_to(max(self.clock.unix_ns(), GRID.start_ns(slot) + 20_000_000))
        self.line.step(flat_picture(slot, luma))

    def parts(self, name: str) -> list[Part]:
        return [message.part for message in self.outbox.of(wire.PartReady) if message.part.rendition == name]

    def init(self, name: str) -> Init:
        (init,) = [message.init for message in self.outbox.of(wire.InitReady) if message.init.rendition == name]
        return init

    def lumas(self, name: str, step: int = 0) -> dict[int, float]:
        """What each of the stream's slots shows, by their numbers since `FIRST`."""
        step = step or STEPS[name]
        grid = GRID.at(Fraction(15, step))
        pictures = decoded(self.init(name), self.parts(name), grid)
        return {slot * step - FIRST: float(luma.mean()) for slot, luma in pictures.items()}


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    for lane in stage.lanes:
        lane.line.close()


def test_every_rung_shows_the_same_pictures_in_the_same_segments(stage: Stage) -> None:
    for n in range(SEGMENT + PART):
        stage.show(FIRST + n, luma=40 + 5 * n)
    for name, step in STEPS.items():
        parts = stage.parts(name)
        assert places(parts) == run_of_places(stage.parts("video")), name
        assert [part.pdt_ns for part in parts] == [part.pdt_ns for part in stage.parts("video")]
        assert [part.duration_s for part in parts] == [GRID.part_s] * 11
        assert [part.index for part in parts if part.is_independent] == [0, 0]
        assert findings(stage.init(name), parts) == []
        lumas = stage.lumas(name)
        assert list(lumas) == list(range(0, SEGMENT + PART, step))
        assert all(abs(luma - 40 - 5 * n) < 4 for n, luma in lumas.items()), lumas


def test_keyframes_within_segments_begin_parts_in_every_rung() -> None:
    """A player that changes in the midst of a segment begins with the last of them."""
    stage = Stage(keyframe_interval_s=0.6)
    for n in range(SEGMENT + PART):
        stage.show(FIRST + n, luma=40 + 5 * n)
    for name, step in STEPS.items():
        parts = stage.parts(name)
        assert [part.index for part in parts if part.is_independent] == [0, 3, 6, 9, 0]
        assert findings(stage.init(name), parts) == []
        behind_a_keyframe = decoded(stage.init(name), parts[6:], GRID.at(Fraction(15, step)))
        assert list(behind_a_keyframe) == [(FIRST + 6 * PART) // step + n for n in range(5 * PART // step)]
    for lane in stage.lanes:
        lane.line.close()


def test_each_rung_is_described_by_its_own_pictures(stage: Stage) -> None:
    for n in range(PART):
        stage.show(FIRST + n)
    shapes = [(one.name, one.width, one.height, one.rate) for one in (TOP, MIDDLE, LOW)]
    inits = [stage.init(one.name) for one in (TOP, MIDDLE, LOW)]
    assert [(init.rendition, init.width, init.height, init.rate) for init in inits] == shapes
    assert [init.kind for init in inits] == [MediaKind.VIDEO] * 3
    assert inits[0].codecs.startswith("avc1.64")
    assert inits[1].codecs.startswith("avc1.4d")
    assert inits[0].bandwidth > inits[1].bandwidth > inits[2].bandwidth


def test_rungs_in_other_codecs_show_the_same_pictures_in_the_same_segments() -> None:
    hevc = Rung("video-48p-hevc", 72, 48, Fraction(15), 150, "superfast", codec="hevc")
    av1 = Rung("video-64p5-av1", 96, 64, Fraction(5), 150, codec="av1")
    stage = Stage(stream=replace(SMALL, ladder=(TOP, hevc, av1)))
    for n in range(SEGMENT + PART):
        stage.show(FIRST + n, luma=40 + 5 * n)
    for name, step, codec in (("video", 1, "avc1."), (hevc.name, 1, "hvc1."), (av1.name, 3, "av01.")):
        parts = stage.parts(name)
        assert places(parts) == run_of_places(stage.parts("video")), name
        assert stage.init(name).codecs.startswith(codec)
        assert findings(stage.init(name), parts) == []
        lumas = stage.lumas(name, step)
        assert list(lumas) == list(range(0, SEGMENT + PART, step))
        assert all(abs(luma - 40 - 5 * n) < 5 for n, luma in lumas.items()), lumas
    gauges = {name: value for name, value in stage.board.gauges.items() if name.startswith("renditions_by")}
    assert gauges == {"renditions_by_libx264": 1, "renditions_by_libx265": 1, "renditions_by_libsvtav1": 1}
    for lane in stage.lanes:
        lane.line.close()
    assert {stage.board.gauges[name] for name in gauges} == {0}


def test_the_slate_is_on_every_rung_and_counted_once(stage: Stage) -> None:
    stage.show(FIRST, luma=200)
    while stage.line.slots.next_slot < FIRST + 2 * SEGMENT:
        stage.clock.advance(stage.line.wait_s())
        stage.line.step(None)
    for name, step in STEPS.items():
        lumas = stage.lumas(name)
        assert lumas[0] > 190
        assert lumas[2 * SEGMENT - PART] < 120
        assert len(lumas) == 2 * SEGMENT // step
    counters = stage.board.counters
    assert counters["slots"] == 2 * SEGMENT == 1 + counters["repeated_slots"] + counters["slate_slots"]


def test_a_rung_goes_on_where_it_was_when_the_worker_before_died() -> None:
    """One had three parts more than another: none gets a part twice, and none a hole."""
    ahead = {TOP.name: FIRST + 3 * PART, MIDDLE.name: FIRST + PART, LOW.name: FIRST, "audio": FIRST}
    stage = Stage(ahead)
    assert stage.line.slots.first_slot == FIRST
    for n in range(SEGMENT):
        stage.show(FIRST + n)
    for name, step in STEPS.items():
        parts = stage.parts(name)
        assert parts[0].pdt_ns == GRID.start_ns(ahead[name])
        assert parts[0].is_independent
        assert places(parts) == run_of_places(stage.parts("video-32p5"))[(ahead[name] - FIRST) // PART :]
        assert list(stage.lumas(name)) == list(range(ahead[name] - FIRST, SEGMENT, step))


def test_a_hole_is_skipped_in_all_rungs_at_once(stage: Stage) -> None:
    stage.show(FIRST)
    resumed = FIRST + 4 * SEGMENT
    stage.clock.go_to(GRID.start_ns(resumed - PART))
    stage.line.step(None)
    for n in range(PART):
        stage.show(resumed + n)
    for name in STEPS:
        *before, after = stage.parts(name)
        assert (after.msn, after.index, after.is_independent) == (GRID.msn(resumed), 0, True)
        # A part of the slowest is one picture, so that it was complete before the hole.
        assert places(before) == ([(GRID.msn(FIRST), 0)] if name == LOW.name else [])


def test_gauges_are_of_the_largest_and_each_encoder_has_one_of_its_own(stage: Stage) -> None:
    for n in range(PART):
        stage.show(FIRST + n)
    names = {name for name in stage.board.gauges if name.startswith(("encode", "age", "package"))}
    assert names == {
        "encode_ms",
        "encode_ms_video-48p",
        "encode_ms_video-32p5",
        "age_encoded_ms",
        "age_sent_ms",
        "package_ms",
    }


def test_a_picture_is_scaled_once_for_each_size_however_often_it_is_shown(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaled = []
    letterbox = sizes.letterbox

    def count(i420: NDArray[np.uint8], width: int, height: int, out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        scaled.append(height)
        return letterbox(i420, width, height, out)

    monkeypatch.setattr(sizes, "letterbox", count)
    for slot in (FIRST, FIRST + 1, FIRST + 5):
        stage.show(slot)
    assert scaled == [48, 32, 48, 32, 48]


class Gated:
    """Stands for an encoder that encodes one picture each time it is let."""

    name = "gated"
    bandwidth_bps = average_bandwidth_bps = repeats = 0
    gates: dict[str, threading.Semaphore]
    encoded: dict[str, list[int]]
    changed: threading.Condition

    def __init__(self, _stream: object, rung: Rung) -> None:
        self._name = rung.name

    def encode(self, _i420: object, slot: int, *, is_idr: bool) -> list[AccessUnit]:
        assert Gated.gates[self._name].acquire(timeout=WITHIN_S)
        with Gated.changed:
            Gated.encoded[self._name].append(slot)
            Gated.changed.notify_all()
        return []

    def flush(self) -> list[AccessUnit]:
        return []

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> type[Gated]:
    monkeypatch.setattr(rungs, "VideoEncoder", Gated)
    Gated.gates = {name: threading.Semaphore(0) for name in STEPS}
    Gated.encoded = {name: [] for name in STEPS}
    Gated.changed = threading.Condition()
    return Gated


def wait_until(is_it: Callable[[], bool]) -> None:
    with Gated.changed:
        assert Gated.changed.wait_for(is_it, timeout=WITHIN_S)


def test_the_slot_line_waits_for_the_slowest_encoder_and_no_rung_runs_away(gated: type[Gated]) -> None:
    outbox, board = Outbox(), Board(SteppedClock(), NS_PER_S)
    start = wire.Start(LADDER, dict.fromkeys(LADDER.renditions, FIRST))
    outlet = outlet_of(StreamSettings(), start, board, outbox.as_link())
    bodies = [body for _, body in outlet.threads()]
    bodies.append(lambda: [outlet.give(Shot(FIRST + n, flat(80), None)) for n in range(SEGMENT)])
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for name in (TOP.name, LOW.name):
        gated.gates[name].release(SEGMENT)
    for encoded in range(SEGMENT - MOST_ON_BELT):
        # The slow one has done so many: the others have all that can be on their way, and not one picture more.
        wait_until(lambda encoded=encoded: len(gated.encoded[TOP.name]) == encoded + MOST_ON_BELT + 1)
        assert len(gated.encoded[MIDDLE.name]) == encoded
        gated.gates[MIDDLE.name].release()
        wait_until(lambda encoded=encoded: len(gated.encoded[MIDDLE.name]) == encoded + 1)
    gated.gates[MIDDLE.name].release(MOST_ON_BELT)
    wait_until(
        lambda: (
            {name: len(slots) for name, slots in gated.encoded.items()} == {TOP.name: 30, MIDDLE.name: 30, LOW.name: 10}
        )
    )
    assert board.counters["encoder_waits"] >= SEGMENT - MOST_ON_BELT - 1
    outlet.stop()
    for thread in threads:
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def test_a_line_that_is_told_to_stop_does_not_wait_for_an_encoder(gated: type[Gated]) -> None:
    clock = SteppedClock()
    start = wire.Start(LADDER, dict.fromkeys(LADDER.renditions, FIRST))
    ready = Handoff[Picture](1 / 15)
    line = VideoLine("cam", StreamSettings(), start, clock, Board(clock, NS_PER_S), Outbox().as_link(), ready)
    clock.go_to(GRID.start_ns(FIRST + SEGMENT))
    ready.put(flat_picture(FIRST + SEGMENT, 80))
    threads = [threading.Thread(target=body) for body in (line.run, *(body for _, body in line.threads()))]
    for thread in threads:
        thread.start()
    wait_until(lambda: gated.gates[TOP.name]._value == 0)
    line.stop()
    for gate in gated.gates.values():
        gate.release(SEGMENT)
    for thread in threads:
        thread.join(WITHIN_S)
        assert not thread.is_alive()
    assert max(len(slots) for slots in gated.encoded.values()) <= MOST_ON_BELT


@pytest.mark.parametrize(("rate", "segment_s", "limit"), [(15, 2, 4), (2, 2, 2), (1, 1, 1)])
def test_less_than_a_segment_waits_however_slow_a_rung_is(rate: int, segment_s: int, limit: int) -> None:
    rung = replace(TOP, rate=Fraction(rate))
    stream = replace(SMALL, rate=Fraction(rate), segment_s=Fraction(segment_s), ladder=(rung,))
    start = wire.Start(stream, dict.fromkeys(stream.renditions, 0))
    outlet = outlet_of(StreamSettings(), start, Board(SteppedClock(), NS_PER_S), Outbox().as_link())
    assert isinstance(outlet, LadderOutlet)
    (lane,) = outlet.lanes
    waiting = 0
    while not lane.belt.is_full:
        lane.belt.put(Shot(waiting, flat(80), None), 0.0)
        waiting += 1
    assert waiting == limit


def test_an_encoder_that_does_not_go_on_ends_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes from the belt: the worker fails, and another one takes over."""
    monkeypatch.setattr(lanes, "STUCK_AFTER_S", 0.01)
    stream = replace(SMALL, ladder=(TOP,))
    start = wire.Start(stream, dict.fromkeys(stream.renditions, 0))
    outlet = outlet_of(StreamSettings(), start, Board(SteppedClock(), NS_PER_S), Outbox().as_link())
    for slot in range(MOST_ON_BELT):
        outlet.give(Shot(slot, flat(80), None))
    with pytest.raises(EncodeError, match=r"the encoder of video has taken no picture for 0.01 s"):
        outlet.give(Shot(MOST_ON_BELT, flat(80), None))


class Repeating:
    """Stands for an encoder that has no room for a new picture in two slots of three."""

    name = "repeating"
    bandwidth_bps = average_bandwidth_bps = repeats = 0

    def __init__(self, *_: object) -> None:
        """It needs nothing."""

    def encode(self, _i420: object, slot: int, *, is_idr: bool) -> list[AccessUnit]:
        self.repeats += slot % 3 > 0
        return []

    def flush(self) -> list[AccessUnit]:
        return []

    def close(self) -> None:
        """Nothing is held."""


def test_pictures_that_are_repeated_for_the_rate_s_sake_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rungs, "VideoEncoder", Repeating)
    stage = Stage(stream=replace(LADDER, ladder=(TOP, MIDDLE)))
    for n in range(9):
        stage.show(FIRST + n)
    assert stage.board.counters["rate_repeats"] == 12
    assert stage.board.counters["repeated_slots"] == 0, "of what the slots show none was repeated"
