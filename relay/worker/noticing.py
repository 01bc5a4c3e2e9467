"""What transforms notice, on its way to the supervisor: so much a second, whatever somebody's transform does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay import wire
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.links import Emitted
    from relay.worker.board import Board, Clock
    from relay.worker.link import Link

PER_S: Final = 20
"""Beyond that it is no event but a measurement, and belongs into a log or a file of its owner's."""
BURST: Final = 40


class Noticing:
    """Passes events on as they come; those over the bound are counted, as `events_dropped`. One thread."""

    def __init__(self, link: Link, board: Board, clock: Clock) -> None:
        self._link = link
        self._board = board
        self._clock = clock
        self._room = float(BURST)
        self._at_ns = clock.unix_ns()

    def send(self, event: Emitted) -> None:
        """Pass `event` on, or leave it out."""
        now_ns = self._clock.unix_ns()
        passed_s = max(0, now_ns - self._at_ns) / NS_PER_S
        self._at_ns = now_ns
        self._room = min(float(BURST), self._room + passed_s * PER_S)
        if self._room < 1:
            self._board.count("events_dropped")
            return
        self._room -= 1
        self._board.count("events_noticed")
        self._link.send(wire.Noticed(event))
