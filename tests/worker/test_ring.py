"""What is kept of the largest rung: the newest whole segments without a hole, within its bounds."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.worker import FIRST, GRID
from relay.model import AccessUnit
from relay.worker.ring import MOST_SEGMENTS, Place, Ring

if TYPE_CHECKING:
    from relay.timeline import Grid

LENGTH = GRID.slots_per_segment
WITHIN_S = 10.0


def unit(slot: int, size_bytes: int = 10, grid: Grid = GRID, *, is_first: bool = False) -> AccessUnit:
    return AccessUnit("video", slot, slot, is_first or grid.starts_segment(slot), bytes(size_bytes))


def fill(ring: Ring, first: int, end: int) -> None:
    for slot in range(first, end):
        ring.add(unit(slot, is_first=slot == first))


def slots(units: list[AccessUnit] | None) -> list[int]:
    assert units is not None
    return [one.pts for one in units]


def test_the_oldest_segment_behind_what_was_published_is_found_and_all_behind_it_is_read() -> None:
    ring = Ring(GRID)
    fill(ring, FIRST, FIRST + 2 * LENGTH + 5)
    for first_slot, found in ((0, FIRST), (FIRST, FIRST), (FIRST + 1, FIRST + LENGTH)):
        place = ring.find(first_slot)
        assert place is not None
        assert place.slot == found
        assert slots(ring.read(place.number, 0.0)) == list(range(found, FIRST + 2 * LENGTH + 5))
        assert slots(ring.read(place.number + 3, 0.0)) == list(range(found + 3, FIRST + 2 * LENGTH + 5))
    assert ring.find(FIRST + 2 * LENGTH + 1) is None


@pytest.mark.parametrize(("segment_s", "kept"), [(2, 4), (4, 4), (5, 3), (10, 1)])
def test_four_whole_segments_are_kept_or_fewer_long_ones(segment_s: int, kept: int) -> None:
    grid = replace(GRID, parts_per_segment=segment_s * 5)
    ring = Ring(grid)
    first = grid.next_segment_slot(FIRST)
    end = first + 7 * grid.slots_per_segment + 2
    for slot in range(first, end):
        ring.add(unit(slot, grid=grid))
    place = ring.find(0)
    assert place is not None
    assert place.slot == first + (7 - kept) * grid.slots_per_segment
    assert ring.bytes_held == 10 * (end - place.slot)


@given(st.integers(0, 8 * LENGTH), st.integers(1, 400), st.integers(0, 3000))
def test_it_is_bounded_and_what_it_has_goes_up_to_now(count: int, size_bytes: int, most_bytes: int) -> None:
    ring = Ring(GRID, most_bytes)
    for slot in range(FIRST, FIRST + count):
        ring.add(unit(slot, size_bytes))
    assert ring.bytes_held <= most_bytes
    place = ring.find(0)
    if place is None:
        assert ring.bytes_held == 0
    else:
        assert GRID.starts_segment(place.slot)
        assert slots(ring.read(place.number, 0.0)) == list(range(place.slot, FIRST + count))
        assert FIRST + count - place.slot <= (MOST_SEGMENTS + 1) * LENGTH


def test_what_a_worker_begins_amid_a_segment_is_left_out() -> None:
    ring = Ring(GRID)
    fill(ring, FIRST + 6, FIRST + LENGTH)
    assert (ring.find(0), ring.bytes_held) == (None, 0)
    fill(ring, FIRST + LENGTH, FIRST + LENGTH + 2)
    place = ring.find(0)
    assert place is not None
    assert place.slot == FIRST + LENGTH


@pytest.mark.parametrize("resumed", [FIRST + 2 * LENGTH, FIRST + 9 * LENGTH])
def test_behind_a_hole_it_begins_anew_and_who_read_on_is_told(resumed: int) -> None:
    ring = Ring(GRID)
    fill(ring, FIRST, FIRST + LENGTH + 6)
    place = ring.find(0)
    assert place is not None
    read = place.number + LENGTH + 6
    assert ring.read(read, 0.0) == [], "all is read, and nothing comes"
    fill(ring, resumed, resumed + 3)
    assert ring.read(read, 0.0) is None
    assert ring.read(place.number, 0.0) is None
    again = ring.find(0)
    assert again is not None
    assert slots(ring.read(again.number, 0.0)) == [resumed, resumed + 1, resumed + 2]


def test_who_is_too_slow_is_told() -> None:
    ring = Ring(GRID)
    fill(ring, FIRST, FIRST + LENGTH)
    place = ring.find(0)
    assert place == Place(FIRST, 1)
    fill(ring, FIRST + LENGTH, FIRST + (MOST_SEGMENTS + 1) * LENGTH + 1)
    assert ring.read(1, 0.0) is None


def test_what_comes_in_decoding_order_is_kept_in_it() -> None:
    ring = Ring(GRID.at(Fraction(5)))
    first = FIRST // 3
    order = [first, first + 3, first + 1, first + 2]
    for n, slot in enumerate(order):
        ring.add(AccessUnit("video", slot, first - 2 + n, slot == first, b"unit"))
    place = ring.find(0)
    assert place is not None
    assert slots(ring.read(place.number, 0.0)) == order


def test_who_waits_is_woken_by_the_next_unit_and_by_the_end() -> None:
    ring = Ring(GRID)
    fill(ring, FIRST, FIRST + 1)
    place = ring.find(0)
    assert place is not None
    read: list[list[AccessUnit] | None] = []

    def follow() -> None:
        number = place.number + 1
        while (units := ring.read(number, WITHIN_S)) is not None:
            read.append(units)
            number += len(units)
        read.append(None)

    thread = threading.Thread(target=follow)
    thread.start()
    for slot in range(FIRST + 1, FIRST + 5):
        ring.add(unit(slot))
    while sum(len(units or []) for units in read) < 4:
        thread.join(0.001)
    ring.close()
    thread.join(WITHIN_S)
    assert not thread.is_alive()
    assert [one.pts for units in read for one in units or []] == list(range(FIRST + 1, FIRST + 5))
    assert read[-1] is None
    assert ring.read(place.number, 0.0) is None
