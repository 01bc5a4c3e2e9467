"""The web application: routes, the headers that everything has, and the sweep of what is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from relay.events.feed import Feed
from relay.serve import openapi
from relay.serve.access import AccessLog
from relay.serve.admin import AdminDoor
from relay.serve.api import Api
from relay.serve.cmcd import PATH as CMCD_PATH
from relay.serve.cmcd import CmcdRoutes
from relay.serve.event_metrics import EventCollector
from relay.serve.events import EventRoutes
from relay.serve.jobs import Jobs
from relay.serve.malformed import MALFORMED, MalformedRequests
from relay.serve.media import MediaRoutes, asker_of
from relay.serve.metrics import Metrics, RelayCollector
from relay.serve.pages import Pages
from relay.serve.viewing import ViewingRoutes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence

    from relay.events.desk import EventDesk
    from relay.events.webhooks import HookFigures
    from relay.model import StreamStatus
    from relay.serve.hourly import Hourly
    from relay.serve.hub import Hub
    from relay.serve.viewing import Viewing
    from relay.supervisor.demand import Demand

log = structlog.get_logger()

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
METRICS: Final = web.AppKey("METRICS", Metrics)
_SWEEP_EVERY_S: Final = 1.0
_NS_PER_MS: Final = 1_000_000


def make_app(
    hub: Hub,
    viewing: Viewing,
    statuses: Callable[[], Sequence[StreamStatus]],
    unix_ns: Callable[[], int],
    demand: Callable[[str], Demand],
    desk: EventDesk,
    hooks: Callable[[], Sequence[HookFigures]] = tuple,
) -> web.Application:
    """The whole HTTP side.

    `viewing` is all about who watches, `statuses` tells of the streams' camera sides, `unix_ns` is the supervisor's
    clock, `desk` has the events, `hooks` has the figures of webhooks, and `demand` is entered, by the stream's name,
    around all that a viewer fetches.
    """
    recorder = viewing.recorder
    access, malformed = AccessLog(recorder, unix_ns), MalformedRequests()
    media = MediaRoutes(hub, viewing.mint, access, unix_ns, demand)
    feed = Feed(unix_ns() // _NS_PER_MS)
    desk.listeners.append(feed.hear)
    collector = RelayCollector(hub, recorder, access, malformed, statuses, desk)
    metrics = Metrics(collector, EventCollector(feed, hooks))
    app = web.Application(client_max_size=MAX_BODY_BYTES, handler_args=CONNECTION_LIMITS)
    app[MALFORMED] = malformed
    app[METRICS] = metrics
    api, pages = Api(hub, recorder, statuses, unix_ns, desk.changes), Pages(hub, kept=viewing.retention)
    app.add_routes(_routes(media, pages, api, metrics))
    door = AdminDoor(viewing.key, lambda request: access.client(asker_of(request), unix_ns()).network, unix_ns)
    app.add_routes([*door.routes(), *ViewingRoutes(viewing, Jobs(), unix_ns).routes(door)])
    app.router.add_route("*", CMCD_PATH, CmcdRoutes(recorder, access, hub.streams, unix_ns).handle)
    app.add_routes(EventRoutes(desk.store, feed, hub.streams).routes())
    app.on_response_prepare.append(_add_common_headers)

    async def release(app: web.Application) -> None:
        del app
        hub.close()
        feed.end()

    app.on_shutdown.append(release)
    app.cleanup_ctx.append(beside_requests({"sweep": lambda: _sweep(hub), "lag": metrics.watch_lag}))
    return app


def move_hours(app: web.Application, hourly: Hourly) -> None:
    """Have viewing data moved to Parquet as long as `app` runs, and its figures among the others."""
    app[METRICS].register(hourly)
    app.cleanup_ctx.append(beside_requests({"hours": hourly.run}))


def _routes(media: MediaRoutes, pages: Pages, api: Api, metrics: Metrics) -> list[web.RouteDef]:
    return [
        web.get("/", pages.index),
        web.get("/viewing", pages.viewing),
        web.get("/privacy", pages.privacy),
        web.get("/web/{name:.+}", pages.file),
        web.get("/live/{stream}", pages.add_slash),
        web.get("/live/{stream}/", pages.watch),
        web.route("*", "/live/{path:.*}", media.handle),
        web.get("/api/v1/openapi.json", openapi.handle),
        web.get("/api/v1/time", api.time),
        web.get("/api/v1/streams", api.streams),
        web.get("/healthz", api.healthz),
        web.get("/readyz", api.readyz),
        web.get("/metrics", metrics.handle),
    ]


def beside_requests(
    bodies: Mapping[str, Callable[[], Coroutine[None, None, None]]],
) -> Callable[[web.Application], AsyncIterator[None]]:
    """A `cleanup_ctx` that runs `bodies`, by their names, as long as the application does."""

    async def run(app: web.Application) -> AsyncIterator[None]:
        del app
        tasks = [asyncio.create_task(body(), name=name) for name, body in bodies.items()]
        for task in tasks:
            task.add_done_callback(_say_if_it_failed)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    return run


def _say_if_it_failed(task: asyncio.Task[None]) -> None:
    """At once, since nobody waits for the task: without it the relay serves on, but with something missing."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task beside the requests failed", task=task.get_name(), reason=str(error), exc_info=error)


async def _sweep(hub: Hub) -> None:
    while True:
        await asyncio.sleep(_SWEEP_EVERY_S)
        hub.sweep()


async def _add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer has, errors of aiohttp's own included: players drop an error without CORS as "network"."""
    headers = response.headers
    headers["Server"] = SERVER
    headers["X-Content-Type-Options"] = "nosniff"
    if request.path.startswith("/live/") or request.path == CMCD_PATH:
        headers.update(CORS_HEADERS)
