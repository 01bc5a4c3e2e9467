"""T3: one picture for every slot, for ever: the camera's, a repeat of it, or the slate."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from relay import slate, wire
from relay.encode import VideoEncoder
from relay.packager import VideoPackager, make_video_init
from relay.timeline import NS_PER_S, Grid, Lateness

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.config import StreamSettings
    from relay.model import AccessUnit, Picture
    from relay.worker.board import Board, Clock
    from relay.worker.handoff import Handoff
    from relay.worker.link import Link

log = structlog.get_logger()

MAX_WAIT_S: Final = 0.25


class VideoLine(threading.Thread):
    """Encodes slot after slot from `start.next_slot` on, in step with the clock or, after a takeover, faster."""

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
        super().__init__(name="video", daemon=True)
        stream = start.format
        self.grid = Grid.of(stream)
        self.next_slot = start.next_slot
        self.skipped_to: int | None = None
        self._stream_name = name
        self._format = stream
        self._packager = VideoPackager(self.grid)
        self._is_first = True
        self._clock = clock
        self._board = board
        self._link = link
        self._ready = ready
        self._stopping = threading.Event()
        self._stall_after_ns = int(settings.stall_after_s * NS_PER_S)
        slot_ns = self.grid.start_ns(1)
        self._lateness = Lateness(floor_ns=slot_ns, ceiling_ns=int(settings.max_jitter_s * NS_PER_S))
        self._shown: NDArray[np.uint8] | None = None
        self._shown_ns = self.grid.start_ns(start.next_slot)
        if start.data:
            self._shown = slate.from_jpeg(start.data, stream.width, stream.height, stream.matrix)
        self._slate: NDArray[np.uint8] | None = None
        self._slate_reason = ""
        self._bitrate_kbps = settings.video_bitrate_kbps

    def stop(self) -> None:
        """End the thread after the slot in hand."""
        self._stopping.set()
        self._ready.close()

    def run(self) -> None:
        """Thread body."""
        self._encoder = VideoEncoder(self._format, self._bitrate_kbps)
        try:
            while not self._stopping.is_set():
                self._step()
        finally:
            self._encoder.close()

    def _step(self) -> None:
        self._skip_if_far_behind()
        due_ns = self.grid.start_ns(self.next_slot) + self._lateness.deadline_ns
        picture = self._ready.take(min(MAX_WAIT_S, (due_ns - self._clock.unix_ns()) / NS_PER_S))
        now_ns = self._clock.unix_ns()
        if picture is not None:
            self._lateness.add(now_ns, now_ns - self.grid.start_ns(picture.slot))
            self._show(picture)
        self._fill(self.grid.slot_at(now_ns - self._lateness.deadline_ns) + 1)
        self._board.gauges["deadline_ms"] = self._lateness.deadline_ns / 1e6
        self._board.gauges["behind_ms"] = max(0, now_ns - self.grid.start_ns(self.next_slot)) / 1e6

    def _skip_if_far_behind(self) -> None:
        slot = self.grid.resume_slot(self.next_slot, self._clock.unix_ns())
        if slot != self.next_slot:
            self._board.count("skipped_slots", slot - self.next_slot)
            log.warning("too far behind the clock: skipped", slots=slot - self.next_slot)
            self.next_slot = self.skipped_to = slot

    def _show(self, picture: Picture) -> None:
        """Put `picture` into its slot, and repeat what was there before up to it."""
        if picture.slot < self.next_slot:
            self._board.count("late_frames")
        else:
            self._fill(picture.slot)
        self._shown, self._shown_ns, self._slate = picture.i420, picture.time_ns, None
        if picture.slot == self.next_slot:
            self._encode(picture.i420)

    def _fill(self, until_slot: int) -> None:
        """Fill every slot before `until_slot` with the last picture, or the slate once that is `stall_after` old."""
        while self.next_slot < until_slot and not self._stopping.is_set():
            if self._shown is None or self.grid.start_ns(self.next_slot) - self._shown_ns >= self._stall_after_ns:
                self._encode(self._slate_now())
                self._board.count("slate_slots")
            else:
                self._encode(self._shown)
                self._board.count("repeated_slots")

    def _slate_now(self) -> NDArray[np.uint8]:
        reason = self._board.health().reason
        if self._slate is None or reason != self._slate_reason:
            stream = self._format
            self._slate_reason = reason
            self._slate = slate.render(
                stream.width, stream.height, self._stream_name, self._shown_ns, reason, base=self._shown
            )
        return self._slate

    def _encode(self, i420: NDArray[np.uint8]) -> None:
        began_s = time.monotonic()
        slot = self.next_slot
        for unit in self._encoder.encode(i420, slot, is_idr=self._is_first or self.grid.starts_segment(slot)):
            if self._is_first:
                self._is_first = False
                self._announce(unit)
            part = self._packager.add(unit)
            if part is not None:
                self._link.send(wire.PartReady(part))
        self.next_slot = slot + 1
        self._board.count("slots")
        self._board.smooth("encode_ms", (time.monotonic() - began_s) * 1000)

    def _announce(self, unit: AccessUnit) -> None:
        bandwidth_bps, average_bps = self._encoder.bandwidth_bps, self._encoder.average_bandwidth_bps
        self._link.send(wire.InitReady(make_video_init(self._format, unit, bandwidth_bps, average_bps)))
