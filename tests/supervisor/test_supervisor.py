"""All streams under one clock: what concerns one stream, what concerns all, and what ends the relay."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from fixtures.crew import Crew, Published, Worker, a_camera, offline, running
from fixtures.desk import NotedDesk
from relay import wire
from relay.config import RelaySettings, StreamSettings
from relay.errors import SourceError
from relay.model import PushDoor, StreamHealth, StreamState
from relay.supervisor import Outlets, Supervisor
from relay.supervisor import supervisor as supervisor_module
from relay.timeline import NS_PER_S
from relay.walls import Taps

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from relay.supervisor import DataFolder


class Stage:
    def __init__(self, folder: DataFolder, *names: str, source: str = "rtsp://{name}/") -> None:
        self.crew = Crew()
        self.published = Published()
        streams = {name: StreamSettings(source=source.format(name=name)) for name in names}
        settings = RelaySettings(data=folder.path, streams=streams)
        self.supervisor = Supervisor(settings, Outlets(self.published, NotedDesk()), folder, self.crew.spawn, cores=2)

    def run(self) -> AbstractAsyncContextManager[asyncio.Task[None]]:
        return running(self.crew, self.supervisor.run())

    async def workers(self, *names: str) -> list[Worker]:
        """The workers that were just started, by the names of their streams."""
        found = {}
        for _ in names:
            worker = await self.crew.next()
            found[(await worker.hear(wire.Configure)).name] = worker
            worker.say(wire.Hello(1))
        return [found[name] for name in names]

    def states(self) -> dict[str, StreamState]:
        return {status.name: status.health.state for status in self.supervisor.statuses()}


@pytest.fixture
def two(folder: DataFolder) -> Stage:
    return Stage(folder, "door", "yard")


@pytest.fixture
def one(folder: DataFolder) -> Stage:
    return Stage(folder, "door")


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the system's clock, as the supervisor sees it."""
    off_ns = [0]
    clocks = SimpleNamespace(monotonic_ns=time.monotonic_ns, time_ns=lambda: time.time_ns() + off_ns[0])
    monkeypatch.setattr(supervisor_module, "time", clocks)
    monkeypatch.setattr(supervisor_module, "LOOK_AT_CLOCK_EVERY_S", 0.01)

    def set_by(seconds: float) -> None:
        off_ns[0] += round(seconds * NS_PER_S)

    return set_by


async def test_an_only_stream_that_is_pushed_to_is_waited_for(folder: DataFolder) -> None:
    stage = await asyncio.to_thread(Stage, folder, "yard", source="rtmp:")
    async with stage.run() as running:
        (worker,) = await stage.workers("yard")
        worker.say(offline("nobody sends"), offline("cannot be decoded", fatal=True), a_camera())
        worker.publish(await worker.hear(wire.Start))
        await stage.published.wait_for("publish_part")
        assert not running.done()


async def test_the_door_is_the_worker_s_of_now(folder: DataFolder) -> None:
    stage = await asyncio.to_thread(Stage, folder, "yard", source="rtmp:")
    async with stage.run():
        assert stage.supervisor.door("yard") is None
        (worker,) = await stage.workers("yard")
        door = PushDoor(40_001, "secret")
        worker.say(wire.Listening(door), a_camera())
        await worker.hear(wire.Start)
        assert stage.supervisor.door("yard") == door
        assert stage.supervisor.door("nobody") is None
        worker.die()
        (heir,) = await stage.workers("yard")
        assert stage.supervisor.door("yard") is None
        heir.say(wire.Listening(replace(door, port=40_002)), a_camera())
        await heir.hear(wire.Start)
        assert stage.supervisor.door("yard") == replace(door, port=40_002)


async def test_an_only_stream_that_cannot_be_opened_ends_the_relay_with_its_error(one: Stage) -> None:
    async with one.run() as running:
        (door,) = await one.workers("door")
        door.say(offline("rtsp://door/: no such host", fatal=True))
        with pytest.raises(SourceError, match="no such host"):
            await running


async def test_one_of_two_that_cannot_be_opened_leaves_the_other_alone(two: Stage) -> None:
    async with two.run() as running:
        door, yard = await two.workers("door", "yard")
        door.say(offline("no such host", fatal=True), wire.Snapshot(1, b"jpeg"))
        yard.say(a_camera())
        await yard.hear(wire.Start)
        yard.say(wire.Health(StreamHealth(StreamState.LIVE, 0)), wire.Snapshot(1, b"jpeg"))
        await two.published.wait_for("publish_snapshot", 2)
        assert two.states() == {"door": StreamState.OFFLINE, "yard": StreamState.LIVE}
        assert not running.done()


async def test_a_step_of_the_clock_forward_is_followed_and_told(two: Stage, set_clock: Callable[[float], None]) -> None:
    async with two.run():
        workers = await two.workers("door", "yard")
        set_clock(3600)
        for worker in workers:
            while (await worker.hear(wire.ClockUpdate)).clock.unix_ns < time.time_ns() + 3590 * NS_PER_S:
                pass
        assert two.supervisor.unix_ns() > time.time_ns() + 3590 * NS_PER_S


async def test_a_step_of_the_clock_back_is_not_followed_and_shown(
    one: Stage, set_clock: Callable[[float], None]
) -> None:
    async with one.run():
        (door,) = await one.workers("door")
        door.say(wire.Health(StreamHealth(StreamState.LIVE, 0)), wire.Snapshot(1, b"jpeg"))
        await one.published.wait_for("publish_snapshot")
        before_ns = one.supervisor.unix_ns()
        set_clock(-3600)
        await door.hear(wire.ClockUpdate)
        while one.states()["door"] is not StreamState.CLOCK:
            await door.hear(wire.ClockUpdate)
        assert one.supervisor.unix_ns() > before_ns
        set_clock(3600)
        while one.states()["door"] is not StreamState.LIVE:
            await door.hear(wire.ClockUpdate)


async def test_stopping_ends_all_streams_at_the_same_time(two: Stage) -> None:
    async with two.run():
        workers = await two.workers("door", "yard")
        stopping = asyncio.create_task(two.supervisor.stop())
        for worker in workers:
            await worker.hear(wire.Stop)
        for worker in workers:
            worker.leave()
        await stopping
        assert two.published.calls.count("end_stream") == 2
        assert set(two.states().values()) == {StreamState.STOPPED}


async def test_demand_is_for_one_stream(two: Stage) -> None:
    assert two.supervisor.demand("door") is two.supervisor.demand("door")
    assert two.supervisor.demand("door") is not two.supervisor.demand("yard")
    assert two.supervisor.demand("door").is_wanted  # it is not on demand


async def test_workers_are_told_where_streams_meet_and_who_is_shown(folder: DataFolder) -> None:
    streams = {
        "door": StreamSettings(source="rtsp://door/"),
        "yard": StreamSettings.model_validate({"source": "test:", "transforms": ["picture-in-picture stream=door"]}),
        "wall": StreamSettings(source="wall:door,yard"),
    }
    settings = RelaySettings(data=folder.path, streams=streams)
    crew = Crew()
    supervisor = await asyncio.to_thread(
        Supervisor, settings, Outlets(Published(), NotedDesk()), folder, crew.spawn, cores=2, taps="/taps"
    )
    async with running(crew, supervisor.run()):
        told = [(await (await crew.next()).hear(wire.Configure)).taps for _ in streams]
    assert set(told) == {Taps("/taps", "door", True), Taps("/taps", "yard", True), Taps("/taps", "wall", False)}


async def work(worker: Worker) -> str:
    """As a worker does whose camera is there, until it is told to stop. Its stream's name."""

    async def talk() -> None:
        while True:
            worker.say(wire.Stats())
            await asyncio.sleep(0.05)

    name = (await worker.hear(wire.Configure)).name
    worker.say(wire.Hello(1), a_camera(), wire.Snapshot(1, b"jpeg"))
    talking = asyncio.create_task(talk())
    try:
        await worker.hear(wire.Stop)
    finally:
        talking.cancel()
    worker.leave()
    return name


async def test_an_on_demand_stream_is_open_while_one_that_shows_it_has_a_worker(folder: DataFolder) -> None:
    on_demand = {"on_demand": True, "idle_close_s": 0.2}
    sources = {"door": "rtsp://door/", "wall": "wall:door"}
    streams = {name: StreamSettings(source=source).model_copy(update=on_demand) for name, source in sources.items()}
    settings = RelaySettings(data=folder.path, streams=streams)
    crew = Crew()
    supervisor = await asyncio.to_thread(
        Supervisor, settings, Outlets(Published(), NotedDesk()), folder, crew.spawn, cores=2
    )
    door = supervisor.demand("door")
    async with running(crew, supervisor.run()):
        looked_at = asyncio.gather(*[work(await crew.next()) for _ in streams])
        assert set(await looked_at) == {"door", "wall"}
        assert not door.is_wanted
        with supervisor.demand("wall"):
            workers = [await crew.next(), await crew.next()]
            assert {(await worker.hear(wire.Configure)).name for worker in workers} == {"door", "wall"}
            await asyncio.sleep(0.3)
            assert door.is_wanted
