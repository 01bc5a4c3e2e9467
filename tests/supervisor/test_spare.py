"""The worker that waits for another to die: who gets it, when the next one is started, and who ends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from fixtures.crew import Crew
from relay import wire
from relay.supervisor import spare as spare_module
from relay.supervisor.spare import SpareWorkers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fixtures.crew import Worker
    from relay.supervisor.child import Child
    from relay.supervisor.process import WorkerProcess


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_module, "SPARE_AFTER_S", 0.0)


class Stage:
    """Spare workers of a scripted crew; all that were started are ended with the test."""

    def __init__(self) -> None:
        self.crew = Crew()
        self.started: list[WorkerProcess] = []
        self._seen = 0
        self.spares = SpareWorkers(self._spawn, "error")

    async def _spawn(self, *_: str) -> WorkerProcess:
        process = await self.crew.spawn()
        self.started.append(process)
        return process

    async def take(self) -> Worker:
        """Take one: the far end that it is spoken to through."""
        process = await self.spares.take("process")
        process.send(wire.Stop())
        worker = self.crew.workers[self.started.index(process)]
        await worker.hear(wire.Stop)
        return worker

    async def spawned(self, count: int) -> None:
        """Wait until so many were started."""
        while self._seen < count:
            await self.crew.next()
            self._seen += 1


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    keeping = asyncio.create_task(stage.spares.keep())
    yield stage
    keeping.cancel()
    await asyncio.wait([keeping])
    for process in stage.started:
        await process.kill()
    stage.crew.go_home()


async def test_who_comes_second_gets_the_one_that_waits(stage: Stage) -> None:
    first = await stage.take()
    await stage.spawned(2)
    assert await stage.take() is stage.crew.workers[1] is not first
    await stage.spawned(3)  # and another one waits already


async def test_none_is_started_before_its_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_module, "SPARE_AFTER_S", 3600.0)
    for spawned in (1, 2, 3):
        assert await stage.take() is stage.crew.workers[-1]
        assert len(stage.started) == spawned


async def test_a_worker_in_a_thread_needs_none(stage: Stage) -> None:
    await stage.spares.take("thread")
    await asyncio.sleep(0.01)
    assert len(stage.started) == 1


async def test_one_that_died_while_it_waited_is_not_given_out(stage: Stage) -> None:
    await stage.take()
    await stage.spawned(2)
    stage.started[1]._process = cast("Child", DeadProcess())
    assert await stage.take() is stage.crew.workers[2]
    assert await stage.crew.workers[1].hear_the_end() == []


async def test_a_system_that_has_no_room_for_one(stage: Stage) -> None:
    stage.crew.refusals = 2
    with pytest.raises(OSError, match="no room"):
        await stage.take()
    await asyncio.sleep(0.01)
    assert stage.crew.refusals == 0
    assert stage.started == []  # nor is there a spare
    await stage.take()
    await stage.spawned(2)  # and by now there is room


async def test_the_last_one_is_ended_with_the_relay() -> None:
    stage = Stage()
    keeping = asyncio.create_task(stage.spares.keep())
    worker = await stage.take()
    await stage.spawned(2)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert await stage.crew.workers[1].hear_the_end() == []
    assert not worker.inbox.transport.is_closing()  # whoever took one ends it
    await stage.started[0].kill()
    stage.crew.go_home()


class DeadProcess:
    """A process that ended."""

    is_running = False

    async def end(self, _within_s: float) -> int:
        return 1

    def kill(self) -> None:
        """There is nothing to send a signal to."""
