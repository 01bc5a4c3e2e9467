from __future__ import annotations

from fixtures.viewed import a_session
from relay.analytics.retention import Moment, audience, survival
from relay.sessions.model import AudienceRow


def test_a_step_has_the_audience_of_its_middle_segment() -> None:
    rows = [AudienceRow("cam", msn, msn * 2000, viewers) for msn, viewers in enumerate((10, 8, 9, 5, 4, 1))]
    assert audience(rows, 6000) == [Moment(0, 9, 1.0), Moment(6000, 4, 0.4444)]


def test_relays_add_up_and_each_ones_last_word_counts() -> None:
    rows = [
        AudienceRow("cam", 7, 14_000, 3, "one"),
        AudienceRow("cam", 7, 14_000, 5, "one"),
        AudienceRow("cam", 7, 14_000, 4, "one"),
        AudienceRow("cam", 7, 14_000, 2, "two"),
    ]
    assert audience(rows, 1000) == [Moment(14_000, 7, 1.0)]


def test_streams_add_up() -> None:
    rows = [AudienceRow("cam", 1, 0, 3), AudienceRow("cam", 2, 500, 3), AudienceRow("yard", 9, 0, 4)]
    assert audience(rows, 1000) == [Moment(0, 7, 1.0)]


def test_an_audience_of_nobody_is_no_part_of_anything() -> None:
    assert audience([], 1000) == []
    assert audience([AudienceRow("cam", 1, 0, 0)], 1000) == [Moment(0, 0, 0.0)]


def test_the_curve_falls_where_plays_end() -> None:
    rows = [a_session(watched_time_s=seconds) for seconds in (4.0, 8.0, 8.0, 25.0)]
    curve = {at.after_s: (at.plays, at.part) for at in survival(rows)}
    assert curve == {0: (4, 1.0), 5: (3, 0.75), 10: (1, 0.25), 20: (1, 0.25)}


def test_a_play_that_goes_on_is_no_leaving() -> None:
    rows = [
        a_session(watched_time_s=8.0, ended_at_ms=None),
        a_session(watched_time_s=12.0),
        a_session(watched_time_s=40.0),
        a_session(watched_time_s=40.0, is_bot=True),
        a_session(watched_time_s=0.0, first_media_at_ms=None),
    ]
    parts = {at.after_s: at.part for at in survival(rows)}
    assert parts[10] == 1.0
    assert parts[20] == 0.5  # of the two that could be seen to leave
    assert max(parts) == 30


def test_of_nobody_there_is_no_curve() -> None:
    assert survival([]) == []


def test_who_stays_to_the_end_of_the_scale_is_counted_there() -> None:
    assert survival([a_session(watched_time_s=20_000.0)])[-1] == (14_400, 1, 1.0)
