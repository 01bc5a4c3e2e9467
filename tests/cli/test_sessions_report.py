from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from fixtures.viewed import Audience, a_session, keep
from relay.cli.sessions import sessions
from relay.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

TIME = ("--since", "2030-03-17", "--until", "2030-03-19")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("data"), Audience(80).rows)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(sessions, [str(argument) for argument in arguments])


def test_report_is_tables_on_standard_output(data: Path) -> None:
    result = run("report", "--data", data, *TIME)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "Viewing, all streams, 2030-03-17 00:00 to 2030-03-19 00:00 UTC"
    assert "Playback Failure %" in result.stdout
    assert result.stderr == ""


def test_report_of_one_stream_says_so(data: Path) -> None:
    assert "stream cam," in run("report", "--data", data, "--stream", "cam", *TIME).stdout


def test_report_without_a_record_is_one_clear_line(tmp_path: Path) -> None:
    result = run("report", "--data", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("no sessions yet")


def test_a_time_that_ends_before_it_begins_is_a_mistake(data: Path) -> None:
    assert run("report", "--data", data, "--since", "2030-03-17", "--until", "2030-03-16").exit_code == 2


@pytest.mark.parametrize("what", ["streams", "players", "devices", "countries", "networks", "referrers", "renditions"])
def test_top_ranks_by_the_time_watched(data: Path, what: str) -> None:
    result = run("top", what, "--data", data, *TIME, "--limit", 2, "--smallest-group", 1)
    assert result.exit_code == 0
    assert result.stdout.split()[0] == what.capitalize()
    assert 3 <= len(result.stdout.splitlines()) <= 4


def test_top_of_nothing_says_so(data: Path) -> None:
    assert run("top", "--data", data).stderr == "no sessions there\n"


def test_report_as_a_page_is_one_file(data: Path, tmp_path: Path) -> None:
    result = run("report", "--data", data, *TIME, "--html", tmp_path / "report.html")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_page_that_cannot_be_written_is_named(data: Path, tmp_path: Path) -> None:
    result = run("report", "--data", data, "--html", tmp_path / "none" / "report.html")
    assert isinstance(result.exception, OutputError)
    assert "cannot be written" in str(result.exception)


def test_digest_is_a_few_lines(data: Path) -> None:
    result = run("digest", "--data", data, "--until", "2030-03-19")
    assert result.exit_code == 0
    assert result.stdout.startswith("Viewing, 2030-03-12 00:00 to 2030-03-19 00:00 UTC")
    assert "Most at once" in result.stdout


def test_live_are_those_that_go_on(data: Path, tmp_path: Path) -> None:
    assert run("live", "--data", data).stderr == "nobody watches just now\n"
    keep(tmp_path, [a_session(ended_at_ms=None, live_latency_ms_p50=3400), a_session(session_id="b" * 24)])
    head, _, line = run("live", "--data", tmp_path).stdout.splitlines()
    assert head.split()[0] == "Session"
    assert "aaaaaaaa  cam" in line
    assert line.split()[-4:] == ["1:00", "3.4", "s", "0"]


def test_advise_says_what_it_would_change(data: Path, tmp_path: Path) -> None:
    result = run("advise", "--data", data, *TIME)
    assert result.stdout.startswith("Stream cam\n  ladder: ")
    assert run("advise", "--data", tmp_path / "none").stderr.startswith("no sessions yet")
