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
from relay.transform import Chain, Pool, Setup, fit
from relay.worker.noticing import Noticing
from relay.worker.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config import StreamSettings
    from relay.links import TransformFigures
    from relay.model import Matrix, StreamFormat
    from relay.worker.board import Board, Clock
    from relay.worker.handoff import Handoff
    from relay.worker.link import Link

log = structlog.get_logger()

SNAPSHOT_EVERY_NS: Final = NS_PER_S
_WAIT_S: Final = 0.25
_COMPLAIN_EVERY_S: Final = 10.0
_UNKNOWN_PERIOD_S: Final = 1 / 30


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
        self._chain: Chain | None = None
        self._period_s = _UNKNOWN_PERIOD_S
        self._taken_ns: int | None = None
        self._stopping = threading.Event()
        self._is_first = True
        self._is_given_up = False
        self._snapshots = Snapshots(link, SNAPSHOT_EVERY_NS)
        self._noticing = Noticing(link, board, clock)
        self._complaints = Throttle(_COMPLAIN_EVERY_S)
        self._load_told, self._load_lines = (1, False), Throttle(_COMPLAIN_EVERY_S)

    def attach(self, stream: StreamFormat, ready: Handoff[Picture]) -> None:
        """From now on fit pictures to `stream` and hand them to `ready`."""
        self._period_s = float(1 / stream.rate)
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
        try:
            if not self.open():
                self._stopping.wait()
            while not self._stopping.is_set():
                picture = self._decoded.take(_WAIT_S)
                if picture is not None:
                    self.step(picture)
                else:
                    self.idle()
        finally:
            self.close()

    def open(self) -> bool:
        """Import, build and open the chain. Whether it can be: if not, the supervisor is told that it never will."""
        setup = Setup(self._period_s, on_event=self._noticing.send, on_failure=self._complain)
        try:
            self._chain = Chain(self._settings.transforms, setup)
            self._chain.open()
        except TransformError as error:
            self._complain(error)
            # Not the board's: there the source may be what is wrong first, and the owner has to hear of this.
            health = StreamHealth(StreamState.SLATE, self._clock.unix_ns(), error.for_viewers, str(error))
            self._link.send(wire.Health(health, fatal=True))
            self._is_given_up = True
            return False
        return True

    def close(self) -> None:
        """Let the transforms give back what they took; tell what is not told yet."""
        self._noticing.close()
        if self._chain is not None:
            self._chain.close()

    def step(self, picture: Picture) -> None:
        """Take `picture` through the chain and hand on what leaves it: none, where a link failed or holds it."""
        self._noticing.hurry()
        chain = self._chain
        if chain is None or self._is_given_up:
            return
        self._taken_ns = self._clock.unix_ns()
        chain.period_s = self._period_s
        if self._format is not None:
            chain.matrix = self._format.matrix
        began_s = time.monotonic()
        self._hand_on(lambda: chain.process(picture))
        self._board.smooth("transform_ms", (time.monotonic() - began_s) * 1000)
        self._say_how_busy(chain)

    def idle(self) -> None:
        """Nothing came. What transforms hold for the sake of the next picture is let go when that may take long."""
        self._noticing.hurry()
        chain, since_ns = self._chain, self._taken_ns
        if chain is None or since_ns is None or self._is_given_up:
            return
        if self._clock.unix_ns() - since_ns >= chain.hole_s * NS_PER_S:
            self._taken_ns = None
            self._hand_on(chain.flush)

    def figures(self) -> tuple[TransformFigures, ...]:
        """How each transform does. From any thread but its own, which could not say that one does not come back."""
        chain = self._chain
        if chain is None:
            return ()
        at_work = chain.at_work()
        if at_work is not None and at_work[1] >= self._settings.stall_after_s:
            self._board.transform_error = f"{at_work[0]} does not come to an end with a picture"
        return chain.figures()

    def _hand_on(self, work: Callable[[], list[Picture]]) -> None:
        try:
            pictures = work()
        except TransformError as error:
            # For good: somebody has said that nothing is to be shown then. A worker that is started anew tries anew.
            self._is_given_up = True
            self._complain(error)
            log.error("a transform has stopped the stream", error=str(error))  # noqa: TRY400 - its words say it all
            return
        if pictures:
            self._board.transform_error = ""
        for picture in pictures:
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
        # Before the start, as for a probe of an on-demand stream, the decoder's pictures are in BT.709.
        matrix: Matrix = stream.matrix if stream else "bt709"
        if self._snapshots.is_due(now_ns):
            self._snapshots.send(picture.i420, picture.time_ns, matrix)
        self._noticing.left(picture, matrix)

    def _complain(self, error: TransformError) -> None:
        self._board.count("transform_failures")
        self._board.transform_error = str(error)
        if times := self._complaints.count(self._clock.unix_ns() / NS_PER_S):
            log.warning("a transform failed", error=str(error), count=times)

    def _say_how_busy(self, chain: Chain) -> None:
        """In figures always; in words when it changes whether transforms rest, or frames are left out all the same."""
        if len(chain) == 0:
            return
        every = chain.every
        self._board.gauges["transform_load"] = chain.load
        self._board.gauges["transform_delay_ms"] = chain.delay_frames * chain.period_s * 1000
        told = (every, chain.is_over)
        if told == self._load_told or not self._load_lines.count(self._clock.unix_ns() / NS_PER_S):
            return
        self._load_told = told
        if told == (1, False):
            log.info("the transforms keep up with the frames again")
        else:
            resting = ", ".join(chain.resting) if every > 1 else "none"
            load = round(chain.load, 2)
            log.warning("the transforms are slower than the frames", load=load, resting=resting, every=every)
