"""Reads the session database of a data folder, in small bites.

A long read would keep SQLite from folding its write-ahead log back, and `relay sessions export | less` can last an
evening: so rows are fetched a page at a time, each page its own short read, and memory stays the same for any number.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final, Self

from relay.errors import StoreError
from relay.sessions.store import COLUMNS, DATABASE_FILE, SCHEMA_VERSION, from_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from relay.sessions.model import SessionRow

_PAGE_ROWS: Final = 500
_BUSY_TIMEOUT_S: Final = 2.0
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM sessions"  # noqa: S608 - our own column names


class SessionReader:
    """The sessions of one data folder. A context manager; it sees what was committed before each page was read.

    Raises `StoreError` if there is a database and it cannot be read; where there is none yet, it is empty (`exists`).
    """

    def __init__(self, data: Path) -> None:
        self.path = data / DATABASE_FILE
        self._connection = _connect(self.path) if self.path.exists() else None

    @property
    def exists(self) -> bool:
        """Whether a relay has ever kept a record here."""
        return self._connection is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()

    def sessions(
        self,
        *,
        stream: str | None = None,
        since_ms: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[SessionRow]:
        """Sessions in the order of their start, at most `limit` of them.

        `since_ms` (Unix time) keeps those that were still going on then, whenever they started.
        """
        where = ["TRUE"]
        parameters: list[str | int] = []
        if stream is not None:
            where.append("stream_id = ?")
            parameters.append(stream)
        if since_ms is not None:
            where.append("(ended_at_ms IS NULL OR ended_at_ms >= ?)")
            parameters.append(since_ms)
        beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
        query = (
            f"{_SELECT} WHERE {' AND '.join(where)} AND (started_at_ms, session_id) {beyond} (?, ?) "
            f"ORDER BY started_at_ms {order}, session_id {order} LIMIT ?"
        )
        place: tuple[int, str] = (2**63 - 1, "") if newest_first else (-1, "")
        left = limit
        while left is None or left > 0:
            page = self._read(query, (*parameters, *place, min(_PAGE_ROWS, left or _PAGE_ROWS)))
            yield from page
            if len(page) < _PAGE_ROWS:
                return
            place = (page[-1].started_at_ms, page[-1].session_id)
            left = None if left is None else left - len(page)

    def find(self, prefix: str, limit: int = 5) -> list[SessionRow]:
        """The session whose id is `prefix`, or up to `limit` whose ids begin with it."""
        prefix = prefix.lower()
        return self._read(f"{_SELECT} WHERE session_id BETWEEN ? AND ? LIMIT ?", (prefix, f"{prefix}~", limit))

    def _read(self, query: str, parameters: tuple[Any, ...]) -> list[SessionRow]:
        if self._connection is None:
            return []
        try:
            return [from_sql(values) for values in self._connection.execute(query, parameters)]
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    location = f"{path.absolute().as_uri()}?mode=ro"
    try:
        try:
            connection, version = _open(location)
        except sqlite3.OperationalError:
            # To read a write-ahead log SQLite writes a file beside it. Where we may not, and no relay has a log open,
            # none is needed: an archived folder, a read-only mount.
            if path.with_name(f"{path.name}-wal").exists():
                raise
            connection, version = _open(f"{location}&immutable=1")
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    if version != SCHEMA_VERSION:
        connection.close()
        raise StoreError(f"{path}: has layout {version}, and this relay reads layout {SCHEMA_VERSION}")
    return connection


def _open(location: str) -> tuple[sqlite3.Connection, int]:
    connection = sqlite3.connect(location, uri=True, timeout=_BUSY_TIMEOUT_S)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection, version
