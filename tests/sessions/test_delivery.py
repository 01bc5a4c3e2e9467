"""What is concluded from requests alone, and labelled so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.viewing import ms
from relay.sessions.model import AudienceRow, MinuteRow, RequestRow
from relay.sessions.said import Cmcd

if TYPE_CHECKING:
    from fixtures.viewing import Story


def test_probing_is_no_switch_and_what_follows_is(story: Story) -> None:
    anna = story.viewer("anna")
    for number, (at, rendition, kbps) in enumerate((
        (0, "low", 500), (0.1, "high", 4000), (2, "low", 500), (7, "low", 500), (9, "mid", 2000), (11, "low", 500),
    )):  # fmt: skip
        anna.gets_segment(100 + number, at=at, rendition=rendition, bitrate_kbps=kbps)
        anna.hears_segment(100 + number, at=at)
    story.time(12)
    row = story.only_row()
    assert (row.rendition_switch_count, row.max_rendition, row.bitrate_source) == (2, "mid", "estimated")


def test_startup_is_at_least_until_the_first_segment_or_three_parts(story: Story) -> None:
    anna, bert = story.viewer("anna"), story.viewer("bert")
    anna.opens(at=0.1, took_ms=100)
    anna.gets_segment(100, at=1.5)
    bert.opens(at=0.1, took_ms=100)
    for index in range(5):
        bert.gets_part(100, index, at=0.5 + index / 10)
    story.time(2)
    assert [row.initial_startup_time_ms for row in story.rows.values()] == [1500, 700]
    assert {row.startup_source for row in story.rows.values()} == {"estimated"}


def test_a_hole_in_the_buffer_is_an_estimated_stall_and_a_jump_is_none(story: Story) -> None:
    anna = story.viewer("anna")
    for msn, at in ((100, 0), (101, 2), (102, 9), (150, 16)):
        anna.gets_segment(msn, at=at)
    story.time(17)
    row = story.only_row()
    assert (row.playback_stall_count, row.playback_stall_duration_ms, row.stall_source) == (1, 5000, "estimated")


def test_latency_of_the_buffer_that_is_told_and_else_of_the_newest_media(story: Story) -> None:
    anna, bert = story.viewer("anna"), story.viewer("bert")
    anna.gets_segment(100, at=10, took_ms=100, media_at_ms=ms(7), cmcd=Cmcd(bl_ms=1500, mtp_kbps=9000))
    bert.gets_segment(100, at=10, took_ms=100, media_at_ms=ms(7), bytes_sent=200_000)
    story.time(11)
    first, second = story.rows.values()
    assert (first.live_latency_ms_p50, first.latency_source) == (4400, "cmcd")
    assert (first.throughput_kbps_p50, first.throughput_source, first.cmcd_coverage) == (9000, "cmcd", 1.0)
    assert (second.live_latency_ms_p50, second.latency_source) == (1000, "estimated")
    assert (second.throughput_kbps_p50, second.throughput_source) == (16_000, "measured")


def test_a_recorder_is_a_restream_and_a_viewer_is_none(story: Story) -> None:
    anna, recorder = story.viewer("anna"), story.viewer("recorder")
    anna.watches(segments=20, at=0)
    for number in range(20):
        recorder.gets_segment(100 + number, at=number * 0.5)
    story.time(41)
    assert {row.is_restream for row in story.rows.values() if row.watched_time_s == 40} == {False}
    assert sum(row.is_restream for row in story.rows.values()) == 1


def test_minutes_audiences_and_requests_are_handed_out(story: Story) -> None:
    anna, bert = story.viewer("anna"), story.viewer("bert")
    anna.watches(segments=60, at=0)
    bert.gets_segment(100, at=1)
    bert.gets_segment(100, at=1.5)
    story.time(1000)
    minutes = story.all_of(MinuteRow)
    assert sum(row.watched_ms for row in minutes) == 122_000
    assert sum(row.bytes_sent for row in minutes) == 62_000
    audience = {row.media_sequence: row.viewers for row in story.all_of(AudienceRow)}
    assert (audience[100], audience[101], len(audience)) == (2, 1, 60)
    assert len(story.all_of(RequestRow)) == 62


def test_throughput_is_that_of_large_objects_without_the_wait_for_them(story: Story) -> None:
    anna = story.viewer("anna")
    anna.gets_segment(100, at=0, bytes_sent=1_000_000, took_ms=1100, hold_ms=100)
    anna.gets_segment(101, at=2, bytes_sent=1_000_000, took_ms=5, hold_ms=5)
    anna.gets_segment(102, at=4, bytes_sent=10, took_ms=4000)
    story.time(100)
    assert (story.only_row().throughput_kbps_p50, story.only_row().throughput_source) == (8000, "measured")


def test_media_without_a_rendition_counts_and_older_media_say_nothing_of_the_edge(story: Story) -> None:
    anna = story.viewer("anna")
    anna.gets_segment(110, at=0, rendition=None, bitrate_kbps=800, media_at_ms=ms(-4))
    anna.gets_segment(100, at=1, rendition=None, bitrate_kbps=800, media_at_ms=ms(-24))
    story.time(100)
    row = story.only_row()
    assert (row.average_playback_bitrate_kbps, row.live_latency_ms_p50, row.max_rendition) == (800, 2000, "")
