"""The durable record of viewing: one SQLite file in the data folder, written by one thread (`relay.database`).

Others read it while it is written: `relay sessions`, a notebook.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Final

from relay.database import Layout, RowStore
from relay.errors import StoreError
from relay.retention import Retention
from relay.sessions.batches import pack
from relay.sessions.columns import TABLE_OF, decoder, time_ms
from relay.sessions.model import EndReason, SessionRow, ViewingRow
from relay.sessions.retiring import retire
from relay.sessions.tables import BATCHED, VERSION, of_one_kind, schema, to_sql, upgrade, upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from pathlib import Path

DATABASE_FILE: Final = "sessions.sqlite3"
SCHEMA_VERSION: Final = VERSION
MAX_PENDING_ROWS: Final = 50_000
"""As many sessions as are tracked: under 100 MB, and only when the disk has not answered for long."""

COLUMNS: Final = SessionRow._fields
MS_PER_HOUR: Final = 3_600_000
_RETIRE_EVERY_S: Final = 3600.0
_RETIRE_ON_AFTER_S: Final = 1.0
_from_sql: Final = decoder(SessionRow, COLUMNS)


class SessionStore(RowStore[ViewingRow]):
    """The one writer of the data folder's session database.

    Opening it creates the file (readable by its owner alone) or checks it, and closes what a killed process left open.
    Raises `StoreError` if it is damaged, of a newer relay, or cannot be written.
    """

    def __init__(
        self,
        data: Path,
        max_pending_rows: int = MAX_PENDING_ROWS,
        retention: Retention | None = None,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        self._retention = retention or Retention()
        self._unix_s = unix_s
        self._retire_at_s = 0.0
        self._numbers = count()
        super().__init__(data / DATABASE_FILE, Layout("session", VERSION, schema()), max_pending_rows)

    def put(self, rows: Iterable[ViewingRow]) -> None:
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
                return [_from_sql(values) for values in connection.execute(query, (within_ms, self._max_pending_rows))]
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from error

    def _key(self, row: ViewingRow) -> Hashable:
        return row.session_id if isinstance(row, SessionRow) else next(self._numbers)

    def _write(self, connection: sqlite3.Connection, rows: Sequence[ViewingRow]) -> None:
        for kind, same in of_one_kind(rows).items():
            if kind in BATCHED:
                _write_batches(connection, TABLE_OF[kind], same)
            else:
                connection.executemany(upsert(kind), map(to_sql, same))
        now_s = self._unix_s()
        if now_s >= self._retire_at_s:
            is_done = retire(connection, self._retention, round(now_s * 1000))
            self._retire_at_s = now_s + (_RETIRE_EVERY_S if is_done else _RETIRE_ON_AFTER_S)

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        upgrade(connection)

    def _mend(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE sessions SET ended_at_ms = coalesce(last_media_at_ms, started_at_ms), end_reason = ? "
            "WHERE ended_at_ms IS NULL",
            (EndReason.SERVER_CRASH,),
        )


def _write_batches(connection: sqlite3.Connection, table: str, rows: Sequence[ViewingRow]) -> None:
    hours: dict[int, list[ViewingRow]] = {}
    for row in rows:
        hours.setdefault(time_ms(row) // MS_PER_HOUR * MS_PER_HOUR, []).append(row)
    connection.executemany(
        "INSERT INTO batches (kind, hour_ms, rows, body) VALUES (?, ?, ?, ?)",
        [(table, hour_ms, len(same), pack(same)) for hour_ms, same in hours.items()],
    )
