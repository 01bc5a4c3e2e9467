"""What counts as a session, told as stories: see the rules at the top of `relay/sessions/tracker.py`."""

from __future__ import annotations

import pytest

from fixtures.viewing import PART_S, SEGMENT_S, Story, ms, ns
from relay.sessions import ObjectKind


def test_a_viewer_comes_watches_and_leaves(story: Story) -> None:
    anna = story.viewer("anna")
    anna.opens(at=0)
    anna.reads_playlist(at=0.1)
    anna.gets_init(at=0.2)
    anna.watches(segments=5, at=1)
    story.time(10)
    assert story.only_row().ended_at_ms is None
    story.time(60)

    row = story.only_row()
    assert (row.stream_id, row.id_source, row.end_reason) == ("cam", "path_token", "idle")
    assert (row.started_at_ms, row.first_media_at_ms, row.last_media_at_ms) == (ms(0), ms(1), ms(9))
    assert row.ended_at_ms == ms(9)
    assert not row.exit_before_video_start
    assert (row.watched_time_s, row.media_time_s, row.watched_time_source) == (10.0, 10.0, "estimated")
    assert (row.bytes_sent, row.request_count, row.renditions) == (8000, 8, ("video",))
    assert (row.client_net, row.player_name, row.os, row.device_type) == ("192.0.2.0/24", "Firefox", "Linux", "desktop")


def test_what_is_noted_late_counts_for_when_it_was(story: Story) -> None:
    anna = story.viewer("anna")
    anna.opens(at=0)
    anna.gets_segment(101, at=2)
    anna.gets_segment(100, at=1)
    story.time(60)
    row = story.only_row()
    assert (row.first_media_at_ms, row.last_media_at_ms) == (ms(1), ms(2))
    assert (row.watched_time_s, row.media_time_s) == (1 + SEGMENT_S, 2 * SEGMENT_S)


def test_what_opens_no_session(story: Story) -> None:
    anna = story.viewer("anna")
    anna.opens(at=0, bytes_sent=0)
    anna.reads_playlist(at=1, status=404)
    anna.gets_segment(100, at=2, status=404)
    assert len(story.tracker) == 0


def test_playlists_and_inits_are_no_play(story: Story) -> None:
    anna = story.viewer("anna")
    for second in range(0, 100, 2):
        anna.reads_playlist(at=second)
        anna.gets_init(at=second)
        story.time(second)
    assert story.rows == {}
    assert story.tracker.viewers("cam") == 0


def test_a_master_and_nothing_else_is_an_exit_before_start(story: Story) -> None:
    story.viewer("anna").opens(at=0)
    story.time(30)
    assert story.rows == {}
    story.time(31)
    row = story.only_row()
    assert row.exit_before_video_start
    assert (row.first_media_at_ms, row.last_media_at_ms, row.ended_at_ms) == (None, None, ms(0))
    assert (row.watched_time_s, row.media_time_s, row.end_reason) == (0, 0, "idle")


def test_who_plays_after_all_had_not_left(story: Story) -> None:
    anna = story.viewer("anna")
    anna.opens(at=0)
    story.time(60)
    assert story.only_row().exit_before_video_start
    anna.watches(segments=2, at=100)
    story.time(101)
    row = story.only_row()
    assert not row.exit_before_video_start
    assert (row.started_at_ms, row.first_media_at_ms, row.gap_count) == (ms(0), ms(100), 0)


def test_the_master_that_mpv_reads_twice_is_one_viewing(story: Story) -> None:
    first, second = story.viewer("first", same_client_as="mpv"), story.viewer("second", same_client_as="mpv")
    first.opens(at=0)
    second.opens(at=0.5)
    second.watches(segments=3, at=1)
    story.time(120)
    assert story.only_row().watched_time_s == 6.0
    assert story.tracker.doubles == 1


def test_the_twice_read_master_may_turn_out_to_be_the_one_that_plays(story: Story) -> None:
    first, second = story.viewer("first", same_client_as="mpv"), story.viewer("second", same_client_as="mpv")
    first.opens(at=0)
    second.opens(at=0.5)
    second.watches(segments=3, at=1)
    story.time(50)
    first.watches(segments=1, at=51)
    story.time(52)
    assert len(story.rows) == 2


def test_an_attempt_long_before_or_with_more_than_a_master_counts(story: Story) -> None:
    early, tried, played = (story.viewer(name, same_client_as="anna") for name in ("early", "tried", "played"))
    early.opens(at=0)
    tried.opens(at=20)
    tried.reads_playlist(at=20.1)
    played.opens(at=21)
    played.watches(segments=1, at=22)
    story.time(100)
    assert [row.exit_before_video_start for row in story.in_order()] == [True, True, False]


def test_an_error_is_counted_and_starts_nothing(story: Story) -> None:
    anna = story.viewer("anna")
    anna.opens(at=0)
    for second in (1, 2):
        anna.gets_segment(100, at=second, status=404)
    anna.reads_playlist(at=3, status=503)
    story.time(60)
    row = story.only_row()
    assert row.exit_before_video_start
    assert (row.http_error_count, row.error_codes) == (3, ((404, 2), (503, 1)))


def test_error_codes_are_bounded_and_their_count_is_not(story: Story) -> None:
    anna = story.viewer("anna")
    anna.opens(at=0)
    for status in range(400, 430):
        anna.reads_playlist(at=1, status=status)
    story.time(60)
    assert story.only_row().http_error_count == 30
    assert len(story.only_row().error_codes) == 16


def test_renditions_are_those_whose_media_were_fetched_and_bounded(story: Story) -> None:
    anna = story.viewer("anna")
    anna.reads_playlist(at=0, rendition="never")
    anna.gets_segment(100, at=1, rendition="video")
    anna.hears_segment(100, at=1)
    anna.gets_segment(101, at=2, rendition=None)
    for number in range(30):
        anna.gets_segment(101, at=2, rendition=f"video-{number}")
    story.time(3)
    assert story.only_row().renditions[:3] == ("video", "audio", "video-0")
    assert len(story.only_row().renditions) == 16


def test_who_reads_captions_watches_pictures_and_nothing_else(story: Story) -> None:
    anna, ben = story.viewer("anna"), story.viewer("ben")
    anna.watches(segments=5, at=1)
    for number in range(40):
        for viewer in (anna, ben):
            viewer.asks(ObjectKind.CAPTIONS, at=1 + number, rendition="captions", msn=100 + number)
    story.time(60)
    (row,) = (row for row in story.in_order() if row.renditions)
    assert (row.watched_time_s, row.media_time_s, row.renditions) == (10.0, 10.0, ("video",))
    assert (row.last_media_at_ms, row.end_reason) == (ms(9), "idle")
    assert story.tracker.viewers("cam") == 0


class TestWatchedTime:
    def test_a_start_up_buffer_is_not_watched_until_time_has_passed(self, story: Story) -> None:
        anna = story.viewer("anna")
        for number in range(3):
            anna.gets_segment(100 + number, at=number * 0.1)
        story.time(60)
        assert (story.only_row().media_time_s, story.only_row().watched_time_s) == (6.0, 2.2)

    def test_parts_and_the_segment_they_make_up_count_once(self, story: Story) -> None:
        anna = story.viewer("anna")
        for index in range(10):
            anna.gets_part(100, index, at=index * PART_S)
        anna.gets_segment(100, at=2)
        anna.gets_segment(101, at=4)
        story.time(60)
        assert story.only_row().media_time_s == 4.0

    def test_a_range_that_is_read_again_counts_once(self, story: Story) -> None:
        anna = story.viewer("anna")
        for second in range(5):
            anna.gets_segment(100, at=second, status=206)
        story.time(60)
        assert story.only_row().media_time_s == SEGMENT_S

    def test_an_audio_group_is_the_same_time_once_more(self, story: Story) -> None:
        anna = story.viewer("anna")
        for number in range(3):
            anna.gets_segment(100 + number, at=2 * number)
            anna.hears_segment(100 + number, at=2 * number)
        story.time(60)
        assert story.only_row().media_time_s == 6.0

    def test_a_listener_has_only_audio(self, story: Story) -> None:
        anna = story.viewer("anna")
        for number in range(3):
            anna.hears_segment(100 + number, at=2 * number)
        story.time(60)
        assert (story.only_row().media_time_s, story.only_row().renditions) == (6.0, ("audio",))

    def test_another_rendition_of_the_same_segment_is_a_probe(self, story: Story) -> None:
        anna = story.viewer("anna")
        for rendition in ("low", "high"):
            anna.gets_segment(100, at=0, rendition=rendition)
        story.time(60)
        assert story.only_row().media_time_s == SEGMENT_S

    def test_an_abandoned_segment_is_a_play_and_no_media(self, story: Story) -> None:
        story.viewer("anna").gets_segment(100, at=0, is_complete=False, bytes_sent=10)
        story.time(60)
        row = story.only_row()
        assert (row.first_media_at_ms, row.bytes_sent, row.media_time_s, row.watched_time_s) == (ms(0), 10, 0, 0)

    def test_scrubbing_over_i_frames_is_no_watched_time(self, story: Story) -> None:
        """Each is a range from within a segment; what was buffered before was not played while it stood still."""
        anna = story.viewer("anna")
        for number in range(3):
            anna.gets_segment(100 + number, at=number * 0.1)
        for number in range(20):
            anna.gets_segment(90 + number, at=1 + number * 0.5, status=206, is_complete=False, bytes_sent=40_000)
        story.time(60)
        row = story.only_row()
        assert (row.media_time_s, row.watched_time_s, row.bytes_sent) == (6.0, 2.2, 803_000)
        assert row.last_media_at_ms == ms(10.5)

    def test_who_scrubs_and_goes_on_is_one_viewing(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=3, at=0)
        for second in range(6, 46):
            anna.gets_segment(100, at=second, status=206, is_complete=False)
        anna.watches(segments=3, at=46, first_msn=103)
        story.time(120)
        row = story.only_row()
        assert (row.media_time_s, row.watched_time_s, row.gap_count) == (12.0, 12.0, 0)

    def test_media_without_a_number_count_as_bytes(self, story: Story) -> None:
        story.viewer("anna").asks(ObjectKind.SEGMENT, at=0, msn=None)
        story.time(60)
        assert (story.only_row().bytes_sent, story.only_row().media_time_s) == (1000, 0)


class TestComingBack:
    def test_within_five_minutes_it_is_the_same_viewing_with_a_gap(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=3, at=0)
        story.time(100)
        assert story.tracker.viewers("cam") == 0
        anna.watches(segments=3, at=200, first_msn=200)
        assert story.tracker.viewers("cam") == 1
        story.time(300)
        row = story.only_row()
        assert (row.gap_count, row.gap_ms) == (1, 196_000)
        assert (row.watched_time_s, row.media_time_s) == (12.0, 12.0)
        assert (row.ended_at_ms, row.end_reason) == (ms(204), "idle")

    def test_later_it_is_a_new_one_with_the_same_token(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=1, at=0)
        story.time(299)
        anna.watches(segments=1, at=301)
        story.time(400)
        first, second = story.in_order()
        assert first.viewer_id == second.viewer_id
        assert (first.ended_at_ms, second.started_at_ms) == (ms(0), ms(301))

    def test_a_token_that_nobody_used_for_a_day_is_a_new_viewing(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=1, at=0)
        story.time(400)
        assert len(story.tracker) == 0
        anna.watches(segments=1, at=86_400)
        story.time(86_401)
        assert len(story.rows) == 2

    @pytest.mark.parametrize("sweeps", [(), (31,), (31, 90, 200)])
    def test_when_time_was_looked_at_does_not_matter(self, sweeps: tuple[float, ...]) -> None:
        story = Story(idle_s=30)
        anna = story.viewer("anna")
        anna.watches(segments=2, at=0)
        for second in sweeps:
            story.time(second)
        anna.watches(segments=2, at=250, first_msn=300)
        story.time(600)
        row = story.only_row()
        assert (row.gap_count, row.gap_ms, row.watched_time_s) == (1, 248_000, 8.0)

    def test_a_paused_player_goes_on_reading_playlists_and_has_ended(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=1, at=0)
        for second in range(2, 1000, 2):
            anna.reads_playlist(at=second)
            story.time(second)
        assert (story.only_row().end_reason, story.only_row().ended_at_ms) == ("idle", ms(0))
        assert story.only_row().request_count == 500
        anna.watches(segments=1, at=1001)
        story.time(1002)
        assert [row.gap_count for row in story.in_order()] == [0, 0]

    def test_a_late_note_of_before_the_end_resumes_nothing(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=3, at=0)
        story.time(60)
        anna.gets_segment(90, at=1)
        story.time(61)
        row = story.only_row()
        assert (row.gap_count, row.end_reason, row.media_time_s, row.ended_at_ms) == (0, "idle", 8.0, ms(4))

    def test_long_segments_stretch_a_short_idle_limit(self) -> None:
        story = Story(idle_s=5)
        anna = story.viewer("anna")
        for number in range(5):
            anna.gets_segment(100 + number, at=10 * number, duration_s=10.0)
            story.time(10 * number + 9)
        assert story.only_row().end_reason is None
        assert story.only_row().gap_count == 0


class TestTheEndOfAStreamAndOfTheRelay:
    def test_a_stream_ends_for_its_viewers_alone(self, story: Story) -> None:
        story.viewer("anna").watches(segments=1, at=0)
        story.viewer("bert", stream="yard").watches(segments=1, at=0)
        story.tracker.end_stream("cam", ns(1))
        story.time(1)
        assert {row.stream_id: row.end_reason for row in story.rows.values()} == {"cam": "stream_end", "yard": None}

    def test_what_is_still_drained_belongs_to_the_ended_session(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=2, at=0)
        story.tracker.end_stream("cam", ns(3))
        story.tracker.end_stream("cam", ns(3))
        anna.gets_segment(102, at=4)
        story.time(200)
        row = story.only_row()
        assert (row.end_reason, row.ended_at_ms, row.gap_count) == ("stream_end", ms(4), 0)
        assert row.watched_time_s == 6.0

    def test_a_stream_that_begins_again_goes_on_with_a_gap(self, story: Story) -> None:
        anna = story.viewer("anna")
        anna.watches(segments=2, at=0)
        story.tracker.end_stream("cam", ns(3))
        anna.gets_segment(150, at=100)
        story.time(101)
        assert (story.only_row().end_reason, story.only_row().gap_count) == (None, 1)

    def test_a_stop_ends_everybody_and_leaves_the_ended_alone(self, story: Story) -> None:
        story.viewer("gone").watches(segments=1, at=0)
        story.viewer("anna").watches(segments=1, at=60)
        story.viewer("new").opens(at=61)
        story.stops(at=62)
        assert [row.end_reason for row in story.in_order()] == ["idle", "server_stop", "server_stop"]
        assert [row.exit_before_video_start for row in story.in_order()] == [False, False, True]
        assert story.tracker.viewers("cam") == 0
