"""HTTP with bounds: every answer has a deadline and a size, every failure one name and one sentence: a `FetchError`."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from relay import __version__
from relay.check.encoding import EncodingError, decoded
from relay.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ORIGIN: Final = "https://player.invalid"
"""Whose page the player would be on: CORS headers may be sent only to who says it."""
MOST_REDIRECTS: Final = 5
MOST_CONNECTIONS: Final = 200
MOST_HEADER_BYTES: Final = 32_768
CONNECT_S: Final = 10.0
_WRITTEN_AS_IT_GOES: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request may take, and how large its answer may be."""

    seconds: float
    body_bytes: int


PLAYLIST: Final = Limits(10.0, 4 << 20)
"""A day of two-second segments is 3 MB."""
MEDIA: Final = Limits(30.0, 64 << 20)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `url` is where it came from after `redirects`; times are of the monotonic clock."""

    url: str
    status: int
    headers: Mapping[str, str]
    request: Mapping[str, str]
    body: bytes
    asked_s: float
    first_byte_s: float
    came_s: float
    redirects: tuple[tuple[str, int, Mapping[str, str]], ...] = field(default=())

    @property
    def waited_s(self) -> float:
        """From the request to the last byte."""
        return self.came_s - self.asked_s


@asynccontextmanager
async def open_fetcher() -> AsyncIterator[Fetcher]:
    """A player's connections, closed at the end."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        max_line_size=MOST_HEADER_BYTES,
        max_field_size=MOST_HEADER_BYTES,
    ) as session:
        yield Fetcher(session)


class Fetcher:
    """One player's connections; `open_fetcher` makes it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(
        self, url: str, limits: Limits, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to a request, redirects followed. Raises `FetchError`."""
        request = {
            "User-Agent": f"relay-check/{__version__}",
            "Origin": ORIGIN,
            "Accept-Encoding": "gzip",
            **(headers or {}),
        }
        try:
            async with asyncio.timeout(limits.seconds):
                return await self._follow(url, method, request, limits)
        except TimeoutError:
            raise FetchError("timeout", f"no whole answer within {limits.seconds:.0f} s") from None
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorError) as error:
            raise FetchError("unreachable", _words(error)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchError("broken", _words(error)) from None

    async def _follow(self, url: str, method: str, request: dict[str, str], limits: Limits) -> Answer:
        asked_s = time.monotonic()
        redirects: list[tuple[str, int, Mapping[str, str]]] = []
        while True:
            answer = await self._once(url, method, request, limits, asked_s)
            target = answer.headers.get("location")
            if answer.status not in {301, 302, 303, 307, 308} or target is None:
                return Answer(
                    url,
                    answer.status,
                    answer.headers,
                    request,
                    answer.body,
                    asked_s,
                    answer.first_byte_s,
                    answer.came_s,
                    tuple(redirects),
                )
            redirects.append((url, answer.status, answer.headers))
            if len(redirects) > MOST_REDIRECTS:
                raise FetchError("redirects", f"redirected more than {MOST_REDIRECTS} times, the last time to {target}")
            url = urljoin(url, target)

    async def _once(self, url: str, method: str, request: dict[str, str], limits: Limits, asked_s: float) -> Answer:
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise FetchError("broken", f"neither http nor https: {url}")
        # A signature in a URL holds only for the very characters that were signed.
        address = URL(url, encoded=_WRITTEN_AS_IT_GOES.fullmatch(url) is not None)
        async with self._session.request(method, address, headers=request, allow_redirects=False) as response:
            body = bytearray()
            first_byte_s = 0.0
            async for chunk in response.content.iter_any():
                first_byte_s = first_byte_s or time.monotonic()
                body += chunk
                if len(body) > limits.body_bytes:
                    raise FetchError("too large", f"the answer is over {limits.body_bytes} bytes")
            came_s = time.monotonic()
            named = {name.lower(): value for name, value in response.headers.items()}
        content = _content(bytes(body), named, method, limits)
        return Answer(url, response.status, named, request, content, asked_s, first_byte_s or came_s, came_s)


def _content(body: bytes, headers: Mapping[str, str], method: str, limits: Limits) -> bytes:
    if method == "HEAD" or not body:
        return body
    try:
        return decoded(body, headers.get("content-encoding", ""), limits.body_bytes)
    except EncodingError as error:
        raise FetchError("broken", str(error)) from None


def _words(error: Exception) -> str:
    """One line of an error, which in aiohttp's case may quote half an answer."""
    words = str(error) or type(error).__name__
    return words.splitlines()[0][:300]
