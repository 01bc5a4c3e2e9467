"""What transforms notice, on its way to the supervisor: so much a second, whatever somebody's transform does.

With what begins goes a picture, and with a moment, each one a second at the most. It is that in which it was noticed,
as it left the chain: behind the transform that noticed it there may be one that hides something, and frames may be held
until it is known what. So an event waits for its frame. Where that does not leave the chain, the next may stand for it;
where none does for `PATIENCE_NS`, the event goes without. Those behind it wait too: they go in their order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay import slate, wire
from relay.links import MEASURED
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.links import Emitted
    from relay.model import Matrix, Picture
    from relay.worker.board import Board, Clock
    from relay.worker.link import Link

PER_S: Final = 20
"""Beyond that it is no event but a measurement, and belongs into a log or a file of its owner's."""
BURST: Final = 40
PICTURE_EVERY_NS: Final = NS_PER_S
PATIENCE_NS: Final = 2 * NS_PER_S
"""More than a chain holds frames: 64 of them at 30 a second, and after half a second without one it lets all go."""
STANDS_FOR_NS: Final = NS_PER_S
"""A picture that was taken so much later than the event may still show what was noticed."""
JPEG_QUALITY: Final = 80


@dataclass(frozen=True, slots=True)
class _Waiting:
    event: Emitted
    since_ns: int
    wants_picture: bool


class Noticing:
    """Passes events on as they come; those over the bound are counted, as `events_dropped`. One thread."""

    def __init__(self, link: Link, board: Board, clock: Clock) -> None:
        self._link = link
        self._board = board
        self._clock = clock
        self._room = float(BURST)
        self._at_ns = clock.unix_ns()
        self._pictured_at_ns: dict[bool, int] = {}
        self._pictured_ns: int | None = None
        self._waiting: deque[_Waiting] = deque()

    def send(self, event: Emitted) -> None:
        """Pass `event` on, once its picture has left the chain; or leave it out."""
        now_ns = self._clock.unix_ns()
        passed_s = max(0, now_ns - self._at_ns) / NS_PER_S
        self._at_ns = now_ns
        self._room = min(float(BURST), self._room + passed_s * PER_S)
        if self._room < 1:
            self._board.count("events_dropped")
            return
        self._room -= 1
        self._board.count("events_noticed")
        self._waiting.append(_Waiting(event, now_ns, self._may_have_picture(event, now_ns)))
        self.hurry()

    def left(self, picture: Picture, matrix: Matrix) -> None:
        """`picture`, whose colours are in `matrix`, has left the chain: what waits for it goes on."""
        jpeg = b""
        while self._waiting and (event := self._waiting[0].event).time_ns <= picture.time_ns:
            fits = self._waiting[0].wants_picture and picture.time_ns - event.time_ns <= STANDS_FOR_NS
            if fits and not jpeg:
                jpeg = slate.to_jpeg(picture.i420, JPEG_QUALITY, matrix)
            self._pass_on(jpeg if fits else b"")
        self.hurry()

    def hurry(self) -> None:
        """Pass on what waits for nothing, and what has waited too long."""
        now_ns = self._clock.unix_ns()
        while self._waiting:
            first = self._waiting[0]
            if first.wants_picture and 0 <= now_ns - first.since_ns < PATIENCE_NS:
                return
            self._pass_on(b"")

    def close(self) -> None:
        """No picture will come."""
        while self._waiting:
            self._pass_on(b"")

    def _pass_on(self, jpeg: bytes) -> None:
        self._link.send(wire.Noticed(self._waiting.popleft().event, jpeg))

    def _may_have_picture(self, event: Emitted, now_ns: int) -> bool:
        """Whether it is the turn of one, or the event is of the same frame as the last that had its turn.

        Moments do not take the turn of what begins: there are transforms that tell of one in every frame.
        """
        phase = event.data.get("phase")
        if phase == "end" or event.kind in MEASURED:
            return False
        if event.time_ns == self._pictured_ns:
            return True
        is_moment = phase is None
        last = [at_ns for of_moment, at_ns in self._pictured_at_ns.items() if is_moment or not of_moment]
        if any(0 <= now_ns - at_ns < PICTURE_EVERY_NS for at_ns in last):
            return False
        self._pictured_at_ns[is_moment], self._pictured_ns = now_ns, event.time_ns
        return True
