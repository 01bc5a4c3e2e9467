"""The durable record of sessions: one SQLite file in the data folder, written by one thread (`relay.database`).

Others read it while it is written: `relay sessions`, a notebook.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from relay.database import Layout, RowStore
from relay.errors import StoreError
from relay.sessions.model import EndReason, SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

DATABASE_FILE: Final = "sessions.sqlite3"
SCHEMA_VERSION: Final = 1
MAX_PENDING_ROWS: Final = 50_000
"""As many sessions as are tracked: under 100 MB, and only when the disk has not answered for long."""

COLUMNS: Final = SessionRow._fields
_SCHEMA: Final = """
    CREATE TABLE sessions (
        session_id TEXT NOT NULL PRIMARY KEY,
        viewer_id TEXT NOT NULL,
        viewer_day_id TEXT NOT NULL,
        id_source TEXT NOT NULL,
        stream_id TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL,
        first_media_at_ms INTEGER,
        last_media_at_ms INTEGER,
        ended_at_ms INTEGER,
        end_reason TEXT,
        exit_before_video_start INTEGER NOT NULL,
        watched_time_s REAL NOT NULL,
        watched_time_source TEXT NOT NULL,
        media_time_s REAL NOT NULL,
        bytes_sent INTEGER NOT NULL,
        request_count INTEGER NOT NULL,
        renditions TEXT NOT NULL,            -- JSON: ["video","audio"]
        http_error_count INTEGER NOT NULL,
        error_codes TEXT NOT NULL,           -- JSON: {"404":2}
        gap_count INTEGER NOT NULL,
        gap_ms INTEGER NOT NULL,
        client_net TEXT NOT NULL,
        device_type TEXT NOT NULL,
        os TEXT NOT NULL,
        player_name TEXT NOT NULL,
        player_version TEXT NOT NULL,
        is_bot INTEGER NOT NULL
    );
    CREATE INDEX sessions_by_start ON sessions (started_at_ms, session_id);
    CREATE INDEX sessions_by_end ON sessions (ended_at_ms);
"""
_NAMES: Final = ", ".join(COLUMNS)
_UPSERT: Final = (
    f"INSERT INTO sessions ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT (session_id) "  # noqa: S608 - our names
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])}"
)
_JSON_TUPLE: Final = COLUMNS.index("renditions")
_JSON_PAIRS: Final = COLUMNS.index("error_codes")
_FLAGS: Final = (COLUMNS.index("exit_before_video_start"), COLUMNS.index("is_bot"))


def to_sql(row: SessionRow) -> list[Any]:
    """`row` as the database's columns hold it."""
    values: list[Any] = list(row)
    values[_JSON_TUPLE] = _json_array(row.renditions)
    values[_JSON_PAIRS] = _json_object(row.error_codes)
    return values


@lru_cache(maxsize=256)
def _json_array(texts: tuple[str, ...]) -> str:
    return json.dumps(texts, separators=(",", ":"))


@lru_cache(maxsize=256)
def _json_object(pairs: tuple[tuple[int, int], ...]) -> str:
    return json.dumps(dict(pairs), separators=(",", ":"))


def from_sql(values: Iterable[Any]) -> SessionRow:
    """The row whose columns, in the order of `COLUMNS`, are `values`."""
    fields = list(values)
    fields[_JSON_TUPLE] = tuple(json.loads(fields[_JSON_TUPLE]))
    fields[_JSON_PAIRS] = tuple((int(code), count) for code, count in json.loads(fields[_JSON_PAIRS]).items())
    for flag in _FLAGS:
        fields[flag] = bool(fields[flag])
    return SessionRow._make(fields)


class SessionStore(RowStore[SessionRow]):
    """The one writer of the data folder's session database.

    Opening it creates the file (readable by its owner alone) or checks it, and closes what a killed process left open.
    Raises `StoreError` if it is damaged, of a newer relay, or cannot be written.
    """

    def __init__(self, data: Path, max_pending_rows: int = MAX_PENDING_ROWS) -> None:
        super().__init__(data / DATABASE_FILE, Layout("session", SCHEMA_VERSION, _SCHEMA), max_pending_rows)

    def put(self, rows: Iterable[SessionRow]) -> None:
        """Have `rows` written soon. A later state of a session takes the place of one that still waits."""
        self._put(rows)

    def ended_lately(self, within_ms: int) -> list[SessionRow]:
        """Sessions that ended in the last `within_ms` before the last end of all: those that a restart interrupted.

        Reads the disk: to be called before serving. Raises `StoreError`.
        """
        query = (
            f"SELECT {', '.join(COLUMNS)} FROM sessions WHERE ended_at_ms >= "  # noqa: S608 - our own names
            "(SELECT max(ended_at_ms) FROM sessions) - ? ORDER BY ended_at_ms LIMIT ?"
        )
        try:
            with closing(sqlite3.connect(self.path)) as connection:
                return [from_sql(values) for values in connection.execute(query, (within_ms, self._max_pending_rows))]
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from error

    def _key(self, row: SessionRow) -> str:
        return row.session_id

    def _write(self, connection: sqlite3.Connection, rows: Sequence[SessionRow]) -> None:
        connection.executemany(_UPSERT, map(to_sql, rows))

    def _mend(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE sessions SET ended_at_ms = coalesce(last_media_at_ms, started_at_ms), end_reason = ? "
            "WHERE ended_at_ms IS NULL",
            (EndReason.SERVER_CRASH,),
        )
