from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import A_REQUEST
from fixtures.viewing import Story, ms
from relay.errors import StoreError
from relay.retention import Retention
from relay.sessions import SessionStore
from relay.sessions.batches import unpack
from relay.sessions.columns import decoder
from relay.sessions.model import AudienceRow, MinuteRow, OptedOutRow, PlayerEventRow, SessionRow
from relay.sessions.store import COLUMNS, DATABASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from relay.sessions.model import ViewingRow


pytestmark = pytest.mark.clock


def a_row(name: str = "anna", segments: int = 2, *, is_over: bool = True) -> SessionRow:
    story = Story()
    story.viewer(name).watches(segments=segments, at=0)
    story.time(100 if is_over else 2 * segments)
    return story.only_row()


def stored(data: Path) -> list[SessionRow]:
    make = decoder(SessionRow, COLUMNS)
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [
            make(values) for values in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM sessions ORDER BY rowid")
        ]


def test_what_is_put_is_there_and_a_later_state_replaces_it(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    store.put([a_row("anna", is_over=False), a_row("bert")])
    store.put([a_row("anna", segments=5)])
    assert store.close()
    assert stored(tmp_path) == [a_row("anna", segments=5), a_row("bert")]
    assert store.rows_written in {2, 3}


def test_the_columns_are_those_of_a_row(tmp_path: Path) -> None:
    SessionStore(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
        names = tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(sessions)"))
        assert names == COLUMNS
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    store.put([a_row()])
    wait_until(lambda: store.rows_written == 1)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    store.close()


def test_another_process_reads_while_it_is_written(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    store.put([a_row()])
    wait_until(lambda: store.rows_written == 1)
    code = (
        "import sqlite3, sys; from pathlib import Path\n"
        "uri = Path(sys.argv[1]).as_uri() + '?mode=ro'\n"
        "print(sqlite3.connect(uri, uri=True).execute('SELECT count(*) FROM sessions').fetchone()[0])"
    )
    for number in range(3):
        answer = subprocess.run(
            [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=True, timeout=20
        )
        assert answer.stdout.strip() == str(number + 1)
        store.put([a_row(f"viewer {number}")])
        wait_until(lambda: store.rows_written == number + 2)  # noqa: B023 - called within this turn
    assert store.close()


def test_what_a_killed_relay_left_open_is_closed_with_its_last_media(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    store.put([a_row("anna", segments=3, is_over=False), a_row("bert")])
    store.close()
    SessionStore(tmp_path).close()
    anna, bert = stored(tmp_path)
    assert (anna.end_reason, anna.ended_at_ms) == ("server_crash", ms(4))
    assert bert == a_row("bert")


def test_those_who_may_come_back_are_told(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    late = a_row("late")._replace(ended_at_ms=ms(500))
    store.put([a_row("early"), late, a_row("going", segments=3, is_over=False)])
    store.close()
    again = SessionStore(tmp_path)
    assert again.ended_lately(300_000) == [late]
    assert len(again.ended_lately(1_000_000)) == 3
    again.close()
    again.path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        again.ended_lately(1)


class TestWhatCannotBeUsed:
    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / DATABASE_FILE).write_text("not a database at all, " * 100)
        with pytest.raises(StoreError, match=r"cannot be used .*move it away"):
            SessionStore(tmp_path)

    def test_a_database_with_a_damaged_page(self, tmp_path: Path) -> None:
        store = SessionStore(tmp_path)
        store.put([a_row(f"viewer {number}") for number in range(200)])
        store.close()
        damaged = bytearray(store.path.read_bytes())
        damaged[8192:12288] = b"\xff" * 4096
        store.path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"cannot be used"):
            SessionStore(tmp_path)

    def test_a_large_one_is_not_looked_through_at_every_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        SessionStore(tmp_path).close()
        monkeypatch.setattr("relay.database._CHECK_UP_TO_BYTES", 10)
        assert SessionStore(tmp_path).close()

    def test_one_of_a_newer_relay(self, tmp_path: Path) -> None:
        SessionStore(tmp_path).close()
        with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
            connection.execute("PRAGMA user_version = 3")
        with pytest.raises(StoreError, match="newer relay"):
            SessionStore(tmp_path)

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="cannot be written"):
            SessionStore(tmp_path / "file")


class TestADiskThatFails:
    @pytest.fixture
    def store(self, tmp_path: Path) -> SessionStore:
        return SessionStore(tmp_path, max_pending_rows=3)

    def fail(self, store: SessionStore) -> sqlite3.Connection:
        """Let another writer hold the database: for the store, a disk that does not take anything."""
        other = sqlite3.connect(store.path, isolation_level=None)
        store._connection.execute("PRAGMA busy_timeout = 10")
        other.execute("BEGIN IMMEDIATE")
        return other

    def test_rows_wait_and_are_written_when_it_is_back(self, store: SessionStore, tmp_path: Path) -> None:
        with closing(self.fail(store)) as other:
            store.put([a_row("anna", is_over=False)])
            wait_until(lambda: store.problem != "")
            assert "cannot be written" in store.problem
            store.put([a_row("anna"), a_row("bert")])
            other.execute("ROLLBACK")
        assert wait_until(lambda: store.rows_written == 2)
        assert store.problem == ""
        assert store.close()
        assert stored(tmp_path) == [a_row("anna"), a_row("bert")]

    def test_past_the_bound_the_oldest_are_dropped_and_counted(self, store: SessionStore, tmp_path: Path) -> None:
        with closing(self.fail(store)) as other:
            store.put([a_row("first")])
            wait_until(lambda: store.write_failures > 0)
            store.put([a_row(f"viewer {number}") for number in range(4)])
            assert store.rows_dropped == 2
            other.execute("ROLLBACK")
        assert store.close(5)
        assert len(stored(tmp_path)) == 3

    def test_closing_does_not_wait_for_it(self, store: SessionStore) -> None:
        with closing(self.fail(store)):
            store.put([a_row()])
            wait_until(lambda: store.write_failures > 0)
            begin = time.monotonic()
            assert not store.close(2)
            assert time.monotonic() - begin < 1
            assert store.write_failures >= 1


def test_putting_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        for _ in range(100):
            store.put([a_row()])
        assert time.monotonic() - begin < 0.5
    assert store.close(5)


DAY_S = 86_400.0
EVENT = PlayerEventRow(
    ms(1) * 1000, ms(2) * 1000, "cam", "s", "ps", "p", 480, None, 900, None, 2800, None, 4000, 2, ("x",)
)


def minute(at: float = 0.0, watched_ms: int = 1000) -> MinuteRow:
    return MinuteRow(ms(at), "cam", "s", "video", watched_ms, 10, 1, 0, 0, 0, None, None, None)


def count(data: Path, table: str) -> int:
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


class TestEveryKindOfRow:
    def test_raw_rows_are_kept_in_batches_of_their_hour(self, tmp_path: Path) -> None:
        requests = [A_REQUEST._replace(at_us=(ms(900 * number)) * 1000) for number in range(8)]
        store = SessionStore(tmp_path)
        store.put([*requests, EVENT])
        assert store.close()
        with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
            batches = connection.execute("SELECT kind, hour_ms, rows, body FROM batches ORDER BY id").fetchall()
        assert {hour_ms % 3_600_000 for _, hour_ms, *_ in batches} == {0}
        assert [row for *_, body in batches for row in unpack(body)] == [*requests, EVENT]
        assert len(batches) in {3, 4}

    def test_what_comes_again_for_the_same_minute_adds_up(self, tmp_path: Path) -> None:
        for _ in range(2):
            store = SessionStore(tmp_path)
            store.put([minute(watched_ms=700), AudienceRow("cam", 7, ms(0), 3), OptedOutRow(ms(0), "cam", 1, 2.5, 9)])
            assert store.close()
        with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
            assert connection.execute("SELECT watched_ms, requests FROM session_minutes").fetchall() == [(1400, 2)]
            assert connection.execute("SELECT viewers FROM segment_audience").fetchall() == [(6,)]
            assert connection.execute("SELECT plays, watched_time_s FROM opted_out_hours").fetchall() == [(2, 5.0)]


class TestRetention:
    def write(self, data: Path, now_s: float, rows: Iterable[ViewingRow], **kept: int) -> None:
        store = SessionStore(data, retention=Retention(**kept), unix_s=lambda: now_s)
        store.put(rows)
        assert store.close()

    def test_each_kind_goes_when_its_time_is_over(self, tmp_path: Path) -> None:
        start_s = ms(0) / 1000
        self.write(tmp_path, start_s, [a_row(), minute(), A_REQUEST._replace(at_us=ms(0) * 1000)])
        left = []
        for days in (1, 8, 91, 396):
            self.write(tmp_path, start_s + days * DAY_S, [AudienceRow("cam", days, ms(days * DAY_S), 1)])
            left.append([count(tmp_path, table) for table in ("batches", "session_minutes", "sessions")])
        assert left == [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]

    def test_past_their_room_the_oldest_hours_of_raw_rows_go(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay.sessions.retiring._BYTES_PER_MB", 1500)
        hours = [A_REQUEST._replace(at_us=ms(3600 * number) * 1000) for number in range(8)]
        self.write(tmp_path, ms(0) / 1000, hours, request_mb=1)
        with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
            kept = [hour_ms for (hour_ms,) in connection.execute("SELECT hour_ms FROM batches ORDER BY id")]
        assert 1 <= len(kept) < 8
        assert kept[-1] == ms(3600 * 7) // 3_600_000 * 3_600_000


def test_a_file_of_the_first_layout_gets_what_came_since(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    store.put([a_row("anna")])
    assert store.close()
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection, connection:
        for name in SessionRow._field_defaults:
            connection.execute(f"ALTER TABLE sessions DROP COLUMN {name}")
        for table in ("session_minutes", "segment_audience", "opted_out_hours", "batches"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    store = SessionStore(tmp_path)
    store.put([a_row("bert"), minute()])
    assert store.close()
    anna, bert = stored(tmp_path)
    defaults = SessionRow._field_defaults
    assert anna == a_row("anna")._replace(**defaults)
    assert bert == a_row("bert")
    assert count(tmp_path, "session_minutes") == 1


KILLED = """
import sys, time
from pathlib import Path
from relay.model import MediaKind
from relay.sessions import Access, Client, ObjectKind, SessionRecorder, SessionStore, TokenMint
mint = TokenMint(bytes(32))
recorder = SessionRecorder(SessionStore(Path(sys.argv[1])), mint, 30.0)
viewers = [mint.mint("cam", int(time.time())) for _ in range(20)]
client = Client("192.0.2.0/24", "Lavf/59.27.100", "hash")
msn = 0
while True:
    msn += 1
    now_ns = time.time_ns()
    for viewer in viewers:
        recorder.note(Access("cam", viewer, ObjectKind.SEGMENT, "video", MediaKind.VIDEO, msn, None, 0.02, 200, 1000,
                             True, now_ns, client))
    recorder.sweep(time.time_ns())
    sys.stdout.write(f"{time.time_ns()} {msn}\\n")
    sys.stdout.flush()
    time.sleep(0.02)
"""


def test_a_kill_loses_at_most_the_last_second(tmp_path: Path) -> None:
    for kill_after_s in (1.4, 1.7):
        before = {row.session_id for row in (stored(tmp_path) if (tmp_path / DATABASE_FILE).exists() else [])}
        arguments = [sys.executable, "-c", KILLED, str(tmp_path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            timer = threading.Timer(kill_after_s, process.kill)
            timer.start()
            lines = [line.split() for line in process.stdout if line.endswith("\n")]
            timer.join()
        assert process.returncode == -signal.SIGKILL
        killed_at_ns, last_msn = map(int, lines[-1])
        owed_msn = max(int(msn) for at_ns, msn in lines if killed_at_ns - int(at_ns) >= 1_000_000_000)

        SessionStore(tmp_path).close()
        rows = [row for row in stored(tmp_path) if row.session_id not in before]
        assert len(rows) == 20
        for row in rows:
            assert row.bytes_sent >= 1000 * owed_msn
            assert row.bytes_sent <= 1000 * (last_msn + 1)
            assert (row.end_reason, row.ended_at_ms) == ("server_crash", row.last_media_at_ms)


def wait_until(condition: object, timeout_s: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True
