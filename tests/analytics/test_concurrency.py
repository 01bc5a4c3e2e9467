from __future__ import annotations

from fixtures.viewed import START_MS, a_session
from relay.analytics.concurrency import MAX_POINTS, Span, concurrency, spans, widened

MINUTE_MS = 60_000


def test_peak_and_average_of_each_step() -> None:
    found = concurrency([Span(0, 90), Span(30, 60), Span(150, 180)], 0, 240, 60)
    assert [(point.at_ms, point.peak, point.average) for point in found.points] == [
        (0, 2, 1.5),
        (60, 1, 0.5),
        (120, 1, 0.5),
        (180, 0, 0.0),
    ]
    assert (found.peak, found.peak_at_ms, found.step_ms) == (2, 30, 60)


def test_who_comes_as_another_leaves_is_not_two() -> None:
    assert concurrency([Span(0, 30), Span(30, 60)], 0, 60, 60).peak == 1


def test_time_outside_is_cut_off_and_steps_lie_on_whole_ones() -> None:
    found = concurrency([Span(-500, 500)], 90, 130, 60)
    assert [(point.at_ms, point.peak, point.average) for point in found.points] == [(60, 1, 1.0), (120, 1, 1.0)]
    assert found.peak_at_ms == 90


def test_nobody_is_no_peak() -> None:
    assert concurrency([], 0, 120, 60) == ([(0, 0, 0.0), (60, 0, 0.0)], 60, 0, None)
    assert concurrency([Span(5, 5), Span(300, 400)], 0, 60, 60).peak == 0
    assert concurrency([Span(0, 1)], 60, 60, 60).points == []


def test_years_have_wider_steps() -> None:
    assert widened(60, 0, 600) == 60
    year_ms = 365 * 86_400_000
    step_ms = widened(MINUTE_MS, 0, year_ms)
    assert step_ms % MINUTE_MS == 0
    assert year_ms / step_ms <= MAX_POINTS < year_ms / (step_ms - MINUTE_MS)


def test_a_play_lasts_from_first_media_to_its_end_and_goes_on_until_now() -> None:
    rows = [
        a_session(first_media_at_ms=START_MS, ended_at_ms=START_MS + 10),
        a_session(first_media_at_ms=START_MS, ended_at_ms=None),
        a_session(first_media_at_ms=None),
        a_session(is_bot=True),
        a_session(first_media_at_ms=START_MS + 99, ended_at_ms=START_MS),
    ]
    assert spans(rows, START_MS + 50) == [
        (START_MS, START_MS + 10),
        (START_MS, START_MS + 50),
        (START_MS + 99, START_MS + 99),
    ]


def test_it_agrees_with_counting_at_each_moment() -> None:
    found = [Span(begin, begin + 7 * (begin % 5)) for begin in range(0, 400, 3)]
    points = concurrency(found, 0, 420, 20).points
    for point in points:
        counts = [
            sum(span.begin_ms <= moment < span.end_ms for span in found)
            for moment in range(point.at_ms, point.at_ms + 20)
        ]
        assert point.peak == max(counts)
        assert point.average == sum(counts) / 20
