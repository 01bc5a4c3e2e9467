"""Where each rendition goes on when a worker is replaced by another."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.published import AUDIO_INIT, FORMAT, MSN, VIDEO_INIT, make_part
from relay.errors import ProtocolError
from relay.model import MediaKind, Part, Rung
from relay.supervisor.places import Places
from relay.timeline import Grid

SMALL = Rung("video-240p15", 426, 240, Fraction(15), 300)
LADDER = replace(FORMAT, ladder=(Rung("video", 1280, 720, Fraction(30), 2500), SMALL))
GRID = Grid.of(LADDER)
FIRST = GRID.first_slot(MSN)
NAMES = list(LADDER.renditions)
INITS = [VIDEO_INIT, replace(VIDEO_INIT, rendition=SMALL.name), AUDIO_INIT]


def part_of(name: str, n: int) -> Part:
    """Part `n` since the beginning, as that rendition's packager numbers it."""
    kind = LADDER.renditions[name]
    grid = GRID.at(SMALL.rate) if name == SMALL.name else GRID
    msn, index = MSN + n // GRID.parts_per_segment, n % GRID.parts_per_segment
    return replace(make_part(grid, kind, msn, index), rendition=name)


def test_all_begin_side_by_side() -> None:
    places = Places(LADDER, FIRST)
    assert places.next_slots == {"video": FIRST, "video-240p15": FIRST, "audio": FIRST}
    assert Places(replace(LADDER, audio=False), 0).next_slots == {"video": 0, "video-240p15": 0}
    assert Places(FORMAT, FIRST).next_slots == {"video": FIRST, "audio": FIRST}
    places.begin(FIRST + GRID.slots_per_segment)
    assert set(places.next_slots.values()) == {FIRST + GRID.slots_per_segment}


@given(st.lists(st.sampled_from(NAMES), max_size=60))
def test_each_goes_on_behind_its_own_last_part_in_the_streams_slots(order: list[str]) -> None:
    places = Places(LADDER, FIRST)
    for init in INITS:
        places.describe(init)
    for n, name in enumerate(order):
        end = places.publish(part_of(name, order[:n].count(name)))
        assert end == places.next_slots[name]
    for name in NAMES:
        assert places.next_slots[name] == FIRST + order.count(name) * GRID.slots_per_part


def test_which_carry_pictures() -> None:
    places = Places(LADDER, FIRST)
    assert [places.is_video(part_of(name, 0)) for name in NAMES] == [True, True, False]


def test_what_the_stream_does_not_have_is_refused() -> None:
    places = Places(FORMAT, FIRST)
    with pytest.raises(ProtocolError, match="there is no rendition 'video-240p15'"):
        places.describe(INITS[1])
    with pytest.raises(ProtocolError, match="a part of 'video' came before its init segment"):
        places.publish(make_part(GRID, MediaKind.VIDEO, MSN, 0))


def test_a_rung_that_was_woken_is_awake_when_it_has_come_to_where_the_largest_was() -> None:
    places = Places(LADDER, FIRST)
    for init in INITS:
        places.describe(init)
    places.sleep(SMALL.name)
    assert (places.is_asleep(SMALL.name), places.is_awake(SMALL.name), places.is_awake("video")) == (True, False, True)
    for n in range(4):
        places.publish(part_of("video", n))
    assert places.start_slots == {"video": FIRST + 4 * GRID.slots_per_part, "audio": FIRST}
    assert places.wake(SMALL.name) == FIRST
    for n in range(4):
        assert (places.is_asleep(SMALL.name), places.is_awake(SMALL.name)) == (False, False)
        assert SMALL.name not in places.start_slots
        places.publish(part_of("video", 4 + n))
        places.publish(part_of(SMALL.name, n))
    assert places.is_awake(SMALL.name)
    assert places.start_slots[SMALL.name] == FIRST + 4 * GRID.slots_per_part
    places.sleep(SMALL.name)
    assert places.wake(SMALL.name) == FIRST + 4 * GRID.slots_per_part, "what was published before it slept"
    places.sleep(SMALL.name)
    assert places.is_asleep(SMALL.name)
