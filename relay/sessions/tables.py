"""The layout of the session database, made from the rows themselves, so that the two cannot differ.

Raw rows, which come in thousands, are kept in batches (`batches`); all others have a table of their own.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from relay.sessions.columns import TABLE_OF
from relay.sessions.model import (
    TABLES,
    AudienceRow,
    MinuteRow,
    OptedOutRow,
    PlayerEventRow,
    RequestRow,
    SessionRow,
    ViewingRow,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

VERSION: Final = 2
BATCHED: Final[frozenset[type[ViewingRow]]] = frozenset({RequestRow, PlayerEventRow})

_KEYS: Final[dict[type[ViewingRow], tuple[str, ...]]] = {
    SessionRow: ("session_id",),
    MinuteRow: ("minute_ms", "session_id", "rendition_id", "edge_id"),
    AudienceRow: ("stream_id", "media_sequence", "edge_id"),
    OptedOutRow: ("hour_ms", "stream_id", "edge_id"),
}
_SUMS: Final[dict[type[ViewingRow], frozenset[str]]] = {
    MinuteRow: frozenset({"watched_ms", "bytes_sent", "requests", "http_errors", "stall_count", "stall_ms"}),
    AudienceRow: frozenset({"viewers"}),
    OptedOutRow: frozenset({"plays", "watched_time_s", "bytes_sent"}),
}
"""What adds up when a row comes once more: the relay was started again within the minute, the segment, the hour."""

_INDICES: Final = """
    CREATE INDEX IF NOT EXISTS sessions_by_start ON sessions (started_at_ms, session_id);
    CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (ended_at_ms);
    CREATE INDEX IF NOT EXISTS segment_audience_by_time ON segment_audience (media_at_ms);
    CREATE INDEX IF NOT EXISTS session_minutes_by_session ON session_minutes (session_id);
    CREATE INDEX IF NOT EXISTS batches_by_kind ON batches (kind, hour_ms);
"""
_BATCHES: Final = """
    CREATE TABLE IF NOT EXISTS batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        hour_ms INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    INSERT INTO sqlite_sequence (name, seq) SELECT 'batches', strftime('%s', 'now') * 1000
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'batches');
"""
"""A batch's number says in which file of the cold store it is, once it is there. Numbers begin at the time at which the
table is made, in ms, so that they are new ones too where somebody moved the file away and kept what was in Parquet."""


def schema() -> str:
    """What makes the tables that are not there yet."""
    tables = (_create(table, kind) for table, kind in TABLES.items() if kind not in BATCHED)
    return "\n".join([*tables, _BATCHES, _INDICES])


def upgrade(connection: sqlite3.Connection) -> None:
    """Give a file of an older layout the columns and tables that came since."""
    there = {name for _, name, *_ in connection.execute("PRAGMA table_info(sessions)")}
    for name in SessionRow._fields:
        if name not in there:
            connection.execute(f"ALTER TABLE sessions ADD COLUMN {_column(SessionRow, name)}")
    for statement in schema().split(";"):
        connection.execute(statement)


def upsert(kind: type[ViewingRow]) -> str:
    """The statement that writes a row: the newest state of a session; of what adds up, the sum."""
    table, names, keys = TABLE_OF[kind], kind._fields, _KEYS[kind]
    sums = _SUMS.get(kind, frozenset())
    changes = (
        f"{name} = {name} + excluded.{name}" if name in sums else f"{name} = excluded.{name}"
        for name in names
        if name not in keys
    )
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608 - our names
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(changes)}"
    )


def to_sql(row: ViewingRow) -> list[Any]:
    """`row` as the columns of its table hold it: what SQLite does not have is JSON text."""
    return [_text(value) if isinstance(value, tuple) else value for value in row]


@lru_cache(maxsize=256)
def _text(values: tuple[Any, ...]) -> str:
    is_map = bool(values) and isinstance(values[0], tuple)
    return json.dumps(dict(values) if is_map else values, separators=(",", ":"))


def _create(table: str, kind: type[ViewingRow]) -> str:
    columns = ", ".join(_column(kind, name) for name in kind._fields)
    return f"CREATE TABLE IF NOT EXISTS {table} ({columns}, PRIMARY KEY ({', '.join(_KEYS[kind])}));"


def _column(kind: type[ViewingRow], name: str) -> str:
    """Its definition, by the field's annotation and default."""
    annotation = str(kind.__annotations__[name].__forward_arg__)
    of = _TYPES.get(annotation.partition(" ")[0], "TEXT")
    words = [name, of]
    if "None" not in annotation:
        words.append("NOT NULL")
    if name in kind._field_defaults and kind._field_defaults[name] is not None:
        words.append(f"DEFAULT {_literal(kind._field_defaults[name])}")
    return " ".join(words)


_TYPES: Final = {"int": "INTEGER", "bool": "INTEGER", "float": "REAL"}


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        return "'[]'"
    return f"'{value}'" if isinstance(value, str) else str(int(value) if isinstance(value, bool) else value)


def of_one_kind(rows: Iterable[ViewingRow]) -> dict[type[ViewingRow], list[ViewingRow]]:
    """`rows` by their class."""
    kinds: dict[type[ViewingRow], list[ViewingRow]] = {}
    for row in rows:
        kinds.setdefault(type(row), []).append(row)
    return kinds
