"""Sessions page by page, and one with all that is known of it: what the API lists."""

from __future__ import annotations

from itertools import dropwhile, islice
from typing import TYPE_CHECKING, Any, Final

from relay.analytics.export import document
from relay.sessions.model import MinuteRow, PlayerEventRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.analytics.reader import SessionReader
    from relay.sessions.model import SessionRow

CURSOR: Final = r"^\d{1,15}-[0-9a-f]{1,64}$"
"""`started_at_ms`, `-`, `session_id`: a page begins behind it, whatever came or went meanwhile."""
MOST_LISTED: Final = 1000
LISTED: Final = 100
MOST_DETAILS: Final = 10_000
"""Minutes, and reports: of a screen in a hall that is a week."""
_MS_PER_MINUTE: Final = 60_000
_LATE_MS: Final = 300_000
"""A report may come after the end, and one that is in the file by its player's clock be told before the beginning."""


def listed(
    reader: SessionReader,
    stream: str | None,
    since_ms: int | None,
    until_ms: int | None,
    limit: int,
    before: str | None,
) -> dict[str, Any]:
    """A page of sessions, the newest first, and the cursor of the next one; None where it was the last."""
    rows: Iterator[SessionRow]
    if before is None:
        rows = reader.sessions(stream=stream, since_ms=since_ms, until_ms=until_ms, newest_first=True)
    else:
        started, _, session_id = before.partition("-")
        cursor = int(started), session_id
        until_ms = cursor[0] + 1 if until_ms is None else min(until_ms, cursor[0] + 1)
        found = reader.sessions(stream=stream, since_ms=since_ms, until_ms=until_ms, newest_first=True)
        rows = dropwhile(lambda row: (row.started_at_ms, row.session_id) >= cursor, found)
    page = list(islice(rows, limit + 1))
    shown = page[:limit]
    has_more = len(page) > limit
    return {
        "sessions": [document(row) for row in shown],
        "next": f"{shown[-1].started_at_ms}-{shown[-1].session_id}" if has_more else None,
        "notes": [reader.missing] if reader.missing else [],
    }


def detailed(reader: SessionReader, session_id: str, now_ms: int) -> dict[str, Any] | None:
    """A session, its minutes and its player's reports as far as they are kept; None if there is none of that id."""
    row = next((row for row in reader.find(session_id) if row.session_id == session_id), None)
    if row is None:
        return None
    since_ms = row.started_at_ms // _MS_PER_MINUTE * _MS_PER_MINUTE - _LATE_MS
    until_ms = (row.ended_at_ms or now_ms) + _LATE_MS
    span: dict[str, Any] = {"stream": row.stream_id, "since_ms": max(0, since_ms), "until_ms": until_ms}
    minutes = (one for one in reader.rows(MinuteRow, **span) if one.session_id == session_id)
    reports = (one for one in reader.rows(PlayerEventRow, **span) if one.session_id == session_id)
    return {
        "session": document(row),
        "minutes": [document(one) for one in islice(minutes, MOST_DETAILS)],
        "player_events": [document(one) for one in islice(reports, MOST_DETAILS)],
        "notes": [reader.missing] if reader.missing else [],
    }
