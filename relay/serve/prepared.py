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
    """A body and the headers that are the same for everyone who gets it; `duration_s` is that of media.

    `etag` is empty for what is not to be asked for again. `is_text` says that it may go in gzip, and never in part.
    """

    __slots__ = ("_gzipped", "body", "duration_s", "etag", "headers", "is_text")

    def __init__(
        self,
        body: bytes | memoryview,
        headers: Mapping[str, str],
        *,
        etag: str = "",
        is_text: bool = False,
        duration_s: float = 0.0,
    ) -> None:
        self.body = body
        self.etag = etag
        self.is_text = is_text
        self.duration_s = duration_s
        self.headers: CIMultiDict[str] = CIMultiDict(headers)
        if etag:
            self.headers["ETag"] = etag
        self._gzipped: Prepared | None = None

    def gzipped(self) -> Prepared:
        """The same in gzip, made when first asked for."""
        if self._gzipped is None:
            body = gzip.compress(self.body, _GZIP_LEVEL, mtime=0)
            etag = f'{self.etag[:-1]}-gzip"' if self.etag else ""
            self._gzipped = Prepared(body, {**self.headers, "Content-Encoding": "gzip"}, etag=etag, is_text=True)
        return self._gzipped


def text(body: bytes, content_type: str, cache_control: str) -> Prepared:
    """A text that goes in gzip to those who accept it."""
    headers = {"Content-Type": content_type, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    return Prepared(body, headers, etag=strong_etag(body), is_text=True)


def playlist(lines: str, cache_control: str) -> Prepared:
    """A media playlist."""
    return text(lines.encode(), PLAYLIST_TYPE, cache_control)


def multivariant(lines: str) -> Prepared:
    """A viewer's multivariant playlist: nobody will ask for these bytes again, so there is nothing to validate."""
    headers = {"Content-Type": PLAYLIST_TYPE, "Cache-Control": NO_STORE, "Vary": "Accept-Encoding"}
    return Prepared(lines.encode(), headers, is_text=True)


def binary(body: bytes | memoryview, content_type: str, cache_control: str, duration_s: float = 0.0) -> Prepared:
    """Anything that goes as it is, in part too."""
    headers = {"Content-Type": content_type, "Cache-Control": cache_control, "Accept-Ranges": "bytes"}
    return Prepared(body, headers, etag=strong_etag(body), duration_s=duration_s)


def media(body: bytes | memoryview, kind: MediaKind, cache_control: str, duration_s: float = 0.0) -> Prepared:
    """An initialization segment, a segment or a part."""
    return binary(body, f"{kind.value}/mp4", cache_control, duration_s)


def strong_etag(body: bytes | memoryview) -> str:
    """A validator made of the bytes themselves: the same after a restart, and from a relay beside this one."""
    return f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
