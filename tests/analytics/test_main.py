from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.viewed import HOUR_MS, START_MS, Audience, keep
from relay.analytics.__main__ import main

ROOT = Path(__file__).parents[2]
TIME = {"since_ms": START_MS, "until_ms": START_MS + 4 * HOUR_MS}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("data"), Audience(60).rows)


def answer(job: str, **parameters: object) -> bytes:
    out = io.BytesIO()
    assert main([job, json.dumps(parameters, default=str)], out) == 0
    return out.getvalue()


def document(job: str, **parameters: object) -> Any:
    return json.loads(answer(job, **parameters))


def test_audience_is_points_a_peak_and_a_curve(data: Path) -> None:
    found = document("audience", data=data, **TIME, step_s=600)
    assert len(found["points"]) == 24
    assert found["peak"] == max(point["viewers"] for point in found["points"])
    assert found["retention"][0] == {"after_s": 0, "plays": found["retention"][0]["plays"], "part": 1.0}
    assert found["segments"]
    assert found["step_s"] == 600
    assert len(document("audience", data=data, **TIME)["points"]) == 240


def test_qoe_is_figures_with_their_source(data: Path) -> None:
    found = document("qoe", data=data, **TIME, by="player", k=1)
    assert set(found["figures"]["plays"]) == {"value", "unit", "source", "n", "sources"}
    assert sum(group["viewers"] for group in found["groups"]) > 40
    assert document("qoe", data=data, **TIME, stream="none")["figures"]["plays"]["value"] == 0


def test_a_report_is_a_page_or_text(data: Path) -> None:
    assert answer("report", data=data, **TIME).startswith(b"<!doctype html>")
    assert answer("report", data=data, **TIME, format="text").startswith(b"Viewing, all streams")


def test_an_export_is_a_table_in_a_format(data: Path) -> None:
    assert len(answer("export", data=data, format="jsonl").splitlines()) == 60
    assert len(answer("export", data=data, format="csv", table="session_minutes").splitlines()) > 100
    assert answer("export", data=data, format="w3c").startswith(b"#Version: 1.0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "usage: "),
        (["dance", "{}"], "usage: "),
        (["qoe", "{}"], "data: Field required"),
        (["qoe", "nonsense"], "Invalid JSON"),
        (["qoe", '{"data":"/none","since_ms":0,"until_ms":1,"by":"shoes"}'], "by 'shoes'"),
        (["report", '{"data":"/none","since_ms":1,"until_ms":1}'], "since_ms must be before"),
        (["export", '{"data":"/none","format":"csv","table":"people"}'], "no table 'people'"),
    ],
)
def test_what_is_no_question_is_said(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments, io.BytesIO()) == 2
    assert words in capsys.readouterr().err


def test_a_damaged_record_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sessions.sqlite3").write_text("nothing of the kind" * 100)
    assert main(["export", json.dumps({"data": str(tmp_path), "format": "csv"})], io.BytesIO()) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_it_is_a_process_of_its_own(data: Path) -> None:
    answered = subprocess.run(
        [sys.executable, "-m", "relay.analytics", "qoe", json.dumps({"data": str(data), **TIME})],
        capture_output=True,
        check=True,
        timeout=30,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert json.loads(answered.stdout)["figures"]["plays"]["value"] > 40
