"""Sessions across a restart, within bounds, and on their way to the store: see `relay/sessions/tracker.py`."""

from __future__ import annotations

from fixtures.viewing import NS, Story, access, client, ms, ns
from relay.sessions import EndReason, IdSource, ObjectKind
from relay.sessions.model import Identity
from relay.sessions.tracker import Tracker


class TestAcrossARestart:
    def restarted(self, story: Story) -> Story:
        after = Story()
        after.tracker.restore(story.rows.values())
        return after

    def test_a_page_that_plays_on_is_one_viewing(self, story: Story) -> None:
        story.viewer("anna").watches(segments=3, at=0)
        story.stops(at=5)
        after = self.restarted(story)
        anna = after.viewer("anna")
        anna.reads_playlist(at=9)
        anna.watches(segments=2, at=10, first_msn=105)
        after.time(100)
        row = after.only_row()
        assert row.session_id == story.only_row().session_id
        assert (row.started_at_ms, row.first_media_at_ms, row.ended_at_ms) == (ms(0), ms(0), ms(12))
        assert (row.gap_count, row.gap_ms) == (1, 6000)
        assert (row.watched_time_s, row.media_time_s, row.bytes_sent, row.request_count) == (10.0, 10.0, 6000, 6)
        assert row.player_name == "Firefox"

    def test_an_attempt_that_had_failed_may_still_play(self, story: Story) -> None:
        story.viewer("anna").opens(at=0)
        story.stops(at=5)
        after = self.restarted(story)
        after.viewer("anna").watches(segments=1, at=10)
        after.time(11)
        assert not after.only_row().exit_before_video_start
        assert after.only_row().gap_count == 0

    def test_a_row_that_a_crash_left_open_ended_with_its_last_media(self, story: Story) -> None:
        story.viewer("anna").watches(segments=3, at=0)
        story.time(4)
        after = self.restarted(story)
        after.viewer("anna").reads_playlist(at=20)
        after.time(21)
        assert (after.only_row().end_reason, after.only_row().ended_at_ms) == ("server_crash", ms(4))

    def test_too_late_it_is_a_new_viewing(self, story: Story) -> None:
        story.viewer("anna").watches(segments=1, at=0)
        story.stops(at=5)
        for forgets_first in (False, True):
            after = self.restarted(story)
            if forgets_first:
                after.time(400)
            after.viewer("anna").watches(segments=1, at=400)
            after.time(401)
            assert after.only_row().session_id != story.only_row().session_id


class TestBounds:
    def test_the_ended_give_way_first(self) -> None:
        story = Story(max_sessions=2)
        story.viewer("gone").watches(segments=1, at=0)
        story.viewer("anna").watches(segments=1, at=40)
        story.viewer("bert").opens(at=41)
        story.time(42)
        story.viewer("carl").opens(at=43)
        assert len(story.tracker) == 2
        story.time(45)
        assert len(story.rows) == 2

    def test_those_who_never_played_give_way_to_who_plays(self) -> None:
        story = Story(max_sessions=1)
        story.viewer("idler").opens(at=0)
        story.viewer("opener").opens(at=1)
        assert story.tracker.dropped == 1
        story.viewer("anna").watches(segments=1, at=2)
        assert story.tracker.viewers("cam") == 1
        assert story.tracker.dropped == 2

    def test_who_watches_never_gives_way(self) -> None:
        story = Story(max_sessions=1)
        story.viewer("anna").watches(segments=1, at=0)
        story.viewer("bert").watches(segments=1, at=1)
        story.time(2)
        assert (story.tracker.dropped, len(story.rows)) == (1, 1)

    def test_the_tables_stay_small_when_tokens_are_hammered(self) -> None:
        story = Story(max_sessions=5)
        for number in range(500):
            story.viewer(f"viewer {number}").watches(segments=1, at=number * 31)
            story.time(number * 31)
        assert len(story.tracker) <= 5
        assert len(story.tracker._schedule) <= 2 * 5 + 64
        assert len(story.tracker._plays) <= 5
        assert story.tracker.dropped == 0

    def test_the_schedule_stays_small_when_nobody_looks_at_the_time(self) -> None:
        story = Story()
        anna = story.viewer("anna")
        for number in range(300):
            anna.watches(segments=1, at=number * 31, first_msn=number)
        assert len(story.tracker._schedule) <= 2 + 64
        story.time(300 * 31)
        assert story.only_row().gap_count == 299
        story.time(301 * 31)
        assert story.only_row().end_reason == "idle"


class TestWhatIsStored:
    def test_a_change_is_stored_at_once_and_what_goes_on_twice_a_second(self, story: Story) -> None:
        anna = story.viewer("anna")
        stored = []
        for tick in range(9):
            anna.gets_part(100, tick, at=tick / 4)
            story.time(tick / 4)
            stored.append(story.stored)
        assert stored == [1, 1, 2, 2, 3, 3, 4, 4, 5]
        assert story.tracker.changed == 0

    def test_no_more_rows_at_once_than_asked_for(self, story: Story) -> None:
        for name in ("anna", "bert", "carl"):
            story.viewer(name).watches(segments=1, at=0)
        assert len(story.tracker.take_changed(ns(1), 2)) == 2
        assert story.tracker.changed == 1

    def test_everyone_who_watches_can_be_looked_at(self, story: Story) -> None:
        story.viewer("gone").watches(segments=1, at=0)
        story.time(50)
        story.viewer("anna").watches(segments=1, at=60)
        story.viewer("new").opens(at=60)
        ((row, _),) = story.tracker.watching()
        assert row.started_at_ms == ms(60)

    def test_the_ids_say_nothing_of_the_token_and_are_the_same_for_the_same_input(self) -> None:
        rows = []
        for _ in range(2):
            tracker = Tracker(30 * NS)
            note = access(ObjectKind.SEGMENT, 0, client=client())
            tracker.note(note, Identity("0123456789abcdef01234567", IdSource.PATH_TOKEN))
            rows += tracker.take_all()
        assert rows[0] == rows[1]
        assert "0123456789" not in repr(rows[0])

    def test_a_hash_and_a_token_with_one_text_are_two_viewers(self) -> None:
        viewers = set()
        for source in IdSource:
            tracker = Tracker(30 * NS)
            tracker.note(access(ObjectKind.SEGMENT, 0), Identity("x", source))
            viewers |= {row.viewer_id for row in tracker.take_all()}
        assert len(viewers) == len(IdSource)

    def test_an_end_has_its_reason_and_moment(self, story: Story) -> None:
        story.viewer("anna").watches(segments=1, at=0)
        story.tracker.end_all(EndReason.STREAM_END, ns(1))
        (row,) = story.tracker.take_all()
        assert (row.end_reason, row.ended_at_ms) == ("stream_end", ms(0))
