from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import HOUR_MS, START_MS, Audience, a_minute, a_session, keep
from relay.analytics import SessionReader
from relay.analytics.html import page
from relay.analytics.report import Question, make_report
from relay.analytics.words import TITLES, shown

if TYPE_CHECKING:
    from pathlib import Path

    from relay.sessions.model import ViewingRow

END_MS = START_MS + 4 * HOUR_MS
VOID = {"meta", "line", "rect", "polyline", "polygon", "br"}


def page_of(data: Path, rows: list[ViewingRow]) -> str:
    with SessionReader(keep(data, rows)) as reader:
        return page(make_report(reader, Question(START_MS, END_MS, END_MS)))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("data"), Audience(120).rows)


class Outline(HTMLParser):
    """What opens and closes, and what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "xlink:href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(text: str) -> None:
    outline = Outline(text)
    assert outline.open == []
    assert outline.fetched == []
    assert "script" not in outline.seen
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_every_figure_of_the_report_stands_in_a_table(tmp_path: Path) -> None:
    with SessionReader(keep(tmp_path, Audience(50).rows)) as reader:
        report = make_report(reader, Question(START_MS, END_MS, END_MS))
    text = page(report)
    for name, figure in report.figures.items():
        assert f'<th scope="row">{TITLES[name]}</th><td>{shown(figure)}</td>'.replace("&", "&amp;") in text


def test_every_chart_says_in_words_what_it_shows(text: str) -> None:
    charts = re.findall(r"<svg[^>]*>", text)
    assert len(charts) > 8
    assert all(re.search(r'role="img" aria-label="[^"]{10,}"', chart) for chart in charts)


def test_it_is_made_for_light_dark_and_narrow(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_it_names_nobody(text: str) -> None:
    for row in Audience(120).sessions:
        assert row.session_id not in text
        assert row.viewer_id not in text
        assert row.viewer_day_id not in text


def test_what_players_say_is_no_html(tmp_path: Path) -> None:
    evil = "<img src=//evil.example>"
    rows: list[ViewingRow] = [
        a_session(
            stream_id=evil,
            player_name=evil,
            max_rendition=evil,
            playback_failed=True,
            player_error_codes=((evil, 1),),
        ),
        a_minute(stream_id=evil, rendition_id=evil, stall_ms=900),
    ]
    text = page_of(tmp_path, rows)
    assert "<img" not in text
    assert Outline(text).open == []


def test_nothing_makes_a_page_too(tmp_path: Path) -> None:
    text = page_of(tmp_path, [])
    assert Outline(text).open == []
    assert "Nobody watched." in text
    assert "No play says it." in text


def test_a_bad_play_whose_minutes_are_gone_is_still_told_of(tmp_path: Path) -> None:
    assert "Its minutes are gone" in page_of(tmp_path, [a_session(playback_failed=True)])
