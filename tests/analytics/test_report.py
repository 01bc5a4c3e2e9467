from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import HOUR_MS, START_MS, Audience, a_minute, a_session, keep
from relay.analytics import SessionReader
from relay.analytics.report import DAY_MS, Question, Report, chart_step_ms, make_report
from relay.analytics.text import lines, sparkline
from relay.sessions.model import AudienceRow, OptedOutRow, ViewingRow

if TYPE_CHECKING:
    from pathlib import Path

END_MS = START_MS + 4 * HOUR_MS


def made(data: Path, since_ms: int = START_MS, until_ms: int = END_MS, stream: str | None = None) -> Report:
    with SessionReader(data) as reader:
        return make_report(reader, Question(since_ms, until_ms, END_MS, stream))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return made(keep(tmp_path_factory.mktemp("data"), Audience(120).rows))


def test_the_parts_of_a_report_agree(report: Report) -> None:
    plays = report.figures["plays"].value
    assert plays
    assert sum(day.plays for day in report.days) == plays
    assert report.survival[0].plays == plays
    assert sum(group.figures["plays"].value or 0 for group in report.groups["player"]) == plays
    assert sum(bin_.plays for bin_ in report.histograms["startup"].bins) == report.histograms["startup"].n
    assert report.concurrency.peak == max(point.peak for point in report.concurrency.points)
    watched_ms = sum(rung.watched_ms for rung in report.ladder)
    assert watched_ms / 1000 >= (report.figures["watched_time_s"].value or 0)  # the ladder knows bots as well
    assert report.moments
    assert report.opted_out.plays == 7


def test_the_worst_come_with_their_minutes(report: Report) -> None:
    assert report.worst
    for worst in report.worst:
        assert {minute.session_id for minute in worst.minutes} == {worst.session.session_id}
        assert worst.session.playback_failed or worst.session.playback_stall_duration_ms
    failed = [worst.session.playback_failed for worst in report.worst]
    assert failed == sorted(failed, reverse=True)


def test_two_halves_have_the_plays_of_the_whole(tmp_path: Path, report: Report) -> None:
    keep(tmp_path, Audience(120).rows)
    middle_ms = START_MS + HOUR_MS
    halves = [made(tmp_path, START_MS, middle_ms), made(tmp_path, middle_ms, END_MS)]
    for name in ("plays", "watched_time_s", "stall_count", "bytes_sent"):
        assert sum(half.figures[name].value or 0 for half in halves) == pytest.approx(report.figures[name].value)
    assert max(half.concurrency.peak for half in halves) == report.concurrency.peak


def test_only_the_stream_that_was_asked_for(tmp_path: Path) -> None:
    data = keep(tmp_path, [*Audience(20).rows, *Audience(5, seed=2, stream="yard").rows])
    found = made(data, stream="yard")
    assert {group.name for group in found.groups["stream"]} == {"yard"}
    assert {rung.stream_id for rung in found.ladder} == {"yard"}
    assert found.opted_out.plays == 7


def test_who_came_before_is_concurrent_and_no_play_of_this_time(tmp_path: Path) -> None:
    rows: list[ViewingRow] = [
        a_session(started_at_ms=START_MS - 9, first_media_at_ms=START_MS - 9, ended_at_ms=None),
        a_minute(),
        AudienceRow("cam", 1, START_MS, 1),
        OptedOutRow(START_MS - HOUR_MS, "cam", 5, 5.0, 5),
    ]
    found = made(keep(tmp_path, rows))
    assert found.figures["plays"].value == 0
    assert (found.concurrency.peak, found.concurrency.points[-1].peak) == (1, 1)
    assert found.opted_out.plays == 0


def test_a_chart_has_a_few_hundred_steps() -> None:
    for days in (0.25, 1, 7, 31, 300):
        step_ms = chart_step_ms(0, int(days * DAY_MS))
        assert 1 < days * DAY_MS / step_ms <= 360
    assert chart_step_ms(0, 1000 * DAY_MS) == DAY_MS


def test_the_text_has_every_figure_with_its_source(report: Report) -> None:
    text = "\n".join(lines(report))
    assert text.startswith("Viewing, all streams, 2030-03-17 18:00 to 2030-03-17 22:00 UTC")
    (startup,) = [line for line in text.splitlines() if line.startswith("Average Initial Startup Time")]
    assert "cmcd" in startup
    assert f"Concurrent viewers: {report.concurrency.peak} at most" in text
    assert "Ladder of cam" in text
    assert "7 plays" in text
    assert "Players" in text
    for row in Audience(120).sessions:
        assert row.session_id not in text
        assert row.viewer_id not in text


def test_the_text_of_nothing_says_so(tmp_path: Path) -> None:
    text = "\n".join(lines(made(keep(tmp_path, []))))
    assert "Nobody watched." in text
    assert "Day (UTC)" not in text


def test_a_sparkline_keeps_the_peaks() -> None:
    assert sparkline([0, 4, 8]) == " ▄█"
    assert sparkline([]) == ""
    assert sparkline([0] * 60 + [1] + [0] * 60).count("█") == 1
