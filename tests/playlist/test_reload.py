"""The rule of blocking reloads, on a window of seven segments and three parts of the eighth, 0.2 s each."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from fixtures.published import FORMAT, MSN, make_parts
from relay.model import Latency, MediaKind
from relay.playlist import Answer, Directives, Window, WindowSettings, decide, longest_wait_s, parse_directives
from relay.timeline import Grid

GRID = Grid.of(FORMAT)
LAST = MSN + 6
OPEN = MSN + 7


@pytest.fixture
def window() -> Window:
    window = Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=7, has_audio=True))
    for part in make_parts(GRID, MediaKind.VIDEO, (MSN, 0), (OPEN, 3)):
        window.append(part, "init-1.mp4", 0)
    return window


@pytest.mark.parametrize(
    ("msn", "part", "answer"),
    [
        (None, None, Answer.NOW),
        (LAST, None, Answer.NOW),
        (MSN - 100, None, Answer.NOW),  # older than the window: the whole current playlist, at once
        (OPEN, None, Answer.WAIT),
        (OPEN + 1, None, Answer.WAIT),
        (OPEN + 2, None, Answer.REFUSE),  # last + 3
        (10**19, None, Answer.REFUSE),
        (MSN - 100, 3, Answer.NOW),
        (LAST, 9, Answer.NOW),
        (LAST, 10, Answer.NOW),  # part 0 of the next
        (LAST - 1, 99, Answer.NOW),
        (OPEN, 2, Answer.NOW),
        (OPEN, 3, Answer.WAIT),
        (OPEN, 9, Answer.WAIT),
        (OPEN + 1, 7, Answer.WAIT),  # the fifteenth part after the last: the advance part limit is 3 / 0.2
        (OPEN + 1, 8, Answer.REFUSE),
        (OPEN, 99, Answer.REFUSE),
        (OPEN + 2, 0, Answer.REFUSE),
    ],
)
def test_what_is_there_is_sent_and_what_is_near_is_waited_for(
    window: Window, msn: int | None, part: int | None, answer: Answer
) -> None:
    assert decide(window, Directives(msn, part)) is answer


def test_beyond_the_last_part_of_a_finished_segment_lies_the_next_segment(window: Window) -> None:
    for part in make_parts(GRID, MediaKind.VIDEO, (OPEN, 3), (OPEN + 1, 0)):
        window.append(part, "init-1.mp4", 0)
    assert decide(window, Directives(OPEN, 9)) is Answer.NOW
    assert decide(window, Directives(OPEN, 10)) is Answer.WAIT
    assert decide(window, Directives(OPEN, 999)) is Answer.WAIT


def test_parts_of_a_second_and_more_may_be_asked_for_three_ahead() -> None:
    grid = Grid.of(replace(FORMAT, rate=Fraction(1), latency=Latency.INTERNET, segment_s=Fraction(4)))
    window = Window(WindowSettings.of(grid, MediaKind.VIDEO, segments_listed=7, has_audio=False))
    for part in make_parts(grid, MediaKind.VIDEO, (MSN, 0), (MSN + 1, 1)):
        window.append(part, "init-1.mp4", 0)
    assert decide(window, Directives(MSN + 1, 3)) is Answer.WAIT
    assert decide(window, Directives(MSN + 2, 0)) is Answer.REFUSE


def test_a_playlist_without_a_segment_is_not_sent() -> None:
    window = Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=7, has_audio=True))
    assert decide(window, Directives()) is Answer.WAIT
    for part in make_parts(GRID, MediaKind.VIDEO, (MSN, 0), (MSN, 3)):
        window.append(part, "init-1.mp4", 0)
    assert decide(window, Directives(MSN, 1)) is Answer.WAIT


def test_after_the_end_directives_mean_nothing(window: Window) -> None:
    window.end(0)
    assert decide(window, Directives(10**9, 5)) is Answer.NOW


def test_nobody_waits_longer_than_hls_js_does(window: Window) -> None:
    assert longest_wait_s(window) == 6
    settings = replace(window.settings, target_duration_s=6)
    assert longest_wait_s(Window(settings)) == 9


@pytest.mark.parametrize(
    ("query", "directives"),
    [
        ([], Directives()),
        ([("_HLS_msn", "7")], Directives(7)),
        ([("_HLS_msn", "7"), ("_HLS_part", "0")], Directives(7, 0)),
        ([("_HLS_skip", "YES")], Directives(skip=True)),
        ([("_HLS_skip", "v2"), ("_HLS_msn", "18446744073709551615")], Directives(2**64 - 1, skip=True)),
        ([("session", "a"), ("session", "b"), ("_HLS_report", "x")], Directives()),
    ],
)
def test_directives(query: list[tuple[str, str]], directives: Directives) -> None:
    assert parse_directives(query) == directives


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ([("_HLS_part", "1")], "needs _HLS_msn"),
        ([("_HLS_msn", "-1")], "decimal integer"),
        ([("_HLS_msn", "")], "decimal integer"),
        ([("_HLS_msn", "1.5")], "decimal integer"),
        ([("_HLS_msn", "٣")], "decimal integer"),
        ([("_HLS_msn", "1" * 21)], "decimal integer"),
        ([("_HLS_msn", "1"), ("_HLS_part", "x")], "decimal integer"),
        ([("_HLS_msn", "1"), ("_HLS_msn", "1")], "twice"),
        ([("_HLS_skip", "NO")], "YES or v2"),
    ],
)
def test_malformed_directives_are_named(query: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_directives(query)
