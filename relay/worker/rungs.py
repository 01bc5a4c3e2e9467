"""What becomes of a slot's picture: encoded and packaged once or, where there is a ladder, once for each rung.

A ladder has a thread for each encoder. Between it and the slot line lies a `Belt` of a few pictures, and the slot line
waits for the slowest encoder. So no rendition is ever further ahead of another than that, and a machine that is too
slow falls behind the clock with all of them at once, until the slot line skips, for all of them at once.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import structlog

from relay import wire
from relay.encode import VideoEncoder
from relay.ladder import only_rung
from relay.model import MediaKind
from relay.packager import VideoPackager, make_video_init
from relay.timeline import Grid
from relay.worker.lanes import Lane, Shot, SleepyLane
from relay.worker.ring import Ring
from relay.worker.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config import StreamSettings
    from relay.model import AccessUnit, Rung
    from relay.worker.board import Board
    from relay.worker.link import Link

log = structlog.get_logger()


class RungLine:
    """One rendition, from its slot in `start` on. It is opened, used and closed in one thread, again and again.

    `start.format`'s slots are counted in the stream's rate; every n-th is one of the rung's. What it is encoded to goes
    into `ring` too, where there is one. `sent_until` is the slot, of the stream's, behind the last part that was sent.
    Without a `keyframe_interval_s` there is one keyframe a segment.
    """

    def __init__(
        self,
        start: wire.Start,
        rung: Rung,
        board: Board,
        link: Link,
        ring: Ring | None = None,
        keyframe_interval_s: float | None = None,
    ) -> None:
        grid = Grid.of(start.format)
        self.rung = rung
        self.grid = grid.at(rung.rate)
        self.begins_asleep = rung.name not in start.next_slots
        self._format = start.format
        self._slots_per_gop = self.grid.slots_per_gop(keyframe_interval_s or float(grid.segment_s))
        self._step = grid.slots_per_part // self.grid.slots_per_part
        self._first_slot = self.sent_until = start.next_slots.get(rung.name, 0)
        self._board = board
        self._link = link
        self._ring = ring
        self._captured_ns: dict[int, int] = {}
        self._is_top = rung.name == MediaKind.VIDEO
        self.gauge = "encode_ms" if self._is_top else f"encode_ms_{rung.name}"

    def has(self, slot: int) -> bool:
        """Whether the rung has a picture in `slot`, and nobody has published it before."""
        return slot >= self._first_slot and slot % self._step == 0

    def open(self) -> None:
        """Make the encoder."""
        self._encoder = VideoEncoder(self._format, self.rung)
        self._board.adjust(f"renditions_by_{self._encoder.name}", 1)
        log.debug("encoder", rendition=self.rung.name, encoder=self._encoder.name)
        self._packager = VideoPackager(self.grid)
        self._is_first = True
        self._is_announced = False

    def close(self) -> None:
        """Give it back."""
        self._encoder.close()
        self._board.adjust(f"renditions_by_{self._encoder.name}", -1)

    def introduce(self) -> None:
        """Describe a rung that sleeps, by a grey picture that nobody sees: parameter sets are those of any other."""
        self.open()
        try:
            grey = np.full((self.rung.height * 3 // 2, self.rung.width), 128, np.uint8)
            first, *_ = [*self._encoder.encode(grey, 0, is_idr=True), *self._encoder.flush()]
            self._announce(first)
        finally:
            self.close()

    def encode(self, shot: Shot) -> None:
        """Encode one of its slots, and send the part that is complete now."""
        began_s = time.monotonic()
        slot = shot.slot // self._step
        is_idr = self._is_first or self.grid.starts_gop(slot, self._slots_per_gop)
        self._is_first = False
        if self._is_top and shot.captured_ns is not None:
            self._captured_ns[slot] = shot.captured_ns
        repeats_before = self._encoder.repeats
        units = self._encoder.encode(shot.i420, slot, is_idr=is_idr)
        self._board.smooth(self.gauge, (time.monotonic() - began_s) * 1000)
        if repeats := self._encoder.repeats - repeats_before:
            self._board.count("rate_repeats", repeats)
        self._send(units)

    def flush(self) -> None:
        """Send what the encoder holds back: nothing will follow."""
        self._send(self._encoder.flush())

    def _send(self, units: list[AccessUnit]) -> None:
        for unit in units:
            # Pictures may come later than they were given, and in another order: their age is their own.
            if (captured_ns := self._captured_ns.pop(unit.pts, None)) is not None:
                self._board.note_age("encoded", captured_ns)
            if not self._is_announced:
                self._is_announced = True
                self._announce(unit)
            if self._ring is not None:
                self._ring.add(unit)
            self._package(unit)

    def _package(self, unit: AccessUnit) -> None:
        began_s = time.monotonic()
        part = self._packager.add(unit)
        if part is None:
            return
        self._link.send(wire.PartReady(part))
        self.sent_until = self.grid.first_slot(part.msn, part.index + 1) * self._step
        if self._is_top:
            self._board.note_age("sent", self.grid.start_ns(self.grid.first_slot(part.msn, part.index + 1) - 1))
            self._board.smooth("package_ms", (time.monotonic() - began_s) * 1000)

    def _announce(self, unit: AccessUnit) -> None:
        bandwidth_bps, average_bps = self._encoder.bandwidth_bps, self._encoder.average_bandwidth_bps
        self._link.send(wire.InitReady(make_video_init(self._format, self.rung, unit, bandwidth_bps, average_bps)))


class Outlet(ABC):
    """Where the slot line hands what each slot shows. All but `wake`, `sleep` and `stop` is called in its thread."""

    @abstractmethod
    def open(self) -> None:
        """Before the first slot."""

    @abstractmethod
    def give(self, shot: Shot) -> None:
        """The next slot."""

    @abstractmethod
    def finish(self) -> None:
        """Nothing will follow: send what is held back."""

    @abstractmethod
    def close(self) -> None:
        """Give back what was opened."""

    @abstractmethod
    def wake(self, rendition: str, first_slot: int) -> None:
        """Somebody wants a rung that sleeps, of which all before `first_slot` was published. From any thread."""

    @abstractmethod
    def sleep(self, rendition: str) -> None:
        """Nobody wants it any more. From any thread."""

    @abstractmethod
    def stop(self) -> None:
        """Keep nobody waiting any longer. From any thread."""

    @abstractmethod
    def threads(self) -> list[tuple[str, Callable[[], None]]]:
        """Names and bodies of the threads that it needs."""


class Single(Outlet):
    """The one rendition of a stream without a ladder, encoded in the slot line's own thread. It never sleeps."""

    def __init__(self, line: RungLine) -> None:
        self._line = line

    def open(self) -> None:
        """Make the encoder."""
        self._line.open()

    def give(self, shot: Shot) -> None:
        """Encode it."""
        self._line.encode(shot)

    def finish(self) -> None:
        """Send what the encoder holds back."""
        self._line.flush()

    def close(self) -> None:
        """Give the encoder back."""
        self._line.close()

    def wake(self, rendition: str, first_slot: int) -> None:
        """It is awake."""

    def sleep(self, rendition: str) -> None:
        """It is all that there is."""

    def stop(self) -> None:
        """Nobody waits."""

    def threads(self) -> list[tuple[str, Callable[[], None]]]:
        """None but the slot line's."""
        return []


class LadderOutlet(Outlet):
    """Each slot's picture scaled once for each size, and given to the rungs that have the slot."""

    def __init__(self, lanes: list[Lane], board: Board, ring: Ring | None = None) -> None:
        self.lanes = lanes
        self._board = board
        self._ring = ring
        self._sizes = Sizes()

    def open(self) -> None:
        """Each rung opens its encoder in its own thread."""

    def give(self, shot: Shot) -> None:
        """Scale, and hand over; wait for the slowest. Raises `EncodeError` where one does not go on."""
        for lane in self.lanes:  # all, before the first has it: what a rung makes again ends where its own begin
            lane.look(shot.slot)
        for lane in self.lanes:
            if lane.takes(shot.slot):
                if lane.is_waited_for:
                    self._board.count("encoder_waits")
                rung = lane.line.rung
                i420 = self._sizes.of(shot.i420, rung.width, rung.height)
                lane.give(Shot(shot.slot, i420, shot.captured_ns))
        if self._ring is not None:
            self._board.gauges["renditions_awake"] = sum(lane.is_awake for lane in self.lanes)

    def finish(self) -> None:
        """Each rung does it in its own thread."""
        self.stop()

    def close(self) -> None:
        """End the rungs' threads."""
        self.stop()

    def wake(self, rendition: str, first_slot: int) -> None:
        """Have it made again, and go on."""
        for lane in self.lanes:
            if lane.line.rung.name == rendition:
                lane.wake(first_slot)

    def sleep(self, rendition: str) -> None:
        """Have it end with its segment."""
        for lane in self.lanes:
            if lane.line.rung.name == rendition:
                lane.sleep()

    def stop(self) -> None:
        """End the rungs' threads, and let the slot line go that waits for one."""
        if self._ring is not None:
            self._ring.close()
        for lane in self.lanes:
            lane.stop()

    def threads(self) -> list[tuple[str, Callable[[], None]]]:
        """One for each rung."""
        return [(f"encode {lane.line.rung.name}", lane.run) for lane in self.lanes]


def outlet_of(settings: StreamSettings, start: wire.Start, board: Board, link: Link) -> Outlet:
    """The renditions of `start.format`."""
    stream = start.format
    line_of = partial(RungLine, start, board=board, link=link, keyframe_interval_s=settings.keyframe_interval_s)
    if not stream.ladder:
        return Single(line_of(only_rung(stream, settings.video_bitrate_kbps)))
    top, *others = stream.ladder
    ring = Ring(Grid.of(stream).at(top.rate)) if settings.renditions_on_demand and others else None
    lanes = [Lane(line_of(top, ring=ring), board)]
    for rung in others:
        line = line_of(rung)
        lanes.append(Lane(line, board) if ring is None else SleepyLane(line, stream, ring, board, link))
    return LadderOutlet(lanes, board, ring)
