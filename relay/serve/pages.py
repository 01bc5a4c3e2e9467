"""The pages: all streams, the watch page, and the files they are made of. They are read once and kept in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from relay.retention import Retention
from relay.serve import prepared
from relay.serve.deliver import deliver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.serve.hub import Hub
    from relay.serve.prepared import Prepared

WEB_FOLDER: Final = Path(__file__).parent / "web"
_REVALIDATE: Final = "no-cache"
"""A new version of the relay must not meet old scripts in the browser; with an ETag it costs a 304."""

_TEXT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
_BINARY_TYPES: Final = {".png": "image/png", ".ico": "image/vnd.microsoft.icon", ".woff2": "font/woff2"}

PAGE_HEADERS: Final = {
    # Media Source Extensions play from a blob: address, and hls.js makes captions a text track of an empty data: one.
    # Everything else comes from here and nothing is inline.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob: data:; worker-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",  # a viewer's token may stand in the address
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Pages:
    """Handlers of the pages and their files."""

    def __init__(self, hub: Hub, folder: Path = WEB_FOLDER, kept: Retention | None = None) -> None:
        """`kept` says how long viewing data are kept, for the page that tells viewers."""
        self._hub = hub
        self._files = _load(folder, {name: str(value) for name, value in (kept or Retention()).model_dump().items()})

    async def index(self, request: web.Request) -> web.StreamResponse:
        """All streams."""
        return await self._page(request, "index.html")

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """One stream."""
        self._check_stream(request)
        return await self._page(request, "watch.html")

    async def viewing(self, request: web.Request) -> web.StreamResponse:
        """Who watches now. The page is anybody's; what it shows it has to ask for as an admin."""
        return await self._page(request, "viewing.html")

    async def privacy(self, request: web.Request) -> web.StreamResponse:
        """What is kept of viewers, in plain words."""
        return await self._page(request, "privacy.html")

    async def add_slash(self, request: web.Request) -> web.StreamResponse:
        """The watch page without its last slash, from which its relative addresses would not lead anywhere."""
        self._check_stream(request)
        raise web.HTTPPermanentRedirect(f"{request.match_info['stream']}/")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file of the pages."""
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound(text="there is nothing here\n", headers={"Cache-Control": prepared.NO_STORE})
        return await deliver(request, found)

    def _check_stream(self, request: web.Request) -> None:
        if request.match_info["stream"] not in self._hub.streams:
            raise web.HTTPNotFound(text="there is no such stream\n", headers={"Cache-Control": prepared.NO_STORE})

    async def _page(self, request: web.Request, name: str) -> web.StreamResponse:
        page = self._files.get(name)
        if page is None:
            raise web.HTTPServiceUnavailable(text="this relay was installed without its pages\n")
        return await deliver(request, page)


def _load(folder: Path, words: Mapping[str, str]) -> dict[str, Prepared]:
    """The files of `folder` by their path in it. They are small: a megabyte in all, most of it hls.js.

    `{name}` in a page is the word of that name.
    """
    files: dict[str, Prepared] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in _TEXT_TYPES:
            text = path.read_bytes()
            if path.suffix == ".html":
                for word, value in words.items():
                    text = text.replace(f"{{{word}}}".encode(), value.encode())
            made = prepared.text(text, _TEXT_TYPES[path.suffix], _REVALIDATE)
            if path.suffix == ".html":
                made = made.with_headers(PAGE_HEADERS)
            made.gzipped()  # now, at the start, and not on the event loop when somebody waits
        elif path.suffix in _BINARY_TYPES:
            made = prepared.binary(path.read_bytes(), _BINARY_TYPES[path.suffix], _REVALIDATE)
        else:
            continue
        files[name] = made
    return files
