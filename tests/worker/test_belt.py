"""Whoever gives waits while too many are on the way, and nobody waits for a belt that was closed."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.worker.belt import Belt

WITHIN_S = 10.0


def test_what_was_taken_counts_until_it_is_done() -> None:
    belt: Belt[int] = Belt(2)
    belt.put(1, WITHIN_S)
    assert not belt.is_full
    belt.put(2, WITHIN_S)
    assert belt.is_full
    assert belt.take() == 1
    assert belt.is_full
    belt.done()
    assert not belt.is_full


@settings(max_examples=30)
@given(limit=st.integers(1, 5), count=st.integers(0, 40))
def test_all_come_out_in_order_and_never_more_than_the_limit_are_on_the_way(limit: int, count: int) -> None:
    belt: Belt[int] = Belt(limit)
    given_out, taken, most = 0, [], 0

    def give() -> None:
        nonlocal given_out
        for n in range(count):
            belt.put(n, WITHIN_S)
            given_out += 1

    thread = threading.Thread(target=give)
    thread.start()
    while len(taken) < count:
        item = belt.take()
        assert item is not None
        most = max(most, given_out - len(taken))
        taken.append(item)
        belt.done()
    thread.join(WITHIN_S)
    assert taken == list(range(count))
    # One more may have been counted between `done` and the look at it.
    assert most <= limit + 1


def test_closing_frees_who_gives_and_who_takes_and_drops_what_waits() -> None:
    full, empty = Belt[int](1), Belt[int](1)
    full.put(1, WITHIN_S)
    got: list[int | None] = [7]
    threads = [
        threading.Thread(target=full.put, args=(2, WITHIN_S)),
        threading.Thread(target=lambda: got.append(empty.take())),
    ]
    for thread in threads:
        thread.start()
    for belt in (full, empty, full):
        belt.close()
    for thread in threads:
        thread.join(WITHIN_S)
        assert not thread.is_alive()
    assert (got, full.take()) == ([7, None], None)
    full.put(3, WITHIN_S)
    assert full.take() is None


def test_who_finds_no_room_in_time_is_told_so() -> None:
    belt: Belt[int] = Belt(1)
    assert belt.put(1, 0.0)
    assert not belt.put(2, 0.01)
    assert belt.take() == 1
    assert not belt.put(2, 0.0), "what was taken is not done with yet"
    belt.done()
    assert belt.put(2, 0.0)


def test_more_may_wait_at_first_until_that_is_worked_off() -> None:
    belt: Belt[int] = Belt(1, at_first=3)
    assert all(belt.put(n, 0.0) for n in range(3))
    assert belt.is_full
    for n in range(3):
        assert belt.take() == n
        belt.done()
    assert belt.put(3, 0.0)
    assert belt.is_full, "from now on the limit is what it says"


def test_what_waits_is_taken_before_the_end_of_a_belt_that_is_finished() -> None:
    belt: Belt[int] = Belt(2)
    belt.put(1, 0.0)
    belt.finish()
    assert (belt.take(), belt.take()) == (1, None)
    empty: Belt[int] = Belt(2)
    taken: list[int | None] = []
    thread = threading.Thread(target=lambda: taken.append(empty.take()))
    thread.start()
    empty.finish()
    thread.join(WITHIN_S)
    assert taken == [None]
