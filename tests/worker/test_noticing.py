"""Events go on as they come, up to a bound; what is more is counted."""

from __future__ import annotations

from fixtures.worker import Outbox, SteppedClock
from relay import wire
from relay.links import Emitted
from relay.timeline import NS_PER_S
from relay.worker.board import Board
from relay.worker.noticing import BURST, PER_S, Noticing


def test_a_flood_of_events_is_cut_off_and_counted() -> None:
    clock, outbox = SteppedClock(), Outbox()
    board = Board(clock, NS_PER_S)
    noticing = Noticing(outbox.as_link(), board, clock)
    for n in range(100):
        noticing.send(Emitted("motion", n))
    assert [message.event.time_ns for message in outbox.of(wire.Noticed)] == list(range(BURST))
    assert (board.counters["events_noticed"], board.counters["events_dropped"]) == (BURST, 100 - BURST)
    clock.advance(1)
    for n in range(100):
        noticing.send(Emitted("motion", n))
    assert board.counters["events_noticed"] == BURST + PER_S


def test_so_many_a_second_all_go_on() -> None:
    clock, outbox = SteppedClock(), Outbox()
    board = Board(clock, NS_PER_S)
    noticing = Noticing(outbox.as_link(), board, clock)
    for n in range(20 * PER_S):
        noticing.send(Emitted("motion", n))
        clock.advance(1 / PER_S)
    assert len(outbox.messages) == 20 * PER_S
    assert board.counters["events_dropped"] == 0
