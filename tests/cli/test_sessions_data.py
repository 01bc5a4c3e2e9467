from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from fixtures.viewed import Audience, keep
from relay.analytics import query
from relay.cli import sessions_data
from relay.cli.sessions import sessions
from relay.errors import QueryError
from relay.sessions.model import MinuteRow

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("data"), Audience(30).rows)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(sessions, [str(argument) for argument in arguments])


def test_export_of_another_table(data: Path) -> None:
    lines = run("export", "--data", data, "--table", "session_minutes", "--limit", 3).stdout.splitlines()
    assert [tuple(json.loads(line)) for line in lines] == [MinuteRow._fields] * 3


def test_export_as_parquet_is_a_file_of_that_kind(data: Path) -> None:
    written = run("export", "--data", data, "--format", "parquet").stdout_bytes
    assert written[:4] == written[-4:] == b"PAR1"


def test_a_log_is_of_requests_without_being_told(data: Path) -> None:
    assert run("export", "--data", data, "--format", "w3c").stdout.startswith("#Version: 1.0\n#Fields: date time c-ip")
    assert isinstance(run("export", "--data", data, "--format", "ncsa", "--table", "sessions").exception, QueryError)


def test_a_table_that_is_none_is_named(data: Path) -> None:
    assert "there are sessions, " in str(run("export", "--data", data, "--table", "people").exception)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("table", "n   nothing\n--  -------\n30  -\n"),
        ("csv", "n,nothing\r\n30,\r\n"),
        ("jsonl", '{"n": 30, "nothing": null}\n'),
    ],
)
def test_query_answers_in_three_forms(data: Path, form: str, text: str) -> None:
    result = run("query", "SELECT count(*) AS n, NULL AS nothing FROM sessions", "--data", data, "--format", form)
    assert result.stdout_bytes.decode() == text


def test_a_long_table_is_cut_and_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_data, "MAX_SHOWN", 3)
    result = run("query", "SELECT session_id FROM sessions", "--data", data)
    assert len(result.stdout.splitlines()) == 5
    assert "only the first 3 rows" in result.stderr


def test_query_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "find_spec", lambda name: None)
    assert "pip install 'relay-hls[analytics]'" in str(run("query", "SELECT 1", "--data", data).exception)
