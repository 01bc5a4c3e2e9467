"""Hours on their way from SQLite to Parquet: whatever happens, each row is there once."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import A_REQUEST, HOUR_MS, START_MS, a_session, keep
from relay.analytics import SessionReader
from relay.analytics.compaction import CLOSED_AFTER_MS, EXIT_FAILED, EXIT_NO_QUESTION, compact, main
from relay.analytics.hours import folder_of, hours_of, parts_of
from relay.errors import StoreError
from relay.retention import Retention
from relay.sessions.model import PlayerEventRow, RequestRow

if TYPE_CHECKING:
    from relay.sessions.model import ViewingRow

AN_EVENT = PlayerEventRow(
    START_MS * 1000, START_MS * 1000, "cam", "s", "ps", "p", 480, None, 900, None, 2800, None, 4000, 2, ("x", "y")
)
DAY_MS = 24 * HOUR_MS
LATER_MS = START_MS + 3 * HOUR_MS


def requests(hour: int, count: int = 40) -> list[RequestRow]:
    begin_us = (START_MS + hour * HOUR_MS) * 1000
    return [
        A_REQUEST._replace(
            at_us=begin_us + number * 1_000_000,
            session_id=f"s{number % 3}",
            part_index=number % 10 or None,
            cmcd_bl_ms=number * 100 or None,
        )
        for number in range(count)
    ]


def union(data: Path) -> list[ViewingRow]:
    with SessionReader(data) as reader:
        return sorted([*reader.rows(RequestRow), *reader.rows(PlayerEventRow)], key=repr)


def hot(data: Path) -> int:
    with closing(sqlite3.connect(data / "sessions.sqlite3")) as connection:
        return int(connection.execute("SELECT count(*) FROM batches").fetchone()[0])


def is_tidy(data: Path) -> bool:
    """Nothing half written or half removed, and one file an hour."""
    return not list(data.glob("viewing/*/**/.*")) and all(
        len(list(folder.iterdir())) == 1 for folder in data.glob("viewing/*/*/*")
    )


def test_closed_hours_are_moved_whole_and_told_apart_by_their_numbers(tmp_path: Path) -> None:
    rows: list[ViewingRow] = [*requests(0), AN_EVENT, *requests(1)]
    keep(tmp_path, rows)
    done = compact(tmp_path, Retention(), START_MS + HOUR_MS + CLOSED_AFTER_MS)
    assert (done.rows_moved, done.files_written, done.is_all) == (41, 2, True)
    assert union(tmp_path) == sorted(rows, key=repr)
    assert hot(tmp_path) == 1
    assert hours_of(tmp_path, "requests") == [START_MS]
    assert is_tidy(tmp_path)


def test_an_hour_is_left_alone_as_long_as_rows_may_come(tmp_path: Path) -> None:
    keep(tmp_path, requests(0))
    assert compact(tmp_path, Retention(), START_MS + HOUR_MS + CLOSED_AFTER_MS - 1).rows_moved == 0
    assert hot(tmp_path) == 1


def test_late_rows_become_part_of_their_hour(tmp_path: Path) -> None:
    early, late = requests(0, 30), requests(0, 40)[30:]
    keep(tmp_path, early)
    compact(tmp_path, Retention(), LATER_MS)
    keep(tmp_path, late)
    done = compact(tmp_path, Retention(), LATER_MS)
    assert (done.rows_moved, done.files_merged) == (10, 2)
    assert union(tmp_path) == sorted([*early, *late], key=repr)
    assert is_tidy(tmp_path)


def test_a_busy_hour_is_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.analytics.compaction._ROWS_A_FILE", 20)
    for begin in range(0, 60, 15):
        keep(tmp_path, requests(0, 60)[begin : begin + 15])
    assert compact(tmp_path, Retention(), LATER_MS).files_written == 4
    assert len(parts_of(folder_of(tmp_path, "requests", START_MS))) == 4
    assert union(tmp_path) == sorted(requests(0, 60), key=repr)


def test_a_run_that_takes_too_long_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    keep(tmp_path, requests(0))
    assert not compact(tmp_path, Retention(), LATER_MS, budget_s=-1).is_all
    assert hot(tmp_path) == 1


def test_a_new_database_beside_an_old_cold_store_has_new_numbers(tmp_path: Path) -> None:
    keep(tmp_path, requests(0, 20))
    compact(tmp_path, Retention(), LATER_MS)
    for path in tmp_path.glob("sessions.sqlite3*"):
        path.rename(path.with_name(f"away-{path.name}"))
    with closing(sqlite3.connect(tmp_path / "away-sessions.sqlite3")) as connection:
        (last,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone()
    keep(tmp_path, [AN_EVENT])
    with closing(sqlite3.connect(tmp_path / "sessions.sqlite3")) as connection:
        (number,) = connection.execute("SELECT id FROM batches").fetchone()
    assert number >= last // 1000 * 1000 > 10**12
    assert union(tmp_path) == sorted([*requests(0, 20), AN_EVENT], key=repr)


class TestRetention:
    def test_old_hours_go_as_a_whole(self, tmp_path: Path) -> None:
        keep(tmp_path, [*requests(0), *requests(1)])
        compact(tmp_path, Retention(), LATER_MS)
        done = compact(tmp_path, Retention(request_days=1), START_MS + HOUR_MS + DAY_MS)
        assert done.hours_removed == 1
        assert union(tmp_path) == sorted(requests(1), key=repr)
        compact(tmp_path, Retention(request_days=1), START_MS + 2 * HOUR_MS + DAY_MS)
        assert list(tmp_path.glob("viewing/requests/*")) == []

    def test_past_their_room_the_oldest_go(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        keep(tmp_path, [*requests(0), *requests(1)])
        compact(tmp_path, Retention(), LATER_MS)
        size = parts_of(folder_of(tmp_path, "requests", START_MS))[0].path.stat().st_size
        monkeypatch.setattr("relay.analytics.compaction._BYTES_PER_MB", size + size // 2)
        assert compact(tmp_path, Retention(request_mb=1), LATER_MS).hours_removed == 1
        assert union(tmp_path) == sorted(requests(1), key=repr)

    def test_the_file_shrinks(self, tmp_path: Path) -> None:
        for hour in range(10):
            keep(tmp_path, [row._replace(viewer_id=f"{row.at_us:x}" * 40) for row in requests(hour, 200)])
        before = (tmp_path / "sessions.sqlite3").stat().st_size
        compact(tmp_path, Retention(), START_MS + 40 * HOUR_MS)
        with closing(sqlite3.connect(tmp_path / "sessions.sqlite3")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
        assert (tmp_path / "sessions.sqlite3").stat().st_size < before * 0.7


KILLED_AT_EACH_STEP = """
import os, pathlib, shutil, sqlite3, sys
import pyarrow, pyarrow.compute, pyarrow.parquet
from relay.analytics import compaction
from relay.retention import Retention

source, out, now_ms, days = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
left = 0

def step():
    global left
    left -= 1
    if left < 0:
        os._exit(9)

def killing(call):
    def called(*arguments, **named):
        step()
        return call(*arguments, **named)
    return called

class Connection(sqlite3.Connection):
    execute = killing(sqlite3.Connection.execute)
    executemany = killing(sqlite3.Connection.executemany)
    __exit__ = killing(sqlite3.Connection.__exit__)

connect = sqlite3.connect
compaction.sqlite3.connect = lambda path, timeout: connect(path, timeout=timeout, factory=Connection)
compaction.time.sleep = lambda seconds: None
os.fsync = killing(os.fsync)
for name in ("rename", "unlink", "rmdir", "mkdir"):
    setattr(pathlib.Path, name, killing(getattr(pathlib.Path, name)))
os.unlink = killing(os.unlink)
number = 0
while True:
    data = out / str(number)
    shutil.copytree(source, data)
    child = os.fork()
    if child == 0:
        left = number
        compaction.compact(data, Retention(request_days=days), now_ms)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 9:
        sys.exit(os.waitstatus_to_exitcode(status))
    number += 1
"""


def killed_at_each_step(source: Path, out: Path, now_ms: int, days: int) -> list[Path]:
    """Copies of `source`: in each a run was killed one step later than in the one before."""
    subprocess.run(
        [sys.executable, "-c", KILLED_AT_EACH_STEP, str(source), str(out), str(now_ms), str(days)],
        check=True,
        timeout=50,
        cwd=Path(__file__).parents[2],
    )
    return sorted(out.iterdir(), key=lambda path: int(path.name))


def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keep(data, requests(0, 20))
    compact(data, Retention(), LATER_MS)
    rows: list[ViewingRow] = [*requests(0, 30), *requests(1, 20)]
    keep(data, rows[20:])
    expected = sorted(rows, key=repr)
    copies = killed_at_each_step(data, tmp_path / "copies", LATER_MS + CLOSED_AFTER_MS, 7)
    assert len(copies) > 30
    for copy in copies:
        assert union(copy) == expected, copy
        compact(copy, Retention(), LATER_MS + CLOSED_AFTER_MS)
        assert union(copy) == expected, copy
        assert hot(copy) == 0
        assert is_tidy(copy)


def test_a_kill_while_old_hours_go_takes_nothing_that_is_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keep(data, [*requests(0), AN_EVENT, *requests(1)])
    compact(data, Retention(), LATER_MS)
    now_ms = START_MS + HOUR_MS + DAY_MS
    kept = sorted(requests(1), key=repr)
    copies = killed_at_each_step(data, tmp_path / "copies", now_ms, 1)
    assert len(copies) > 12
    for copy in copies:
        left = union(copy)
        assert [row for row in left if row in kept] == kept
        assert len([row for row in left if isinstance(row, RequestRow) and row not in kept]) in {0, 40}
        compact(copy, Retention(request_days=1), now_ms)
        assert union(copy) == kept
        assert is_tidy(copy)


class TestAsAProcess:
    def test_it_says_what_it_did(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        keep(tmp_path, [*requests(0), a_session()])
        assert main([json.dumps({"data": str(tmp_path), "viewing": {}})], LATER_MS) == 0
        assert json.loads(capsys.readouterr().out)["rows_moved"] == 40

    def test_a_folder_without_a_record_is_left_as_it_is(self, tmp_path: Path) -> None:
        assert main([json.dumps({"data": str(tmp_path)})], LATER_MS) == 0
        assert list(tmp_path.iterdir()) == []

    def test_a_question_that_is_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["{}"], LATER_MS) == EXIT_NO_QUESTION
        assert main([], LATER_MS) == EXIT_NO_QUESTION
        assert "usage: python -m relay.analytics.compaction" in capsys.readouterr().err

    def test_a_damaged_database_is_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "sessions.sqlite3").write_text("nothing of the kind" * 100)
        assert main([json.dumps({"data": str(tmp_path)})], LATER_MS) == EXIT_FAILED
        assert "hours cannot be moved" in capsys.readouterr().err

    def test_another_layout_is_refused(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "sessions.sqlite3")) as connection:
            connection.execute("PRAGMA user_version = 1")
        with pytest.raises(StoreError, match="layout 1"):
            compact(tmp_path, Retention(), LATER_MS)

    def test_only_one_runs(self, tmp_path: Path) -> None:
        keep(tmp_path, requests(0))
        (tmp_path / "viewing").mkdir()
        with (tmp_path / "viewing" / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert compact(tmp_path, Retention(), LATER_MS).rows_moved == 0
        assert hot(tmp_path) == 1
