"""Accounting of requests: plain functions of token, object and bytes, which need no request object."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.model import MediaKind
from relay.sessions import Access, ClientMasks
from relay.sessions.client import has_opted_out, referrer_host
from relay.sessions.cmcd import joined_headers, parse_query, value_in
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.sessions import Client, SessionRecorder
    from relay.sessions.paths import LivePath
    from relay.sessions.said import Cmcd

_MEDIA_KINDS: Final = {kind.value: kind for kind in MediaKind}
_MAX_SESSION_ID: Final = 64


class Sent(NamedTuple):
    """How a request for media or a playlist ended. `viewer` is the token that it came with or was given.

    The rest is as in `Access`.
    """

    viewer: str | None
    duration_s: float
    status: int
    bytes_sent: int
    is_complete: bool
    took_ms: int = 0
    hold_ms: int = 0
    media_at_ms: int | None = None
    bitrate_kbps: int | None = None


class Asker(NamedTuple):
    """Who asks, and what it says of itself: `query` is still percent-encoded. Of all this only `Access` goes on."""

    peer_address: str
    headers: Mapping[str, str]
    query: str = ""


class AccessLog:
    """Tells the session recorder of every GET below `/live/`, and keeps totals for the metrics.

    `cmcd` counts what players said of themselves: with a `request`, in a `report`, or so that it was `ignored`.
    """

    def __init__(self, recorder: SessionRecorder, unix_ns: Callable[[], int]) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.bytes_sent: Counter[tuple[str, str]] = Counter()
        self.cmcd: Counter[str] = Counter()
        self._recorder = recorder
        self._unix_ns = unix_ns
        self._masks = ClientMasks()

    def client(self, asker: Asker, now_ns: int) -> Client:
        """Who asks, masked."""
        headers = asker.headers
        return self._masks.client(
            asker.peer_address,
            headers.get("User-Agent", ""),
            now_ns // NS_PER_S,
            referrer_host(headers),
            has_opted_out=has_opted_out(headers),
        )

    def note(self, path: LivePath, sent: Sent, asker: Asker) -> None:
        """Take note of a request that was answered, or broken off."""
        if path.kind is None:
            return
        now_ns = self._unix_ns()
        self.requests[path.stream, path.kind, sent.status] += 1
        self.bytes_sent[path.stream, path.kind] += sent.bytes_sent
        fields = (
            path.stream,
            sent.viewer,
            path.kind,
            path.rendition,
            _MEDIA_KINDS.get((path.rendition or "").partition("-")[0]),
            path.msn,
            path.part_index,
            sent.duration_s,
            sent.status,
            sent.bytes_sent,
            sent.is_complete,
            now_ns,
            self.client(asker, now_ns),
            sent.took_ms,
            sent.hold_ms,
            sent.media_at_ms,
            sent.bitrate_kbps,
            _session_id(asker.headers),
            self._cmcd(asker),
        )
        self._recorder.note(tuple.__new__(Access, fields))  # half the time of keywords, and it is for each request

    def _cmcd(self, asker: Asker) -> Cmcd | None:
        """What the player says with its request: in headers, or where it has none in the query (CTA-5004-B)."""
        text = joined_headers(asker.headers) or value_in(asker.query)
        if not text:
            return None
        cmcd = parse_query(text)
        self.cmcd["ignored" if cmcd is None else "request"] += 1
        return cmcd


def _session_id(headers: Mapping[str, str]) -> str | None:
    """`X-Playback-Session-Id`, which Apple's players send: a GUID. What is longer than one is none."""
    value = headers.get("X-Playback-Session-Id")
    return value if value and len(value) <= _MAX_SESSION_ID else None
