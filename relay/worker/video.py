"""T3: one picture for every slot, for ever: the camera's, a repeat of it, or the slate."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog

from relay.model import MediaKind
from relay.slots import Fill, Lateness, SlotFiller
from relay.timeline import NS_PER_S, Grid
from relay.worker.lanes import Shot
from relay.worker.painter import SlatePainter, picture_of
from relay.worker.rungs import outlet_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from relay import wire
    from relay.config import StreamSettings
    from relay.model import Picture
    from relay.worker.board import Board, Clock
    from relay.worker.handoff import Handoff
    from relay.worker.link import Link

log = structlog.get_logger()

MAX_WAIT_S: Final = 0.25


class VideoLine:
    """Hands slot after slot to the renditions, in step with the clock or, after a takeover, faster.

    It begins where the rendition begins that is furthest behind. `run` is the body of its thread: `open`, then `step`
    after `step`, then `close`; a ladder needs `threads` beside it.
    """

    def __init__(
        self,
        name: str,
        settings: StreamSettings,
        start: wire.Start,
        clock: Clock,
        board: Board,
        link: Link,
        ready: Handoff[Picture],
    ) -> None:
        self.grid = Grid.of(start.format)
        self._clock = clock
        self._board = board
        self._ready = ready
        self._stopping = threading.Event()
        self._outlet = outlet_of(settings, start, board, link)
        kinds = start.format.renditions
        slot_ns = self.grid.start_ns(1)
        self._lateness = Lateness(slot_ns, int(settings.max_jitter_s * NS_PER_S), margin_ns=slot_ns)
        self._shown = picture_of(start)
        self.slots = SlotFiller(
            self.grid,
            min(slot for name, slot in start.next_slots.items() if kinds[name] is MediaKind.VIDEO),
            int(settings.stall_after_s * NS_PER_S),
            has_picture=self._shown is not None and not start.is_data_old,
        )
        self._painter = SlatePainter(name, settings, start.format)

    def stop(self) -> None:
        """End the thread after the slot in hand."""
        self._stopping.set()
        self._ready.close()
        self._outlet.stop()

    def wake(self, rendition: str, first_slot: int) -> None:
        """Encode a rung that sleeps, of which all before `first_slot` was published. From any thread."""
        self._outlet.wake(rendition, first_slot)

    def sleep(self, rendition: str) -> None:
        """Encode it no more, from its next segment on. From any thread."""
        self._outlet.sleep(rendition)

    def threads(self) -> list[tuple[str, Callable[[], None]]]:
        """Names and bodies of the threads to start beside its own."""
        return self._outlet.threads()

    def run(self) -> None:
        """Thread body."""
        self.open()
        try:
            while not self._stopping.is_set():
                self.step(self._ready.take(self.wait_s()))
            self._outlet.finish()
        finally:
            self.close()

    def open(self) -> None:
        """Make what the thread uses."""
        self._outlet.open()

    def close(self) -> None:
        """Give it back."""
        self._outlet.close()

    def wait_s(self) -> float:
        """How long to wait for a picture before the next step: until the next slot is due, or a quarter of a second."""
        due_ns = self.grid.start_ns(self.slots.next_slot) + self._lateness.deadline_ns
        return max(0.0, min(MAX_WAIT_S, (due_ns - self._clock.unix_ns()) / NS_PER_S))

    def step(self, picture: Picture | None) -> None:
        """Encode what can be told now: all up to `picture`, if one came, and all whose deadline has passed."""
        now_ns = self._clock.unix_ns()
        # Here and not before the wait: a clock that was set meanwhile must not have an hour of repeats encoded.
        if skipped := self.slots.skip(now_ns):
            self._board.count("skipped_slots", skipped)
            log.warning("too far behind the clock: skipped", slots=skipped)
        if picture is not None:
            self._show(picture, now_ns)
        self._fill(self.grid.slot_at(now_ns - self._lateness.deadline_ns) + 1)
        self._board.gauges["deadline_ms"] = self._lateness.deadline_ns / 1e6
        self._board.gauges["behind_ms"] = max(0, now_ns - self.grid.start_ns(self.slots.next_slot)) / 1e6

    def _show(self, picture: Picture, now_ns: int) -> None:
        """Put `picture` into its slot, and repeat what was there before up to it."""
        slots = self.slots
        # Before the first slot begins, pictures come early and not late: they only are what the first may repeat.
        if picture.slot >= slots.first_slot:
            self._lateness.add(now_ns, now_ns - self.grid.start_ns(picture.slot))
            if picture.slot < slots.next_slot:
                self._board.count("late_frames")
        self._fill(picture.slot)
        slots.show(picture.slot, picture.time_ns)
        self._shown = picture.i420
        self._painter.forget()
        if picture.slot == slots.next_slot:
            self._fill(picture.slot + 1)

    def _fill(self, until_slot: int) -> None:
        """Encode every slot before `until_slot`."""
        while self.slots.next_slot < until_slot and not self._stopping.is_set():
            slot, fill = self.slots.take(is_live=self._board.is_live())
            captured_ns = self.slots.shown_ns
            if self._shown is None or fill is Fill.SLATE:
                self._outlet.give(Shot(slot, self._slate_now(), None))
                self._board.count("slate_slots")
            else:
                is_new = fill is Fill.PICTURE
                self._outlet.give(Shot(slot, self._shown, captured_ns if is_new else None))
                if not is_new:
                    self._board.count("repeated_slots")
            self._board.count("slots")

    def _slate_now(self) -> NDArray[np.uint8]:
        since_ns = self.slots.shown_ns
        if since_ns is None:
            since_ns = self.grid.start_ns(self.slots.first_slot)
        return self._painter.paint(self._board.health(), since_ns, self._shown)
