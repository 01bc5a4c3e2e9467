"""Pictures out of what the largest rung was encoded to: every slot, in order, up to where others are there."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures.worker import FIRST, GRID, SMALL, Outbox, SteppedClock, flat
from relay import wire
from relay.model import LatencyProfile, Rung
from relay.timeline import NS_PER_S, Grid
from relay.worker import replay as replay_module
from relay.worker.board import Board
from relay.worker.lanes import Shot
from relay.worker.replay import Replay
from relay.worker.ring import Ring
from relay.worker.rungs import RungLine

if TYPE_CHECKING:
    from relay.model import StreamFormat

TOP = Rung("video", 96, 64, Fraction(15), 200)
LENGTH = GRID.slots_per_segment
profiles = pytest.mark.parametrize("profile", list(LatencyProfile), ids=str)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "WAIT_S", 0.0)


def luma_of(slot: int) -> int:
    return 40 + 5 * (slot % 31)


def ring_of(slots: int, profile: LatencyProfile = LatencyProfile.LOW) -> Ring:
    """What an encoder has given of so many slots."""
    stream: StreamFormat = replace(SMALL, audio=False, ladder=(TOP,), latency_profile=profile)
    ring = Ring(Grid.of(stream))
    board = Board(SteppedClock(), NS_PER_S)
    line = RungLine(wire.Start(stream, {"video": FIRST}), TOP, board, Outbox().as_link(), ring)
    line.open()
    for slot in range(FIRST, FIRST + slots):
        line.encode(Shot(slot, flat(luma_of(slot)), None))
    line.close()
    return ring


def replay_of(ring: Ring, first_slot: int = FIRST) -> Replay:
    place = ring.find(first_slot)
    assert place is not None
    return Replay(ring, place, "bt709")


@profiles
def test_every_slot_up_to_the_end_comes_as_it_was_shown(profile: LatencyProfile) -> None:
    replay = replay_of(ring_of(3 * LENGTH, profile), FIRST + LENGTH)
    end = FIRST + 2 * LENGTH + 3
    shown = {slot: float(i420[:64].mean()) for slot, i420 in replay.pictures(lambda: end)}
    assert list(shown) == list(range(FIRST + LENGTH, end))
    assert all(abs(luma - luma_of(slot)) < 2.4 for slot, luma in shown.items()), shown
    assert replay.next_slot == end


def test_the_end_may_be_told_while_pictures_come_and_taken_back() -> None:
    replay = replay_of(ring_of(LENGTH))
    ends: list[int | None] = [None]
    came = []
    for slot, _ in replay.pictures(lambda: ends[0]):
        came.append(slot)
        if slot == FIRST + 4:
            ends[0] = FIRST + 20
    assert came == list(range(FIRST, FIRST + 20))
    assert replay.backlog > 0
    ends[0] = None
    came += [slot for slot, _ in replay.pictures(lambda: ends[0])]
    assert came == list(range(FIRST, replay.next_slot))
    assert replay.next_slot >= FIRST + LENGTH - 2, "but for what the decoder holds, all that there is"


def test_it_ends_where_nothing_comes_and_gives_what_the_decoder_holds_where_that_is_all() -> None:
    longer = ring_of(3 * LENGTH, LatencyProfile.QUALITY)
    ring = Ring(longer.grid)
    for unit in (longer.read(1, 0.0) or [])[:LENGTH]:
        ring.add(unit)
    replay = replay_of(ring)
    assert len([*replay.pictures(lambda: None)]) < LENGTH
    held = [slot for slot, _ in replay.pictures(lambda: FIRST + LENGTH)]
    assert replay.next_slot == FIRST + LENGTH
    assert held == list(range(FIRST + LENGTH - len(held), FIRST + LENGTH))
    assert [*replay.pictures(lambda: FIRST + LENGTH + 1)] == [], "and what is drained gives nothing more"


def test_it_ends_where_the_ring_has_lost_what_comes_next() -> None:
    ring = ring_of(LENGTH)
    replay = replay_of(ring)
    assert len([*replay.pictures(lambda: FIRST + 5)]) == 5
    ring.close()
    came = [*replay.pictures(lambda: FIRST + 2 * LENGTH)]
    assert replay.next_slot == FIRST + 5 + len(came) < FIRST + 2 * LENGTH


def test_it_ends_at_what_cannot_be_decoded_or_leaves_a_slot_out() -> None:
    good = ring_of(LENGTH)
    units = good.read(1, 0.0)
    assert units is not None
    broken, holed = Ring(good.grid), Ring(good.grid)
    for unit in units:
        broken.add(unit if unit.pts < FIRST + 9 else replace(unit, data=b"\x00\x00\x01\x41" + b"\xff" * 40))
        if unit.pts != FIRST + 9:
            holed.add(unit)
    for ring in (broken, holed):
        replay = replay_of(ring)
        came = [slot for slot, _ in replay.pictures(lambda: FIRST + LENGTH)]
        assert came == list(range(FIRST, replay.next_slot))
        assert FIRST + 7 <= replay.next_slot <= FIRST + 9
