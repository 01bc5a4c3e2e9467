"""Writes a prepared response to whoever asked, and says how much of it was really written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from relay.serve.conditions import accepts_gzip, has_etag, parse_range
from relay.serve.prepared import NO_STORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.serve.prepared import Prepared

CHUNK_BYTES: Final = 64 * 1024
"""The most that a slow reader makes us hold beside the shared bytes, and the most that is miscounted if it hangs up."""

WRITE_DEADLINE_S: Final = 30.0
"""A segment that takes longer than this is of no use to a live viewer, whose playlist has moved on by then."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a request ended. `is_complete`: the object's last byte was among what was written (a probe's was not)."""

    status: int
    bytes_sent: int
    is_complete: bool


async def deliver(
    request: web.Request,
    prepared: Prepared,
    *,
    status: int = 200,
    cache_control: str | None = None,
    on_end: Callable[[Delivery], None] | None = None,
) -> web.StreamResponse:
    """Answer `request` with `prepared`: in gzip, in part, or with nothing but headers, as it asks for.

    `on_end` hears how it ended, whatever happened: a client who goes away raises nothing here, and when the server
    stops, what was written until then counts. A range is never in gzip.
    """
    asked = request.headers
    if prepared.is_text and "Range" not in asked and accepts_gzip(asked.get("Accept-Encoding", "")):
        prepared = prepared.gzipped()
    headers = prepared.headers
    if cache_control is not None:
        headers["Cache-Control"] = cache_control
    body: bytes | memoryview = prepared.body
    wanted: range | None = None
    if status == HTTPStatus.OK:
        if prepared.etag and has_etag(asked.get("If-None-Match", ""), prepared.etag):
            status, body = HTTPStatus.NOT_MODIFIED, b""
        elif (wanted := _wanted_range(request, prepared)) is not None:
            status = HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            headers["Content-Range"] = f"bytes {_span(wanted)}/{len(body)}"
            if not wanted:
                headers["Cache-Control"] = NO_STORE
            body = memoryview(body)[wanted.start : wanted.stop]
    if status != HTTPStatus.NOT_MODIFIED:
        headers["Content-Length"] = str(len(body))
    has_last_byte = wanted is None or wanted.stop == len(prepared.body)
    writing = _Writing(request, web.Response(status=status, headers=headers))
    try:
        if body and request.method != "HEAD":
            await writing.write(body)
    finally:
        if on_end is not None:
            is_complete = has_last_byte and 0 < writing.sent_bytes == len(body)
            on_end(Delivery(status, writing.sent_bytes, is_complete))
    return writing.response


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


class _Writing:
    """Hands a body to the kernel chunk by chunk, waiting for each, so that `sent_bytes` counts what it took."""

    def __init__(self, request: web.Request, response: web.Response) -> None:
        self.response = response
        self.sent_bytes = 0
        self._request = request

    async def write(self, body: bytes | memoryview) -> None:
        """Write all of `body`, or as much as the client takes before it hangs up or its time is over."""
        transport = self._request.transport
        if transport is None:
            return
        # Pause as soon as anything is left over: `drain` then waits until the kernel has all of it.
        transport.set_write_buffer_limits(high=0)
        try:
            async with asyncio.timeout(WRITE_DEADLINE_S):
                await self._write_chunks(body)
        except TimeoutError:
            transport.abort()  # and with it goes what is buffered for this reader
        except ConnectionError:
            pass  # the client hung up; what it got is counted, and there is nobody to tell

    async def _write_chunks(self, body: bytes | memoryview) -> None:
        writer = await self.response.prepare(self._request)
        view = memoryview(body)
        for begin in range(0, len(view), CHUNK_BYTES):
            chunk = view[begin : begin + CHUNK_BYTES]
            await self.response.write(chunk)
            if writer is not None:
                await writer.drain()
            if self._request.transport is None:
                return  # `drain` does not raise when the connection was closed without an error
            self.sent_bytes += len(chunk)
        await self.response.write_eof()
