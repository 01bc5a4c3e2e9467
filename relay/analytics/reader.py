"""The viewing data of a data folder: what SQLite still holds (`hot`) and what was moved to Parquet (`cold`), as one.

Of a session that is in both, or twice, its newest state counts. All of it may be read while a relay writes.
"""

from __future__ import annotations

import heapq
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Self

from relay.analytics.cold import ColdTables
from relay.analytics.hot import HotTables
from relay.sessions.batches import unpack
from relay.sessions.columns import time_ms
from relay.sessions.tables import BATCHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from relay.analytics.hours import Part
    from relay.sessions.columns import Row
    from relay.sessions.model import SessionRow

END_OF_TIME_MS: Final = 2**62
_by_start = attrgetter("started_at_ms", "session_id")


class SessionReader:
    """The viewing data of one data folder. A context manager; it sees what was committed before each page was read.

    Raises `StoreError` if there is data and it cannot be read; where there is none yet, it is empty (`exists`).
    `missing` says what could not be read for want of a package.
    """

    def __init__(self, data: Path) -> None:
        self._hot = HotTables(data)
        self._cold = ColdTables(data)
        self.path = self._hot.path
        self.missing = self._cold.missing

    @property
    def exists(self) -> bool:
        """Whether a relay has ever kept a record here."""
        return self._hot.exists or self._cold.exists

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._hot.close()

    def sessions(
        self,
        *,
        stream: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[SessionRow]:
        """Sessions in the order of their start, at most `limit` of them.

        `since_ms` (Unix time) keeps those that were still going on then, whenever they started; `until_ms` those that
        started before.
        """
        hot = self._hot.sessions(stream, since_ms, newest_first=newest_first)
        cold = self._cold_sessions(stream, since_ms)
        cold.sort(key=_by_start, reverse=newest_first)
        rows = heapq.merge(cold, hot, key=_by_start, reverse=newest_first) if cold else hot
        fitting = rows if until_ms is None else (row for row in rows if row.started_at_ms < until_ms)
        yield from islice(fitting, limit)

    def live(self, stream: str | None = None) -> list[SessionRow]:
        """Those that go on, the newest first."""
        return list(self._hot.sessions(stream, None, newest_first=True, is_live=True))

    def find(self, prefix: str, limit: int = 5) -> list[SessionRow]:
        """The session whose id is `prefix`, or up to `limit` whose ids begin with it."""
        prefix = prefix.lower()
        found = {row.session_id: row for row in self._hot.find(prefix, limit)}
        if len(found) < limit:
            for row in self._cold_sessions(None, None):
                if row.session_id.startswith(prefix):
                    found.setdefault(row.session_id, row)
        return list(found.values())[:limit]

    def rows(
        self,
        kind: type[Row],
        *,
        stream: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Iterator[Row]:
        """All of another table than that of sessions, `since_ms` <= time < `until_ms`.

        Requests and reports come hour by hour, in no order within; of the others first what is cold, then what is hot.
        """
        from_ms: int = 0 if since_ms is None else since_ms
        to_ms: int = END_OF_TIME_MS if until_ms is None else until_ms
        is_raw = kind in BATCHED
        hours: list[int] = self._hot.batch_hours(kind, from_ms, to_ms) if is_raw else []
        for hour_ms in sorted({*hours, *self._cold.hours(kind, from_ms, to_ms)}):
            for row in self._hour(kind, hour_ms) if is_raw else self._moved(kind, hour_ms):
                if from_ms <= time_ms(row) < to_ms and stream in (None, row.stream_id):
                    yield row
        if not is_raw:
            yield from self._hot.rows(kind, stream, from_ms, to_ms)

    def _hour(self, kind: type[Row], hour_ms: int) -> Iterator[Row]:
        """An hour of raw rows, each once, even if it is moved in this moment.

        First SQLite is looked at, then the folder: what has left the one by then is in the other, and what is in both
        is known by its number.
        """
        with self._hot.batches(kind, hour_ms) as batches, self._cold.open(kind, hour_ms) as moved:
            yield from moved.rows()
            yield from _left(kind, batches, moved.parts)

    def hot_rows(self, kind: type[Row], moved: list[Path]) -> Iterator[Row]:
        """All raw rows that were not moved. The files of those that were are added to `moved` as it goes on."""
        hours: list[int] = self._hot.batch_hours(kind, 0, END_OF_TIME_MS)
        for hour_ms in sorted({*hours, *self._cold.hours(kind, 0, END_OF_TIME_MS)}):
            with self._hot.batches(kind, hour_ms) as batches:
                parts = self._cold.parts(kind, hour_ms)
                moved += [part.path for part in parts]
                yield from _left(kind, batches, parts)

    def _moved(self, kind: type[Row], hour_ms: int) -> Iterator[Row]:
        with self._cold.open(kind, hour_ms) as moved:
            yield from moved.rows()

    def _cold_sessions(self, stream: str | None, since_ms: int | None) -> list[SessionRow]:
        newest: dict[str, SessionRow] = {}
        hot = self._hot.session_ids() if self._cold.exists else frozenset()
        for row in self._cold.sessions(stream, since_ms or 0):
            if row.session_id not in hot:
                before = newest.get(row.session_id)
                newest[row.session_id] = row if before is None else newer(before, row)
        return [row for row in newest.values() if since_ms is None or (row.ended_at_ms or since_ms) >= since_ms]


def _left(kind: type[Row], batches: Iterable[tuple[int, bytes]], parts: Sequence[Part]) -> Iterator[Row]:
    """The rows of those `batches` that are in none of `parts`."""
    for number, body in batches:
        if not any(part.has(number) for part in parts):
            yield from (row for row in unpack(body) if isinstance(row, kind))


def newer(one: SessionRow, other: SessionRow) -> SessionRow:
    """Of two states of a session the later one: its requests only become more."""
    return max(other, one, key=lambda row: (row.request_count, row.ended_at_ms or END_OF_TIME_MS))
