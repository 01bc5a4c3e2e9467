from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from fixtures.viewed import A_REQUEST, HOUR_MS, START_MS, a_minute, keep
from relay.retention import Retention
from relay.sessions import retiring
from relay.sessions.retiring import MS_PER_DAY, retire

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOW_MS = START_MS + 100 * MS_PER_DAY


def test_much_that_is_old_goes_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, [a_minute(minute_ms=START_MS + number * 60_000) for number in range(50)])
    monkeypatch.setattr(retiring, "_ROWS_AT_ONCE", 20)
    with closing(sqlite3.connect(tmp_path / "sessions.sqlite3")) as connection:
        left = []
        while not retire(connection, Retention(), NOW_MS):
            left.append(connection.execute("SELECT count(*) FROM session_minutes").fetchone()[0])
        assert left == [30, 10]
        assert connection.execute("SELECT count(*) FROM session_minutes").fetchone() == (0,)


def test_too_many_raw_rows_go_in_steps_the_oldest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(6):
        keep(tmp_path, [A_REQUEST._replace(at_us=(START_MS + hour * HOUR_MS) * 1000)])
    monkeypatch.setattr(retiring, "_BATCHES_AT_ONCE", 2)
    monkeypatch.setattr(retiring, "_BYTES_PER_MB", 1)
    with closing(sqlite3.connect(tmp_path / "sessions.sqlite3")) as connection:
        assert not retire(connection, Retention(), START_MS)
        hours = [hour_ms for (hour_ms,) in connection.execute("SELECT hour_ms FROM batches ORDER BY id")]
        assert hours == [START_MS + hour * HOUR_MS for hour in range(2, 6)]


def test_room_is_given_back(tmp_path: Path) -> None:
    keep(tmp_path, [a_minute(minute_ms=START_MS + number * 60_000) for number in range(2000)])
    with closing(sqlite3.connect(tmp_path / "sessions.sqlite3")) as connection:
        (before,) = connection.execute("PRAGMA page_count").fetchone()
        assert retire(connection, Retention(), NOW_MS)
        assert connection.execute("PRAGMA page_count").fetchone()[0] < before / 2
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
