from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import START_MS, Audience, a_minute, a_session, keep
from fixtures.viewing import Story, ms
from relay.analytics import SessionReader
from relay.errors import StoreError
from relay.sessions.model import AudienceRow, MinuteRow, OptedOutRow

if TYPE_CHECKING:
    from relay.sessions import SessionRow


def fill(data: Path, count: int = 3) -> list[SessionRow]:
    """One viewer each ten seconds, by turns of two streams; the last still watches."""
    story = Story(idle_s=5)
    for number in range(count):
        story.viewer(f"viewer {number}", stream=("cam", "yard")[number % 2]).watches(segments=1, at=10 * number)
        story.time(10 * number)
    rows = story.in_order()
    keep(data, rows)
    return rows


def test_a_folder_without_a_record_is_empty(tmp_path: Path) -> None:
    with SessionReader(tmp_path) as reader:
        assert not reader.exists
        assert list(reader.sessions()) == []
        assert reader.find("") == []
    assert list(tmp_path.iterdir()) == []


def test_sessions_come_in_the_order_of_their_start(tmp_path: Path) -> None:
    rows = fill(tmp_path)
    with SessionReader(tmp_path) as reader:
        assert reader.exists
        assert list(reader.sessions()) == rows
        assert list(reader.sessions(newest_first=True)) == rows[::-1]
        assert list(reader.sessions(limit=2)) == rows[:2]
        assert list(reader.sessions(limit=2, newest_first=True)) == rows[:0:-1]
        assert list(reader.sessions(stream="yard")) == [rows[1]]
        assert list(reader.sessions(stream="none")) == []


def test_since_keeps_what_went_on_then(tmp_path: Path) -> None:
    rows = fill(tmp_path)
    with SessionReader(tmp_path) as reader:
        assert list(reader.sessions(since_ms=ms(10))) == rows[1:]
        assert list(reader.sessions(since_ms=ms(10), stream="cam")) == rows[2:]
        assert list(reader.sessions(since_ms=ms(1000))) == rows[2:]


@pytest.mark.parametrize("limit", [None, 499, 500, 501, 1000, 1100])
def test_pages_join_without_a_seam(tmp_path: Path, limit: int | None) -> None:
    rows = [row._replace(started_at_ms=row.started_at_ms // 70_000 * 70_000) for row in fill(tmp_path, 1)]
    (pattern,) = rows
    rows = [pattern._replace(session_id=f"{number:024x}", started_at_ms=number // 7) for number in range(1001)]
    keep(tmp_path / "many", rows)
    with SessionReader(tmp_path / "many") as reader:
        read = [row.session_id for row in reader.sessions(limit=limit)]
        assert read == [row.session_id for row in rows[:limit]]
        assert len(list(reader.sessions(limit=limit, newest_first=True))) == len(read)


def test_a_session_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    rows = fill(tmp_path)
    with SessionReader(tmp_path) as reader:
        for row in rows:
            assert reader.find(row.session_id) == [row]
            assert reader.find(row.session_id[:12].upper()) == [row]
        assert len(reader.find("")) == 3
        assert len(reader.find("", limit=2)) == 2
        assert reader.find("x") == reader.find("%") == reader.find("_") == []


def test_it_reads_while_a_relay_writes(tmp_path: Path) -> None:
    rows = fill(tmp_path)
    with SessionReader(tmp_path) as reader:
        seen = reader.sessions()
        assert next(seen).session_id == rows[0].session_id
        keep(tmp_path, [rows[0]._replace(session_id="new")])
        assert len(list(reader.sessions())) == 4


def test_it_cannot_write(tmp_path: Path) -> None:
    fill(tmp_path)
    with SessionReader(tmp_path) as reader, pytest.raises(StoreError, match="readonly"):
        reader._hot._values("DELETE FROM sessions", ())


def test_what_is_no_record_of_ours_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sessions.sqlite3"
    path.write_text("nothing of the kind" * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        SessionReader(tmp_path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreError, match="layout 9"):
        SessionReader(tmp_path)


def test_an_archived_folder_that_nobody_may_write_is_read() -> None:
    """By another user, since nothing is read-only to root."""
    data = Path(tempfile.mkdtemp())
    try:
        count = len(fill(data))
        (data / "sessions.sqlite3").chmod(0o444)
        data.chmod(0o555)
        code = (
            "import os, sys; from pathlib import Path; from relay.analytics import SessionReader\n"
            "os.getuid() or os.setuid(65534)\n"
            "print(len(list(SessionReader(Path(sys.argv[1])).sessions())))"
        )
        answer = subprocess.run(
            [sys.executable, "-c", code, str(data)],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert answer.stdout.strip() == str(count)
    finally:
        data.chmod(0o700)
        shutil.rmtree(data)


def test_minutes_and_audiences_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    made = Audience(40)
    with SessionReader(keep(tmp_path, made.rows)) as reader:
        minutes = list(reader.rows(MinuteRow))
        assert sorted(minutes) == sorted(made.minutes)
        assert [row.minute_ms for row in minutes] == [row.minute_ms for row in made.minutes]
        assert list(reader.rows(AudienceRow)) == made.audience
        assert list(reader.rows(OptedOutRow, stream="yard")) == []


def test_a_time_is_from_its_beginning_up_to_its_end(tmp_path: Path) -> None:
    rows = [a_minute(minute_ms=START_MS + number * 60_000) for number in range(30)]
    with SessionReader(keep(tmp_path, rows)) as reader:
        assert list(reader.rows(MinuteRow, since_ms=rows[3].minute_ms, until_ms=rows[25].minute_ms)) == rows[3:25]
        assert list(reader.rows(MinuteRow, since_ms=START_MS + 10**9)) == []


def test_a_database_of_an_older_relay_lacks_tables_and_columns(tmp_path: Path) -> None:
    keep(tmp_path, [a_session()])
    with closing(sqlite3.connect(tmp_path / "sessions.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 1")
        connection.execute("ALTER TABLE sessions DROP COLUMN country")
        for table in ("session_minutes", "segment_audience", "opted_out_hours", "batches"):
            connection.execute(f"DROP TABLE {table}")
    with SessionReader(tmp_path) as reader:
        assert list(reader.sessions()) == [a_session()]
        assert list(reader.rows(MinuteRow)) == []


def test_only_those_that_go_on_are_live(tmp_path: Path) -> None:
    rows = [a_session(), a_session(session_id="b", ended_at_ms=None, stream_id="yard")]
    with SessionReader(keep(tmp_path, rows)) as reader:
        assert reader.live() == reader.live("yard") == rows[1:]
        assert reader.live("cam") == []


def test_a_session_that_began_later_is_not_of_this_time(tmp_path: Path) -> None:
    rows = fill(tmp_path)
    with SessionReader(tmp_path) as reader:
        assert list(reader.sessions(until_ms=rows[2].started_at_ms)) == rows[:2]
