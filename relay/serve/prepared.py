"""Responses that are made once, when something is published, and then written to whoever asks."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING, Final

from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.model import MediaKind

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
NO_STORE: Final = "no-store"
_GZIP_LEVEL: Final = 6


class Prepared:
    """A body and the headers that are the same for everyone who gets it.

    Of media, `duration_s` is how long it lasts, `media_at_ms` the Unix time at which it was captured and `bitrate_kbps`
    what its rendition declares: 0 and None for everything else.

    `is_text` says that it may go in gzip, and never in part. Without `has_etag` it is not to be asked for again.
    """

    __slots__ = ("_etag", "_gzipped", "_headers", "bitrate_kbps", "body", "duration_s", "is_text", "media_at_ms")

    def __init__(
        self,
        body: bytes | memoryview,
        headers: Mapping[str, str],
        *,
        has_etag: bool = True,
        is_text: bool = False,
        duration_s: float = 0.0,
        media_at_ms: int | None = None,
        bitrate_kbps: int | None = None,
    ) -> None:
        self.body = body
        self.is_text = is_text
        self.duration_s = duration_s
        self.media_at_ms = media_at_ms
        self.bitrate_kbps = bitrate_kbps
        self._etag = None if has_etag else ""
        self._headers = headers
        self._gzipped: Prepared | None = None

    @property
    def etag(self) -> str:
        """Its validator, made when first asked for: most parts of most renditions are fetched by nobody."""
        if self._etag is None:
            self._etag = strong_etag(self.body)
        return self._etag

    @property
    def headers(self) -> CIMultiDict[str]:
        """Those of a response, to be changed at will."""
        headers = CIMultiDict(self._headers)
        if self.etag:
            headers["ETag"] = self.etag
        return headers

    def with_headers(self, more: Mapping[str, str]) -> Prepared:
        """The same with `more`."""
        headers = {**self._headers, **more}
        has_etag = self._etag != ""
        return Prepared(
            self.body,
            headers,
            has_etag=has_etag,
            is_text=self.is_text,
            duration_s=self.duration_s,
            media_at_ms=self.media_at_ms,
            bitrate_kbps=self.bitrate_kbps,
        )

    def gzipped(self) -> Prepared:
        """The same in gzip, made when first asked for."""
        if self._gzipped is None:
            body = gzip.compress(self.body, _GZIP_LEVEL, mtime=0)
            self._gzipped = Prepared(
                body, {**self._headers, "Content-Encoding": "gzip"}, has_etag=self._etag != "", is_text=True
            )
        return self._gzipped


def text(body: bytes, content_type: str, cache_control: str) -> Prepared:
    """A text that goes in gzip to those who accept it."""
    headers = {"Content-Type": content_type, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    return Prepared(body, headers, is_text=True)


def playlist(lines: str, cache_control: str) -> Prepared:
    """A media playlist."""
    return text(lines.encode(), PLAYLIST_TYPE, cache_control)


def multivariant(lines: str) -> Prepared:
    """A viewer's multivariant playlist: nobody will ask for these bytes again, so there is nothing to validate."""
    headers = {"Content-Type": PLAYLIST_TYPE, "Cache-Control": NO_STORE, "Vary": "Accept-Encoding"}
    return Prepared(lines.encode(), headers, has_etag=False, is_text=True)


def binary(
    body: bytes | memoryview,
    content_type: str,
    cache_control: str,
    duration_s: float = 0.0,
    media_at_ms: int | None = None,
    bitrate_kbps: int | None = None,
) -> Prepared:
    """Anything that goes as it is, in part too."""
    headers = {"Content-Type": content_type, "Cache-Control": cache_control, "Accept-Ranges": "bytes"}
    return Prepared(body, headers, duration_s=duration_s, media_at_ms=media_at_ms, bitrate_kbps=bitrate_kbps)


def media(
    body: bytes | memoryview,
    kind: MediaKind,
    cache_control: str,
    duration_s: float = 0.0,
    media_at_ms: int | None = None,
    bitrate_kbps: int | None = None,
) -> Prepared:
    """An initialization segment, a segment or a part."""
    return binary(body, f"{kind.value}/mp4", cache_control, duration_s, media_at_ms, bitrate_kbps)


def strong_etag(body: bytes | memoryview) -> str:
    """A validator made of the bytes themselves: the same after a restart, and from a relay beside this one."""
    return f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
