"""The thread that reads a live playlist, stepped: its container gives a packet when it is told to."""

from __future__ import annotations

from itertools import islice
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any

import av
import av.error
import pytest

from fixtures.clock import Clock, S
from relay.source.ahead import ReadAhead
from relay.source.reservoir import Reservoir

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN_S = 10.0


class Gated:
    """A container whose packets are let in one by one, and errors too; `None` is its end."""

    def __init__(self) -> None:
        self.let_in: SimpleQueue[Any] = SimpleQueue()
        self.closed = Event()
        self.asked = 0

    def demux(self) -> Iterator[Any]:
        while True:
            self.asked += 1
            if (step := self.let_in.get(timeout=WITHIN_S)) is None:
                return
            if isinstance(step, Exception):
                raise step
            yield step

    def close(self) -> None:
        assert not self.closed.is_set()
        self.closed.set()


@pytest.fixture
def container() -> Gated:
    return Gated()


@pytest.fixture
def ahead(container: Gated) -> Iterator[ReadAhead]:
    """Closed at the end, and its thread with it, whatever it waits for."""
    gated: Any = container
    made = ReadAhead(gated, Clock().monotonic_ns)
    yield made
    container.let_in.put(None)
    made.close()
    assert container.closed.wait(WITHIN_S)


def packet(data: bytes = b"x") -> Any:
    return av.Packet(data)


def given(ahead: ReadAhead, count: int) -> list[Any]:
    return list(islice((item for item in ahead.packets() if item is not None), count))


def test_packets_come_in_their_order_and_none_while_there_are_none(container: Gated, ahead: ReadAhead) -> None:
    packets = ahead.packets()
    assert next(packets) is None
    sent = [packet(), packet(), packet()]
    for one in sent:
        container.let_in.put(one)
    assert given(ahead, 3) == sent
    assert not ahead.has_run_dry


def test_what_was_read_before_the_end_is_given_before_the_end(container: Gated, ahead: ReadAhead) -> None:
    sent = [packet(), packet()]
    for one in (*sent, None):
        container.let_in.put(one)
    assert [item for item in ahead.packets() if item is not None] == sent
    assert not container.closed.is_set(), "what was given is still to be decoded"


@pytest.mark.parametrize("error", [av.error.ExitError(1, "Immediate exit requested", "http://x"), ValueError("a bug")])
def test_what_reading_raises_is_raised_where_packets_are_asked_for(
    container: Gated, ahead: ReadAhead, error: Exception
) -> None:
    container.let_in.put(sent := packet())
    container.let_in.put(error)
    packets = (item for item in ahead.packets() if item is not None)
    assert next(packets) is sent
    with pytest.raises(type(error)) as caught:
        next(packets)
    assert caught.value is error


def test_a_full_one_reads_no_further_until_there_is_room(
    container: Gated, ahead: ReadAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reservoir, "MAX_BYTES", 30)
    sent = [packet(b"y" * 10) for _ in range(5)]
    for one in sent:
        container.let_in.put(one)
    packets = ahead.packets()
    first = next(item for item in packets if item is not None)
    assert first is sent[0]
    assert container.asked <= 4
    assert [first, *given(ahead, 4)] == sent


def test_it_is_closed_while_it_waits_for_room(
    container: Gated, ahead: ReadAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reservoir, "MAX_BYTES", 1)
    container.let_in.put(packet())
    container.let_in.put(packet())
    ahead.close()
    assert container.closed.wait(WITHIN_S)
    ahead.close()


def test_a_read_that_hangs_keeps_nobody_and_closes_what_it_read_when_it_ends(
    container: Gated, ahead: ReadAhead
) -> None:
    ahead.close()
    assert not container.closed.is_set()
    container.let_in.put(packet())
    assert container.closed.wait(WITHIN_S)


def test_what_came_late_is_said_to_be(container: Gated) -> None:
    clock, gated = Clock(), container
    scripted: Any = gated
    ahead = ReadAhead(scripted, clock.monotonic_ns)
    gated.let_in.put(packet())
    packets = ahead.packets()
    assert next(item for item in packets if item is not None)
    assert next(packets) is None
    clock.now_ns += 5 * S
    gated.let_in.put(packet())
    gated.let_in.put(None)
    assert next(item for item in packets if item is not None)
    assert ahead.has_run_dry
    ahead.close()
    assert gated.closed.wait(WITHIN_S)
