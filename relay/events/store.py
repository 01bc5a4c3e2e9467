"""The events that are kept: one SQLite file in the data folder, written by one thread (`relay.database`).

Two tables: events, and their pictures, which are larger and go sooner. What was deleted is overwritten, since a picture
that was to be gone after a month is not to be found in the file after a year.

How much is kept: nothing that ended more than `days` ago; `MOST_EVENTS`, and where there are more, the oldest go of the
stream and kind that has the most, so that a transform that never stops telling costs its own events and not the
outages of another camera; pictures of `pictures_mb` together, of which the oldest go.

Reading happens in threads, each time over a connection of its own. What still waits to be written is read too: who was
told of an event finds it here.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from relay.database import Layout, RowStore
from relay.errors import StoreError
from relay.events.model import OUTAGE, TimedEvent
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path


T = TypeVar("T")

DATABASE_FILE: Final = "events.sqlite3"
SCHEMA_VERSION: Final = 1
MOST_EVENTS: Final = 20_000
MOST_LISTED: Final = 500
MOST_PENDING: Final = 4000
"""What waits while the disk does not answer: at 4 KB each, 16 MB; and beside it `MOST_PENDING_BYTES` of pictures."""
MOST_PENDING_BYTES: Final = 32 * 1024 * 1024
MOST_PICTURE_BYTES: Final = 4 * 1024 * 1024
"""A JPEG of 4096x2304 that is all noise is larger; it is kept without."""

_PRUNE_EVERY_ROWS: Final = 50
_PRUNE_EVERY_NS: Final = 600 * NS_PER_S
_BYTES_PER_MB: Final = 1_000_000
_BUSY_TIMEOUT_S: Final = 2.0
_LAST_NS: Final = 2**63 - 1
"""What SQLite can say."""

_SCHEMA: Final = """
    CREATE TABLE events (
        stream TEXT NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        start_ns INTEGER NOT NULL,           -- Unix time
        end_ns INTEGER,                      -- NULL while it goes on
        data TEXT NOT NULL,                  -- JSON: an object
        PRIMARY KEY (stream, id)
    );
    CREATE INDEX events_by_start ON events (stream, start_ns, id);
    CREATE INDEX events_by_kind ON events (stream, kind, start_ns);
    CREATE INDEX events_by_end ON events (end_ns);
    CREATE TABLE pictures (
        stream TEXT NOT NULL,
        id TEXT NOT NULL,
        start_ns INTEGER NOT NULL,           -- its event's
        size INTEGER NOT NULL,               -- bytes
        jpeg BLOB NOT NULL,
        PRIMARY KEY (stream, id)
    );
    CREATE INDEX pictures_by_start ON pictures (start_ns, size);
    CREATE TRIGGER event_deleted AFTER DELETE ON events BEGIN
        DELETE FROM pictures WHERE stream = OLD.stream AND id = OLD.id;
    END;
    CREATE TABLE alive (at_ns INTEGER NOT NULL);   -- one row: when a relay was last seen at work
"""
_UPSERT: Final = """
    INSERT INTO events (stream, id, kind, start_ns, end_ns, data) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (stream, id) DO UPDATE SET end_ns = excluded.end_ns, data = excluded.data
    WHERE events.start_ns = excluded.start_ns
"""
_PUT_PICTURE: Final = "INSERT OR IGNORE INTO pictures (stream, id, start_ns, size, jpeg) VALUES (?, ?, ?, ?, ?)"
_SELECT: Final = """
    SELECT stream, id, kind, start_ns, end_ns, data,
        EXISTS (SELECT 1 FROM pictures WHERE pictures.stream = events.stream AND pictures.id = events.id)
    FROM events
"""
_PRUNE_EVENTS: Final = """
    DELETE FROM events WHERE rowid IN (
        SELECT row FROM (
            SELECT rowid AS row, start_ns,
                row_number() OVER (PARTITION BY stream, kind ORDER BY start_ns DESC, id DESC) AS place
            FROM events
        ) ORDER BY place DESC, start_ns LIMIT max(0, (SELECT count(*) FROM events) - ?)
    )
"""
_PRUNE_PICTURES: Final = """
    DELETE FROM pictures WHERE rowid IN (
        SELECT row FROM (
            SELECT rowid AS row, sum(size) OVER (ORDER BY start_ns DESC, rowid DESC) AS total FROM pictures
        ) WHERE total > ?
    )
"""
_LAST_KNOWN: Final = """
    SELECT max(at_ns) FROM (
        SELECT at_ns FROM alive UNION ALL SELECT coalesce(end_ns, start_ns) AS at_ns FROM events
    )
"""
_END_BEFORE_OUTAGES: Final = f"""
    UPDATE events SET end_ns = max(start_ns, min(:known, coalesce(
        (SELECT max(away.start_ns) FROM events AS away
            WHERE away.stream = events.stream AND away.kind = '{OUTAGE}' AND away.end_ns IS NULL), :known)))
    WHERE end_ns IS NULL AND kind != '{OUTAGE}'
"""  # noqa: S608 - our own word
_END: Final = "UPDATE events SET end_ns = max(start_ns, :known) WHERE end_ns IS NULL"


class _Alive(NamedTuple):
    """A relay is at work at this time."""

    at_ns: int


class _Change(NamedTuple):
    """What is to be written of an event, with its picture where there is a new one."""

    event: TimedEvent
    jpeg: bytes


class EventStore(RowStore[_Change | _Alive]):
    """The one writer of the data folder's events, and a way to read them.

    Opening it creates the file (readable by its owner alone) or checks it, and ends what a killed process left open at
    the last time that is known of it. Raises `StoreError` if it is damaged, of a newer relay, or cannot be written.
    """

    def __init__(self, data: Path, *, days: float, pictures_mb: int, max_pending_rows: int = MOST_PENDING) -> None:
        self.pictures_dropped = 0
        self._keeps_ns = round(days * 86_400) * NS_PER_S
        self._most_picture_bytes = pictures_mb * _BYTES_PER_MB
        self._rows_since = 0
        self._pruned_ns: int | None = None
        super().__init__(data / DATABASE_FILE, Layout("event", SCHEMA_VERSION, _SCHEMA), max_pending_rows)

    @property
    def keeps_pictures(self) -> bool:
        """Whether there is room for any."""
        return self._most_picture_bytes > 0

    def put(self, event: TimedEvent, jpeg: bytes = b"") -> None:
        """Have `event`, or its end, written soon; `jpeg` is its picture, if there is one now. Never blocks."""
        if jpeg and not self._has_room_for(jpeg):
            self.pictures_dropped += 1
            event, jpeg = replace(event, has_picture=False), b""
        self._put([_Change(event, jpeg)])

    def note_alive(self, now_ns: int) -> None:
        """The relay is at work: what goes on now, goes on until `now_ns` at least. What is too old is deleted."""
        self._put([_Alive(now_ns)])

    def counters(self) -> dict[str, int]:
        """Numbers for metrics; they only grow."""
        return {
            "event_rows_written": self.rows_written,
            "event_rows_dropped": self.rows_dropped,
            "event_write_failures": self.write_failures,
            "event_pictures_dropped": self.pictures_dropped,
        }

    def latest_ids(self, stream: str, limit: int) -> tuple[str, ...]:
        """The ids of up to `limit` events of `stream`, the oldest of them first.

        Reads the disk: to be called before serving. Raises `StoreError`.
        """
        query = "SELECT id FROM events WHERE stream = ? ORDER BY start_ns DESC, id DESC LIMIT ?"
        found = self._reading(lambda connection: connection.execute(query, (stream, limit)).fetchall())
        return tuple(event_id for (event_id,) in reversed(found))

    async def list(
        self,
        stream: str,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        kinds: Collection[str] = (),
        limit: int = 50,
        before: str = "",
    ) -> tuple[TimedEvent, ...]:
        """Up to `limit` events of `stream` (`MOST_LISTED` at the most), the newest by their start first.

        Those that were going on at some moment from `since_ns` on and before `until_ns` (Unix time), and of `kinds`
        alone, if some are given. `before` is the id of the last one of the page before: none, where that is not kept.
        Reads in a thread. Raises `StoreError`.
        """
        until_ns = _LAST_NS if until_ns is None else until_ns
        wanted = _Wanted(stream, _said(since_ns or 0), _said(until_ns), frozenset(kinds))
        return await asyncio.to_thread(self._page, wanted, min(limit, MOST_LISTED), before)

    async def get(self, stream: str, event_id: str) -> TimedEvent | None:
        """One event, if it is kept. Reads in a thread. Raises `StoreError`."""
        if (waiting := self._waiting(stream).get(event_id)) is not None:
            return waiting.event
        return await asyncio.to_thread(self._reading, lambda connection: _find(connection, stream, event_id))

    async def picture(self, stream: str, event_id: str) -> bytes | None:
        """Its JPEG, if that is kept. Reads in a thread. Raises `StoreError`."""
        if (waiting := self._waiting(stream).get(event_id)) is not None and waiting.jpeg:
            return waiting.jpeg
        query = "SELECT jpeg FROM pictures WHERE stream = ? AND id = ?"
        found = await asyncio.to_thread(
            self._reading, lambda connection: connection.execute(query, (stream, event_id)).fetchone()
        )
        return None if found is None else bytes(found[0])

    def _page(self, wanted: _Wanted, limit: int, before: str) -> tuple[TimedEvent, ...]:
        # First what waits, then what is written: what is written meanwhile is read twice, and not missed.
        waiting = [change.event for change in self._waiting(wanted.stream).values()]

        def read(connection: sqlite3.Connection) -> tuple[TimedEvent, ...]:
            place = (_LAST_NS, "")
            if before:
                last = next((event for event in waiting if event.id == before), None)
                last = last or _find(connection, wanted.stream, before)
                if last is None:
                    return ()
                place = (last.start_ns, last.id)
            found = {event.id: event for event in wanted.read(connection, place, limit)}
            found.update({event.id: event for event in waiting if wanted.has(event, place)})
            return tuple(sorted(found.values(), key=_place, reverse=True)[:limit])

        return self._reading(read)

    def _reading(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What `read` reads, over a connection of its own."""
        location = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(location, uri=True, timeout=_BUSY_TIMEOUT_S)) as connection:
                return read(connection)
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from error

    def _waiting(self, stream: str) -> dict[str, _Change]:
        """What is not written yet of `stream`, by id."""
        waiting: dict[str, _Change] = {}
        for row in self._unwritten():
            if isinstance(row, _Change) and row.event.stream == stream:
                before = waiting.get(row.event.id)
                waiting[row.event.id] = row if before is None else _laid_over(before, row)
        return waiting

    def _has_room_for(self, jpeg: bytes) -> bool:
        if len(jpeg) > min(MOST_PICTURE_BYTES, self._most_picture_bytes):
            return False
        waiting = sum(len(row.jpeg) for row in self._unwritten() if isinstance(row, _Change))
        return waiting + len(jpeg) <= MOST_PENDING_BYTES

    # The writer's thread.

    def _key(self, row: _Change | _Alive) -> tuple[str, ...]:
        return (row.event.stream, row.event.id) if isinstance(row, _Change) else ()

    def _merged(self, before: _Change | _Alive, after: _Change | _Alive) -> _Change | _Alive:
        if isinstance(before, _Change) and isinstance(after, _Change):
            return _laid_over(before, after)
        return after

    def _write(self, connection: sqlite3.Connection, rows: Sequence[_Change | _Alive]) -> None:
        now_ns: int | None = None
        for row in rows:
            if isinstance(row, _Alive):
                now_ns = row.at_ns
                connection.execute("DELETE FROM alive")
                connection.execute("INSERT INTO alive VALUES (?)", row)
            else:
                _put(connection, row)
        self._rows_since += len(rows)
        self._prune(connection, now_ns)

    def _prune(self, connection: sqlite3.Connection, now_ns: int | None) -> None:
        """Delete what is too much, every so many rows, and what is too old, every so often."""
        if now_ns is not None and (self._pruned_ns is None or abs(now_ns - self._pruned_ns) >= _PRUNE_EVERY_NS):
            self._pruned_ns, self._rows_since = now_ns, _PRUNE_EVERY_ROWS
            connection.execute("DELETE FROM events WHERE end_ns < ?", (now_ns - self._keeps_ns,))
        if self._rows_since >= _PRUNE_EVERY_ROWS:
            self._rows_since = 0
            connection.execute(_PRUNE_EVENTS, (MOST_EVENTS,))
            connection.execute(_PRUNE_PICTURES, (self._most_picture_bytes,))

    def _mend(self, connection: sqlite3.Connection) -> None:
        """End what was going on when a relay died: when it last was known to be at work, or the camera went away."""
        connection.execute("PRAGMA secure_delete = ON")
        (known_ns,) = connection.execute(_LAST_KNOWN).fetchone()
        if known_ns is not None:
            connection.execute(_END_BEFORE_OUTAGES, {"known": known_ns})
            connection.execute(_END, {"known": known_ns})


class _Wanted(NamedTuple):
    """Which events are asked for."""

    stream: str
    since_ns: int
    until_ns: int
    kinds: frozenset[str]

    def read(self, connection: sqlite3.Connection, place: tuple[int, str], limit: int) -> list[TimedEvent]:
        """Those that are written, the newest first, from behind `place` on."""
        query = (
            f"{_SELECT} WHERE stream = ? AND start_ns < ? AND (end_ns IS NULL OR end_ns >= ?) "
            f"AND (start_ns, id) < (?, ?) {self._of_kinds()} ORDER BY start_ns DESC, id DESC LIMIT ?"
        )
        parameters = (self.stream, self.until_ns, self.since_ns, *place, *self.kinds, limit)
        return [_from_sql(values) for values in connection.execute(query, parameters)]

    def has(self, event: TimedEvent, place: tuple[int, str]) -> bool:
        """The same, of one that is not written yet."""
        return (
            event.start_ns < self.until_ns
            and (event.end_ns is None or event.end_ns >= self.since_ns)
            and _place(event) < place
            and (not self.kinds or event.kind in self.kinds)
        )

    def _of_kinds(self) -> str:
        return f"AND kind IN ({', '.join('?' * len(self.kinds))})" if self.kinds else ""


def _put(connection: sqlite3.Connection, change: _Change) -> None:
    event, jpeg = change
    data = json.dumps(event.data, separators=(",", ":"))
    connection.execute(_UPSERT, (event.stream, event.id, event.kind, event.start_ns, event.end_ns, data))
    if jpeg:
        connection.execute(_PUT_PICTURE, (event.stream, event.id, event.start_ns, len(jpeg), jpeg))


def _laid_over(before: _Change, after: _Change) -> _Change:
    """The later state of an event, with the picture that an earlier one brought."""
    return _Change(after.event, after.jpeg or before.jpeg)


def _find(connection: sqlite3.Connection, stream: str, event_id: str) -> TimedEvent | None:
    values = connection.execute(f"{_SELECT} WHERE stream = ? AND id = ?", (stream, event_id)).fetchone()
    return None if values is None else _from_sql(values)


def _from_sql(values: tuple[Any, ...]) -> TimedEvent:
    stream, event_id, kind, start_ns, end_ns, data, has_picture = values
    return TimedEvent(event_id, stream, kind, start_ns, end_ns, json.loads(data), bool(has_picture))


def _place(event: TimedEvent) -> tuple[int, str]:
    return event.start_ns, event.id


def _said(time_ns: int) -> int:
    """A time that somebody asks for, as near to it as SQLite can say."""
    return min(max(0, time_ns), _LAST_NS)
