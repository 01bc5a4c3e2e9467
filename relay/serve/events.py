"""Events over HTTP: those that are kept, their pictures, and those that happen now as they happen."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from aiohttp import web

from relay.errors import StoreError
from relay.events.feed import HEARTBEAT
from relay.events.telling import described
from relay.serve import prepared
from relay.serve.deliver import WRITE_DEADLINE_S, deliver
from relay.serve.event_query import parse_event_query
from relay.serve.prepared import NO_STORE
from relay.serve.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection

    from relay.events.feed import Feed, Listener
    from relay.events.model import TimedEvent
    from relay.events.store import EventStore
    from relay.serve.event_query import EventQuery

log = structlog.get_logger()
T = TypeVar("T")

HEARTBEAT_S: Final = 15.0
"""WHATWG HTML §9.2.7: about so often, lest a proxy ends what it takes for dead."""
_LOOK_EVERY_S: Final = 2.0
"""So long a listener that hung up keeps its place: nothing else tells that it did, while nothing is sent."""
_AGAIN_AFTER_S: Final = 5
_HEADERS: Final = {"Cache-Control": NO_STORE}
_LIVE_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": NO_STORE,
    "X-Accel-Buffering": "no",  # nginx would keep what is told until it has 4 KB of it
}
_PICTURE_CACHE: Final = "private, max-age=86400, immutable"


class EventRoutes:
    """Handlers of `/api/v1/streams/NAME/events...` and `/api/v1/events/live`."""

    def __init__(
        self, store: EventStore, feed: Feed, streams: Collection[str], heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._store = store
        self._feed = feed
        self._streams = streams
        self._heartbeat_s = heartbeat_s

    def routes(self) -> list[web.RouteDef]:
        """All of them. A live feed has no answer that HEAD could be told the headers of: it never ends."""
        of_stream = "/api/v1/streams/{stream}/events"
        return [
            web.get("/api/v1/events/live", self.live, allow_head=False),
            web.get(f"{of_stream}/live", self.live, allow_head=False),
            web.get(f"{of_stream}/{{id:[A-Za-z0-9._-]{{1,128}}}}/picture.jpg", self.picture),
            web.get(of_stream, self.kept),
        ]

    async def kept(self, request: web.Request) -> web.Response:
        """Events of a stream that are kept, the newest first: `?since=&until=&kind=&limit=&before=`."""
        name = self._stream(request)
        try:
            query = parse_event_query(request.query.items())
        except ValueError as error:
            raise refusal(web.HTTPBadRequest, str(error)) from error
        events = await _read(self._page(name, query))
        if events is None:
            raise refusal(web.HTTPBadRequest, f"before: no event {query.before!r} is kept (any more)")
        shown = events[: query.limit]
        told = {
            "stream": name,
            "events": [described(event) for event in shown],
            "next": shown[-1].id if len(events) > len(shown) else None,
        }
        return web.json_response(told, headers=_HEADERS)

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """The JPEG of an event."""
        name = self._stream(request)
        jpeg = await _read(self._store.picture(name, request.match_info["id"]))
        if jpeg is None:
            raise refusal(web.HTTPNotFound, "there is no picture of it, or not any more")
        return await deliver(request, prepared.binary(jpeg, "image/jpeg", _PICTURE_CACHE))

    async def live(self, request: web.Request) -> web.StreamResponse:
        """What happens from now on, in one stream or in all: server-sent events."""
        name = self._stream(request) if "stream" in request.match_info else None
        news = asyncio.Event()
        listener = self._feed.listen(name, request.headers.get("Last-Event-ID", ""), news.set)
        if listener is None:
            raise refusal(web.HTTPServiceUnavailable, "too many listen already", Retry_After=str(_AGAIN_AFTER_S))
        response = web.StreamResponse(headers=_LIVE_HEADERS)
        try:
            await self._tell(request, response, listener, news)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()  # and with it goes what is buffered for this reader
        except ConnectionError:
            pass  # it hung up, and there is nobody to tell
        finally:
            self._feed.leave(listener)
        return response

    async def _tell(
        self, request: web.Request, response: web.StreamResponse, listener: Listener, news: asyncio.Event
    ) -> None:
        """Send what there is to tell until the listener hangs up or the relay stops."""
        loop = asyncio.get_running_loop()
        await response.prepare(request)
        spoke_s = loop.time()
        while request.transport is not None and not request.transport.is_closing():
            news.clear()
            said = listener.take()
            if not said and listener.is_over:
                await response.write_eof()
                return
            if not said and loop.time() - spoke_s >= self._heartbeat_s:
                said = HEARTBEAT
            if said:
                async with asyncio.timeout(WRITE_DEADLINE_S):
                    await response.write(said)
                spoke_s = loop.time()
                continue
            wait_s = min(_LOOK_EVERY_S, spoke_s + self._heartbeat_s - loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await news.wait()

    async def _page(self, name: str, query: EventQuery) -> tuple[TimedEvent, ...] | None:
        """One event more than is asked for, if there is one; `None` where what it is to begin behind is not known."""
        store = self._store
        events = await store.list(
            name,
            since_ns=query.since_ns,
            until_ns=query.until_ns,
            kinds=query.kinds,
            limit=query.limit + 1,
            before=query.before,
        )
        if query.before and not events and await store.get(name, query.before) is None:
            return None
        return events

    def _stream(self, request: web.Request) -> str:
        name = request.match_info["stream"]
        if name not in self._streams:
            raise refusal(web.HTTPNotFound, f"there is no stream {name!r}")
        return name


async def _read(reading: Awaitable[T]) -> T:
    """What the store reads. One that cannot be read is this machine's trouble, whose paths are nobody else's affair."""
    try:
        return await reading
    except StoreError as error:
        log.warning("events cannot be read", reason=str(error))
        raise refusal(web.HTTPServiceUnavailable, "the events cannot be read just now") from error
