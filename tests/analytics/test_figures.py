from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import START_MS, a_session
from relay.analytics.figures import Figure, day_of, figures, histogram, quantile, unique_viewers
from relay.analytics.words import TITLES

if TYPE_CHECKING:
    from relay.sessions.model import SessionRow

DAY_MS = 86_400_000


def never_started(**changes: object) -> SessionRow:
    return a_session(first_media_at_ms=None, exit_before_video_start=True, watched_time_s=0.0, **changes)


def test_of_nobody_there_is_no_figure_but_counts() -> None:
    found = figures([])
    assert found["plays"] == Figure(0, "", 0, (("measured", 0),))
    assert found["watched_time_s"].value is None
    assert found["average_stalled_time_percentage"].value is None
    assert {figure.value for figure in found.values()} == {0, None}
    assert found["watched_time_s"].source == ""


def test_every_figure_has_a_title() -> None:
    assert list(figures([a_session()])) == list(TITLES)


def test_a_play_is_what_media_reached() -> None:
    found = figures([a_session(), never_started(), never_started(playback_failed=True)])
    assert found["attempts"].value == 3
    assert found["plays"].value == 1
    assert found["exits_before_video_start"] == Figure(1, "", 3, (("measured", 3),))
    assert found["exit_before_video_start_percentage"].value == pytest.approx(100 / 3)
    assert found["playback_failure_percentage"].value == pytest.approx(100 / 3)


def test_bots_and_recorders_are_counted_and_left_out() -> None:
    found = figures([a_session(), a_session(is_bot=True), a_session(is_restream=True)])
    assert [found[name].value for name in ("attempts", "plays", "bots", "restreams")] == [1, 1, 1, 1]
    assert found["bytes_sent"].value == a_session().bytes_sent


def test_a_figure_of_several_sources_is_called_by_the_least_sure() -> None:
    rows = [a_session(watched_time_source=source) for source in ("cmcd", "estimated", "cmcd")]
    watched = figures(rows)["watched_time_s"]
    assert watched.source == "estimated"
    assert watched.sources == (("cmcd", 2), ("estimated", 1))
    assert figures(rows[:1])["watched_time_s"].source == "cmcd"


def test_stalled_time_is_all_that_was_stalled_by_all_that_was_watched() -> None:
    """CTA-2066: of the sums, so that a long smooth play weighs more than a short one."""
    rows = [
        a_session(watched_time_s=90.0, playback_stall_count=3, playback_stall_duration_ms=9000, stall_source="cmcd"),
        a_session(watched_time_s=910.0, stall_source="cmcd"),
        a_session(watched_time_s=5000.0),  # of which nobody says whether it stalled
    ]
    found = figures(rows)
    assert found["average_stalled_time_percentage"] == Figure(0.9, "%", 2, (("cmcd", 2),))
    assert found["average_playback_stalled_count"].value == 1.5
    assert found["plays_with_stalls_percentage"].value == 50
    assert found["stall_duration_ms"].value == 9000


def test_the_bit_rates_displayed_and_delivered_are_of_sums_by_media_time() -> None:
    rows = [
        a_session(media_time_s=10.0, bits_played=20_000_000, bitrate_source="cmcd", bytes_sent=5_000_000),
        a_session(media_time_s=30.0, bits_played=240_000_000, bitrate_source="cmcd", bytes_sent=35_000_000),
    ]
    found = figures(rows)
    assert found["average_playback_bitrate_kbps"].value == 6500
    assert found["delivered_bitrate_kbps"] == Figure(8000, "kbps", 2, (("measured", 2),))


def test_startup_is_of_the_plays_that_tell_it() -> None:
    times_ms = [400, 600, 800, 2200]
    rows = [a_session(initial_startup_time_ms=value, startup_source="cmcd") for value in times_ms]
    found = figures([*rows, a_session(), never_started(initial_startup_time_ms=9, startup_source="cmcd")])
    assert found["average_initial_startup_time_ms"] == Figure(1000, "ms", 4, (("cmcd", 4),))
    assert found["initial_startup_time_ms_p50"].value == 600
    assert found["initial_startup_time_ms_p95"].value == 2200


def test_a_failure_is_the_players_word_where_it_speaks() -> None:
    rows = [
        a_session(playback_failed=True, player_error_codes=(("net", 1),)),
        a_session(cmcd_coverage=0.5),
        a_session(),
    ]
    assert figures(rows)["playback_failures"] == Figure(1, "", 3, (("cmcd", 2), ("estimated", 1)))


def test_viewers_are_told_apart_within_a_day_and_not_across() -> None:
    rows = [
        a_session(viewer_day_id="x"),
        a_session(viewer_day_id="x"),
        a_session(viewer_day_id="", viewer_id="token"),
        a_session(viewer_day_id="x", started_at_ms=START_MS + DAY_MS),
        never_started(viewer_day_id="y"),
    ]
    assert unique_viewers(rows) == {day_of(START_MS): 2, day_of(START_MS + DAY_MS): 1}
    assert figures(rows)["unique_viewers_per_day"].value == 1.5


@pytest.mark.parametrize(
    ("values", "part", "answer"),
    [
        ([], 0.5, None),
        ([7], 0.95, 7),
        ([1, 2, 3, 4], 0.5, 2),
        ([1, 2, 3, 4], 0.51, 3),
        ([1, 2], 0.0, 1),
        ([1, 2], 1, 2),
    ],
)
def test_a_quantile_is_a_value_that_was_there(values: list[float], part: float, answer: float | None) -> None:
    assert quantile(values, part) == answer


def test_a_histogram_counts_a_value_at_an_edge_above_it() -> None:
    bins = histogram([0, 0.5, 1, 5, 99, -1], [0, 1, 5])
    assert bins == [(0, 1, 2), (1, 5, 1), (5, None, 2)]


def test_a_day_is_utc() -> None:
    assert day_of(0) == "1970-01-01"
    assert day_of(DAY_MS - 1) == "1970-01-01"
