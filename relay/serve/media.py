"""Everything below `/live/` that a player fetches: playlists, media, the newest picture."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from relay.model import MediaKind
from relay.playlist import (
    Answer,
    Described,
    Directives,
    IFrameStream,
    decide,
    decide_on_iframes,
    decide_on_segments,
    longest_wait_s,
    parse_directives,
    render_ladder,
    render_multivariant,
)
from relay.playlist.reload import LONGEST_WAIT_S
from relay.serve import prepared
from relay.serve.access import Asker, Sent
from relay.serve.deliver import deliver
from relay.serve.prepared import NO_STORE, Prepared
from relay.sessions import ObjectKind
from relay.sessions.paths import CAPTIONS, IFRAME_PLAYLIST, TRANSPORT, TRANSPORT_PLAYLIST, LivePath, parse_path
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.playlist import Window
    from relay.serve.access import AccessLog
    from relay.serve.deliver import Delivery
    from relay.serve.hub import Generation, Hub, StreamHub
    from relay.serve.rendition import Rendition
    from relay.serve.transport import TransportRendition
    from relay.sessions import TokenMint
    from relay.supervisor.demand import Demand

_METHODS: Final = "GET, HEAD, OPTIONS"
PREFLIGHT_HEADERS: Final = {
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": "Range, If-None-Match, If-Range, Cache-Control, CMCD-Request, CMCD-Object, "
    "CMCD-Status, CMCD-Session",
    "Access-Control-Max-Age": "86400",
}
_RETRY_AFTER_S: Final = "1"
_BLOCKING_CACHE_TARGETS: Final = 6
_NO_TRANSPORT: Final = "this stream is copied as H.265, which is not sent as MPEG-TS: index.m3u8 has it as fMP4"


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send: an object, or an error's words."""

    prepared: Prepared
    status: int = 200
    cache_control: str | None = None
    viewer: str | None = None


def problem(status: HTTPStatus, words: str) -> Reply:
    """An error. It may change with the next part, so no cache keeps it."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": NO_STORE}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_AFTER_S
    return Reply(Prepared(f"{words}\n".encode(), headers, has_etag=False), status)


def asker_of(request: web.Request) -> Asker:
    """Who asks. To be called before the answer is written: after a hang-up the address is gone."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    peer_address = str(peer[0]) if isinstance(peer, tuple) else ""
    return Asker(peer_address, request.headers, request.rel_url.raw_query_string)


class MediaRoutes:
    """The handler of `/live/...`."""

    def __init__(
        self,
        hub: Hub,
        mint: TokenMint,
        log: AccessLog,
        unix_ns: Callable[[], int],
        demand: Callable[[str], Demand],
    ) -> None:
        self._hub = hub
        self._demand = demand
        self._mint = mint
        self._log = log
        self._unix_ns = unix_ns

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of a player."""
        if request.method == "OPTIONS":
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=PREFLIGHT_HEADERS)
        if request.method not in {"GET", "HEAD"}:
            raise web.HTTPMethodNotAllowed(request.method, _METHODS.split(", "), headers={"Cache-Control": NO_STORE})
        path = parse_path(request.path)
        stream = self._hub.streams.get(path.stream) if path else None
        if path is None or stream is None:
            reply = problem(HTTPStatus.NOT_FOUND, "there is nothing here")
            return await deliver(request, reply.prepared, status=reply.status)
        if path.kind is None:  # the newest picture alone opens no camera: the page of all streams asks for it
            return await self._answer(request, stream, path)
        demand = self._demand(path.stream)
        with demand, demand.of(_rendition_of_now(stream, path)) as visit:
            response = await self._answer(request, stream, path)
            visit.msn = path.msn if response.status < HTTPStatus.BAD_REQUEST else None
        return response

    async def _answer(self, request: web.Request, stream: StreamHub, path: LivePath) -> web.StreamResponse:
        now_s = asyncio.get_running_loop().time
        asked_s = now_s()
        reply = await self._find(request, stream, path)
        hold_s = now_s() - asked_s
        response = await deliver(
            request,
            reply.prepared,
            status=reply.status,
            cache_control=reply.cache_control,
            on_end=self._noting(request, path, reply, asked_s, hold_s) if request.method == "GET" else None,
        )
        if request.method == "HEAD" and path.kind is ObjectKind.MULTIVARIANT:
            response.headers.pop("Content-Length", None)  # a GET's has a token in it, and HEAD makes none
        return response

    def _noting(
        self, request: web.Request, path: LivePath, reply: Reply, asked_s: float, hold_s: float
    ) -> Callable[[Delivery], None]:
        """How the end of this request, of which `hold_s` were waiting, is accounted for."""
        asker = asker_of(request)
        now_s = asyncio.get_running_loop().time
        viewer = reply.viewer or path.viewer

        def note(delivery: Delivery) -> None:
            sent = Sent(
                viewer,
                reply.prepared.duration_s,
                delivery.status,
                delivery.bytes_sent,
                delivery.is_complete,
                took_ms=round((now_s() - asked_s) * 1e3),
                hold_ms=round(hold_s * 1e3),
                media_at_ms=reply.prepared.media_at_ms,
                bitrate_kbps=reply.prepared.bitrate_kbps,
            )
            self._log.note(path, sent, asker)

        return note

    async def _find(self, request: web.Request, stream: StreamHub, path: LivePath) -> Reply:
        if path.kind is ObjectKind.MULTIVARIANT:
            return await self._multivariant(request, stream, path)
        if path.kind is None:
            if stream.snapshot is None:
                return problem(HTTPStatus.NOT_FOUND, "there is no picture yet")
            return Reply(stream.snapshot)
        generation = stream.generation(path.generation)
        if generation is None:
            return problem(HTTPStatus.NOT_FOUND, "there is no such rendition, or no more")
        if path.rendition == TRANSPORT:
            return await _transport(stream, generation.transport, path)
        find = _captions if path.rendition == CAPTIONS else _media
        return await find(request, stream, generation, path)

    async def _multivariant(self, request: web.Request, stream: StreamHub, path: LivePath) -> Reply:
        """The one document that differs from viewer to viewer: opening it opens a session."""
        until = asyncio.get_running_loop().time() + LONGEST_WAIT_S
        while (generation := stream.current) is None or not generation.is_ready:
            if stream.is_closing or not await stream.bell.wait(until):
                return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the stream has not begun yet")
        transport = generation.transport
        if path.name == TRANSPORT_PLAYLIST and transport is None:
            return problem(HTTPStatus.NOT_FOUND, _NO_TRANSPORT)
        viewer, prefix = path.viewer, ""
        if viewer is None and request.method == "GET":
            viewer = self._mint.mint(stream.name, self._unix_ns() // NS_PER_S)
            prefix = f"v/{viewer}/"
        if path.name == TRANSPORT_PLAYLIST and transport is not None:
            uri = f"{prefix}{TRANSPORT}-{generation.number}/index.m3u8"
            text = transport.multivariant(uri, generation.format)
        else:
            text = _render_multivariant(generation, prefix)
        return Reply(prepared.multivariant(text), viewer=viewer)


def _rendition_of_now(stream: StreamHub, path: LivePath) -> str:
    """The rendition of the newest generation that `path` wants encoded; empty where it is none."""
    is_newest = stream.current is not None and stream.current.number == path.generation
    return path.rendition if is_newest and path.rendition is not None else ""


def _render_multivariant(generation: Generation, prefix: str) -> str:
    described = [
        Described(rendition.init, f"{prefix}{rendition.name}-{generation.number}/index.m3u8")
        for rendition in generation.renditions.values()
        if rendition.init
    ]
    videos = [one for one in described if one.init.kind is MediaKind.VIDEO]
    audio = next((one for one in described if one.init.kind is MediaKind.AUDIO), None)
    iframes = [
        IFrameStream(
            rendition.init,
            f"{prefix}{rendition.name}-{generation.number}/{IFRAME_PLAYLIST}",
            rendition.iframes.bandwidth_bps(rendition.init),
        )
        for rendition in generation.renditions.values()
        if rendition.init and rendition.iframes and rendition.iframes.is_offered
    ]
    captions_uri = f"{prefix}{CAPTIONS}-{generation.number}/index.m3u8" if generation.captions else ""
    if generation.format.ladder:
        return render_ladder(videos, audio, iframes, captions_uri)
    return render_multivariant(videos[0], audio, iframes, captions_uri)


async def _media(request: web.Request, stream: StreamHub, generation: Generation, path: LivePath) -> Reply:
    """A playlist of a rendition in fMP4, or something that it lists."""
    rendition = generation.renditions.get(path.rendition or "")
    if rendition is None:
        return problem(HTTPStatus.NOT_FOUND, "there is no such rendition, or no more")
    if path.kind is not ObjectKind.PLAYLIST:
        return await _file(stream, rendition, path)
    if path.name != IFRAME_PLAYLIST:
        return await _playlist(request, stream, rendition, decide, partial(generation.playlist, rendition))
    if rendition.iframes is None:
        return problem(HTTPStatus.NOT_FOUND, "there are no I-frames by themselves in this rendition")
    return await _playlist(request, stream, rendition, decide_on_iframes, rendition.iframes.playlist)


async def _captions(request: web.Request, stream: StreamHub, generation: Generation, path: LivePath) -> Reply:
    """The media playlist of captions, or a segment of text that it lists."""
    captions = generation.captions
    if captions is None:
        return problem(HTTPStatus.NOT_FOUND, "this stream has no captions")
    if path.kind is ObjectKind.PLAYLIST and path.name != IFRAME_PLAYLIST:
        return await _playlist(request, stream, generation.top, decide_on_segments, captions.playlist)
    found = captions.files.get(path.name)
    return Reply(found) if found else problem(HTTPStatus.NOT_FOUND, "there are no such captions, or no more")


async def _playlist(
    request: web.Request,
    stream: StreamHub,
    rendition: Rendition,
    decision: Callable[[Window, Directives], Answer],
    find: Callable[..., Prepared],
) -> Reply:
    """A playlist of the window of `rendition`, by `find(skip=)`, when it is what was asked for by `decision`."""
    try:
        directives = parse_directives(request.rel_url.query.items())
    except ValueError as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    window = rendition.window
    if window.is_ended and rendition.may_sleep and not window.listed:
        return problem(HTTPStatus.NOT_FOUND, "nobody watched this rendition, and the stream has ended")
    until = asyncio.get_running_loop().time() + longest_wait_s(window)
    while (answer := Answer.WAIT if rendition.is_held else decision(window, directives)) is Answer.WAIT:
        if stream.is_closing or not await rendition.bell.wait(until):
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "nothing new has come")
    if answer is Answer.REFUSE:
        return problem(HTTPStatus.BAD_REQUEST, "_HLS_msn or _HLS_part is too far in the future")
    cache_control = None
    if directives.msn is not None:
        # Plain `max-age` froze video.js, which repeats blocking requests; shared caches may keep what never changes.
        cache_control = f"max-age=0, s-maxage={_BLOCKING_CACHE_TARGETS * window.settings.target_duration_s}"
    return Reply(find(skip=directives.skip), cache_control=cache_control)


async def _file(stream: StreamHub, rendition: Rendition, path: LivePath) -> Reply:
    """An init, a segment or a part. A hinted part is waited for: all of it then goes at full speed."""
    until = asyncio.get_running_loop().time() + longest_wait_s(rendition.window)
    while (found := rendition.files.get(path.name)) is None:
        if rendition.hinted_uri != path.name:
            return problem(HTTPStatus.NOT_FOUND, "there is no such media, or no more")
        if stream.is_closing or not await rendition.bell.wait(until):
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the part has not come")
    return Reply(found)


async def _transport(stream: StreamHub, transport: TransportRendition | None, path: LivePath) -> Reply:
    """The media playlist in MPEG-TS, once it has a segment, or a segment of it."""
    if transport is None:
        return problem(HTTPStatus.NOT_FOUND, _NO_TRANSPORT)
    if path.name == IFRAME_PLAYLIST:
        return problem(HTTPStatus.NOT_FOUND, "I-frames by themselves are in the renditions of index.m3u8 alone")
    if path.kind is not ObjectKind.PLAYLIST:
        found = await transport.file(path.name)
        return Reply(found) if found else problem(HTTPStatus.NOT_FOUND, "there is no such media, or no more")
    until = asyncio.get_running_loop().time() + longest_wait_s(transport.window)
    while decide(transport.window, Directives()) is Answer.WAIT:
        if stream.is_closing or not await transport.bell.wait(until):
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "nothing new has come")
    return Reply(transport.playlist())
