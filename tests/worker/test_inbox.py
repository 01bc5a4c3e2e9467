"""What waits for a thread: all of it is taken at once, bounds hold, and what is dropped is told."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.worker.inbox import Inbox, Taken

MAX_SIZE = 10
MAX_ITEMS = 4


def oldest() -> Inbox[bytes]:
    return Inbox(len, MAX_SIZE, MAX_ITEMS, drops="oldest")


def everything() -> Inbox[bytes]:
    return Inbox(len, MAX_SIZE, MAX_ITEMS, drops="all")


def test_all_that_waits_is_taken_at_once_and_in_order() -> None:
    inbox = oldest()
    assert [inbox.put(item) for item in (b"1", b"22", b"333")] == [[], [], []]
    assert inbox.take(0) == Taken([b"1", b"22", b"333"], has_hole=False)
    assert inbox.take(0) == Taken([], has_hole=False)


def test_the_oldest_makes_room_in_bytes_and_in_number() -> None:
    inbox = oldest()
    assert [inbox.put(item) for item in (b"1", b"22", b"333", b"4444")] == [[], [], [], []]
    assert inbox.put(b"5") == [b"1"]
    assert inbox.put(b"666666") == [b"22", b"333", b"4444"]
    assert inbox.take(0) == Taken([b"5", b"666666"], has_hole=True)
    assert not inbox.take(0).has_hole


def test_where_nothing_is_of_use_after_a_hole_all_is_dropped() -> None:
    inbox = everything()
    for item in (b"1", b"22", b"333", b"4444"):
        inbox.put(item)
    assert inbox.put(b"5") == [b"1", b"22", b"333", b"4444", b"5"]
    assert inbox.put(b"6") == []
    assert inbox.take(0) == Taken([b"6"], has_hole=True)


@pytest.mark.parametrize("inbox", [oldest(), everything()])
def test_one_that_is_over_the_bound_by_itself_is_dropped_too(inbox: Inbox[bytes]) -> None:
    assert inbox.put(b"x" * (MAX_SIZE + 1)) == [b"x" * (MAX_SIZE + 1)]
    assert inbox.take(5) == Taken([], has_hole=True), "who waits hears of it at once"


@given(st.lists(st.one_of(st.none(), st.binary(max_size=MAX_SIZE + 2)), max_size=60), st.booleans())
def test_nothing_is_lost_or_kept_beyond_the_bounds(steps: list[bytes | None], drops_all: bool) -> None:
    inbox = everything() if drops_all else oldest()
    put: list[bytes] = []
    gone: list[bytes] = []
    was_dropped = False
    for item in [*steps, None]:
        if item is None:
            taken = inbox.take(0)
            assert taken.has_hole == was_dropped
            assert len(taken.items) <= MAX_ITEMS
            assert sum(map(len, taken.items)) <= MAX_SIZE
            gone += taken.items
            was_dropped = False
        else:
            put.append(item)
            dropped = inbox.put(item)
            was_dropped = was_dropped or bool(dropped)
            gone += dropped
    assert gone == put


def test_who_waits_is_woken_by_what_comes_and_by_the_end() -> None:
    inbox = oldest()
    taken: list[Taken[bytes]] = []

    def work() -> None:
        while not inbox.is_closed:
            taken.append(inbox.take(10))

    thread = threading.Thread(target=work)
    thread.start()
    inbox.put(b"1")
    while not any(one.items for one in taken):
        time.sleep(0.001)
    inbox.close()
    inbox.close()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert [one.items for one in taken if one.items] == [[b"1"]]
