from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from relay.offline.pipe import Halt, HaltError, Pipe

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN_S = 10.0


def started(body: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """A thread, and what its body returned or raised."""
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(body())
        except HaltError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def test_all_that_is_put_is_taken_in_order_and_then_there_is_an_end() -> None:
    pipe: Pipe[int] = Pipe(Halt())
    for number in range(5):
        pipe.put(number, 1)
    pipe.end()
    assert [pipe.take() for _ in range(7)] == [0, 1, 2, 3, 4, None, None]
    assert pipe.held_bytes == 0


def test_who_puts_waits_for_room_and_never_holds_more_than_that() -> None:
    pipe: Pipe[int] = Pipe(Halt(), most_bytes=10)
    most: list[int] = []

    def put() -> None:
        for number in range(200):
            pipe.put(number, 4)
            most.append(pipe.held_bytes)
        pipe.end()

    thread, _ = started(put)
    taken = []
    while (number := pipe.take()) is not None:
        taken.append(number)
    thread.join(WITHIN_S)
    assert taken == list(range(200))
    assert max(most) <= 8


def test_what_is_larger_than_all_room_goes_through_alone() -> None:
    pipe: Pipe[str] = Pipe(Halt(), most_bytes=10)
    pipe.put("huge", 100)
    thread, ended = started(lambda: pipe.put("next", 1))
    assert pipe.take() == "huge"
    thread.join(WITHIN_S)
    assert ended == [None]
    assert pipe.take() == "next"


@pytest.mark.parametrize("is_full", [True, False])
def test_a_halt_ends_every_wait(is_full: bool) -> None:
    halt = Halt()
    pipe: Pipe[int] = Pipe(halt, most_bytes=1)
    if is_full:
        pipe.put(0, 1)
    thread, ended = started(lambda: pipe.put(1, 1) if is_full else pipe.take())
    halt.call()
    thread.join(WITHIN_S)
    assert [type(one) for one in ended] == [HaltError]


def test_after_a_halt_nothing_is_put_or_taken() -> None:
    halt = Halt()
    pipe: Pipe[int] = Pipe(halt)
    pipe.put(1, 1)
    halt.call()
    with pytest.raises(HaltError):
        pipe.put(2, 1)
    with pytest.raises(HaltError):
        pipe.take()
    assert halt.error is None


def test_the_first_failure_is_the_one_that_is_told() -> None:
    halt = Halt()
    first = ValueError("first")
    halt.check()  # does nothing yet
    halt.fail(first)
    halt.fail(ValueError("because it ended"))
    assert halt.is_called
    assert halt.error is first


def test_what_fails_because_somebody_ended_it_is_no_failure() -> None:
    halt = Halt()
    halt.call()
    halt.fail(ValueError("because it ended"))
    assert halt.error is None
