"""Reads the tables of a data folder's SQLite file, in small bites.

A long read would keep SQLite from folding its write-ahead log back, and `relay sessions export | less` can last an
evening: so rows are fetched a page at a time, each page its own short read, and memory stays the same for any number.
"""

from __future__ import annotations

import sqlite3
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final, Self

from relay.analytics.hours import HOUR_MS
from relay.errors import StoreError
from relay.sessions.columns import TABLE_OF, TIME_COLUMN, decoder
from relay.sessions.model import SessionRow
from relay.sessions.store import DATABASE_FILE, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from relay.sessions.columns import Row

PAGE_ROWS: Final = 500
_BUSY_TIMEOUT_S: Final = 2.0
_WINDOW_MS: Final = 600_000
"""Ten minutes of minutes, of 5000 viewers, are 50 000 rows: as much as is held at a time."""
_HELD_IN_MEMORY_BYTES: Final = 16 * 1024 * 1024
"""An hour of 200 viewers, compressed; of more, the rest is in a file without a name."""


class Held:
    """Batches that were copied out of the database. A context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: list[tuple[int, int]] = []
        self._bodies = SpooledTemporaryFile(_HELD_IN_MEMORY_BYTES)  # noqa: SIM115 - `close` closes it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget them."""
        self._bodies.close()

    def add(self, number: int, body: bytes) -> None:
        """Hold one more."""
        self._places.append((number, len(body)))
        self._bodies.write(body)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Number and body of each, by number."""
        self._bodies.seek(0)
        for number, size in self._places:
            yield number, self._bodies.read(size)


class HotTables:
    """The tables of one file, those that it has. Raises `StoreError` if it cannot be read."""

    def __init__(self, data: Path) -> None:
        self.path = data / DATABASE_FILE
        self._connection = _connect(self.path) if self.path.exists() else None

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self._connection is not None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()

    def sessions(
        self, stream: str | None, since_ms: int | None, *, newest_first: bool, is_live: bool = False
    ) -> Iterator[SessionRow]:
        """Sessions that went on at `since_ms` or later, in the order of their start."""
        where, parameters = ["TRUE"], list[str | int]()
        if stream is not None:
            where.append("stream_id = ?")
            parameters.append(stream)
        if since_ms is not None:
            where.append("(ended_at_ms IS NULL OR ended_at_ms >= ?)")
            parameters.append(since_ms)
        if is_live:
            where.append("ended_at_ms IS NULL")
        beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
        condition = (
            f"{' AND '.join(where)} AND (started_at_ms, session_id) {beyond} (?, ?) "
            f"ORDER BY started_at_ms {order}, session_id {order} LIMIT {PAGE_ROWS}"
        )
        place: tuple[int, str] = (2**63 - 1, "") if newest_first else (-1, "")
        while True:
            page = self._select(SessionRow, condition, (*parameters, *place))
            yield from page
            if len(page) < PAGE_ROWS:
                return
            place = (page[-1].started_at_ms, page[-1].session_id)

    def find(self, prefix: str, limit: int) -> list[SessionRow]:
        """Up to `limit` sessions whose ids begin with `prefix`."""
        return self._select(SessionRow, "session_id BETWEEN ? AND ? LIMIT ?", (prefix, f"{prefix}~", limit))

    def session_ids(self) -> frozenset[str]:
        """All that are here."""
        return frozenset(values[0] for values in self._values("SELECT session_id FROM sessions", ()))

    def rows(self, kind: type[Row], stream: str | None, since_ms: int, until_ms: int) -> Iterator[Row]:
        """Rows that have a table of their own, of `since_ms` <= time < `until_ms`, in the order of their time."""
        column, table = TIME_COLUMN[kind], TABLE_OF[kind]
        of_stream = "" if stream is None else " AND stream_id = ?"
        parameters: tuple[str, ...] = () if stream is None else (stream,)
        place = since_ms
        while True:
            query = f"SELECT min({column}) FROM {table} WHERE {column} >= ? AND {column} < ?"  # noqa: S608 - our names
            first = self._values(query, (place, until_ms)) if self._columns(table) else []
            if not first or first[0][0] is None:
                return
            place, start = min(first[0][0] + _WINDOW_MS, until_ms), first[0][0]
            condition = f"{column} >= ? AND {column} < ?{of_stream} ORDER BY {column}"
            yield from self._select(kind, condition, (start, place, *parameters))

    def batch_hours(self, kind: type[Row], since_ms: int, until_ms: int) -> list[int]:
        """The hours of which there are batches of a table, with rows of `since_ms` <= time < `until_ms`."""
        query = "SELECT min(hour_ms) FROM batches WHERE kind = ? AND hour_ms > ? AND hour_ms < ?"
        found: list[int] = []
        after = since_ms - HOUR_MS
        while self._columns("batches"):
            ((hour_ms,),) = self._values(query, (TABLE_OF[kind], after, until_ms))
            if hour_ms is None:
                break
            found.append(hour_ms)
            after = hour_ms
        return found

    def batches(self, kind: type[Row], hour_ms: int) -> Held:
        """The batches of one table and hour as they are in this moment, to be read whenever it is convenient."""
        held = Held(self.path)
        if self._connection is None or not self._columns("batches"):
            return held
        query = "SELECT id, body FROM batches WHERE kind = ? AND hour_ms = ? ORDER BY id"
        try:
            for number, body in self._connection.execute(query, (TABLE_OF[kind], hour_ms)):
                held.add(number, body)
        except sqlite3.Error as error:
            held.close()
            raise StoreError(f"{self.path}: cannot be read: {error}") from error
        return held

    def _select(self, kind: type[Row], condition: str, parameters: Sequence[Any]) -> list[Row]:
        columns = [name for name in self._columns(TABLE_OF[kind]) if name in kind._fields]
        if not columns:
            return []
        make = decoder(kind, columns)
        query = f"SELECT {', '.join(columns)} FROM {TABLE_OF[kind]} WHERE {condition}"  # noqa: S608 - our own names
        try:
            return [make(values) for values in self._values(query, parameters)]
        except ValueError as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from error

    def _columns(self, table: str) -> list[str]:
        """Those that it has; none where there is no such table."""
        return [values[1] for values in self._values(f"PRAGMA table_info({table})", ())]

    def _values(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            return []
        try:
            return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
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
    if version > SCHEMA_VERSION:
        connection.close()
        raise StoreError(f"{path}: has layout {version}, and this relay reads layouts up to {SCHEMA_VERSION}")
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
