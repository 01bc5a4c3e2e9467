"""The rules of HTTP delivery, one exchange at a time.

H1 Content-Type · H2 Cache-Control · H3 CORS · H4 compression · H5 ranges and lengths · H6 redirects · H7 status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must, should

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_MULTIVARIANT_AGE_S: Final = 60
LONGEST_KEY_AGE_S: Final = 300
_PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
_MEDIA_TYPES: Final = {"video/mp4", "audio/mp4", "video/iso.segment", "audio/aac", "video/mp2t", "text/vtt"}
_EXPOSED: Final = {"content-length", "content-range", "date", "age"}


class Resource(StrEnum):
    """What was asked for."""

    MULTIVARIANT = "multivariant"
    PLAYLIST = "playlist"
    BLOCKING_PLAYLIST = "blocking playlist"
    """A media playlist asked for with `_HLS_msn`."""
    INIT = "init"
    SEGMENT = "segment"
    PART = "part"
    KEY = "key"

    @property
    def is_playlist(self) -> bool:
        """Whether it is text."""
        return self in {Resource.MULTIVARIANT, Resource.PLAYLIST, Resource.BLOCKING_PLAYLIST}

    @property
    def is_media(self) -> bool:
        """Whether it goes to the decoder."""
        return self in {Resource.INIT, Resource.SEGMENT, Resource.PART}


@dataclass(frozen=True, slots=True)
class _Exchange:
    kind: Resource
    method: str
    status: int
    headers: Mapping[str, str]
    request: Mapping[str, str]
    target_s: int | None
    is_live: bool

    @property
    def has_content(self) -> bool:
        return self.status in {200, 206} and self.method in {"GET", "HEAD"}

    @property
    def encoding(self) -> str:
        return self.headers.get("content-encoding", "identity").lower()

    @property
    def is_text(self) -> bool:
        """Whether it is media that may be compressed, and whose length is then not known beforehand: WebVTT."""
        return self.kind is Resource.SEGMENT and self.content_type == "text/vtt"

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def cache(self) -> dict[str, int | None]:
        """Cache-Control's directives, with their seconds."""
        directives: dict[str, int | None] = {}
        for directive in self.headers.get("cache-control", "").lower().split(","):
            name, _, value = directive.strip().partition("=")
            directives[name] = int(value) if value.isascii() and value.isdigit() else None
        return directives


def check_response(
    kind: Resource,
    method: str,
    status: int,
    headers: Mapping[str, str],
    request_headers: Mapping[str, str],
    *,
    target_duration_s: int | None = None,
    is_live: bool = True,
) -> list[Finding]:
    """All that is wrong with the head of a response. Without `target_duration_s` ages are not compared with it.

    `is_live`: whether its playlists still change, and so may not be kept for long.
    """
    exchange = _Exchange(
        kind,
        method.upper(),
        status,
        {name.lower(): value for name, value in headers.items()},
        {name.lower(): value for name, value in request_headers.items()},
        target_duration_s,
        is_live,
    )
    findings = _check_cors(exchange)
    if exchange.method == "OPTIONS":
        return findings + _check_preflight(exchange)
    if 300 <= status < 400 and status != 304 and not kind.is_playlist:
        return [*findings, must("H6", "Apple 8.18", f"a redirect of a {kind}", str(status))]
    findings += _check_type(exchange)
    findings += _check_cache(exchange)
    findings += _check_encoding(exchange)
    return findings + _check_range(exchange)


def _check_cors(exchange: _Exchange) -> list[Finding]:
    allowed = exchange.headers.get("access-control-allow-origin")
    origin = exchange.request.get("origin")
    if allowed is None:
        message = (
            f"no Access-Control-Allow-Origin on a {exchange.status}: a player elsewhere cannot even see the status"
        )
        return [must("H3", "Fetch, CORS protocol", message)]
    if origin is not None and allowed not in {"*", origin}:
        return [must("H3", "Fetch, CORS protocol", f"Access-Control-Allow-Origin is {allowed!r}, not {origin} or *")]
    exposed = {name.strip().lower() for name in exchange.headers.get("access-control-expose-headers", "").split(",")}
    missing = ", ".join(sorted(_EXPOSED - exposed))
    if exchange.has_content and exchange.kind.is_media and missing:
        return [should("H3", "Fetch, CORS protocol", f"Access-Control-Expose-Headers does not name {missing}")]
    return []


def _check_preflight(exchange: _Exchange) -> list[Finding]:
    findings: list[Finding] = []
    if exchange.status not in {200, 204}:
        findings.append(must("H7", "Fetch, CORS protocol", f"a preflight is answered {exchange.status}"))
    asked = {name.strip().lower() for name in exchange.request.get("access-control-request-headers", "").split(",")}
    allowed = {name.strip().lower() for name in exchange.headers.get("access-control-allow-headers", "").split(",")}
    # A player that reads ranges sends Range with no warning, so it is allowed whether or not it was asked for.
    if missing := (asked | {"range"}) - allowed - {""}:
        message = f"Access-Control-Allow-Headers does not name {', '.join(sorted(missing))}"
        findings.append(must("H3", "Fetch, CORS protocol", message))
    if "access-control-max-age" not in exchange.headers:
        findings.append(
            should("H3", "Fetch, CORS protocol", "no Access-Control-Max-Age: a preflight before every request")
        )
    return findings


def _check_type(exchange: _Exchange) -> list[Finding]:
    if not exchange.has_content:
        return []
    kind = exchange.content_type
    if exchange.kind.is_playlist and kind != _PLAYLIST_TYPE:
        return [must("H1", "RFC 8216bis §4", f"a playlist as {kind or 'nothing'}", "Content-Type")]
    if exchange.kind.is_media and kind not in _MEDIA_TYPES:
        return [must("H1", "RFC 4337", f"a {exchange.kind} as {kind or 'nothing'}", "Content-Type")]
    if exchange.kind is Resource.KEY and kind != "application/octet-stream":
        return [should("H1", "RFC 8216bis §6.2.3", f"a key as {kind or 'nothing'}", "Content-Type")]
    return []


def _check_cache(exchange: _Exchange) -> list[Finding]:
    written = exchange.headers.get("cache-control")
    if written is None:
        problem = "there is none: caches guess" if exchange.has_content or exchange.status >= 400 else ""
    elif exchange.status >= 400:
        problem = _error_cache_problem(exchange)
    elif exchange.has_content:
        problem = _CACHE_PROBLEMS[exchange.kind](exchange)
    else:
        problem = ""
    return [must("H2", "RFC 8216bis §6.2.1", f"{written!r}: {problem}", "Cache-Control")] if problem else []


def _error_cache_problem(exchange: _Exchange) -> str:
    cache, target_s = exchange.cache, exchange.target_s
    if "no-store" in cache:
        return ""
    limit_s = 0 if target_s is None else target_s if exchange.kind.is_playlist else 4 * target_s
    ages = [cache[name] for name in ("max-age", "s-maxage") if name in cache]
    if not ages or any(age is None or age > limit_s for age in ages):
        return f"an error is not kept, or for {limit_s} s at most"
    return ""


def _multivariant_cache_problem(exchange: _Exchange) -> str:
    age_s = exchange.cache.get("max-age")
    is_short = age_s is not None and (age_s <= LONGEST_MULTIVARIANT_AGE_S or not exchange.is_live)
    if is_short or exchange.cache.keys() & {"no-store", "no-cache"}:
        return ""
    return f"neither no-store nor max-age up to {LONGEST_MULTIVARIANT_AGE_S}"


def _playlist_cache_problem(exchange: _Exchange) -> str:
    cache, target_s = exchange.cache, exchange.target_s
    if cache.keys() & {"no-store", "no-cache"} or not exchange.is_live:
        return ""
    age_s = cache.get("max-age")
    if age_s is None:
        return "a live playlist says how long it is fresh"
    if target_s is not None and max(age_s, cache.get("s-maxage") or 0) > max(1, target_s / 2):
        return "a live playlist is fresh for half a target duration at most"
    return ""


def _blocking_cache_problem(exchange: _Exchange) -> str:
    cache, target_s = exchange.cache, exchange.target_s
    if cache.keys() & {"no-store", "no-cache"}:
        return ""
    # With `max-age=12` a browser answered video.js, which asks twice, out of its own cache, for ever.
    if cache.get("max-age") != 0:
        return "a blocking answer has max-age=0, for the browser's own cache"
    if target_s is not None and (cache.get("s-maxage") or 0) > 6 * target_s:
        return f"a blocking answer is kept for {6 * target_s} s at most"
    return ""


def _key_cache_problem(exchange: _Exchange) -> str:
    cache = exchange.cache
    age_s = cache.get("max-age")
    if "no-store" in cache or ("private" in cache and age_s is not None and age_s <= LONGEST_KEY_AGE_S):
        return ""
    return f"a key is private, for {LONGEST_KEY_AGE_S} s at most"


def _media_cache_problem(exchange: _Exchange) -> str:
    age_s = exchange.cache.get("max-age")
    if "no-store" in exchange.cache or age_s is None or age_s < 6 * (exchange.target_s or 0):
        return "media does not change and is kept for six target durations or more"
    return ""


_CACHE_PROBLEMS: Final[Mapping[Resource, Callable[[_Exchange], str]]] = {
    Resource.MULTIVARIANT: _multivariant_cache_problem,
    Resource.PLAYLIST: _playlist_cache_problem,
    Resource.BLOCKING_PLAYLIST: _blocking_cache_problem,
    Resource.KEY: _key_cache_problem,
    Resource.INIT: _media_cache_problem,
    Resource.SEGMENT: _media_cache_problem,
    Resource.PART: _media_cache_problem,
}


def _check_encoding(exchange: _Exchange) -> list[Finding]:
    encoding = exchange.encoding
    if exchange.kind.is_playlist:
        return _check_playlist_encoding(exchange, encoding)
    if encoding != "identity" and not exchange.is_text:
        return [must("H4", "RFC 8216bis §6.2.1", f"a {exchange.kind} compressed by {encoding}", "Content-Encoding")]
    return []


def _check_playlist_encoding(exchange: _Exchange, encoding: str) -> list[Finding]:
    accepted = {part.split(";")[0].strip().lower() for part in exchange.request.get("accept-encoding", "").split(",")}
    if encoding not in accepted | {"identity"}:
        return [must("H4", "RFC 9110 §12.5.3", f"{encoding} was not asked for", "Content-Encoding")]
    if not exchange.has_content:
        return []
    if "gzip" in accepted and encoding == "identity":
        return [must("H4", "Apple 10.1", "a playlist is not compressed", "Content-Encoding")]
    if "accept-encoding" not in exchange.headers.get("vary", "").lower():
        return [must("H4", "RFC 9110 §12.5.5", "no Vary: Accept-Encoding", "Vary")]
    return []


def _check_range(exchange: _Exchange) -> list[Finding]:
    headers = exchange.headers
    content_range = headers.get("content-range", "")
    if exchange.status == 416 and not re.fullmatch(r"bytes \*/\d+", content_range):
        return [must("H5", "RFC 9110 §15.5.17", f"416 with {content_range!r}", "Content-Range")]
    is_compressed = exchange.is_text and exchange.encoding != "identity"
    if not exchange.has_content or not exchange.kind.is_media or is_compressed:
        return []
    if not headers.get("content-length", "").isdigit():
        return [must("H5", "RFC 9110 §8.6", "media without a length", "Content-Length")]
    return _check_partial(exchange, content_range) if exchange.status == 206 else _check_whole(exchange)


def _check_whole(exchange: _Exchange) -> list[Finding]:
    asked = exchange.request.get("range")
    if asked is not None and exchange.method == "GET":
        return [should("H5", "RFC 9110 §14", f"Range {asked!r} was ignored", str(exchange.status))]
    if exchange.headers.get("accept-ranges", "").lower() != "bytes":
        return [should("H5", "RFC 9110 §14.3", "it does not say that it takes ranges", "Accept-Ranges")]
    return []


def _check_partial(exchange: _Exchange, content_range: str) -> list[Finding]:
    clause = "RFC 9110 §14"
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", exchange.request.get("range", ""))
    if asked is None:
        return [must("H5", clause, "206 where no single range was asked for", "Range")]
    given = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", content_range)
    if given is None:
        return [must("H5", clause, f"206 with {content_range!r}", "Content-Range")]
    first, last, total = map(int, given.groups())
    if asked[1]:
        expected = int(asked[1]), min(int(asked[2] or total), total - 1)
    else:
        expected = max(0, total - int(asked[2] or 0)), total - 1
    if (first, last) != expected or int(exchange.headers["content-length"]) != last - first + 1:
        length = exchange.headers["content-length"]
        return [must("H5", clause, f"{asked[0]} gave {content_range!r} of {length} bytes", "Content-Range")]
    return []
