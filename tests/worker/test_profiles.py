"""Encoders that look ahead: parts come later, never fewer, in every rung, over a takeover, a hole and the end."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import pytest

from fixtures.worker import FIRST, SMALL, Outbox, SteppedClock, findings, flat, places, run_of_places
from relay import wire
from relay.config import StreamSettings
from relay.model import LatencyProfile, MediaKind, Picture, Rung, StreamFormat
from relay.supervisor.places import Places
from relay.timeline import NS_PER_S, Grid
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.lanes import Shot
from relay.worker.rungs import RungLine
from relay.worker.video import VideoLine

if TYPE_CHECKING:
    from relay.model import Init, Part

TOP = Rung("video", 96, 64, Fraction(15), 200)
LOW = Rung("video-32p5", 48, 32, Fraction(5), 100)
BEHIND: Final = {LatencyProfile.BALANCED: 6, LatencyProfile.QUALITY: 15}
"""In slots at 15 a second."""
profiles = pytest.mark.parametrize("profile", BEHIND, ids=str)


def format_of(profile: LatencyProfile) -> StreamFormat:
    return replace(SMALL, audio=False, ladder=(TOP, LOW), latency_profile=profile)


class Worker:
    """The rungs of one worker, given every slot from its first on."""

    def __init__(self, stream: StreamFormat, next_slots: dict[str, int]) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        self.outbox = Outbox()
        self.grid = Grid.of(stream)
        start = wire.Start(stream, next_slots)
        self.lines = [RungLine(start, rung, self.board, self.outbox.as_link()) for rung in stream.ladder]
        for line in self.lines:
            line.open()

    def show(self, slots: range) -> None:
        for slot in slots:
            self.clock.go_to(max(self.clock.unix_ns(), self.grid.start_ns(slot)))
            for line in self.lines:
                if line.has(slot):
                    luma = 40 + slot % 150
                    i420 = flat(luma, line.rung.width, line.rung.height)
                    line.encode(Shot(slot, i420, self.grid.start_ns(slot)))

    def finish(self) -> None:
        for line in self.lines:
            line.flush()

    def parts(self, name: str) -> list[Part]:
        return [message.part for message in self.outbox.of(wire.PartReady) if message.part.rendition == name]

    def init(self, name: str) -> Init:
        (init,) = [message.init for message in self.outbox.of(wire.InitReady) if message.init.rendition == name]
        return init


def slots_shown(init: Init, parts: list[Part], grid: Grid) -> list[int]:
    """The slots of `grid`, that of a rung, in which players show something."""
    with av.open(io.BytesIO(init.data + b"".join(part.data for part in parts)), "r") as container:
        shown = [frame.pts or 0 for frame in container.decode(video=0)]
    assert all(pts % grid.ticks_per_slot == 0 for pts in shown)
    return [pts // grid.ticks_per_slot for pts in shown]


@profiles
def test_parts_come_as_much_later_as_the_encoder_looks_ahead(profile: LatencyProfile) -> None:
    stream = format_of(profile)
    grid = Grid.of(stream)
    worker = Worker(stream, dict.fromkeys(stream.renditions, FIRST))
    end = FIRST + 3 * grid.slots_per_segment
    worker.show(range(FIRST, end))
    whole = 3 * grid.slots_per_segment // grid.slots_per_part
    late = -(-BEHIND[profile] // grid.slots_per_part)
    assert len(worker.parts("video")) == len(worker.parts("video-32p5")) == whole - late
    for age in ("age_encoded_ms", "age_sent_ms"):
        assert worker.board.gauges[age] == pytest.approx(BEHIND[profile] * 1000 / 15, abs=200)
    worker.finish()
    for rung in stream.ladder:
        parts, own = worker.parts(rung.name), grid.at(rung.rate)
        assert len(parts) == whole
        assert places(parts) == run_of_places(parts, own)
        assert findings(worker.init(rung.name), parts) == []
        step = 15 // rung.rate
        assert slots_shown(worker.init(rung.name), parts, own) == list(range(FIRST // step, end // step))
        assert [part.pdt_ns for part in parts] == [part.pdt_ns for part in worker.parts("video")]


@profiles
@pytest.mark.parametrize("died_after", [7, 31, 100])
def test_a_worker_that_takes_over_goes_on_where_it_was_published(profile: LatencyProfile, died_after: int) -> None:
    stream = format_of(profile)
    grid = Grid.of(stream)
    published = Places(stream, FIRST)
    end = FIRST + 6 * grid.slots_per_segment
    first, heir = Worker(stream, published.next_slots), None
    first.show(range(FIRST, FIRST + died_after))
    for rung in stream.ladder:
        for part in first.parts(rung.name):
            published.describe(first.init(rung.name))
            published.publish(part)
    heir = Worker(stream, published.next_slots)
    heir.show(range(min(published.next_slots.values()), end))
    heir.finish()
    for rung in stream.ladder:
        init, own = heir.init(rung.name), grid.at(rung.rate)
        parts = first.parts(rung.name) + heir.parts(rung.name)
        assert {first.init(rung.name).data for _ in first.parts(rung.name)} <= {init.data}
        assert places(parts) == run_of_places(parts, own)
        assert findings(init, parts) == []
        step = 15 // rung.rate
        assert slots_shown(init, parts, own) == list(range(FIRST // step, end // step))


@profiles
def test_what_is_whole_before_a_hole_is_sent_at_once_behind_it(profile: LatencyProfile) -> None:
    stream = format_of(profile)
    grid = Grid.of(stream)
    worker = Worker(stream, dict.fromkeys(stream.renditions, FIRST))
    given = 2 * grid.slots_per_segment + 2
    worker.show(range(FIRST, FIRST + given))
    resumed = FIRST + 9 * grid.slots_per_segment
    worker.show(range(resumed, resumed + 1))
    # The first picture beyond the last whole part is a whole one of the slowest rung, where parts are that short.
    before = {"video": given // grid.slots_per_part, "video-32p5": -(-given // 3) * 3 // grid.slots_per_part}
    assert {rung.name: len(worker.parts(rung.name)) for rung in stream.ladder} == before
    worker.show(range(resumed + 1, resumed + 2 * grid.slots_per_segment))
    worker.finish()
    for rung in stream.ladder:
        behind = worker.parts(rung.name)[before[rung.name] :]
        assert (behind[0].msn, behind[0].index, behind[0].is_independent) == (grid.msn(resumed), 0, True)
        assert places(behind) == run_of_places(behind, grid.at(rung.rate))


@profiles
def test_the_last_parts_are_sent_when_the_worker_is_told_to_stop(profile: LatencyProfile) -> None:
    stream = replace(format_of(profile), ladder=())
    grid, clock, outbox = Grid.of(stream), SteppedClock(), Outbox()
    ready = Handoff[Picture](1 / 15)
    board = Board(clock, 2 * NS_PER_S)
    start = wire.Start(stream, {"video": FIRST})
    line = VideoLine("cam", StreamSettings(), start, clock, board, outbox.as_link(), ready)
    clock.go_to(grid.start_ns(FIRST + grid.slots_per_segment))
    take = ready.take

    def take_and_stop(within_s: float) -> Picture | None:
        if line.slots.next_slot >= FIRST + grid.slots_per_segment:
            line.stop()
        clock.advance(1.0)
        return take(min(within_s, 0.0))

    ready.take = take_and_stop  # type: ignore[method-assign] - ends the thread's body after the first segment
    line.run()
    parts = outbox.parts(MediaKind.VIDEO)
    end = FIRST + len(parts) * grid.slots_per_part
    assert end + grid.slots_per_part > line.slots.next_slot
    assert slots_shown(outbox.init(MediaKind.VIDEO), parts, grid) == list(range(FIRST, end))
