"""Writes a prepared response to whoever asked, and says how much of it was really written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web
from multidict import CIMultiDict

from relay.serve.conditions import accepts_gzip, has_etag, parse_range

if TYPE_CHECKING:
    from relay.serve.prepared import Prepared

CHUNK_BYTES: Final = 64 * 1024
"""The most that a slow reader makes us hold beside the shared bytes, and the most that is miscounted if it hangs up."""

WRITE_DEADLINE_S: Final = 30.0
"""A segment that takes longer than this is of no use to a live viewer, whose playlist has moved on by then."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a request ended. `is_complete`: the object's last byte was among what was written (a probe's was not)."""

    response: web.StreamResponse
    status: int
    bytes_sent: int
    is_complete: bool


async def deliver(
    request: web.Request,
    prepared: Prepared,
    *,
    status: int = 200,
    cache_control: str | None = None,
    write_deadline_s: float = WRITE_DEADLINE_S,
) -> Delivery:
    """Answer `request` with `prepared`: in gzip, in part, or with nothing but headers, as it asks for.

    Never raises when the client goes away: what was written until then is what is reported. A range is never in gzip.
    """
    asked = request.headers
    if prepared.is_text and "Range" not in asked and accepts_gzip(asked.get("Accept-Encoding", "")):
        prepared = prepared.gzipped()
    headers = CIMultiDict(prepared.headers)
    if cache_control is not None:
        headers["Cache-Control"] = cache_control
    body: bytes | memoryview = prepared.body
    end = len(body)
    if status == web.HTTPOk.status_code:
        if prepared.etag and "If-None-Match" in asked and has_etag(asked["If-None-Match"], prepared.etag):
            return await _send(request, web.HTTPNotModified.status_code, headers, b"", is_last=False)
        if (wanted := _wanted_range(request, prepared)) is not None:
            headers["Content-Range"] = f"bytes {_span(wanted)}/{end}"
            if not wanted:
                status, headers["Cache-Control"] = 416, "no-store"
                return await _send(request, status, headers, b"", is_last=False)
            status, body = 206, memoryview(body)[wanted.start : wanted.stop]
            end = wanted.stop
    is_last = end == len(prepared.body)
    return await _send(request, status, headers, body, is_last=is_last, write_deadline_s=write_deadline_s)


def _wanted_range(request: web.Request, prepared: Prepared) -> range | None:
    """The range to send. Playlists are sent whole (players accept a 200), and ranges are defined for GET alone."""
    value = request.headers.get("Range")
    if value is None or prepared.is_text or request.method != "GET":
        return None
    if request.headers.get("If-Range", prepared.etag) != prepared.etag:
        return None
    return parse_range(value, len(prepared.body))


def _span(wanted: range) -> str:
    return f"{wanted.start}-{wanted.stop - 1}" if wanted else "*"


async def _send(
    request: web.Request,
    status: int,
    headers: CIMultiDict[str],
    body: bytes | memoryview,
    *,
    is_last: bool,
    write_deadline_s: float = WRITE_DEADLINE_S,
) -> Delivery:
    if status != web.HTTPNotModified.status_code:
        headers["Content-Length"] = str(len(body))
    response = web.Response(status=status, headers=headers)
    if request.method == "HEAD" or not body:
        return Delivery(response, status, 0, is_complete=False)
    writing = _Writing(request, response)
    try:
        async with asyncio.timeout(write_deadline_s):
            await writing.write(body)
    except TimeoutError:
        writing.abort()
    except ConnectionError:
        pass  # the client hung up; what it got is counted, and there is nobody to tell
    return Delivery(response, status, writing.sent_bytes, is_last and writing.sent_bytes == len(body))


class _Writing:
    """Hands a body to the kernel chunk by chunk, waiting for each, so that `sent_bytes` counts what it took."""

    def __init__(self, request: web.Request, response: web.Response) -> None:
        self.sent_bytes = 0
        self._request = request
        self._response = response
        self._transport = request.transport

    async def write(self, body: bytes | memoryview) -> None:
        if self._transport is None:
            return
        # Pause as soon as anything is left over: `drain` then waits until the kernel has all of it.
        self._transport.set_write_buffer_limits(high=0)
        writer = await self._response.prepare(self._request)
        view = memoryview(body)
        for begin in range(0, len(view), CHUNK_BYTES):
            chunk = view[begin : begin + CHUNK_BYTES]
            await self._response.write(chunk)
            if writer is not None:
                await writer.drain()
            if self._request.transport is None:
                return  # `drain` does not raise when the connection was closed without an error
            self.sent_bytes += len(chunk)
        await self._response.write_eof()

    def abort(self) -> None:
        """Give up on a reader that is too slow, and free what is buffered for it."""
        if self._transport is not None:
            self._transport.abort()
