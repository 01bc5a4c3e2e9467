"""The rolling window: what it lists, what it keeps, and what it does with holes, new inits and the end."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from fixtures.published import FORMAT, MSN, SILENT, make_part, make_parts
from relay.model import Latency, MediaKind
from relay.playlist import Window, WindowSettings
from relay.timeline import NS_PER_S, Grid

GRID = Grid.of(FORMAT)
VIDEO = MediaKind.VIDEO


def make_window(segments_listed: int = 7, kind: MediaKind = VIDEO) -> Window:
    return Window(WindowSettings.of(GRID, kind, segments_listed=segments_listed, has_audio=True))


def fill(
    window: Window, begin: tuple[int, int], end: tuple[int, int], *, init: str = "init-1.mp4", now_s: float = 0
) -> None:
    for part in make_parts(GRID, VIDEO, begin, end):
        assert window.append(part, init, round(now_s * NS_PER_S)) is not None


def listed(window: Window) -> list[int]:
    return [segment.msn for segment in window.listed]


def test_settings_follow_from_the_grid() -> None:
    audio = WindowSettings.of(GRID, MediaKind.AUDIO, segments_listed=7, has_audio=True)
    assert (audio.target_duration_s, audio.hold_back_s, audio.can_skip_until_s) == (2, 6, 12)
    assert audio.part_target_s == audio.longest_part_s == Fraction(10 * 1024, 48000)
    silent = WindowSettings.of(Grid.of(SILENT), VIDEO, segments_listed=7, has_audio=False)
    assert silent.part_target_s == silent.longest_part_s == Fraction(1, 5)


def test_nothing_is_known_before_the_first_part() -> None:
    window = make_window()
    assert (window.media_sequence, window.last_part, window.next_part) == (0, None, None)
    assert window.end(0).closed == []
    assert window.next_part is None
    assert window.skippable_segments() == 0


def test_parts_make_segments_and_old_segments_leave() -> None:
    window = make_window(segments_listed=6)
    fill(window, (MSN, 0), (MSN + 8, 3))
    assert listed(window) == list(range(MSN + 2, MSN + 8))
    assert (window.media_sequence, window.last_part, window.next_part) == (MSN + 2, (MSN + 8, 2), (MSN + 8, 3))
    fill(window, (MSN + 8, 3), (MSN + 9, 0))
    assert (window.last_part, window.next_part) == ((MSN + 8, 9), (MSN + 9, 0))


def test_a_segment_and_its_parts_share_memory() -> None:
    window = make_window()
    fill(window, (MSN, 0), (MSN + 1, 1))
    segment, coming = window.segment(MSN), window.segment(MSN + 1)
    assert segment is not None
    assert coming is not None
    assert segment.data == b"".join(part.data for part in make_parts(GRID, VIDEO, (MSN, 0), (MSN + 1, 0)))
    assert all(isinstance(part.data, memoryview) and part.data.obj is segment.data for part in segment.parts)
    assert not coming.is_complete


def test_a_segment_can_be_fetched_for_its_duration_and_the_longest_playlist_after_it_left() -> None:
    window = make_window(segments_listed=6)
    fill(window, (MSN, 0), (MSN + 6, 9))
    assert window.append(make_part(GRID, VIDEO, MSN + 6, 9), "init-1.mp4", 100 * NS_PER_S) is not None
    assert window.media_sequence == MSN + 1
    # Its own two seconds, and six segments of as many with nine parts of the open one.
    expires_ns = (100 + 2 + 12) * NS_PER_S + 1_800_000_000
    assert window.expire(expires_ns - 1) == []
    assert window.segment(MSN) is not None
    assert [segment.msn for segment in window.expire(expires_ns)] == [MSN]
    assert window.segment(MSN) is None


def test_parts_that_cannot_follow_are_left_out() -> None:
    window = make_window()
    assert window.append(make_part(GRID, VIDEO, MSN, 1), "init-1.mp4", 0) is None
    fill(window, (MSN, 0), (MSN + 1, 3))
    for msn, index in [(MSN + 1, 2), (MSN + 1, 4), (MSN, 9), (MSN - 1, 0), (MSN + 1, 0), (MSN + 2, 1)]:
        assert window.append(make_part(GRID, VIDEO, msn, index), "init-1.mp4", 0) is None
    assert window.append(make_part(GRID, VIDEO, MSN + 1, 3), "init-2.mp4", 0) is None
    assert window.next_part == (MSN + 1, 3)
    fill(window, (MSN + 1, 3), (MSN + 2, 0))
    assert window.append(make_part(GRID, VIDEO, MSN + 1, 9), "init-1.mp4", 0) is None


@pytest.mark.parametrize("stopped_at", [(MSN + 3, 0), (MSN + 3, 4)])
def test_after_a_hole_the_window_begins_again(stopped_at: tuple[int, int]) -> None:
    window = make_window()
    fill(window, (MSN, 0), stopped_at)
    change = window.append(make_part(GRID, VIDEO, MSN + 9, 0), "init-1.mp4", 5 * NS_PER_S)
    assert change is not None
    assert change.is_new_beginning
    assert listed(window) == []
    assert (window.media_sequence, window.next_part, window.discontinuity_sequence) == (MSN + 9, (MSN + 9, 1), 0)
    assert window.segment(MSN) is not None  # players finish what they were told of
    assert window.segment(MSN + 3) is (None if stopped_at[1] == 0 else window.segment(MSN + 3))
    assert not window.expire(11 * NS_PER_S - 1)
    assert window.expire(60 * NS_PER_S)
    assert window.segment(MSN) is None


def test_an_unfinished_segment_before_the_next_one_is_a_hole_too() -> None:
    window = make_window()
    fill(window, (MSN, 0), (MSN + 1, 4))
    change = window.append(make_part(GRID, VIDEO, MSN + 2, 0), "init-1.mp4", 0)
    assert change is not None
    assert change.is_new_beginning
    assert window.init_uris() == {"init-1.mp4"}


def test_another_init_is_a_discontinuity() -> None:
    window = make_window(segments_listed=6)
    fill(window, (MSN, 0), (MSN + 2, 0))
    fill(window, (MSN + 2, 0), (MSN + 4, 0), init="init-2.mp4")
    assert [segment.is_discontinuous for segment in window.listed] == [False, False, True, False]
    fill(window, (MSN + 4, 0), (MSN + 8, 0), init="init-2.mp4")
    assert (window.media_sequence, window.discontinuity_sequence) == (MSN + 2, 0)
    fill(window, (MSN + 8, 0), (MSN + 9, 0), init="init-2.mp4")
    assert (window.media_sequence, window.discontinuity_sequence) == (MSN + 3, 1)
    assert window.init_uris() == {"init-1.mp4", "init-2.mp4"}


def test_an_unfinished_segment_before_a_discontinuity_is_closed_short() -> None:
    window = make_window()
    fill(window, (MSN, 0), (MSN + 1, 4))
    change = window.append(make_part(GRID, VIDEO, MSN + 2, 0), "init-2.mp4", 0)
    assert change is not None
    assert [(segment.msn, segment.duration_us) for segment in change.closed] == [(MSN + 1, 800_000)]
    assert not change.is_new_beginning
    assert listed(window) == [MSN, MSN + 1]


def test_another_renditions_discontinuity_is_taken_over() -> None:
    window = make_window()
    assert window.append(make_part(GRID, VIDEO, MSN, 0), "init-1.mp4", 0, discontinuity=True) is not None
    fill(window, (MSN, 1), (MSN + 1, 0))
    assert window.append(make_part(GRID, VIDEO, MSN + 1, 0), "init-1.mp4", 0, discontinuity=True) is not None
    fill(window, (MSN + 1, 1), (MSN + 2, 0))
    # The very first segment follows nothing.
    assert [segment.is_discontinuous for segment in window.listed] == [False, True]


def test_a_window_of_long_parts_opens_and_closes_a_segment_at_once() -> None:
    grid = Grid.of(replace(FORMAT, rate=Fraction(1), latency=Latency.INTERNET, segment_s=Fraction(1)))
    window = Window(WindowSettings.of(grid, VIDEO, segments_listed=6, has_audio=False))
    change = window.append(make_part(grid, VIDEO, MSN, 0), "init-1.mp4", 0)
    assert change is not None
    assert [segment.msn for segment in change.closed] == [MSN]


def test_at_the_end_what_is_unfinished_is_closed_short() -> None:
    window = make_window()
    fill(window, (MSN, 0), (MSN + 1, 4))
    change = window.end(0)
    assert [(segment.msn, segment.duration_us) for segment in change.closed] == [(MSN + 1, 800_000)]
    assert (listed(window), window.next_part) == ([MSN, MSN + 1], None)
    assert window.append(make_part(GRID, VIDEO, MSN + 2, 0), "init-1.mp4", 0) is None
    assert window.retention_ns == 6 * NS_PER_S


def test_only_segments_that_began_within_three_targets_are_listed_with_parts() -> None:
    window = make_window()
    fill(window, (MSN, 0), (MSN + 7, 0))
    assert window.segments_with_parts() == 3
    fill(window, (MSN + 7, 0), (MSN + 7, 1))
    assert window.segments_with_parts() == 2
    fill(window, (MSN + 7, 1), (MSN + 7, 10))
    assert window.segments_with_parts() == 3


def test_a_delta_may_skip_what_ended_before_the_skip_boundary() -> None:
    window = make_window(segments_listed=20)
    fill(window, (MSN, 0), (MSN + 6, 5))
    assert window.skippable_segments() == 0
    fill(window, (MSN + 6, 5), (MSN + 10, 5))
    assert window.skippable_segments() == 4


def test_a_window_that_was_suspended_begins_again_and_never_goes_back() -> None:
    window = make_window()
    fill(window, (MSN, 0), (MSN + 3, 4))
    window.suspend(0)
    assert (listed(window), window.open_segment, window.next_part) == ([], None, None)
    assert window.segment(MSN + 2) is not None  # whoever has the old playlist may fetch what it lists
    (continuing,) = make_parts(GRID, VIDEO, (MSN + 3, 4), (MSN + 3, 5))
    assert window.append(continuing, "init-1.mp4", 0) is None
    fill(window, (MSN + 900, 0), (MSN + 901, 2))
    assert (listed(window), window.media_sequence, window.last_part) == ([MSN + 900], MSN + 900, (MSN + 901, 1))
    assert not window.listed[0].is_discontinuous
    assert {segment.msn for segment in window.expire(3600 * NS_PER_S)} == {MSN, MSN + 1, MSN + 2, MSN + 3}
