"""Deletes from SQLite what has been kept long enough, and gives the room back to the disk.

In small steps, each within a write of the store's thread: a relay that was off for months has much to delete, and what
its viewers do now is to be written meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from relay.retention import Retention

RAW: Final = ("requests", "player_events")
"""The tables whose rows `request_days` and `request_mb` are about."""

MS_PER_DAY: Final = 86_400_000
_BYTES_PER_MB: Final = 1_000_000
_ROWS_AT_ONCE: Final = 20_000
"""About 50 ms of work."""
_BATCHES_AT_ONCE: Final = 500
_PAGES_AT_ONCE: Final = 2048
"""8 MB: more than a busy hour leaves behind, and some 20 ms."""


def retire(connection: sqlite3.Connection, kept: Retention, now_ms: int) -> bool:
    """Delete what is older than it is `kept`, and the oldest raw rows where they take too much room.

    False: there is more of it. To be called within a transaction.
    """
    is_done = True
    for table, time, from_ms in _ends(kept, now_ms):
        old = f"SELECT rowid FROM {table} WHERE {time} < ? LIMIT {_ROWS_AT_ONCE}"  # noqa: S608 - our own names
        gone = connection.execute(f"DELETE FROM {table} WHERE rowid IN ({old})", (from_ms,)).rowcount  # noqa: S608
        is_done &= gone < _ROWS_AT_ONCE
    for table, from_ms in batch_ends(kept, now_ms).items():
        old = f"SELECT id FROM batches WHERE kind = ? AND hour_ms < ? LIMIT {_BATCHES_AT_ONCE}"  # noqa: S608 - a number
        gone = connection.execute(f"DELETE FROM batches WHERE id IN ({old})", (table, from_ms)).rowcount  # noqa: S608
        is_done &= gone < _BATCHES_AT_ONCE
    is_done &= _keep_room(connection, kept.request_mb * _BYTES_PER_MB)
    give_back(connection, _PAGES_AT_ONCE)
    return is_done


def give_back(connection: sqlite3.Connection, pages: int) -> bool:
    """Take up to `pages` free pages from the file's end, within a transaction. Whether there were any to take.

    One by one: of what this pragma is told to do, Python's `sqlite3` takes the first step alone.
    """
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    for _ in range(min(free, pages)):
        connection.execute("PRAGMA incremental_vacuum(1)")
    return bool(connection.execute("PRAGMA freelist_count").fetchone()[0] < free)


def batch_ends(kept: Retention, now_ms: int) -> dict[str, int]:
    """From when on (Unix time in ms) each table's rows are kept."""
    raw_ms = now_ms - kept.request_days * MS_PER_DAY
    return dict.fromkeys(RAW, raw_ms) | {table: from_ms for table, _, from_ms in _ends(kept, now_ms)}


def _ends(kept: Retention, now_ms: int) -> Iterator[tuple[str, str, int]]:
    minutes_ms = now_ms - kept.minute_days * MS_PER_DAY
    sessions_ms = now_ms - kept.session_days * MS_PER_DAY
    yield "session_minutes", "minute_ms", minutes_ms
    yield "segment_audience", "media_at_ms", minutes_ms
    yield "sessions", "started_at_ms", sessions_ms
    yield "opted_out_hours", "hour_ms", sessions_ms


def _keep_room(connection: sqlite3.Connection, bound: int) -> bool:
    """Delete the oldest raw rows while there are more than `bound` bytes of them."""
    is_raw = f"kind IN {RAW}"
    (size,) = connection.execute(f"SELECT coalesce(sum(length(body)), 0) FROM batches WHERE {is_raw}").fetchone()  # noqa: S608
    oldest = connection.execute(
        f"SELECT id, length(body) FROM batches WHERE {is_raw} ORDER BY hour_ms, id LIMIT {_BATCHES_AT_ONCE}"  # noqa: S608
    ).fetchall()
    gone = []
    for number, freed in oldest:
        if size <= bound:
            break
        size -= freed
        gone.append((number,))
    connection.executemany("DELETE FROM batches WHERE id = ?", gone)
    return bool(size <= bound)
