"""`POST /cmcd`: what players report by themselves (CTA-5004-B, event mode), handed to the session recorder.

Answers as the standard has them: 204 when it was taken, 410 when nothing more is wanted of this session, 429 to who
comes too often. A body is bounded by the application, its records by the parser.
"""

from __future__ import annotations

import asyncio
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from relay.serve.allowance import Allowance
from relay.serve.media import asker_of
from relay.serve.prepared import NO_STORE
from relay.sessions.cmcd import parse_events
from relay.sessions.model import PlayerReport

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from relay.serve.access import AccessLog
    from relay.sessions import Client, SessionRecorder
    from relay.sessions.cmcd import Event

PATH: Final = "/cmcd"
CONTENT_TYPES: Final = ("application/cmcd", "text/cmcd", "text/plain")
"""That of CTA-5004-B, that of CTA-5004-A, and what `navigator.sendBeacon` can send to another host unasked."""

POSTS_PER_S: Final = 100
BURST_POSTS: Final = 300
"""Of a whole /24 or /48, which may be a company's, or a proxy with all viewers behind it. A page posts once a second at
the most, and mostly every half minute."""

_BODY_WITHIN_S: Final = 10.0
_METHODS: Final = ("POST", "OPTIONS")
_HEADERS: Final = {"Cache-Control": NO_STORE}
_PREFLIGHT_HEADERS: Final = {
    "Access-Control-Allow-Methods": ", ".join(_METHODS),
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}


class CmcdRoutes:
    """The handler of `POST /cmcd`. `streams` are the names that a report's `cid` may say."""

    def __init__(
        self, recorder: SessionRecorder, log: AccessLog, streams: Container[str], unix_ns: Callable[[], int]
    ) -> None:
        self._recorder = recorder
        self._log = log
        self._streams = streams
        self._unix_ns = unix_ns
        self._allowance = Allowance(POSTS_PER_S, BURST_POSTS)

    async def handle(self, request: web.Request) -> web.Response:
        """Take a body of events."""
        if request.method == "OPTIONS":
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT_HEADERS)
        if request.method != "POST":
            raise web.HTTPMethodNotAllowed(request.method, _METHODS, headers=_HEADERS)
        if request.content_type not in CONTENT_TYPES:
            words = f"events are taken as {', '.join(CONTENT_TYPES)}\n"
            return web.Response(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text=words, headers=_HEADERS)
        client = self._log.client(asker_of(request), self._unix_ns())
        wait_s = self._allowance.wait_s(client.network, asyncio.get_running_loop().time())
        if wait_s > 0:
            self._log.cmcd["refused"] += 1
            headers = {**_HEADERS, "Retry-After": str(math.ceil(wait_s))}
            return web.Response(status=HTTPStatus.TOO_MANY_REQUESTS, headers=headers)
        try:
            async with asyncio.timeout(_BODY_WITHIN_S):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=HTTPStatus.REQUEST_TIMEOUT, headers=_HEADERS)
        is_wanted = self._take(body, client)
        return web.Response(status=HTTPStatus.NO_CONTENT if is_wanted else HTTPStatus.GONE, headers=_HEADERS)

    def _take(self, body: bytes, client: Client) -> bool:
        """Hand on what is in `body`. False when there was something, and nothing of it is wanted any more."""
        events = parse_events(body)
        self._log.cmcd["report"] += len(events.records)
        self._log.cmcd["ignored"] += events.ignored
        now_ns = self._unix_ns()
        answers = [self._recorder.report(self._report(event, client, now_ns)) for event in events.records]
        return not answers or any(answers)

    def _report(self, event: Event, client: Client, now_ns: int) -> PlayerReport:
        cid = event.cmcd.cid
        return PlayerReport(
            event=event.event,
            ts_ms=event.ts_ms,
            received_ns=now_ns,
            stream=cid if cid is not None and cid in self._streams else "",
            viewer=event.viewer,
            cmcd=event.cmcd,
            client=client,
            sequence=event.sequence,
            response_status=event.response_status,
        )
