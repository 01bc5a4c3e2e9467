"""The web application: routes, the headers that everything has, and the sweep of what is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from relay.serve.access import AccessLog
from relay.serve.api import Api
from relay.serve.media import MediaRoutes
from relay.serve.metrics import Metrics, RelayCollector
from relay.serve.pages import Pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractContextManager

    from relay.config import RelaySettings
    from relay.model import StreamStatus
    from relay.serve.hub import Hub
    from relay.sessions import SessionRecorder, TokenMint

SERVER: Final = "relay"
CORS_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, Content-Encoding, Date, Age, ETag, Retry-After",
    "Timing-Allow-Origin": "*",
}
MAX_BODY_BYTES: Final = 64 * 1024
CONNECTION_LIMITS: Final = {
    # A connection that is silent this long is nobody's: low-latency players ask several times a second.
    "keepalive_timeout": 75.0,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "lingering_time": 1.0,
    "access_log": None,
}
_SWEEP_EVERY_S: Final = 1.0


def make_app(
    settings: RelaySettings,
    hub: Hub,
    recorder: SessionRecorder,
    mint: TokenMint,
    statuses: Callable[[], Sequence[StreamStatus]],
    unix_ns: Callable[[], int],
    demand: Callable[[str], AbstractContextManager[None]],
) -> web.Application:
    """The whole HTTP side.

    `statuses` tells of the streams' camera sides, `unix_ns` is the supervisor's clock, and `demand` is entered, by the
    stream's name, around everything that a viewer fetches.
    """
    del settings  # what concerns HTTP is in the hub and in the runner's arguments
    log = AccessLog(recorder, unix_ns)
    media = MediaRoutes(hub, mint, log, unix_ns, demand)
    pages = Pages(hub)
    api = Api(hub, recorder, statuses, unix_ns)
    metrics = Metrics(RelayCollector(hub, recorder, log, statuses))
    app = web.Application(client_max_size=MAX_BODY_BYTES, handler_args=CONNECTION_LIMITS)
    app.add_routes(
        [
            web.get("/", pages.index),
            web.get("/web/{name:.+}", pages.file),
            web.get("/live/{stream}", pages.add_slash),
            web.get("/live/{stream}/", pages.watch),
            web.route("*", "/live/{path:.*}", media.handle),
            web.get("/api/v1/time", api.time),
            web.get("/api/v1/streams", api.streams),
            web.get("/healthz", api.healthz),
            web.get("/readyz", api.readyz),
            web.get("/metrics", metrics.handle),
        ]
    )
    app.on_response_prepare.append(_add_common_headers)

    async def release(app: web.Application) -> None:
        del app
        hub.close()

    async def beside_requests(app: web.Application) -> AsyncIterator[None]:
        del app
        tasks = [asyncio.create_task(_sweep(hub)), asyncio.create_task(metrics.watch_lag())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    app.on_shutdown.append(release)
    app.cleanup_ctx.append(beside_requests)
    return app


async def _sweep(hub: Hub) -> None:
    while True:
        await asyncio.sleep(_SWEEP_EVERY_S)
        hub.sweep()


async def _add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer has, errors of aiohttp's own included: players drop an error without CORS as "network"."""
    headers = response.headers
    headers["Server"] = SERVER
    headers["X-Content-Type-Options"] = "nosniff"
    if request.path.startswith("/live/"):
        headers.update(CORS_HEADERS)
