from __future__ import annotations

import pytest

from relay.offline.progress import Progress, clock_words, progress_words


@pytest.mark.parametrize(
    ("done_s", "total_s", "elapsed_s", "words"),
    [
        (0, 60, 0, "0 %"),
        (0, 60, 3, "0 %"),
        (1, 60, 0.2, "1 %"),
        (30, 60, 10, "50 %, 3.0x, 0:10 left"),
        (59.99, 60, 20, "99 %, 3.0x, 0:00 left"),
        (60, 60, 20, "100 %, 3.0x, 0:00 left"),
        (61, 60, 20, "100 %, 3.0x, 0:00 left"),
        (36, 7200, 72, "0 %, 0.5x, 3:58:48 left"),
        (3600, 7200, 6, "50 %, 600x, 0:06 left"),
        (90, None, 30, "1:30 done, 3.0x"),
        (90, 0, 30, "1:30 done, 3.0x"),
        (0, None, 0, "0:00 done"),
        (-1, 60, 10, "0 %"),
    ],
)
def test_how_far_how_fast_and_how_long_yet(done_s: float, total_s: float | None, elapsed_s: float, words: str) -> None:
    assert progress_words(done_s, total_s, elapsed_s) == words
    assert Progress(done_s, total_s, elapsed_s).words == words


@pytest.mark.parametrize(
    ("done_s", "total_s", "share"), [(0, 10, 0), (5, 10, 0.5), (11, 10, 1), (-1, 10, 0), (5, None, None), (5, 0, None)]
)
def test_the_share_that_a_bar_shows(done_s: float, total_s: float | None, share: float | None) -> None:
    assert Progress(done_s, total_s, 1).share == share


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_times_as_clocks_show_them(seconds: float, words: str) -> None:
    assert clock_words(seconds) == words
