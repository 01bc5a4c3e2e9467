from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import HOUR_MS, START_MS, Audience, keep
from relay.analytics import SessionReader
from relay.analytics.digest import change, digest
from relay.analytics.figures import Figure
from relay.analytics.report import Question, Report, make_report

if TYPE_CHECKING:
    from pathlib import Path

LENGTH_MS = 4 * HOUR_MS


def two(data: Path) -> tuple[Report, Report]:
    with SessionReader(data) as reader:
        end_ms = START_MS + LENGTH_MS
        return (
            make_report(reader, Question(START_MS, end_ms, end_ms)),
            make_report(reader, Question(START_MS - LENGTH_MS, START_MS, end_ms)),
        )


def test_a_week_stands_beside_the_one_before(tmp_path: Path) -> None:
    keep(tmp_path, Audience(80).rows)
    keep(tmp_path, Audience(40, seed=2, start_ms=START_MS - LENGTH_MS).rows)
    report, before = two(tmp_path)
    lines = list(digest(report, before))
    (plays,) = [line.split() for line in lines if line.startswith("Plays")]
    ratio = (report.figures["plays"].value or 0) / (before.figures["plays"].value or 1)
    assert plays[:3] == ["Plays", str(report.figures["plays"].value), f"{100 * ratio - 100:+.0f}"]
    assert any(line.startswith("Watched most: cam ") for line in lines)
    assert any("points" in line for line in lines)
    assert len(lines) < 30
    assert max(map(len, lines)) <= 120


def test_a_first_week_has_no_change(tmp_path: Path) -> None:
    keep(tmp_path, Audience(8).rows)
    lines = list(digest(*two(tmp_path)))
    (plays,) = [line.split() for line in lines if line.startswith("Plays")]
    assert plays[2] == "-"
    assert any("the changes say little" in line for line in lines)


def test_an_empty_week_says_so(tmp_path: Path) -> None:
    assert list(digest(*two(keep(tmp_path, []))))[-1] == "Nobody watched."


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (Figure(150), Figure(100), "+50 %"),
        (Figure(1.5, "%"), Figure(2.0, "%"), "-0.50 points"),
        (Figure(5), Figure(None), "-"),
        (Figure(5), Figure(0), "-"),
    ],
)
def test_a_change(now: Figure, before: Figure, said: str) -> None:
    assert change(now, before) == said
