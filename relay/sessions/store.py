"""The durable record of sessions: one SQLite file in the data folder, written by one thread.

WAL, so that others read while it is written (`relay sessions`, a notebook); synchronous NORMAL, so that a killed
process loses nothing that was committed. `put` never blocks: rows wait in memory by session, the newest state of
each, until the thread writes them; past a bound the oldest are dropped and counted. A disk that is full or gone costs
rows and never a viewer.

The layout's version is SQLite's `user_version`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import structlog

from relay.errors import StoreError
from relay.sessions.model import EndReason, SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DATABASE_FILE: Final = "sessions.sqlite3"
SCHEMA_VERSION: Final = 1
MAX_PENDING_ROWS: Final = 50_000
"""As many sessions as are tracked: under 100 MB, and only when the disk has not answered for long."""

_ROWS_PER_TRANSACTION: Final = 500
_RETRY_S: Final = 1.0
_BUSY_TIMEOUT_MS: Final = 1000
_CHECK_UP_TO_BYTES: Final = 64 * 1024 * 1024
"""Up to here a look at every page takes about 0.1 s at a start."""

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

_log = structlog.get_logger(__name__)


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


class SessionStore:
    """The one writer of the data folder's session database.

    Opening it creates the file (readable by its owner alone) or checks it, and closes what a killed process left open.
    Raises `StoreError` if it is damaged, of a newer relay, or cannot be written.
    """

    def __init__(self, data: Path, max_pending_rows: int = MAX_PENDING_ROWS) -> None:
        self.path = data / DATABASE_FILE
        self.rows_dropped = 0
        self.rows_written = 0
        self.write_failures = 0
        self.problem = ""
        self._max_pending_rows = max_pending_rows
        self._pending: dict[str, SessionRow] = {}
        self._condition = threading.Condition()
        self._is_closing = False
        self._connection = _open(self.path)
        self._thread = threading.Thread(target=self._run, name="session-store", daemon=True)
        self._thread.start()

    def put(self, rows: Iterable[SessionRow]) -> None:
        """Have `rows` written soon. A later state of a session takes the place of one that still waits."""
        with self._condition:
            for row in rows:
                self._pending[row.session_id] = row
            self._keep_bound()
            self._condition.notify()

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

    def close(self, timeout_s: float = 1.0) -> bool:
        """Write what waits, stop the thread and close the file. False if that took too long or rows were lost."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self._pending

    def _run(self) -> None:
        with closing(self._connection):
            while (batch := self._next_batch()) is not None:
                try:
                    self._write(batch)
                except sqlite3.Error as error:
                    self._put_back(batch, error)
                else:
                    self.rows_written += len(batch)
                    self.problem = ""

    def _next_batch(self) -> list[SessionRow] | None:
        """Rows of one transaction; None when the store closes and nothing more can be written."""
        with self._condition:
            while not self._pending:
                if self._is_closing:
                    return None
                self._condition.wait(_RETRY_S)
            if self.problem:
                if self._is_closing:
                    return None
                self._condition.wait_for(lambda: self._is_closing, _RETRY_S)
            ids = list(self._pending)[:_ROWS_PER_TRANSACTION]
            return [self._pending.pop(session_id) for session_id in ids]

    def _write(self, batch: list[SessionRow]) -> None:
        with self._connection:
            self._connection.executemany(_UPSERT, map(to_sql, batch))

    def _put_back(self, batch: list[SessionRow], error: sqlite3.Error) -> None:
        with self._condition:
            self._pending = {row.session_id: row for row in batch} | self._pending
            self._keep_bound()
        self.write_failures += 1
        if not self.problem:
            _log.error("sessions cannot be stored for now", path=str(self.path), error=str(error))
        self.problem = f"{self.path}: cannot be written: {error}"

    def _keep_bound(self) -> None:
        for session_id in list(self._pending)[: max(0, len(self._pending) - self._max_pending_rows)]:
            del self._pending[session_id]
            self.rows_dropped += 1


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # its -wal and -shm files inherit the mode
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_MS / 1000, check_same_thread=False)
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(
            f"{path}: cannot be used ({error}). If it is damaged, move it away: a new one is made at the next start"
        ) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: was made by a newer relay (layout {version}); this one knows layout {SCHEMA_VERSION}"
        )
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif path.stat().st_size <= _CHECK_UP_TO_BYTES:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    with connection:
        connection.execute(
            "UPDATE sessions SET ended_at_ms = coalesce(last_media_at_ms, started_at_ms), end_reason = ? "
            "WHERE ended_at_ms IS NULL",
            (EndReason.SERVER_CRASH,),
        )
