"""What a file or an http(s) address says, read with limits of size and time, and without telling anybody's password.

A password in the address (`http://user:password@host/`) is sent to that host alone, and neither it nor the query is in
any message. A redirect may not lead to another scheme, nor from https to http.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import re
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import IO, Final
from urllib.parse import SplitResult, unquote, urlsplit

from relay.errors import TransformError, redact
from relay.transform.drawing.files import read_regular

_SCHEMES: Final = ("http", "https")
_ANY_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAX_REDIRECTS: Final = 3
_CHUNK: Final = 16 * 1024
_AGENT: Final = "relay"
_ACCEPT: Final = "application/json, text/plain;q=0.9, */*;q=0.5"


def is_url(source: str) -> bool:
    """Whether `source` is an address, and not a path. Raises `ValueError` for a scheme that is not read."""
    if not _ANY_SCHEME.match(source):
        return False
    parts = _split(source)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"{parts.scheme}:// is not read here: an address begins with http:// or https://")
    if not parts.hostname:
        raise ValueError("the address has no host: write http://HOST/PATH")
    return True


def label_of(source: str) -> str:
    """What may be said of `source`: a path, or the address without what may be secret in it."""
    if not is_url(source):
        return source
    parts = _split(source)
    return redact(f"{parts.scheme}://{_host_of(parts)}{parts.path}")  # a password with a slash looks like a path


def read_source(source: str, timeout_s: float, max_bytes: int) -> bytes:
    """All that the file or address says. Raises `TransformError`, in words that may be shown."""
    if not is_url(source):
        return read_regular(Path(source), max_bytes)
    label = label_of(source)
    try:
        return _read_url(_split(source), timeout_s, max_bytes)
    except _RefusedError as error:
        raise TransformError(f"{label}: {error}") from None
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            raise TransformError(f"{label}: answers {error.code} {_phrase(error.code)}{_further(error.code)}") from None
    except TimeoutError:
        raise TransformError(f"{label}: no answer within {timeout_s:g} s") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise TransformError(f"{label}: no answer within {timeout_s:g} s") from None
        raise TransformError(f"{label}: cannot be reached: {_reason(error.reason)}") from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        # Their texts may quote what was asked for; none is from them either, because a log shows causes too.
        raise TransformError(f"{label}: does not answer as HTTP: {type(error).__name__}") from None


class _RefusedError(Exception):
    """What this reader does not do, in words that may be shown."""


def _read_url(parts: SplitResult, timeout_s: float, max_bytes: int) -> bytes:
    deadline = time.monotonic() + timeout_s
    bare = parts._replace(netloc=_host_of(parts), fragment="").geturl()
    request = urllib.request.Request(bare, headers={"Accept": _ACCEPT})  # noqa: S310 - the scheme was looked at
    if parts.username is not None:
        userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        # Not redirected: it is for this host. The handler below gives it to the same host again.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(userinfo.encode()).decode()}")
    content = bytearray()
    with _opener().open(request, timeout=timeout_s) as response:
        while chunk := response.read1(_CHUNK):
            content += chunk
            if len(content) > max_bytes:
                raise _RefusedError(f"sends more than {max_bytes} bytes")
            if time.monotonic() > deadline:
                raise _RefusedError(f"takes longer than {timeout_s:g} s")
    return bytes(content)


def _opener() -> urllib.request.OpenerDirector:
    """What opens addresses of HTTP alone: the usual one would open files and FTP as well."""
    opener = urllib.request.OpenerDirector()
    opener.addheaders = [("User-Agent", _AGENT)]
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MAX_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        here, there = urlsplit(req.full_url), urlsplit(newurl)
        if there.scheme not in _SCHEMES or (here.scheme == "https" and there.scheme != "https"):
            fp.close()
            raise _RefusedError(f"leads on to {there.scheme or 'nothing'}://, where it is not followed")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        password = req.get_header("Authorization")
        if request is not None and password and (here.scheme, here.netloc) == (there.scheme, there.netloc):
            request.add_unredirected_header("Authorization", password)
        return request


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # it is read, and refused, only when it is asked for
    except ValueError:
        raise ValueError("the address cannot be read: write http://HOST:PORT/PATH") from None
    return parts


def _host_of(parts: SplitResult) -> str:
    """Host and port, without user and password."""
    return parts.netloc.rpartition("@")[2]


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def _further(code: int) -> str:
    """Of a redirect that was not followed: urllib itself refuses what is no HTTP, and one too many."""
    return ", and leads on where it is not followed" if code // 100 == 3 else ""


def _reason(reason: object) -> str:
    """Why no connection was made: the system's words, which name no address."""
    text = reason.strerror if isinstance(reason, OSError) else None
    return text or type(reason).__name__
