"""Where copied pictures are cut. A camera here is a string: `I` a keyframe, the rest pictures, in order of display."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from relay.model import CodedPicture
from relay.packager.cut import MAX_BYTES, MAX_PICTURES, SHORTEST_PIECE_NS, KeyframeCut, Run
from relay.timeline import NS_PER_S

MS = 1_000_000
FRAME_NS = 40 * MS
START_NS = 1_790_000_000 * NS_PER_S
DATA = (b"\x01picture",)


def picture(n: float, *, is_keyframe: bool = False, units: tuple[bytes, ...] = DATA) -> CodedPicture:
    """The picture that is shown as the `n`-th at 25 a second."""
    return CodedPicture(START_NS + round(n * FRAME_NS), is_keyframe, units)


def gops(count: int, length: int = 25, first: int = 0) -> list[CodedPicture]:
    """Closed GOPs without reordering."""
    return [picture(first + n, is_keyframe=n % length == 0) for n in range(count * length)]


def feed(cut: KeyframeCut, pictures: list[CodedPicture]) -> list[Run]:
    return [run for one in pictures for run in cut.add(one)]


def frames(run: Run) -> tuple[int, int]:
    """First frame and end of a run, in frames."""
    return round((run.start_ns - START_NS) / FRAME_NS), round((run.end_ns - START_NS) / FRAME_NS)


def seconds(shortest: float = 2, longest: float = 4) -> KeyframeCut:
    return KeyframeCut(round(shortest * NS_PER_S), round(longest * NS_PER_S))


def test_a_run_begins_at_the_first_keyframe_that_is_late_enough() -> None:
    runs = feed(seconds(), gops(7))
    assert [frames(run) for run in runs] == [(0, 50), (50, 100), (100, 150)]
    assert all(run.is_independent for run in runs)
    assert [run.is_discontinuous for run in runs] == [True, False, False]


def test_a_keyframe_a_little_too_early_is_the_one_that_was_meant() -> None:
    assert [frames(run) for run in feed(seconds(), gops(3, length=48))] == [(0, 48), (48, 96)]


def test_nothing_begins_before_a_keyframe() -> None:
    cut = seconds()
    runs = feed(cut, [picture(-2), picture(-1), *gops(5)])
    assert [frames(run) for run in runs] == [(0, 50), (50, 100)]
    assert cut.dropped == 2
    assert seconds().next_ns is None
    assert seconds().ended_ns is None


def test_reordered_pictures_stay_together() -> None:
    coded = [0, 3, 1, 2, 6, 4, 5]
    closed = [picture(60 * gop + n, is_keyframe=n == 0) for gop in range(3) for n in coded]
    assert [frames(run) for run in feed(seconds(), closed)] == [(0, 60), (60, 120)]


def test_pictures_shown_before_the_keyframe_that_they_follow_are_in_its_run() -> None:
    coded = [(0, True), (3, False), (1, False), (2, False), (60, True), (58, False), (59, False), (63, False)]
    (run,) = feed(seconds(), [picture(n, is_keyframe=key) for n, key in coded])
    assert frames(run) == (0, 58)
    assert len(run.pictures) == 4


def test_behind_a_seam_pictures_that_lead_the_keyframe_are_left_out() -> None:
    cut = seconds()
    coded = [(0, True), (-2, False), (-1, False), *((n, n == 60) for n in range(1, 70))]
    (run,) = feed(cut, [picture(n, is_keyframe=key) for n, key in coded])
    assert frames(run) == (0, 60)
    assert cut.dropped == 2


def test_a_long_gop_is_cut_before_a_picture_that_is_shown_after_all_before_it() -> None:
    coded = [0, *(n + k for n in range(0, 300, 3) for k in (3, 1, 2))]
    cut = seconds()
    runs = feed(cut, [picture(n, is_keyframe=n == 0) for n in coded]) + cut.break_off()
    assert [frames(run) for run in runs] == [(0, 100), (100, 199), (199, 298)]
    assert [run.is_independent for run in runs] == [True, False, False]
    for before, after in pairwise(runs):
        assert max(p.time_ns for p in before.pictures) < min(p.time_ns for p in after.pictures)


def test_large_pictures_are_cut_before_they_are_too_much_for_a_message() -> None:
    big = (bytes(MAX_BYTES // 20),)
    runs = feed(seconds(), [picture(n, is_keyframe=n == 0, units=big) for n in range(45)])
    assert [len(run.pictures) for run in runs] == [20, 20]


def test_a_camera_whose_time_stands_still_is_broken_off() -> None:
    cut = seconds()
    runs = feed(cut, [picture(0, is_keyframe=True), *[picture(0) for _ in range(MAX_PICTURES + 5)]])
    assert runs == []
    assert cut.dropped > 0
    assert [frames(run) for run in feed(cut, gops(3, first=50))] == [(50, 100)]


def test_a_hole_that_a_segment_cannot_bridge_is_a_seam() -> None:
    runs = feed(seconds(), [*gops(1), *gops(5, first=25 + 200)])
    assert [frames(run) for run in runs] == [(0, 25), (225, 275), (275, 325)]
    assert [run.is_discontinuous for run in runs] == [True, True, False]


def test_a_short_hole_is_not() -> None:
    runs = feed(seconds(), [*gops(1), *gops(4, first=25 + 20)])
    assert [frames(run) for run in runs] == [(0, 70), (70, 120)]


def test_breaking_off_ends_the_run_as_long_after_its_last_picture_as_is_usual() -> None:
    cut = seconds()
    feed(cut, gops(1))
    assert cut.next_ns == START_NS + 25 * FRAME_NS
    (run,) = cut.break_off()
    assert frames(run) == (0, 25)
    assert cut.ended_ns == cut.next_ns == run.end_ns
    assert cut.break_off() == []


def test_breaking_off_also_closes_the_run_whose_end_was_not_sure_yet() -> None:
    cut = seconds()
    assert feed(cut, [*gops(2), picture(50, is_keyframe=True)]) == []
    (run,) = cut.break_off()
    assert frames(run) == (0, 50), "one picture alone is too short a piece"
    assert run.is_discontinuous


def test_breaking_off_at_a_time_leaves_out_what_is_shown_later() -> None:
    cut = seconds()
    feed(cut, [*gops(2), picture(50, is_keyframe=True)])
    (run,) = cut.break_off(START_NS + 45 * FRAME_NS)
    assert frames(run) == (0, 45)
    assert len(run.pictures) == 45


def test_a_run_can_be_stretched_to_the_next_connections_first_picture() -> None:
    cut = seconds()
    assert not cut.can_last_until(START_NS)
    feed(cut, gops(1))
    assert cut.can_last_until(START_NS + 90 * FRAME_NS)
    assert not cut.can_last_until(START_NS + 110 * FRAME_NS)
    assert not cut.can_last_until(START_NS)
    feed(cut, [*gops(1, first=25), picture(50, is_keyframe=True)])
    assert cut.can_last_until(START_NS + 140 * FRAME_NS)
    (first, second) = cut.break_off(START_NS + 90 * FRAME_NS)
    assert (frames(first), frames(second)) == ((0, 50), (50, 90))


def test_what_comes_back_before_the_last_run_ended_waits_for_the_next_keyframe() -> None:
    cut = seconds()
    feed(cut, gops(1))
    cut.break_off()
    runs = feed(cut, [*gops(1, first=20), *gops(3, first=45)])
    assert [frames(run) for run in runs] == [(45, 95)]
    assert cut.dropped == 25


def test_pieces_too_short_are_left_out() -> None:
    cut = seconds()
    feed(cut, gops(1)[: SHORTEST_PIECE_NS // FRAME_NS - 1])
    assert cut.break_off() == []
    assert cut.ended_ns is None


@given(
    gop=st.integers(1, 120),
    depth=st.integers(0, 3),
    jitter=st.lists(st.integers(-15, 15), min_size=7, max_size=7),
    shortest_s=st.floats(0.5, 5),
)
def test_runs_tile_time_and_keep_every_picture(gop: int, depth: int, jitter: list[int], shortest_s: float) -> None:
    """Whatever the GOP and the reordering, runs follow each other and their pictures are those that came, in order."""
    coded: list[CodedPicture] = []
    for first in range(0, 400, gop):
        order = [0]
        for anchor in range(depth + 1, gop, depth + 1):
            order += [anchor, *range(anchor - depth, anchor)]
        order += [n for n in range(gop) if n not in order]
        for n in order:
            time_ns = START_NS + (first + n) * FRAME_NS + jitter[(first + n) % 7] * MS
            coded.append(CodedPicture(time_ns, n == 0, DATA))
    cut = seconds(shortest_s, 4)
    runs = feed(cut, coded)
    runs += cut.break_off()
    for before, after in pairwise(runs):
        assert before.end_ns == after.start_ns
    passed = [one for run in runs for one in run.pictures]
    assert passed == coded[: len(passed)]
    assert len(coded) - len(passed) <= SHORTEST_PIECE_NS // FRAME_NS + 1
    for run in runs:
        assert 0 < run.end_ns - run.start_ns <= (4 + 0.4) * NS_PER_S
        assert run.is_independent == run.pictures[0].is_keyframe
