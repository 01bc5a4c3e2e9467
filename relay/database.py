"""A SQLite file with one thread that writes it: what the stores of sessions and of events have in common.

WAL, so that others read while it is written; synchronous NORMAL, so that a killed process loses nothing that was
committed; auto_vacuum INCREMENTAL, so that room can be given back to the disk piece by piece. `put` never blocks: rows
wait in memory by their key, the newest state of each, until the thread writes them; past a bound the oldest
are dropped and counted. A disk that is full or gone costs rows and never a viewer.

The layout's version is SQLite's `user_version`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from contextlib import closing
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import structlog

from relay.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from pathlib import Path

_ROWS_PER_TRANSACTION: Final = 500
_RETRY_S: Final = 1.0
_BUSY_TIMEOUT_MS: Final = 1000
_CHECK_UP_TO_BYTES: Final = 64 * 1024 * 1024
"""Up to here a look at every page takes about 0.1 s at a start."""

_log = structlog.get_logger(__name__)

Row = TypeVar("Row")


class Layout(NamedTuple):
    """The tables of a file, which version of them that is, and what one row is called in messages: "session"."""

    row: str
    version: int
    schema: str


class RowStore(ABC, Generic[Row]):
    """The one writer of a file.

    Opening it creates the file (readable by its owner alone) or checks it, and mends what a killed process left.
    Raises `StoreError` if it is damaged, of a newer relay, or cannot be written. `problem` says what is wrong with the
    disk just now, if anything is.
    """

    def __init__(self, path: Path, layout: Layout, max_pending_rows: int) -> None:
        self.path = path
        self.rows_dropped = 0
        self.rows_written = 0
        self.write_failures = 0
        self.problem = ""
        self._layout = layout
        self._max_pending_rows = max_pending_rows
        self._pending: dict[Hashable, Row] = {}
        self._in_hand: list[Row] = []
        self._condition = threading.Condition()
        self._is_closing = False
        self._connection = self._open()
        self._thread = threading.Thread(target=self._run, name=f"{layout.row}-store", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 1.0) -> bool:
        """Write what waits, stop the thread and close the file. False if that took too long or rows were lost."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self._pending

    @abstractmethod
    def _key(self, row: Row) -> Hashable:
        """What it is a state of."""

    @abstractmethod
    def _write(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Write `rows`, within a transaction, in the store's thread."""

    @abstractmethod
    def _mend(self, connection: sqlite3.Connection) -> None:
        """Finish what a killed process left open, within a transaction, before anything else is written."""

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Bring a file of an older layout up to this one, within a transaction."""

    def _merged(self, before: Row, after: Row) -> Row:
        """What is to be written of a row of which an older state still waits."""
        del before
        return after

    def _put(self, rows: Iterable[Row]) -> None:
        """Have `rows` written soon. A later state takes the place of one that still waits."""
        with self._condition:
            for row in rows:
                key = self._key(row)
                before = self._pending.get(key)
                self._pending[key] = row if before is None else self._merged(before, row)
            self._keep_bound()
            self._condition.notify()

    def _unwritten(self) -> list[Row]:
        """All that is not committed yet, as far as is known: a later state of a row comes behind an earlier one."""
        with self._condition:
            return [*self._in_hand, *self._pending.values()]

    def _run(self) -> None:
        with closing(self._connection):
            while (batch := self._next_batch()) is not None:
                try:
                    with self._connection:
                        self._write(self._connection, batch)
                except sqlite3.Error as error:
                    self._put_back(batch, error)
                else:
                    self._in_hand = []
                    self.rows_written += len(batch)
                    self.problem = ""

    def _next_batch(self) -> list[Row] | None:
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
            keys = list(self._pending)[:_ROWS_PER_TRANSACTION]
            self._in_hand = [self._pending.pop(key) for key in keys]
            return self._in_hand

    def _put_back(self, batch: list[Row], error: sqlite3.Error) -> None:
        with self._condition:
            newer = self._pending
            self._pending = {self._key(row): row for row in batch}
            for key, row in newer.items():
                before = self._pending.get(key)
                self._pending[key] = row if before is None else self._merged(before, row)
            self._in_hand = []
            self._keep_bound()
        self.write_failures += 1
        if not self.problem:
            _log.error("what is recorded cannot be stored for now", path=str(self.path), error=str(error))
        self.problem = f"{self.path}: cannot be written: {error}"

    def _keep_bound(self) -> None:
        for key in list(self._pending)[: max(0, len(self._pending) - self._max_pending_rows)]:
            del self._pending[key]
            self.rows_dropped += 1

    def _open(self) -> sqlite3.Connection:
        path = self.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # its -wal and -shm files inherit the mode
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
        connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_MS / 1000, check_same_thread=False)
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(
                f"{path}: cannot be used ({error}). If it is damaged, move it away: a new one is made at the next start"
            ) from error
        except StoreError:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        layout = self._layout
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded as long as the file is empty
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > layout.version:
            raise StoreError(
                f"{self.path}: was made by a newer relay (layout {version}); this one knows layout {layout.version}"
            )
        if version == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE; {layout.schema} PRAGMA user_version = {layout.version}; COMMIT;"
            )
        elif version < layout.version:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                self._upgrade(connection)
                connection.execute(f"PRAGMA user_version = {layout.version}")
        elif self.path.stat().st_size <= _CHECK_UP_TO_BYTES:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
        with connection:
            self._mend(connection)
