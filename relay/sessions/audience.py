"""How many sessions fetched each segment of a stream's timeline, until no playlist's window holds it any more."""

from __future__ import annotations

from typing import Final

from relay.sessions.model import AudienceRow

AUDIENCE_AFTER_NS: Final = 600_000_000_000
"""A segment is told of ten minutes after it was captured: later fetches are of archives, not of its audience."""

MAX_SEGMENTS: Final = 8192


class Audience:
    """The segments that are still being fetched. Beyond its bound the oldest is told of early."""

    def __init__(self, max_segments: int = MAX_SEGMENTS) -> None:
        self._max_segments = max_segments
        self._segments: dict[tuple[str, int], tuple[int, set[str]]] = {}
        self._full: list[AudienceRow] = []
        self.late = 0

    def take(self, stream: str, msn: int, media_at_ms: int, session_id: str, at_ns: int) -> None:
        """A session fetched (some of) segment `msn`."""
        key = (stream, msn)
        segment = self._segments.get(key)
        if segment is None:
            if at_ns - media_at_ms * 1_000_000 > AUDIENCE_AFTER_NS:
                self.late += 1
                return
            if len(self._segments) >= self._max_segments:
                self._full.append(self._row(next(iter(self._segments))))
            segment = self._segments[key] = (media_at_ms, set())
        segment[1].add(session_id)

    def take_rows(self, now_ns: int) -> list[AudienceRow]:
        """The segments that are over by now."""
        rows, self._full = self._full, []
        while self._segments:
            key, (media_at_ms, _) = next(iter(self._segments.items()))
            if now_ns - media_at_ms * 1_000_000 <= AUDIENCE_AFTER_NS:
                break
            rows.append(self._row(key))
        return rows

    def take_all(self) -> list[AudienceRow]:
        """Every segment, over or not: the relay stops."""
        rows, self._full = self._full, []
        return rows + [self._row(key) for key in list(self._segments)]

    def _row(self, key: tuple[str, int]) -> AudienceRow:
        media_at_ms, sessions = self._segments.pop(key)
        return AudienceRow(key[0], key[1], media_at_ms, len(sessions))
