"""The viewing data over HTTP, for admins: who watches now, who did, how long and how well.

What is now comes from memory. All else is asked of the data folder in a process of its own (`jobs`), so that no
question holds up a viewer.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from relay.analytics.export import document
from relay.errors import JobError, QueryError
from relay.serve.deliver import WRITE_DEADLINE_S
from relay.serve.prepared import NO_STORE
from relay.serve.refusal import refusal
from relay.serve.viewing_query import EXPORTS, parameters_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from relay.retention import Retention
    from relay.serve.admin import AdminDoor
    from relay.serve.adminkey import AdminKey
    from relay.serve.jobs import Jobs
    from relay.sessions import SessionRecorder, TokenMint
    from relay.sessions.model import LiveSession

log = structlog.get_logger()

MODULE: Final = "relay.analytics"
MOST_LIVE: Final = 500
LIVE_KEPT_NS: Final = 1_000_000_000
"""A thousand viewers' rows take 20 ms to make: several admins look at the same ones."""

_NS_PER_MS: Final = 1_000_000
_AGAIN_AFTER_S: Final = 5
_HEADERS: Final = {"Cache-Control": NO_STORE}
_SUFFIXES: Final = {"w3c": "log", "ncsa": "log"}
_REPORT_TYPES: Final = {"html": "text/html", "text": "text/plain"}
_REPORT_HEADERS: Final = {  # a page with its own style and no script
    **_HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Viewing:
    """All that has to do with who watches: what records it, where it is kept and for how long, who may see it."""

    recorder: SessionRecorder
    mint: TokenMint
    data: Path
    key: AdminKey
    retention: Retention


class ViewingRoutes:
    """Handlers of `/api/v1/sessions...`, `/api/v1/audience`, `/api/v1/qoe` and `/api/v1/report`."""

    def __init__(self, viewing: Viewing, jobs: Jobs, unix_ns: Callable[[], int]) -> None:
        self._recorder = viewing.recorder
        self._data = viewing.data
        self._jobs = jobs
        self._unix_ns = unix_ns
        self._live: list[LiveSession] = []
        self._live_at_ns = 0

    def routes(self, door: AdminDoor) -> list[web.RouteDef]:
        """All of them, behind `door`."""
        handlers = {
            "/api/v1/sessions": self.sessions,
            "/api/v1/sessions/live": self.live,
            "/api/v1/sessions/export": self.export,
            "/api/v1/sessions/{id:[0-9a-f]{8,64}}": self.session,
            "/api/v1/audience": self.audience,
            "/api/v1/qoe": self.qoe,
            "/api/v1/report": self.report,
        }
        # A HEAD would cost what a GET does, and say nothing.
        return [web.get(path, door.guarded(handler), allow_head=False) for path, handler in handlers.items()]

    async def live(self, request: web.Request) -> web.Response:
        """Who watches now, the newest first: `?stream=`."""
        stream = request.query.get("stream")
        now_ns = self._unix_ns()
        if not 0 <= now_ns - self._live_at_ns < LIVE_KEPT_NS:
            self._live = sorted(self._recorder.sessions_live(), key=lambda live: live.row.started_at_ms, reverse=True)
            self._live_at_ns = now_ns
        found = [live for live in self._live if stream in (None, live.row.stream_id)]
        told = {
            "now_ms": now_ns // _NS_PER_MS,
            "watching": len(found),
            "sessions": [{**document(live.row), "rendition": live.rendition} for live in found[:MOST_LIVE]],
        }
        return web.json_response(told, headers=_HEADERS)

    async def sessions(self, request: web.Request) -> web.Response:
        """Sessions, the newest first, a page at a time: `?stream=&since=&until=&limit=&before=`."""
        return await self._answer("sessions", self._asked("sessions", request))

    async def session(self, request: web.Request) -> web.Response:
        """One session with its minutes and what its player reported."""
        answer = await self._answer("session", {"id": request.match_info["id"]})
        if isinstance(answer.body, bytes) and answer.body.strip() == b"null":
            raise refusal(web.HTTPNotFound, "there is no such session, or not any more")
        return answer

    async def audience(self, request: web.Request) -> web.Response:
        """Concurrent viewers over time, and how many stayed: `?stream=&since=&until=&step_s=`."""
        return await self._answer("audience", self._asked("audience", request))

    async def qoe(self, request: web.Request) -> web.Response:
        """Quality of experience in the terms of CTA-2066: `?stream=&since=&until=&by=&k=`."""
        return await self._answer("qoe", self._asked("qoe", request))

    async def report(self, request: web.Request) -> web.Response:
        """All of it as a page, or as text: `?stream=&since=&until=&k=&format=`."""
        asked = self._asked("report", request)
        answer = await self._answer("report", asked)
        answer.content_type = _REPORT_TYPES[str(asked.get("format", "html"))]
        answer.charset = "utf-8"
        answer.headers.update(_REPORT_HEADERS)
        return answer

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A table as a file, streamed: `?format=jsonl|csv|parquet|w3c|ncsa&table=&stream=&since=&until=`."""
        asked = {"format": "jsonl", **self._asked("export", request)}
        try:
            async with self._jobs.start(MODULE, "export", self._told(asked)) as chunks:
                first = await anext(chunks, b"")  # what cannot be answered is known by now, and can be told
                return await _stream(request, asked, first, chunks)
        except (QueryError, JobError) as error:
            raise _refused(error) from error

    async def _answer(self, job: str, asked: Mapping[str, str | int]) -> web.Response:
        try:
            body = await self._jobs.run(MODULE, job, self._told(asked))
        except (QueryError, JobError) as error:
            raise _refused(error) from error
        return web.Response(body=body, content_type="application/json", headers=_HEADERS)

    def _asked(self, job: str, request: web.Request) -> dict[str, str | int]:
        try:
            return parameters_of(job, request.query.items(), self._unix_ns() // _NS_PER_MS)
        except ValueError as error:
            raise refusal(web.HTTPBadRequest, str(error)) from error

    def _told(self, asked: Mapping[str, str | int]) -> str:
        return json.dumps({"data": str(self._data), **asked})


async def _stream(
    request: web.Request, asked: Mapping[str, str | int], first: bytes, rest: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send a file as it comes. One that ends too early is broken off, so that nobody takes it for the whole."""
    file_format = str(asked["format"])
    name = f"viewing-{asked.get('table', 'sessions')}.{_SUFFIXES.get(file_format, file_format)}"
    response = web.StreamResponse(headers={
        **_HEADERS, "Content-Type": EXPORTS[file_format], "Content-Disposition": f'attachment; filename="{name}"',
    })  # fmt: skip
    await response.prepare(request)
    try:
        chunk = first
        while chunk:
            async with asyncio.timeout(WRITE_DEADLINE_S):
                await response.write(chunk)
            chunk = await anext(rest, b"")
        await response.write_eof()
    except (JobError, QueryError, TimeoutError) as error:
        log.warning("an export was broken off", reason=str(error) or "its reader takes too long")
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        pass  # it hung up, and there is nobody to tell
    return response


def _refused(error: QueryError | JobError) -> web.HTTPError:
    """As it may be told: what goes wrong with this machine's files is for its log."""
    if isinstance(error, QueryError):
        return refusal(web.HTTPBadRequest, str(error))
    log.warning("a question about the viewing data got no answer", reason=str(error))
    why = "the viewing data cannot be read just now; the relay's log says why"
    return refusal(web.HTTPServiceUnavailable, why, Retry_After=str(_AGAIN_AFTER_S))
