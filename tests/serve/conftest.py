"""A hub with a real server in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from fixtures.desk import NotedDesk
from fixtures.origin import ADMIN_KEY, UNIX_NS, Camera, Client, Clock, Recorder
from fixtures.published import FORMAT
from relay.config import StreamSettings
from relay.model import Quality, StreamFigures, StreamHealth, StreamState, StreamStatus
from relay.retention import Retention
from relay.serve import AdminKey, HttpServer, Hub, Viewing, make_app
from relay.sessions import TokenMint
from relay.supervisor.demand import Demand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(clock: Clock) -> Hub:
    return Hub({"cam": StreamSettings(), "yard": StreamSettings()}, clock)


@pytest.fixture
def camera(hub: Hub) -> Camera:
    """A camera with seven segments and three parts published."""
    camera = Camera(hub)
    camera.open()
    camera.publish_segments(7)
    camera.publish(3)
    return camera


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def mint() -> TokenMint:
    return TokenMint(b"k" * 32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder, in which nobody has watched yet."""
    return tmp_path


@pytest.fixture
def statuses() -> list[StreamStatus]:
    health = StreamHealth(StreamState.LIVE, UNIX_NS)
    figures = StreamFigures(Quality.GOOD, 29.97, 30.0, 4, 0, 3.14, 1, 2, {"receive": 1.5, "publish": 0.2})
    slate = StreamHealth(StreamState.SLATE, UNIX_NS, "the camera is away")
    return [
        StreamStatus("cam", 1, FORMAT, health, {"frames_decoded": 7}, {"fps": 29.5}, figures),
        StreamStatus("yard", 1, None, slate, {}, {}, is_on_demand=True),
    ]


@pytest.fixture
def demands() -> dict[str, Demand]:
    return {name: Demand(is_on_demand=True, idle_close_s=5) for name in ("cam", "yard")}


@pytest.fixture
def desk() -> NotedDesk:
    """Where events come from; a module that is about those has one with a store."""
    return NotedDesk()


@pytest.fixture
def app(
    hub: Hub,
    recorder: Recorder,
    mint: TokenMint,
    data: Path,
    statuses: list[StreamStatus],
    demands: dict[str, Demand],
    desk: NotedDesk,
) -> web.Application:
    viewing = Viewing(recorder, mint, data, AdminKey(ADMIN_KEY), Retention())  # type: ignore[arg-type]  # a stand-in
    return make_app(hub, viewing, lambda: statuses, lambda: UNIX_NS, demands.__getitem__, desk)  # type: ignore[arg-type]  # stand-ins


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[HttpServer]:
    server = await HttpServer.start(app, "127.0.0.1", 0)
    yield server
    await server.stop()


@pytest.fixture
async def client(server: HttpServer) -> AsyncIterator[Client]:
    session = aiohttp.ClientSession(
        f"http://127.0.0.1:{server.port}",
        auto_decompress=False,
        skip_auto_headers={"Accept-Encoding"},
        timeout=aiohttp.ClientTimeout(total=10),
    )
    async with session:
        yield Client(session)
