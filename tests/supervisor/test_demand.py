"""Who wants an on-demand stream: whoever fetches, and for a while after."""

from __future__ import annotations

import asyncio

import pytest

from relay.supervisor.demand import Demand


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def demand(clock: Clock) -> Demand:
    return Demand(is_on_demand=True, idle_close_s=5, monotonic_s=clock)


def test_a_stream_that_is_not_on_demand_is_always_wanted(clock: Clock) -> None:
    assert Demand(is_on_demand=False, idle_close_s=5, monotonic_s=clock).is_wanted


def test_nobody_wants_it_before_the_first_and_a_while_after_the_last(demand: Demand, clock: Clock) -> None:
    assert not demand.is_wanted
    with demand:
        clock.now_s += 60
        assert demand.is_wanted
        with demand:
            pass
        clock.now_s += 60
        assert demand.is_wanted
    clock.now_s += 4.9
    assert demand.is_wanted
    clock.now_s += 0.2
    assert not demand.is_wanted


def test_a_fetch_that_fails_has_ended_too(demand: Demand, clock: Clock) -> None:
    with pytest.raises(ValueError, match="gone"), demand:
        raise ValueError("gone")
    clock.now_s += 5
    assert not demand.is_wanted


async def test_waiting_ends_with_the_next_who_asks(demand: Demand, clock: Clock) -> None:
    with demand:
        assert await demand.wait(0)  # somebody is there already
    clock.now_s += 6
    assert not await demand.wait(0)
    waiting = asyncio.create_task(demand.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    with demand:
        assert await waiting


async def test_waiting_ends_when_the_stream_is_stopped(demand: Demand) -> None:
    waiting = asyncio.create_task(demand.wait())
    await asyncio.sleep(0)
    demand.wake()
    assert await waiting


def test_who_comes_for_a_rendition_is_told_of_once_and_counts_until_it_is_answered(
    demand: Demand, clock: Clock
) -> None:
    told = []
    with demand.of("video-240p"):
        assert demand.wanted_renditions() == frozenset(), "it does not sleep"
    demand.renditions.offer(["video-240p"])
    with demand.of("video-240p"):
        assert demand.wanted_renditions() == {"video-240p"}, "nobody listens yet"
    clock.now_s += 5
    assert demand.wanted_renditions() == frozenset()
    demand.on_rendition = lambda: told.append(clock.now_s)
    with demand.of("video-240p") as visit, demand.of("video-240p") as other:
        visit.msn, other.msn = 7, 8
        clock.now_s += 60
        assert demand.wanted_renditions() == {"video-240p"}
    clock.now_s += 4.9
    assert demand.wanted_renditions() == {"video-240p"}
    clock.now_s += 0.2
    assert demand.wanted_renditions() == frozenset()
    assert told == [105.0]


def test_a_fetch_of_a_rendition_that_fails_has_ended_too(demand: Demand, clock: Clock) -> None:
    demand.renditions.offer(["video-240p"])
    with pytest.raises(ValueError, match="gone"), demand.of("video-240p"):
        raise ValueError("gone")
    clock.now_s += 5
    assert demand.wanted_renditions() == frozenset()


def test_what_a_stream_shows_is_wanted_while_it_has_a_worker_and_a_while_after(demand: Demand, clock: Clock) -> None:
    wall = Demand(is_on_demand=False, idle_close_s=5, monotonic_s=clock)
    with wall.of_shown():
        assert not demand.is_wanted
    wall.shows = [demand]
    with wall.of_shown():
        clock.now_s += 60
        assert demand.is_wanted
    clock.now_s += 4.9
    assert demand.is_wanted
    clock.now_s += 0.2
    assert not demand.is_wanted
