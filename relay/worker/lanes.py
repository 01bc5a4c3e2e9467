"""Encoders beside the slot line, each in a thread behind a `Belt`; and those that sleep while nobody watches.

A rung that sleeps has no encoder and is given no picture. When it is woken, its thread makes it again out of what the
largest rung was encoded to (`Ring`, `Replay`), faster than real time and in the encoder with which it then goes on, so
that its rate is held all the way. The slot line never waits for that: only when the thread has nearly all there is does
it ask to be given pictures too, from the next slot on. What lies before that slot is still in the largest rung's
encoder, and comes; until then the pictures wait on the belt.

    asleep --wake--> catches up --asks--> is fed: joins, then live --sleep--> finishes its segment --> asleep
"""

from __future__ import annotations

import math
import threading
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from relay import wire
from relay.errors import EncodeError
from relay.timeline import Grid
from relay.worker.belt import Belt
from relay.worker.replay import Replay
from relay.worker.sizes import Sizes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.model import StreamFormat
    from relay.worker.board import Board
    from relay.worker.link import Link
    from relay.worker.ring import Ring
    from relay.worker.rungs import RungLine

log = structlog.get_logger()

MOST_ON_BELT: Final = 4
"""Pictures on their way into an encoder: enough that one which is slow over an IDR picture keeps nobody waiting."""

STUCK_AFTER_S: Final = 10.0
"""An encoder that takes no picture for so long is not slow: another worker has to take over."""

NEAR: Final = 8
"""So few pictures behind what is known, a rung asks for those to come."""

JOIN_S: Final = 2
JOIN_BYTES: Final = 128 * 1024 * 1024
"""What may wait on the belt of a rung that joins: twice the second for which the largest rung may look ahead."""

MOST_MISSES: Final = 2
"""So often there was no room for it: then it begins anew where a segment does, with nothing to be made again."""


class Shot(NamedTuple):
    """What one slot shows. `captured_ns` is when, where it is a new picture of the camera's."""

    slot: int
    i420: NDArray[np.uint8]
    captured_ns: int | None


class Lane:
    """One rung that never sleeps, its thread, and the belt to it."""

    def __init__(self, line: RungLine, board: Board) -> None:
        self.line = line
        # Never more than a segment of it, however slow its rate.
        self._limit = max(1, min(MOST_ON_BELT, line.grid.slots_per_segment // 2))
        self.belt: Belt[Shot] = Belt(self._limit)
        self._board = board

    @property
    def is_awake(self) -> bool:
        """Whether it is encoded now."""
        return True

    def look(self, slot: int) -> None:
        """No lane has been given `slot` yet; the next comes to all that take it."""

    def takes(self, slot: int) -> bool:
        """Whether it is to be given `slot`."""
        return self.line.has(slot)

    @property
    def is_waited_for(self) -> bool:
        """Whether `give` would wait."""
        return self.belt.is_full

    def give(self, shot: Shot) -> None:
        """Hand over a picture of the rung's size; wait for room. Raises `EncodeError` where it does not go on."""
        if not self.belt.put(shot, STUCK_AFTER_S):
            raise EncodeError(f"the encoder of {self.line.rung.name} has taken no picture for {STUCK_AFTER_S:g} s")

    def wake(self, first_slot: int) -> None:
        """Somebody wants it. From any thread."""

    def sleep(self) -> None:
        """Nobody wants it. From any thread."""

    def stop(self) -> None:
        """End its thread, and let the slot line go that waits for it. From any thread."""
        self.belt.close()

    def run(self) -> None:
        """Thread body."""
        self.line.open()
        try:
            self._work_off()
            self.line.flush()
        finally:
            self.line.close()

    def _work_off(self) -> None:
        """Encode what comes on the belt until its end."""
        while (shot := self.belt.take()) is not None:
            self.line.encode(shot)
            self.belt.done()


class _Asks(Enum):
    """From where on a rung's thread wants pictures."""

    NOTHING = auto()
    NEXT_SLOT = auto()
    NEXT_SEGMENT = auto()


class SleepyLane(Lane):
    """One rung that is encoded only while somebody wants it."""

    def __init__(self, line: RungLine, stream: StreamFormat, ring: Ring, board: Board, link: Link) -> None:
        super().__init__(line, board)
        picture_bytes = line.rung.width * line.rung.height * 3 // 2
        self._most_joining = min(math.ceil(JOIN_S * line.rung.rate), JOIN_BYTES // picture_bytes)
        self._grid = Grid.of(stream)
        self._step = self._grid.slots_per_part // ring.grid.slots_per_part
        self._matrix = stream.matrix
        self._ring = ring
        self._link = link
        self._sizes = Sizes()
        # What follows is told between three threads: the slot line's, the rung's and the supervisor's word.
        self._state = threading.Condition()
        is_awake = not line.begins_asleep
        self._wanted_from: int | None = 0 if is_awake else None
        self._is_awake = self._is_fed = self._is_live = is_awake
        self._asks = _Asks.NOTHING
        self._joined_at: int | None = None
        self._misses = self._made = self._claimed = 0
        self._is_stopped = False

    @property
    def is_awake(self) -> bool:
        """Whether it is encoded now."""
        return self._is_awake

    def wake(self, first_slot: int) -> None:
        """Somebody wants it; what lies before `first_slot` was published."""
        with self._state:
            self._wanted_from = first_slot
            self._state.notify_all()

    def sleep(self) -> None:
        """Nobody wants it."""
        with self._state:
            self._wanted_from = None
            if not self._is_awake:
                self._link.send(wire.Asleep(self.line.rung.name))
            self._state.notify_all()

    def stop(self) -> None:
        """End its thread, and let the slot line go that waits for it."""
        with self._state:
            self._is_stopped = True
            self.belt.close()
            self._state.notify_all()

    # In the slot line's thread.

    def look(self, slot: int) -> None:
        """Begin to give it pictures where it asks for them, and end that where a segment does that is its last."""
        with self._state:
            begins_segment = self._grid.starts_segment(slot)
            if self._is_stopped:
                return
            if self._is_fed:
                if self._wanted_from is None and begins_segment:
                    self._is_fed = False
                    self.belt.finish()
            elif self._asks is _Asks.NEXT_SLOT and slot >= self._claimed:
                self._begin_to_feed()
                self._joined_at = slot
            elif self._asks is _Asks.NEXT_SEGMENT and begins_segment and slot >= (self._wanted_from or 0):
                self._begin_to_feed()
                self._is_live = True
                self._state.notify_all()

    def _begin_to_feed(self) -> None:
        self._asks, self._is_fed = _Asks.NOTHING, True
        self.belt = Belt(self._limit, self._most_joining)

    def takes(self, slot: int) -> bool:
        """Whether it is to be given `slot`."""
        return self._is_fed and super().takes(slot)

    @property
    def is_waited_for(self) -> bool:
        """Whether `give` would wait."""
        return self._is_live and super().is_waited_for

    def give(self, shot: Shot) -> None:
        """Hand over a picture; wait for room where it is live. Before that it is let go, and asks again."""
        with self._state:
            if not self._is_live and self.belt.is_full:
                self._joined_at, self._is_fed = None, False
                self._misses += 1
                return
        super().give(shot)

    # In its own thread.

    def run(self) -> None:
        """Thread body."""
        if not self._is_awake:
            self.line.introduce()
        while self._wakes():
            self.line.open()
            try:
                if self._is_live or self._catch_up():
                    self._work_off()
                self.line.flush()
            finally:
                self.line.close()
            self._fall_asleep()

    def _wakes(self) -> bool:
        """Wait until somebody wants it. `False`: the worker ends."""
        with self._state:
            self._state.wait_for(lambda: self._is_stopped or self._wanted_from is not None)
            if self._is_stopped:
                return False
            if not self._is_awake:
                self._is_awake, self._misses = True, 0
                self._board.count("rendition_wakes")
            return True

    def _fall_asleep(self) -> None:
        with self._state:
            self._is_awake = self._is_fed = self._is_live = False
            self._asks, self._joined_at = _Asks.NOTHING, None
            if self._is_stopped:
                return
            self._link.send(wire.Asleep(self.line.rung.name))
        self._board.gauges.pop(self.line.gauge, None)
        log.info("a rendition sleeps", rendition=self.line.rung.name)

    def _catch_up(self) -> bool:
        """Make again what was sent of the largest rung, and join the slot line. `False`: it is wanted no more."""
        began_s, self._made, self._claimed = time.monotonic(), 0, 0
        first_slot = max(self._wanted_from or 0, self.line.sent_until)
        place = self._ring.find(-(-first_slot // self._step))
        replay = None if place is None else Replay(self._ring, place, self._matrix)
        is_live = self._make_again(replay) if replay is not None else None
        if is_live is None:
            is_live = self._join_at_segment()
        if is_live:
            took_ms = round((time.monotonic() - began_s) * 1000)
            log.info("a rendition wakes", rendition=self.line.rung.name, backfilled_slots=self._made, took_ms=took_ms)
        return is_live

    def _make_again(self, replay: Replay) -> bool | None:
        """Encode what `replay` shows, up to where the slot line's pictures begin.

        Whether it is live then, and not wanted no more; `None` where it cannot be brought together.
        """
        for slot, i420 in replay.pictures(self._end_of_replay):
            if self._ring.grid.starts_segment(slot) and not self._goes_on():
                return False
            self._encode_again(slot * self._step, i420)
            if self._misses >= MOST_MISSES:
                return None
            if replay.backlog <= NEAR:
                self._ask_for_next_slot()
        with self._state:
            end = self._end_of_replay()
            self._is_live = end is not None and replay.next_slot >= end and not self._is_stopped
            return True if self._is_live else None

    def _end_of_replay(self) -> int | None:
        """The slot, of the ring's, that nothing is made again from, once that is known."""
        joined_at = self._joined_at
        return None if joined_at is None else -(-joined_at // self._step)

    def _encode_again(self, slot: int, i420: NDArray[np.uint8]) -> None:
        """Encode the slots, of the stream's, that a picture of the largest rung is shown in."""
        rung, end = self.line.rung, slot + self._step
        with self._state:
            # Where the largest is the slower one, the slot line may be amid its picture: it joins behind what is made.
            self._claimed = end = end if self._joined_at is None else min(end, self._joined_at)
        for own in range(slot, end):
            if self.line.has(own):
                self.line.encode(Shot(own, self._sizes.of(i420, rung.width, rung.height), None))
                self._made += 1
                self._board.count("backfilled_slots")

    def _goes_on(self) -> bool:
        """Whether it is still wanted, or given pictures, whose end the slot line says."""
        with self._state:
            if self._is_stopped or (self._wanted_from is None and not self._is_fed):
                self._asks = _Asks.NOTHING
                return False
            return True

    def _ask_for_next_slot(self) -> None:
        with self._state:
            if not self._is_fed and self._wanted_from is not None:
                self._asks = _Asks.NEXT_SLOT

    def _join_at_segment(self) -> bool:
        """Go on with the slot line's pictures, from the next segment on. `False`: it is wanted no more."""
        with self._state:
            if not self._is_stopped:
                log.warning("a rendition begins with what comes", rendition=self.line.rung.name)
            self._joined_at, self._is_fed, self._asks = None, False, _Asks.NEXT_SEGMENT
            self._state.wait_for(lambda: self._is_stopped or self._wanted_from is None or self._is_live)
            self._asks = _Asks.NOTHING
            return self._is_live and not self._is_stopped
