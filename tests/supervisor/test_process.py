"""Real workers: killed and stopped by the system, in a process or in a thread; what viewers are given has no hole."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import psutil
import pytest
import uvloop

from fixtures.crew import Crew, inbox_of
from fixtures.desk import NotedDesk
from fixtures.half_worker import PARTS
from fixtures.keeping import GRID, SETTINGS, Stage
from fixtures.origin import Recorder
from fixtures.waiting import until
from fixtures.worker import findings, places, run_of_places
from relay import wire
from relay.check.finding import faults
from relay.check.media_playlist import check_media_playlist
from relay.config import RelaySettings, StreamSettings
from relay.heap import spare_what_is_loaded
from relay.model import Init, Part, StreamState
from relay.retention import Retention
from relay.serve import AdminKey, HttpServer, Hub, Viewing, make_app
from relay.sessions import TokenMint
from relay.supervisor import DataFolder, Outlets, Supervisor
from relay.supervisor import keeper as keeper_module
from relay.supervisor.child import Child
from relay.supervisor.process import WorkerProcess
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

pytestmark = pytest.mark.clock

WITHIN_S = 40.0
SOME = 4
TICK_S = 0.01


class Recording(Hub):
    """The origin's hub, which also keeps all that it is given."""

    def __init__(self, settings: RelaySettings) -> None:
        super().__init__(settings.streams)
        self.inits: dict[str, Init] = {}
        self.parts: defaultdict[str, list[Part]] = defaultdict(list)

    def publish_init(self, stream: str, init: Init) -> None:
        assert self.inits.setdefault(init.rendition, init) == init  # the same for every worker that takes over
        super().publish_init(stream, init)

    def publish_part(self, stream: str, part: Part) -> None:
        self.parts[part.rendition].append(part)
        super().publish_part(stream, part)

    @property
    def count(self) -> int:
        """Parts that all renditions have."""
        generation = self.streams["cam"].current
        return min(len(self.parts[name]) for name in generation.renditions) if generation else 0


@dataclass
class Lag:
    """How late the event loop runs what it was asked to run, less what this thread waited for a core meanwhile."""

    lags_s: list[float] = field(default_factory=list)

    def watch(self) -> None:
        self._due_s, self._waited_s = time.monotonic() + TICK_S, waited_for_a_core_s()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._look)

    def _look(self) -> None:
        self.lags_s.append(time.monotonic() - self._due_s - (waited_for_a_core_s() - self._waited_s))
        self.watch()


@pytest.fixture(autouse=True)
def _as_serve_begins() -> Iterator[None]:
    """`relay serve` has the collector leave alone what is loaded; here that is a whole test run, for 0.1 s."""
    spare_what_is_loaded()
    yield
    gc.unfreeze()


def waited_for_a_core_s() -> float:
    """How long this thread was ready to run and another had the core: the second figure of Linux's `schedstat`."""
    return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1]) / 1e9


@asynccontextmanager
async def supervised(settings: RelaySettings) -> AsyncIterator[tuple[Supervisor, Recording]]:
    folder = DataFolder(settings.data)
    hub = Recording(settings)
    supervisor = Supervisor(settings, Outlets(hub, NotedDesk()), folder, cores=2)
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, hub
        await supervisor.stop()
    finally:
        running.cancel()
        await asyncio.wait([running])
        folder.close()


def settings_of(folder: Path, **changed: object) -> RelaySettings:
    """A small stream. Its segments are long, because a hole of three is not filled: a busy machine starts slowly."""
    stream = StreamSettings.model_validate({"source": "test:?size=320x180&rate=15", "segment_s": 4, **changed})
    return RelaySettings(data=folder, streams={"cam": stream}, log_level="error")


def run(main: Coroutine[object, object, None]) -> None:
    """As `relay serve` does, on its own kind of loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def workers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if child.is_running() and child.name() == "relay cam"]


def check_all(hub: Recording, grid: Grid) -> None:
    """Every part of each rendition came once, in order, and its media time goes on where the last one ended."""
    for name, parts in hub.parts.items():
        assert places(parts) == run_of_places(parts, grid)
        assert all(before.start_ticks + before.duration_ticks == after.start_ticks for before, after in pairwise(parts))
        assert findings(hub.inits[name], parts) == []
    assert hub.streams["cam"].counters["parts_refused"] == 0
    generation = hub.streams["cam"].current
    assert generation is not None
    for rendition in generation.renditions.values():
        text = bytes(generation.playlist(rendition, skip=False).body).decode()
        assert faults(check_media_playlist(text)) == []
        assert "#EXT-X-DISCONTINUITY\n" not in text


LADDER: list[dict[str, object]] = [{"height": 180}, {"height": 120}, {"height": 90, "rate": 5}]


@pytest.mark.parametrize(("renditions", "names"), [([], 2), (LADDER, 4)], ids=["one", "ladder"])
def test_killed_and_stopped_workers_leave_no_hole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renditions: list[dict[str, object]], names: int
) -> None:
    monkeypatch.setattr(keeper_module, "SILENT_FOR_S", 1.5)

    async def main() -> None:
        lag = Lag()
        async with supervised(settings_of(tmp_path, renditions=renditions)) as (supervisor, hub):
            await until(lambda: hub.count >= SOME, "parts of the first worker", WITHIN_S)
            (status,) = supervisor.statuses()
            assert status.format is not None
            grid = Grid.of(status.format)
            lag.watch()
            for number in (signal.SIGKILL, signal.SIGSTOP):
                (worker,) = workers()
                os.kill(worker.pid, number)
                published = hub.count
                await until(lambda pid=worker.pid: not psutil.pid_exists(pid), "the worker is gone", WITHIN_S)  # type: ignore[misc] - a default binds the loop's value
                await until(
                    lambda published=published: hub.count >= published + SOME, "parts of the next worker", WITHIN_S
                )  # type: ignore[misc] - as above
            assert supervisor.statuses()[0].counters["worker_restarts"] == 2
        assert supervisor.statuses()[0].health.state is StreamState.STOPPED
        assert len(hub.parts) == names
        check_all(hub, grid)
        assert max(lag.lags_s) < 0.05

    run(main())
    assert workers() == []


class Halting(Crew):
    """Its first worker is a process that stops in the middle of a message; the others are scripted by the test."""

    async def spawn(self, *names: str) -> WorkerProcess:
        if self.spawned:
            return await super().spawn(*names)
        self.spawned += 1
        ours, theirs = socket.socketpair()
        with theirs:
            near = await inbox_of(ours)
            command = [sys.executable, "-m", "fixtures.half_worker", str(theirs.fileno())]
            process = Child.start(command, pass_fds=[theirs.fileno()])
        self.halted = psutil.Process(process.pid)
        return WorkerProcess(near, process)


@asynccontextmanager
async def halting(path: Path) -> AsyncIterator[tuple[Halting, Hub, aiohttp.ClientSession]]:
    """A stream with that first worker, on a real server, and somebody to ask it."""
    with closing(DataFolder(path)) as folder:
        crew, hub, mint = Halting(), Hub({"door": SETTINGS}), TokenMint(b"k" * 32)
        stage = Stage(folder, publisher=hub, crew=crew)
        statuses, demand = lambda: [stage.status], lambda _: stage.keeper.demand
        viewing = Viewing(Recorder(), mint, path, AdminKey(bytes(32)), Retention())  # type: ignore[arg-type]  # a stand-in
        app = make_app(hub, viewing, statuses, time.time_ns, demand, NotedDesk())  # type: ignore[arg-type]  # a stand-in
        server = await HttpServer.start(app, "127.0.0.1", 0)
        try:
            async with stage.run(), aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
                yield crew, hub, session
        finally:
            await server.stop()


async def status_of(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as answer:
        await answer.read()
        return answer.status


async def ask(session: aiohttp.ClientSession, paths: list[str], is_over: asyncio.Event) -> set[int]:
    """Fetch one after the other, again and again; how the server answered."""
    statuses = set()
    while not is_over.is_set():
        statuses |= {await status_of(session, path) for path in paths}
        await asyncio.sleep(5 * TICK_S)
    return statuses


def test_a_worker_that_stops_in_mid_message_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Viewers get what there is meanwhile, and who waits for the part gets it from the next worker."""
    monkeypatch.setattr(keeper_module, "SILENT_FOR_S", 1.5)

    async def main() -> None:
        lag, is_over = Lag(), asyncio.Event()
        async with halting(tmp_path) as (crew, hub, session):
            counters = hub.streams["door"].counters
            await until(lambda: counters["parts_published"] == 2 * PARTS, "its parts", WITHIN_S)
            await until(lambda: crew.halted.status() == psutil.STATUS_STOPPED, "its stop", WITHIN_S)
            lag.watch()
            msn, part, coming = place_of(hub)
            media = "/live/door/video-1"
            paths = ["/live/door/index.m3u8", f"{media}/index.m3u8", f"{media}/{msn}.{part}.m4s", "/healthz"]
            viewers = [asyncio.create_task(ask(session, paths, is_over)) for _ in range(3)]
            held = asyncio.create_task(status_of(session, f"{media}/index.m3u8?{coming}"))
            heir = await crew.next()
            start = await heir.begin()
            assert (counters["parts_published"], held.done()) == (2 * PARTS, False)
            assert not psutil.pid_exists(crew.halted.pid)
            heir.publish(start)
            assert await held == 200
            is_over.set()
            assert await asyncio.gather(*viewers) == [{200}] * 3
        assert counters["parts_refused"] == 0
        assert max(lag.lags_s) < 0.05

    run(main())


def place_of(hub: Hub) -> tuple[int, int, str]:
    """The newest part of the pictures, and what a player asks for who waits for the next one."""
    generation = hub.streams["door"].current
    assert generation is not None
    last = generation.renditions["video"].window.last_part
    assert last is not None
    msn, part = last
    slot = GRID.first_slot(msn, part) + GRID.slots_per_part
    return msn, part, f"_HLS_msn={GRID.msn(slot)}&_HLS_part={GRID.part_index(slot)}"


def test_a_worker_in_a_thread(tmp_path: Path) -> None:
    async def main() -> None:
        async with supervised(settings_of(tmp_path, isolation="thread", audio=False, segment_s=1)) as (supervisor, hub):
            await until(lambda: len(hub.parts["video"]) >= 6, "parts", WITHIN_S)
            (status,) = supervisor.statuses()
            assert status.format is not None
            assert workers() == []
            grid = Grid.of(status.format)
        parts = hub.parts["video"]
        assert places(parts) == run_of_places(parts, grid)

    run(main())


def test_how_a_worker_ended_is_known() -> None:
    async def main() -> None:
        worker = await WorkerProcess.spawn("process", "error")
        assert worker.pid is not None
        assert isinstance(await worker.receive(WITHIN_S), wire.Hello)
        worker.send(wire.Stop())  # where a configuration belongs: it ends by itself
        assert await worker.receive(WITHIN_S) is None
        assert await worker.kill() == 0
        second = await WorkerProcess.spawn("process", "error")
        assert await second.kill() == -signal.SIGKILL

    run(main())


def test_a_start_that_fails_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no room")

    async def main() -> None:
        before = psutil.Process().num_fds()
        monkeypatch.setattr(subprocess, "Popen", refuse)
        with pytest.raises(OSError, match="no room"):
            await WorkerProcess.spawn("process", "error")
        await asyncio.sleep(0.01)
        assert psutil.Process().num_fds() == before

    asyncio.run(main())
