"""One viewing under several names; reports of whom nobody knows yet; who does not want to be known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fixtures.viewing import NS, Story, client, ns
from relay.sessions.model import OptedOutRow, PlayerEventRow, PlayerReport, RequestRow
from relay.sessions.said import Cmcd
from relay.sessions.tracker import Tracker

if TYPE_CHECKING:
    import pytest

SID = Cmcd(version=2, sid="6e2fb550-c457-11e9-bb97-0800200c9a66")


def test_two_tokens_with_one_sid_are_one_viewing(story: Story) -> None:
    first, second = story.viewer("first"), story.viewer("second")
    first.opens(at=0, cmcd=SID)
    second.opens(at=1, cmcd=SID)
    second.gets_segment(100, at=2, cmcd=SID)
    first.gets_segment(101, at=4)
    story.time(100)
    assert (story.only_row().media_time_s, story.only_row().request_count) == (4.0, 4)
    assert "6e2fb550" not in repr((story.rows, story.others, list(story.tracker._names._sessions)))


def test_an_attempt_that_turns_out_to_be_the_same_viewing_is_absorbed(story: Story) -> None:
    first, second = story.viewer("first"), story.viewer("second")
    first.opens(at=0, took_ms=100)
    second.gets_segment(100, at=2, playback_session_id="apple")
    first.gets_init(at=3)
    first.gets_segment(101, at=4, playback_session_id="apple")
    story.time(100)
    row = story.only_row()
    assert (row.media_time_s, row.request_count, row.started_at_ms) == (4.0, 4, ns(0) // 1_000_000)


def test_a_hand_over_keeps_one_viewing_and_another_stream_is_another(story: Story) -> None:
    phone, television = story.viewer("phone"), story.viewer("television")
    elsewhere = story.viewer("elsewhere", stream="yard")
    phone.gets_segment(100, at=0, playback_session_id="apple")
    television.opens(at=3, playback_session_id="apple")
    television.gets_segment(102, at=4, playback_session_id="apple")
    elsewhere.gets_segment(102, at=4, playback_session_id="apple")
    story.time(100)
    assert {row.stream_id: row.request_count for row in story.rows.values()} == {"cam": 3, "yard": 1}


def report(at: float) -> PlayerReport:
    return PlayerReport("t", 1000, ns(at), "", None, SID._replace(latency_ms=900), client())


def test_a_report_waits_for_its_session_and_is_unwelcome_long_after(story: Story) -> None:
    assert story.tracker.report(report(0), None)
    anna = story.viewer("anna")
    anna.gets_segment(100, at=1, cmcd=SID)
    story.time(2)
    assert (story.only_row().live_latency_ms_p50, len(story.all_of(PlayerEventRow))) == (900, 1)
    assert story.tracker.report(report(200), None)
    story.time(700)
    assert not story.tracker.report(report(701), None)


def test_who_has_opted_out_is_a_live_viewer_and_leaves_counts_alone(story: Story) -> None:
    anna = story.viewer("anna")
    anna._client = replace(anna._client, has_opted_out=True)
    anna.opens(at=0)
    anna.watches(segments=5, at=1)
    story.time(10)
    assert story.tracker.viewers("cam") == 1
    assert story.tracker.watching() == []
    story.time(100)
    (counts,) = story.all_of(OptedOutRow)
    assert (counts.plays, counts.watched_time_s, counts.bytes_sent) == (1, 10.0, 6000)
    assert (story.rows, story.all_of(RequestRow)) == ({}, [])


def test_two_who_already_play_stay_two_though_they_say_that_they_are_one(story: Story) -> None:
    anna, bert = story.viewer("anna"), story.viewer("bert")
    anna.gets_segment(100, at=0)
    bert.gets_segment(100, at=0)
    for second in (2, 4):
        anna.gets_segment(100 + second, at=second, cmcd=SID)
        bert.gets_segment(100 + second, at=second, cmcd=SID)
    story.time(100)
    assert [row.request_count for row in story.in_order()] == [3, 3]


def test_who_plays_takes_up_the_attempt_that_bears_its_name(story: Story) -> None:
    attempt, player = story.viewer("attempt"), story.viewer("player")
    player.opens(at=0, took_ms=100)
    attempt.opens(at=1, took_ms=100, cmcd=SID)
    player.gets_segment(100, at=2)
    player.gets_segment(101, at=4, cmcd=SID)
    story.time(100)
    assert (story.only_row().request_count, story.only_row().started_at_ms) == (4, ns(0) // 1_000_000)


def test_a_name_of_long_ago_leads_nowhere(story: Story) -> None:
    early, late = story.viewer("early"), story.viewer("late")
    early.gets_segment(100, at=0, cmcd=SID)
    story.time(290)
    late.gets_segment(300, at=301, cmcd=SID)
    story.time(800)
    assert [row.request_count for row in story.in_order()] == [1, 1]


def test_reports_that_wait_are_bounded_and_those_dropped_are_counted(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.sessions.aliases.MAX_WAITING", 2)
    waiting = story.tracker._waiting
    for number in range(3):
        other = SID._replace(sid=f"player {number}")
        assert story.tracker.report(report(0)._replace(cmcd=other), None)
    assert (len(waiting._reports), waiting.dropped) == (2, 1)
    for _ in range(20):
        assert story.tracker.report(report(1)._replace(cmcd=SID._replace(sid="player 2")), None)
    assert waiting.dropped == 1 + 5
    assert story.tracker.report(report(100), None)
    assert (len(waiting._reports), waiting.dropped) == (1, 6 + 17)


def test_sessions_that_are_gone_are_remembered_within_bounds() -> None:
    story = Story(max_sessions=1)
    for number in range(3):
        viewer = story.viewer(f"viewer {number}")
        viewer.gets_segment(100, at=10 * number)
        viewer.is_in("p", at=10 * number + 1)
        viewer.is_in("q", at=10 * number + 2)
    assert len(story.tracker._gone) == 1
    assert not story.viewer("viewer 1").is_in("p", at=40)


def test_a_report_can_opt_out(story: Story) -> None:
    anna = story.viewer("anna")
    anna.gets_segment(100, at=0, cmcd=SID)
    shy = replace(client(), has_opted_out=True)
    assert story.tracker.report(report(1)._replace(client=shy), None)
    story.time(100)
    assert (story.rows, story.all_of(PlayerEventRow)) == ({}, [])


def test_without_raw_rows_a_report_counts_all_the_same() -> None:
    story = Story()
    story.tracker = Tracker(30 * NS, keeps_requests=False)
    anna = story.viewer("anna")
    anna.gets_segment(100, at=0, cmcd=SID._replace(latency_ms=800))
    assert story.tracker.report(report(1), None)
    story.time(100)
    assert story.only_row().live_latency_ms_p50 in {800, 900}
    assert story.all_of(PlayerEventRow) == story.all_of(RequestRow) == []
