"""What becomes of a slot's picture: encoded and packaged once or, where there is a ladder, once for each rung.

A ladder has a thread for each encoder. Between it and the slot line lies a `Belt` of a few pictures, and the slot line
waits for the slowest encoder. So no rendition is ever further ahead of another than that, and a machine that is too
slow falls behind the clock with all of them at once, until the slot line skips, for all of them at once.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from relay import wire
from relay.encode import VideoEncoder
from relay.errors import EncodeError
from relay.ladder import only_rung
from relay.model import MediaKind
from relay.packager import VideoPackager, make_video_init
from relay.pixels import Pool, letterbox
from relay.timeline import Grid
from relay.worker.belt import Belt

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from relay.config import StreamSettings
    from relay.model import AccessUnit, Rung
    from relay.worker.board import Board
    from relay.worker.link import Link

log = structlog.get_logger()

MOST_ON_BELT: Final = 4
"""Pictures on their way into an encoder: enough that one which is slow over an IDR picture keeps nobody waiting."""

STUCK_AFTER_S: Final = 10.0
"""An encoder that takes no picture for so long is not slow: another worker has to take over."""


class Shot(NamedTuple):
    """What one slot shows. `captured_ns` is when, where it is a new picture of the camera's."""

    slot: int
    i420: NDArray[np.uint8]
    captured_ns: int | None


class RungLine:
    """One rendition, from its slot in `start` on. It is opened, used and closed in one thread.

    `start.format`'s slots are counted in the stream's rate; every n-th is one of the rung's.
    """

    def __init__(self, start: wire.Start, rung: Rung, board: Board, link: Link) -> None:
        grid = Grid.of(start.format)
        self.rung = rung
        self.grid = grid.at(rung.rate)
        self._format = start.format
        self._step = grid.slots_per_part // self.grid.slots_per_part
        self._first_slot = start.next_slots[rung.name]
        self._board = board
        self._link = link
        self._packager = VideoPackager(self.grid)
        self._is_first = True
        self._is_announced = False
        self._captured_ns: dict[int, int] = {}
        self._is_top = rung.name == MediaKind.VIDEO
        self._gauge = "encode_ms" if self._is_top else f"encode_ms_{rung.name}"

    def has(self, slot: int) -> bool:
        """Whether the rung has a picture in `slot`, and nobody has published it before."""
        return slot >= self._first_slot and slot % self._step == 0

    def open(self) -> None:
        """Make the encoder."""
        self._encoder = VideoEncoder(self._format, self.rung)
        self._board.adjust(f"renditions_by_{self._encoder.name}", 1)
        log.debug("encoder", rendition=self.rung.name, encoder=self._encoder.name)

    def close(self) -> None:
        """Give it back."""
        self._encoder.close()
        self._board.adjust(f"renditions_by_{self._encoder.name}", -1)

    def encode(self, shot: Shot) -> None:
        """Encode one of its slots, and send the part that is complete now."""
        began_s = time.monotonic()
        slot = shot.slot // self._step
        is_idr = self._is_first or self.grid.starts_segment(slot)
        self._is_first = False
        if self._is_top and shot.captured_ns is not None:
            self._captured_ns[slot] = shot.captured_ns
        units = self._encoder.encode(shot.i420, slot, is_idr=is_idr)
        self._board.smooth(self._gauge, (time.monotonic() - began_s) * 1000)
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
            self._package(unit)

    def _package(self, unit: AccessUnit) -> None:
        began_s = time.monotonic()
        part = self._packager.add(unit)
        if part is None:
            return
        self._link.send(wire.PartReady(part))
        if self._is_top:
            self._board.note_age("sent", self.grid.start_ns(self.grid.first_slot(part.msn, part.index + 1) - 1))
            self._board.smooth("package_ms", (time.monotonic() - began_s) * 1000)

    def _announce(self, unit: AccessUnit) -> None:
        bandwidth_bps, average_bps = self._encoder.bandwidth_bps, self._encoder.average_bandwidth_bps
        self._link.send(wire.InitReady(make_video_init(self._format, self.rung, unit, bandwidth_bps, average_bps)))


class Outlet(ABC):
    """Where the slot line hands what each slot shows. All but `stop` is called in its thread."""

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
    def stop(self) -> None:
        """Keep nobody waiting any longer. From any thread."""

    @abstractmethod
    def threads(self) -> list[tuple[str, Callable[[], None]]]:
        """Names and bodies of the threads that it needs."""


class Single(Outlet):
    """The one rendition of a stream without a ladder, encoded in the slot line's own thread."""

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

    def stop(self) -> None:
        """Nobody waits."""

    def threads(self) -> list[tuple[str, Callable[[], None]]]:
        """None but the slot line's."""
        return []


class Lane:
    """One rung, its thread, and the belt to it."""

    def __init__(self, line: RungLine) -> None:
        self.line = line
        # Never more than a segment of it, however slow its rate.
        self.belt: Belt[Shot] = Belt(max(1, min(MOST_ON_BELT, line.grid.slots_per_segment // 2)))

    def run(self) -> None:
        """Thread body."""
        self.line.open()
        try:
            while (shot := self.belt.take()) is not None:
                self.line.encode(shot)
                self.belt.done()
            self.line.flush()
        finally:
            self.line.close()


class LadderOutlet(Outlet):
    """Each slot's picture scaled once for each size, and given to the rungs that have the slot.

    A size below the half is scaled from the half, which is made once for all (as exact means of four pixels): bilinear
    from there is a tenth of the work of averaging areas (0.2 ms for 2.1 ms, 720p to 240p), and within 2 to 4 dB of it,
    where the encoder loses more. Out of another rung it would be 5 to 12 dB. What is repeated is not scaled again.
    """

    def __init__(self, lines: list[RungLine], board: Board) -> None:
        self.lanes = [Lane(line) for line in lines]
        self._board = board
        self._pool = Pool()
        self._whole: NDArray[np.uint8] | None = None
        self._scaled: dict[tuple[int, int], NDArray[np.uint8]] = {}

    def open(self) -> None:
        """Each rung opens its encoder in its own thread."""

    def give(self, shot: Shot) -> None:
        """Scale, and hand over; wait for the slowest. Raises `EncodeError` where one does not go on."""
        if shot.i420 is not self._whole:
            self._whole = shot.i420
            self._scaled = {(shot.i420.shape[1], shot.i420.shape[0] * 2 // 3): shot.i420}
        for lane in self.lanes:
            if lane.line.has(shot.slot):
                if lane.belt.is_full:
                    self._board.count("encoder_waits")
                rung = lane.line.rung
                own = shot._replace(i420=self._in_size(shot.i420, rung.width, rung.height))
                if not lane.belt.put(own, STUCK_AFTER_S):
                    raise EncodeError(f"the encoder of {rung.name} has taken no picture for {STUCK_AFTER_S:g} s")

    def finish(self) -> None:
        """Each rung does it in its own thread."""
        self.stop()

    def close(self) -> None:
        """End the rungs' threads."""
        self.stop()

    def stop(self) -> None:
        """End the rungs' threads, and let the slot line go that waits for one."""
        for lane in self.lanes:
            lane.belt.close()

    def threads(self) -> list[tuple[str, Callable[[], None]]]:
        """One for each rung."""
        return [(f"encode {lane.line.rung.name}", lane.run) for lane in self.lanes]

    def _in_size(self, i420: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        """`i420`, or what was made of it before, at that size."""
        found = self._scaled.get((width, height))
        if found is None:
            from_width, from_height = i420.shape[1], i420.shape[0] * 2 // 3
            is_small = 2 * width < from_width and 2 * height < from_height
            if is_small and from_width % 4 == from_height % 4 == 0:  # the half has halves of its chroma
                return self._in_size(self._in_size(i420, from_width // 2, from_height // 2), width, height)
            found = letterbox(i420, width, height, self._pool.i420(width, height))
            self._scaled[width, height] = found
        return found


def outlet_of(settings: StreamSettings, start: wire.Start, board: Board, link: Link) -> Outlet:
    """The renditions of `start.format`."""
    stream = start.format
    if not stream.ladder:
        return Single(RungLine(start, only_rung(stream, settings.video_bitrate_kbps), board, link))
    return LadderOutlet([RungLine(start, rung, board, link) for rung in stream.ladder], board)
