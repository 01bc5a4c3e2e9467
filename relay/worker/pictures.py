"""T2: every decoded picture through the owner's chain, and nothing that has not left it goes on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from relay import wire
from relay.errors import TransformError
from relay.logs import Throttle
from relay.model import Picture, StreamHealth, StreamState
from relay.timeline import NS_PER_S
from relay.transform import Chain, Pool, fit
from relay.worker.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config import StreamSettings
    from relay.model import StreamFormat
    from relay.worker.board import Board, Clock
    from relay.worker.handoff import Handoff
    from relay.worker.link import Link

log = structlog.get_logger()

SNAPSHOT_EVERY_NS: Final = NS_PER_S
_WAIT_S: Final = 0.25
_COMPLAIN_EVERY_S: Final = 10.0


class PictureLine:
    """Takes from `decoded`, gives to `ready`. `on_first` hears the size of the first picture that left the chain.

    The owner's own code is not even imported for the first `hold_s`, nor outside of this thread.
    """

    def __init__(
        self,
        settings: StreamSettings,
        hold_s: float,
        clock: Clock,
        board: Board,
        link: Link,
        decoded: Handoff[Picture],
        on_first: Callable[[int, int], None],
    ) -> None:
        self._settings = settings
        self._hold_s = hold_s
        self._clock = clock
        self._board = board
        self._link = link
        self._decoded = decoded
        self._on_first = on_first
        self._pool = Pool()
        self._ready: Handoff[Picture] | None = None
        self._format: StreamFormat | None = None
        self._stopping = threading.Event()
        self._is_first = True
        self._snapshots = Snapshots(link, SNAPSHOT_EVERY_NS)
        self._complaints = Throttle(_COMPLAIN_EVERY_S)

    def attach(self, stream: StreamFormat, ready: Handoff[Picture]) -> None:
        """From now on fit pictures to `stream` and hand them to `ready`."""
        self._format = stream
        self._ready = ready

    def stop(self) -> None:
        """End the thread after the picture in hand."""
        self._stopping.set()
        self._decoded.close()

    def run(self) -> None:
        """Thread body."""
        if self._stopping.wait(self._hold_s):
            return
        if not self.open():
            self._stopping.wait()
        while not self._stopping.is_set():
            picture = self._decoded.take(_WAIT_S)
            if picture is not None:
                self.step(picture)

    def open(self) -> bool:
        """Import and build the chain. Whether it can be: if not, the supervisor is told that it never will."""
        try:
            self._chain = Chain(self._settings.transforms)
        except TransformError as error:
            self._complain(error)
            # Not the board's: there the source may be what is wrong first, and the owner has to hear of this.
            health = StreamHealth(StreamState.SLATE, self._clock.unix_ns(), error.for_viewers, str(error))
            self._link.send(wire.Health(health, fatal=True))
            return False
        return True

    def step(self, picture: Picture) -> None:
        """Take `picture` through the chain and hand it on; or, where a link fails, nothing at all."""
        began_s = time.monotonic()
        try:
            picture = self._chain.process(picture)
        except TransformError as error:
            self._complain(error)
            return
        self._board.transform_error = ""
        self._board.smooth("transform_ms", (time.monotonic() - began_s) * 1000)
        self._forward(picture)

    def _forward(self, picture: Picture) -> None:
        if self._is_first:
            self._is_first = False
            self._on_first(picture.width, picture.height)
        now_ns = self._clock.unix_ns()
        self._board.last_frame_ns = now_ns
        self._board.note_age("transformed", picture.time_ns)
        stream, ready = self._format, self._ready
        if stream is not None and ready is not None:
            if (picture.width, picture.height) != (stream.width, stream.height):
                fitted = fit(picture, stream.width, stream.height, out=self._pool.i420(stream.width, stream.height))
                picture = Picture(picture.slot, picture.time_ns, fitted)
            ready.put(picture)
        if self._snapshots.is_due(now_ns):
            # Before the start, as for a probe of an on-demand stream, the decoder's pictures are in BT.709.
            self._snapshots.send(picture.i420, picture.time_ns, stream.matrix if stream else "bt709")

    def _complain(self, error: TransformError) -> None:
        self._board.count("transform_failures")
        self._board.transform_error = str(error)
        if times := self._complaints.count(self._clock.unix_ns() / NS_PER_S):
            log.warning("transform failed, the picture is not shown", error=str(error), count=times)
