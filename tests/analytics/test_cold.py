"""Hours in Parquet, beside those in SQLite. Where pyarrow is not installed, they must be named and left alone."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import HOUR_MS, START_MS, a_minute, a_session, keep
from relay.analytics import SessionReader, cold
from relay.analytics.export_parquet import write_parquet
from relay.errors import QueryError, StoreError
from relay.sessions.columns import TABLE_OF, time_ms
from relay.sessions.model import MinuteRow, SessionRow, ViewingRow

if TYPE_CHECKING:
    from pathlib import Path


def move(data: Path, rows: list[ViewingRow], name: str = "1-9", at_ms: int | None = None) -> Path:
    """`rows`, of one kind and hour, as the compaction leaves them."""
    kind = type(rows[0])
    hour = datetime.fromtimestamp((at_ms or time_ms(rows[0])) / 1000, UTC)
    folder = data / "viewing" / TABLE_OF[kind] / f"date={hour:%Y-%m-%d}" / f"hour={hour:%H}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    with path.open("wb") as out:
        write_parquet(rows, kind, out)
    return path


def test_what_cannot_be_read_is_named_and_how_it_could(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, [a_session()])
    move(tmp_path, [a_session(session_id="cold")])
    monkeypatch.setattr(cold, "find_spec", lambda name: None)
    with SessionReader(tmp_path) as reader:
        assert reader.exists
        assert "pip install 'relay-hls[analytics]'" in reader.missing
        assert list(reader.sessions()) == [a_session()]


def test_without_hours_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold, "find_spec", lambda name: None)
    with SessionReader(keep(tmp_path, [])) as reader:
        assert reader.missing == ""


def test_writing_parquet_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.analytics.export_parquet.find_spec", lambda name: None)
    with pytest.raises(QueryError, match=r"pip install 'relay-hls\[analytics\]'"):
        write_parquet([], SessionRow, io.BytesIO())


class TestMovedHours:
    def test_sessions_of_both_come_in_the_order_of_their_start(self, tmp_path: Path) -> None:
        hot = [a_session(session_id=name, started_at_ms=START_MS + at) for name, at in (("b", 1), ("d", 3))]
        moved = [a_session(session_id=name, started_at_ms=START_MS + at) for name, at in (("a", 0), ("c", 2))]
        move(keep(tmp_path, hot), [*moved])
        with SessionReader(tmp_path) as reader:
            assert [row.session_id for row in reader.sessions()] == ["a", "b", "c", "d"]
            assert [row.session_id for row in reader.sessions(newest_first=True, limit=3)] == ["d", "c", "b"]
            assert reader.find("c") == [moved[1]]

    def test_a_session_keeps_all_that_it_had(self, tmp_path: Path) -> None:
        row = a_session(error_codes=((404, 3),), player_error_codes=(("net", 1),), renditions=("a", "b"))
        move(tmp_path, [row])
        with SessionReader(tmp_path) as reader:
            assert list(reader.sessions()) == [row]

    def test_the_newest_state_counts(self, tmp_path: Path) -> None:
        old = a_session(request_count=5)
        new = old._replace(request_count=9)
        move(tmp_path, [new], "1-2")
        move(tmp_path, [old], "3-4")
        with SessionReader(tmp_path) as reader:
            assert list(reader.sessions()) == [new]
        resumed = new._replace(request_count=20, ended_at_ms=None)
        with SessionReader(keep(tmp_path, [resumed])) as reader:
            assert list(reader.sessions()) == reader.find("a") == [resumed]

    def test_only_the_time_that_is_asked_for(self, tmp_path: Path) -> None:
        rows = [a_minute(minute_ms=START_MS + number * HOUR_MS) for number in range(4)]
        for row in rows[:3]:
            move(tmp_path, [row])
        keep(tmp_path, rows[3:])
        with SessionReader(tmp_path) as reader:
            assert list(reader.rows(MinuteRow)) == rows
            assert list(reader.rows(MinuteRow, since_ms=rows[1].minute_ms, until_ms=rows[3].minute_ms)) == rows[1:3]

    def test_a_file_that_is_being_written_is_no_file_yet(self, tmp_path: Path) -> None:
        path = move(tmp_path, [a_minute()])
        path.with_name(".half.parquet").write_bytes(b"PAR1")
        with SessionReader(tmp_path) as reader:
            assert list(reader.rows(MinuteRow)) == [a_minute()]

    def test_a_damaged_file_is_named(self, tmp_path: Path) -> None:
        path = move(tmp_path, [a_minute()])
        path.write_bytes(b"nothing of the kind")
        with SessionReader(tmp_path) as reader, pytest.raises(StoreError, match=r"1-9\.parquet: cannot be read"):
            list(reader.rows(MinuteRow))
