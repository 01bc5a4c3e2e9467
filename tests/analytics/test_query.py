from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import A_REQUEST, HOUR_MS, START_MS, Audience, a_session, keep
from relay.analytics import query
from relay.analytics.compaction import compact
from relay.analytics.query import ask
from relay.errors import QueryError
from relay.retention import Retention
from relay.sessions.model import TABLES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("data"), Audience(40).rows)


def test_a_question_is_answered(data: Path) -> None:
    answer = ask(data, "SELECT stream_id, count(*) AS n, sum(watched_time_s) AS s FROM sessions GROUP BY ALL")
    assert answer.columns == ["stream_id", "n", "s"]
    ((stream, count, seconds),) = answer.rows()
    assert (stream, count) == ("cam", 40)
    assert seconds == pytest.approx(sum(row.watched_time_s for row in Audience(40).sessions))


@pytest.mark.parametrize("table", [name for name in TABLES if name not in {"requests", "player_events"}])
def test_every_table_is_a_view_with_its_columns(data: Path, table: str) -> None:
    answer = ask(data, f"FROM {table}")
    assert tuple(answer.columns) == TABLES[table]._fields
    assert len(list(answer.rows())) >= 1


def test_tables_join(data: Path) -> None:
    sql = "SELECT count(DISTINCT session_id) FROM session_minutes JOIN sessions USING (session_id)"
    ((count,),) = ask(data, sql).rows()
    assert count == len({row.session_id for row in Audience(40).minutes})


def test_lists_are_json_text(tmp_path: Path) -> None:
    keep(tmp_path, [a_session(error_codes=((404, 3),))])
    ((value,),) = ask(tmp_path, "SELECT error_codes FROM sessions").rows()
    assert value == "[[404,3]]"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "COPY sessions TO '{out}'",
        "ATTACH '{out}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT * FROM data",
        "DELETE FROM sessions",
        "SELEC 1",
        "SELECT nothing FROM sessions",
    ],
)
def test_nothing_else_can_be_read_or_written(data: Path, tmp_path: Path, sql: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(QueryError):
        list(ask(data, sql.format(out=out)).rows())
    assert not out.exists()


def test_an_error_that_comes_with_the_rows_is_ours_too(data: Path) -> None:
    with pytest.raises(QueryError):
        list(ask(data, "SELECT CAST(player_name AS INTEGER) FROM sessions").rows())


def test_what_is_not_installed_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "find_spec", lambda name: None)
    with pytest.raises(QueryError, match=r"duckdb and pyarrow, not installed: pip install 'relay-hls\[analytics\]'"):
        ask(data, "SELECT 1")


def test_a_folder_without_a_record_has_empty_tables(tmp_path: Path) -> None:
    assert list(ask(tmp_path, "SELECT count(*) FROM requests, player_events").rows()) == [(0,)]


def test_what_was_moved_and_what_was_not_is_one_table(tmp_path: Path) -> None:
    data = tmp_path / "it's here"
    early = [A_REQUEST._replace(at_us=A_REQUEST.at_us + number) for number in range(5)]
    keep(data, early)
    compact(data, Retention(), START_MS + 2 * HOUR_MS)
    keep(data, [A_REQUEST._replace(at_us=(START_MS + 2 * HOUR_MS) * 1000, bytes_sent=3)])
    answer = ask(data, "SELECT count(*), min(bytes_sent) FROM requests")
    assert list(answer.rows()) == [(6, 3)]
    assert tuple(ask(data, "FROM requests").columns) == TABLES["requests"]._fields
    outside = tmp_path / "other.parquet"
    next(data.glob("viewing/requests/*/*/*.parquet")).rename(outside)
    with pytest.raises(QueryError, match="disabled"):
        ask(data, f"SELECT * FROM requests, read_parquet('{outside}')")
