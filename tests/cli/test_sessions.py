from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fixtures.viewed import keep
from fixtures.viewing import Story
from relay.cli.sessions import sessions
from relay.cli.sessions_options import parse_since
from relay.sessions import SessionRow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    story = Story()
    story.viewer("anna").watches(segments=3, at=0)
    story.viewer("bert", stream="yard").watches(segments=2, at=100)
    story.viewer("carl").opens(at=101)
    story.time(102)
    story.viewer("dora").watches(segments=1, at=140)
    story.time(141)
    return keep(tmp_path, story.rows.values())


def run(*arguments: object) -> Result:
    return CliRunner().invoke(sessions, [str(argument) for argument in arguments])


def exported(*arguments: object) -> list[dict[str, object]]:
    return [json.loads(line) for line in run("export", *arguments).stdout.splitlines()]


def test_list_in_a_pipe_is_one_line_each_the_newest_first(data: Path) -> None:
    lines = [line.split("\t") for line in run("list", "--data", data).stdout.splitlines()]
    assert lines[0] == [
        "session",
        "stream",
        "started",
        "watched",
        "state",
        "player",
        "device",
        "network",
        "sent",
        "errors",
    ]
    assert [(line[1], line[3], line[4]) for line in lines[1:]] == [
        ("cam", "0:00:02", "watching"),
        ("cam", "0:00:00", "never started"),
        ("yard", "0:00:04", "idle"),
        ("cam", "0:00:06", "idle"),
    ]
    assert lines[1][5:] == ["Firefox 140", "Linux desktop", "192.0.2.0/24", "1.0 kB", "0"]


def test_list_by_stream_and_number(data: Path) -> None:
    assert len(run("list", "--data", data, "--stream", "yard").stdout.splitlines()) == 2
    assert len(run("list", "--data", data, "--limit", 2).stdout.splitlines()) == 3


def test_list_on_a_terminal_is_a_table_that_fits_it(data: Path) -> None:
    reader, writer = pty.openpty()
    process = command("list", "--data", data, stdout=writer, env={"COLUMNS": "80", "TERM": "dumb"})
    os.close(writer)
    text = b""
    try:
        while chunk := os.read(reader, 4096):
            text += chunk
    except OSError:
        pass  # Linux says EIO where the other end of a terminal has gone
    os.close(reader)
    assert process.wait(30) == 0
    lines = text.decode().splitlines()
    assert lines[0].split() == ["Session", "Started", "Stream", "Watched", "State", "Player", "Network"]
    assert len(lines) == 5
    assert max(map(len, lines)) <= 80


def test_show_says_everything_of_one(data: Path) -> None:
    document = exported("--data", data)[0]
    for session_id in (str(document["session_id"]), str(document["session_id"])[:10]):
        result = run("show", session_id, "--data", data)
        assert result.exit_code == 0
        said = dict(line.split(None, 1) for line in result.stdout.splitlines())
        assert len(said) == len(SessionRow._fields)
        assert said["watched_time_s"] == "6.0 (0:00:06)"
        assert said["bytes_sent"] == "3000 (3.0 kB)"
        assert (said["renditions"], said["error_codes"], said["gap_count"], said["is_bot"]) == ("video", "-", "0", "no")


@pytest.mark.parametrize(("prefix", "words"), [("x", "no session begins with 'x'"), ("", "several sessions begin")])
def test_show_of_none_or_several_says_so(data: Path, prefix: str, words: str) -> None:
    result = run("show", prefix, "--data", data)
    assert result.exit_code == 1
    assert words in result.stderr


def test_export_is_json_lines_the_oldest_first(data: Path) -> None:
    documents = exported("--data", data)
    assert [document["stream_id"] for document in documents] == ["cam", "yard", "cam", "cam"]
    assert tuple(documents[0]) == SessionRow._fields
    assert len(exported("--data", data, "--limit", 1)) == 1
    assert len(exported("--data", data, "--stream", "yard")) == 1


def test_export_as_csv_is_the_same(data: Path) -> None:
    process = command("export", "--data", data, "--format", "csv", stdout=subprocess.PIPE)
    text, _ = process.communicate(timeout=30)
    assert text.count(b"\r\n") == 5
    records = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert [record["session_id"] for record in records] == [row["session_id"] for row in exported("--data", data)]


def test_a_reader_that_has_seen_enough_is_no_error(data: Path, tmp_path: Path) -> None:
    (pattern, *_) = [row for row in _rows(data) if row.ended_at_ms]
    keep(data, (pattern._replace(session_id=f"{number:024x}") for number in range(3000)))
    process = command("export", "--data", data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("arguments", [("list",), ("export",), ("export", "--format", "csv")])
def test_no_record_yet_is_one_clear_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--data", tmp_path / "nowhere")
    assert result.exit_code == 0
    assert result.stderr.startswith("no sessions yet")
    assert "relay serve" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_show_without_a_record_fails(tmp_path: Path) -> None:
    result = run("show", "a", "--data", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("no sessions yet")


def test_nothing_that_fits_is_another_line(data: Path) -> None:
    assert run("list", "--data", data, "--stream", "none").stderr == "no sessions there\n"


def test_the_folder_may_come_from_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_DATA", str(data))
    assert len(exported()) == 4


@pytest.mark.parametrize(
    ("text", "age_s"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("7d", 604_800), ("2 w", 1_209_600)]
)
def test_since_may_be_an_age(text: str, age_s: float) -> None:
    assert time.time() - parse_since(text) / 1000 == pytest.approx(age_s, abs=30)


@pytest.mark.parametrize(
    ("text", "unix_s"),
    [
        ("2030-03-17", 1_899_936_000),
        ("2030-03-17T17:46:40", 1_900_000_000),
        ("2030-03-17T18:46:40+01:00", 1_900_000_000),
    ],
)
def test_since_may_be_a_date(text: str, unix_s: int) -> None:
    assert parse_since(text) == unix_s * 1000


def test_since_anything_else_is_a_mistake(data: Path) -> None:
    with pytest.raises(typer.BadParameter, match="neither an age"):
        parse_since("yesterday")
    result = run("list", "--data", data, "--since", "yesterday")
    assert result.exit_code == 2


def test_since_keeps_what_went_on(data: Path) -> None:
    assert len(exported("--data", data, "--since", "2030-03-17T17:48:00Z")) == 3


def _rows(data: Path) -> list[SessionRow]:
    from relay.analytics import SessionReader  # noqa: PLC0415 - of this helper alone

    with SessionReader(data) as reader:
        return list(reader.sessions())


def command(*arguments: object, env: dict[str, str] | None = None, **streams: int) -> subprocess.Popen[bytes]:
    """`relay sessions` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from relay.cli.sessions import sessions; sessions()", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        **streams,
    )
