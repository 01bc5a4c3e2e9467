"""Who may see who watched: an admin, who shows the admin token whatever address they come from.

An address proves nothing: behind a proxy on the same machine every viewer comes from 127.0.0.1. Programs send the token
with each request (`Authorization: Bearer`, RFC 6750 §2.1); a browser exchanges it once for a cookie.
"""

from __future__ import annotations

import asyncio
import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from relay.serve.adminkey import COOKIE_S
from relay.serve.allowance import Allowance
from relay.serve.prepared import NO_STORE
from relay.serve.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from relay.serve.adminkey import AdminKey

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATH: Final = "/api/v1/admin/session"
WRONG_PER_S: Final = 0.2
BURST_WRONG: Final = 10
"""Wrong tries of one network. 256 bits are not guessed; who tries should cost nothing, and be told."""

_BODY_WITHIN_S: Final = 10.0
_MAX_BODY_BYTES: Final = 1024
_NS_PER_S: Final = 1_000_000_000
_HEADERS: Final = {"Cache-Control": NO_STORE}
_CHALLENGE: Final = 'Bearer realm="relay"'
_WHERE: Final = "the admin token is in the file admin.token of the relay's data folder"


class AdminDoor:
    """Lets admins in. `network` says where a request comes from, masked."""

    def __init__(self, key: AdminKey, network: Callable[[web.Request], str], unix_ns: Callable[[], int]) -> None:
        self._key = key
        self._network = network
        self._unix_ns = unix_ns
        self._allowance = Allowance(WRONG_PER_S, BURST_WRONG)

    def routes(self) -> list[web.RouteDef]:
        """Where browsers sign in and out."""
        return [web.post(PATH, self.sign_in), web.delete(PATH, self.sign_out)]

    def guarded(self, handler: Handler) -> Handler:
        """`handler` for admins alone."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self.check(request)
            return await handler(request)

        return guarded

    def check(self, request: web.Request) -> None:
        """Raises 401 for who is no admin, 429 for who guesses, 403 for another site's page that would change something.

        An `Authorization` of another scheme is that of a proxy in front, and none of ours.
        """
        check_origin(request)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if not self._key.is_token(token.strip()):
                raise self._wrong(request)
            return
        cookie = request.cookies.get(self._key.cookie_name)
        if cookie is None or not self._key.knows(cookie, self._now_s):
            raise refusal(web.HTTPUnauthorized, f"this is for admins: {_WHERE}", WWW_Authenticate=_CHALLENGE)

    async def sign_in(self, request: web.Request) -> web.Response:
        """The token, or an invitation, for a cookie: `{"token": "..."}`."""
        check_origin(request)
        if request.content_type != "application/json":  # which no page of another site can send unasked
            raise refusal(web.HTTPUnsupportedMediaType, "a token is taken as application/json")
        if not self._key.take(await _token(request), self._now_s):
            raise self._wrong(request)
        response = web.Response(status=HTTPStatus.NO_CONTENT, headers=_HEADERS)
        is_secure = request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        response.set_cookie(
            self._key.cookie_name,
            self._key.cookie(self._now_s),
            max_age=COOKIE_S,
            httponly=True,
            samesite="Strict",
            secure=is_secure,
        )
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """Forget the cookie in this browser."""
        check_origin(request)
        response = web.Response(status=HTTPStatus.NO_CONTENT, headers=_HEADERS)
        response.del_cookie(self._key.cookie_name, httponly=True, samesite="Strict")
        return response

    @property
    def _now_s(self) -> float:
        return self._unix_ns() / _NS_PER_S

    def _wrong(self, request: web.Request) -> web.HTTPError:
        wait_s = self._allowance.wait_s(self._network(request), asyncio.get_running_loop().time())
        if wait_s > 0:
            return refusal(
                web.HTTPTooManyRequests,
                "too many wrong tokens: wait, and copy it whole",
                Retry_After=str(math.ceil(wait_s)),
            )
        return refusal(
            web.HTTPUnauthorized, f"this is not the admin token of this relay: {_WHERE}", WWW_Authenticate=_CHALLENGE
        )


def check_origin(request: web.Request) -> None:
    """Raises 403 where a page of another site would change something here."""
    if request.method not in {"GET", "HEAD", "OPTIONS"} and not is_same_origin(request.headers, request.host):
        raise refusal(web.HTTPForbidden, "only the relay's own pages may change something")


def is_same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Whether a page of ours asks, or a program.

    Browsers say it themselves where the connection is secure or local (Fetch Metadata §2.3); else the origin that they
    name has to be the host that was asked. Who names neither is no browser.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("Origin")
    if origin is None:
        return True
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


async def _token(request: web.Request) -> str:
    """Of a body. Raises 400, 408 or 413."""
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            body = await request.content.read(_MAX_BODY_BYTES + 1)
            while body and len(body) <= _MAX_BODY_BYTES and not request.content.at_eof():
                body += await request.content.read(_MAX_BODY_BYTES)
    except TimeoutError:
        raise refusal(web.HTTPRequestTimeout, "the token did not come in time") from None
    if len(body) > _MAX_BODY_BYTES:
        raise refusal(web.HTTPBadRequest, f"a token has less than {_MAX_BODY_BYTES} bytes")
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    token = document.get("token") if isinstance(document, dict) else None
    if not isinstance(token, str):
        raise refusal(web.HTTPBadRequest, 'a token is told as {"token": "..."}')
    return token.strip()
