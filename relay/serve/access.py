"""Accounting of requests: plain functions of token, object and bytes, which need no request object."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.model import MediaKind
from relay.sessions import Access, ClientMasks
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.serve.paths import LivePath
    from relay.sessions import SessionRecorder

_MEDIA_KINDS: Final = {kind.value: kind for kind in MediaKind}


class Sent(NamedTuple):
    """How a request for media or a playlist ended. `viewer` is the token that it came with or was given."""

    viewer: str | None
    duration_s: float
    status: int
    bytes_sent: int
    is_complete: bool


class AccessLog:
    """Tells the session recorder of every GET below `/live/`, and keeps totals for the metrics."""

    def __init__(self, recorder: SessionRecorder, unix_ns: Callable[[], int]) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.bytes_sent: Counter[tuple[str, str]] = Counter()
        self._recorder = recorder
        self._unix_ns = unix_ns
        self._masks = ClientMasks()

    def note(self, path: LivePath, sent: Sent, peer_address: str, user_agent: str) -> None:
        """Take note of a request that was answered, or broken off."""
        if path.kind is None:
            return
        now_ns = self._unix_ns()
        self.requests[path.stream, path.kind.value, sent.status] += 1
        self.bytes_sent[path.stream, path.kind.value] += sent.bytes_sent
        access = Access(
            stream=path.stream,
            viewer=sent.viewer,
            kind=path.kind,
            rendition=path.rendition,
            media_kind=_MEDIA_KINDS.get((path.rendition or "").partition("-")[0]),
            msn=path.msn,
            part_index=path.part_index,
            duration_s=sent.duration_s,
            status=sent.status,
            bytes_sent=sent.bytes_sent,
            is_complete=sent.is_complete,
            at_ns=now_ns,
            client=self._masks.client(peer_address, user_agent, now_ns // NS_PER_S),
        )
        self._recorder.note(access)
