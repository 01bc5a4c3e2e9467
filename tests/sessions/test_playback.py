"""What players tell of their playback, told as stories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.viewing import ms
from relay.sessions.model import PlayerEventRow
from relay.sessions.playback import MAX_CODES, MAX_STATES
from relay.sessions.said import Cmcd

if TYPE_CHECKING:
    from fixtures.viewing import Story, Viewer


def plays(viewer: Viewer) -> None:
    """Starts at 0, plays from 0.8 to 10, pauses for 20 s, plays for 5 s and quits."""
    viewer.opens(at=0)
    viewer.is_in("s", at=0, sequence=1)
    viewer.is_in("p", at=0.8, sequence=2)
    viewer.watches(segments=5, at=0.5)
    viewer.is_in("a", at=10, sequence=3)
    viewer.is_in("p", at=30, sequence=4)
    viewer.gets_segment(115, at=30)
    viewer.is_in("q", at=35, sequence=5)


def test_watched_time_is_that_of_the_states_without_the_pause(story: Story) -> None:
    plays(story.viewer("anna"))
    story.time(36)
    row = story.only_row()
    assert (row.watched_time_s, row.watched_time_source, row.pause_ms) == (15.0, "cmcd", 20_000)
    assert (row.initial_startup_time_ms, row.startup_source) == (800, "cmcd")
    assert (row.end_reason, row.ended_at_ms) == ("player_quit", ms(35.05))


def test_reports_that_come_twice_or_late_change_nothing(story: Story) -> None:
    anna, bert = story.viewer("anna"), story.viewer("bert")
    plays(anna)
    bert.opens(at=0)
    bert.watches(segments=5, at=0.5)
    bert.is_in("s", at=0, sequence=1)
    bert.is_in("a", at=10, sequence=3)
    for _ in range(3):
        bert.is_in("p", at=30, sequence=4)
        bert.is_in("p", at=0.8, late=31, sequence=2)
    bert.gets_segment(115, at=30)
    bert.is_in("q", at=35, sequence=5)
    story.time(36)
    first, second = story.rows.values()
    assert (first.watched_time_s, first.pause_ms) == (second.watched_time_s, second.pause_ms)
    assert first.initial_startup_time_ms == second.initial_startup_time_ms
    assert len([row for row in story.all_of(PlayerEventRow) if row.session_id == second.session_id]) == 5


def test_a_first_report_that_was_late_is_made_good_by_the_next_one(story: Story) -> None:
    anna = story.viewer("anna")
    anna.watches(segments=2, at=0)
    anna.is_in("p", at=1, late=5)
    anna.is_in("q", at=7, late=0)
    story.time(8)
    assert (story.only_row().ended_at_ms, story.only_row().watched_time_s) == (ms(7), 6.0)


def test_stalls_told_one_by_one_and_as_a_sum_count_once(story: Story) -> None:
    anna = story.viewer("anna")
    anna.watches(segments=3, at=0)
    anna.reports("t", at=2, stall_ms=300, stalls_total=1, stall_total_ms=300)
    anna.reports("t", at=4, stall_ms=200)
    anna.reports("t", at=6, stalls_total=3, stall_total_ms=900)
    story.time(7)
    row = story.only_row()
    assert (row.playback_stall_count, row.playback_stall_duration_ms, row.stall_source) == (3, 900, "cmcd")


def test_rebuffering_is_a_stall_and_waiting_after_a_seek_is_none(story: Story) -> None:
    anna = story.viewer("anna")
    anna.watches(segments=5, at=0)
    for at, state in ((0, "s"), (1, "p"), (4, "r"), (5.5, "p"), (7, "k"), (7.2, "r"), (8, "p")):
        anna.is_in(state, at=at)
    story.time(9)
    row = story.only_row()
    assert (row.playback_stall_count, row.playback_stall_duration_ms, row.stall_source) == (1, 1500, "cmcd")


def test_a_player_that_fails_ends_its_session_and_says_why(story: Story) -> None:
    anna = story.viewer("anna")
    anna.watches(segments=2, at=0)
    anna.reports("e", at=3, state="f", error_codes=("bufferAppendError",), dropped_frames=7)
    anna.gets_segment(102, at=4)
    story.time(5)
    row = story.only_row()
    assert (row.end_reason, row.playback_failed, row.dropped_frames) == ("player_error", True, 7)
    assert (row.player_error_codes, row.gap_count) == ((("bufferAppendError", 1),), 0)


def test_who_plays_out_of_the_buffer_still_watches(story: Story) -> None:
    anna = story.viewer("anna")
    anna.watches(segments=1, at=0)
    for at in (0, 20, 40):
        anna.reports("t", at=at, state="p")
    story.time(45)
    assert story.tracker.viewers("cam") == 1
    story.time(80)
    assert (story.only_row().end_reason, story.only_row().ended_at_ms) == ("idle", ms(40.05))


def test_told_latency_startup_and_bit_rate(story: Story) -> None:
    anna = story.viewer("anna")
    anna.reports("t", at=0, latency_ms=2100, startup_ms=640, pb_kbps=3000)
    anna.watches(segments=2, at=0.1)
    story.time(5)
    row = story.only_row()
    assert (row.live_latency_ms_p50, row.latency_source) == (2100, "cmcd")
    assert (row.initial_startup_time_ms, row.average_playback_bitrate_kbps, row.bitrate_source) == (640, 3000, "cmcd")


def test_what_comes_with_a_request_is_kept_where_it_says_something_new(story: Story) -> None:
    anna = story.viewer("anna")
    for second, kbps in enumerate((800, 800, 2800, 2800)):
        anna.gets_segment(100 + second, at=2 * second, cmcd=Cmcd(version=2, pb_kbps=kbps))
    anna.gets_segment(104, at=8, cmcd=Cmcd(version=2, error_codes=tuple(f"e{number}" for number in range(20))))
    story.time(100)
    told = story.all_of(PlayerEventRow)
    assert [(row.event, row.pb_kbps) for row in told] == [("", 800), ("", 2800), ("", None)]
    assert len(story.only_row().player_error_codes) == MAX_CODES


def test_states_are_settled_when_there_are_many_and_none_can_come_before_them(story: Story) -> None:
    anna = story.viewer("anna")
    anna.gets_segment(100, at=0)
    for second in range(1, 2 * MAX_STATES):
        anna.is_in("p" if second % 2 else "a", at=second)
    anna.is_in("f", at=0.5)
    anna.gets_segment(101, at=2 * MAX_STATES)
    story.time(100)
    row = story.only_row()
    assert (row.playback_failed, row.pause_ms) == (False, 7000)
