"""Episodes begin when something has been seen for long enough, end when it has not been, and say when that was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.timeline import NS_PER_S
from relay.transform.watching.episode import HOLE_S, Change, Episode

S = NS_PER_S
START = 1_795_369_402 * S


def told(episode: Episode, looks: str, every_s: float = 0.1) -> list[tuple[str, float, float, float]]:
    """Phase, first, last and now of each change, in seconds since the first look: x for seen, . for not, - for none."""
    found = []
    for n, look in enumerate(looks):
        if look == "-":
            continue
        change = episode.step(START + round(n * every_s * S), is_seen=look == "x")
        if change:
            moments = (change.first_ns, change.last_ns, change.now_ns)
            first_s, last_s, now_s = (round((moment - START) / S, 3) for moment in moments)
            found.append((str(change.phase), first_s, last_s, now_s))
    return found


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ("..........", []),
        ("xx.xx.xx..", []),
        (".xxx......", []),
        (".xxxx.....", [("begin", 0.1, 0.4, 0.4), ("end", 0.1, 0.4, 0.9)]),
        (".xxxxx.........", [("begin", 0.1, 0.4, 0.4), ("end", 0.1, 0.5, 1.0)]),
        (".xxxxx....x.........", [("begin", 0.1, 0.4, 0.4), ("end", 0.1, 1.0, 1.5)]),
        (".xxxxx.....xxxxx", [("begin", 0.1, 0.4, 0.4), ("end", 0.1, 0.5, 1.0), ("begin", 1.1, 1.4, 1.4)]),
    ],
)
def test_it_begins_after_long_enough_and_ends_after_long_enough(
    looks: str, expected: list[tuple[str, float, float, float]]
) -> None:
    assert told(Episode(min_duration_s=0.3, cooldown_s=0.5), looks) == expected


def test_a_short_interruption_is_bridged_before_it_begins() -> None:
    assert told(Episode(0.3, 0.5, bridge_s=0.15), ".xx.x") == [("begin", 0.1, 0.4, 0.4)]
    assert told(Episode(0.3, 0.5, bridge_s=0.15), ".xx..xx.x") == [("begin", 0.5, 0.8, 0.8)]


def test_without_durations_it_follows_what_is_seen() -> None:
    assert told(Episode(0, 0), ".xx.x") == [
        ("begin", 0.1, 0.1, 0.1), ("end", 0.1, 0.2, 0.3), ("begin", 0.4, 0.4, 0.4),
    ]  # fmt: skip


def test_frames_that_are_left_out_change_nothing_but_the_fineness() -> None:
    looks = "." * 10 + "x" * 30 + "." * 20
    every = told(Episode(0.5, 1.0), looks)
    third = told(Episode(0.5, 1.0), "".join(look if n % 3 == 0 else "-" for n, look in enumerate(looks)))
    assert [phase for phase, *_ in every] == [phase for phase, *_ in third] == ["begin", "end"]
    for one, other in zip(every, third, strict=True):
        assert one[1:] == pytest.approx(other[1:], abs=0.31)


def test_a_hole_ends_it_where_the_cooldown_is_shorter_and_who_is_there_behind_it_is_new() -> None:
    hole = "-" * 40
    assert told(Episode(0.3, 1.0), f"xxxxx{hole}xxxx") == [
        ("begin", 0, 0.3, 0.3), ("end", 0, 0.4, 4.5), ("begin", 4.5, 4.8, 4.8),
    ]  # fmt: skip
    assert told(Episode(0.3, 9.0), f"xxxxx{hole}xxxx") == [("begin", 0, 0.3, 0.3)]


def test_what_was_seen_once_before_a_hole_has_not_lasted_through_it() -> None:
    assert told(Episode(0.3, 1.0), f"x{'-' * 40}x") == []


def test_slow_cameras_have_no_holes() -> None:
    assert HOLE_S >= 2
    assert told(Episode(1.5, 0.5), "xxx", every_s=1.0) == [("begin", 0, 2, 2)]


def test_a_clock_that_is_set_back_ends_it() -> None:
    episode = Episode(0.1, 1.0)
    assert told(episode, "xx") == [("begin", 0, 0.1, 0.1)]
    before = START - 5 * S
    assert episode.step(before, is_seen=True) == Change("end", START, START + S // 10, START + S // 10)
    assert episode.is_idle is False
    begun = episode.step(before + S // 5, is_seen=True)
    assert begun == Change("begin", before, before + S // 5, before + S // 5)


def test_it_says_whether_it_lasts() -> None:
    episode = Episode(0.2, 0.2)
    states = []
    for n, is_seen in enumerate((False, True, True, True, False, False)):
        episode.step(START + n * S // 10, is_seen=is_seen)
        states.append((episode.is_idle, episode.is_lasting))
    waiting, candidate, lasting = (True, False), (False, False), (False, True)
    assert states == [waiting, candidate, candidate, lasting, lasting, waiting]


def test_a_change_tells_how_long_it_lasted_and_how_long_ago() -> None:
    change = Change("end", START, START + 3 * S, START + 5 * S)
    assert (change.lasted_s, change.ago_s) == (3.0, 2.0)


@given(
    st.lists(st.tuples(st.floats(0.01, 3.0), st.booleans()), max_size=60),
    st.floats(0, 3),
    st.floats(0, 3),
    st.floats(0, 1),
)
def test_whatever_is_seen_begins_and_ends_alternate_and_tell_of_moments_in_which_it_was_seen(
    looks: list[tuple[float, bool]], min_duration_s: float, cooldown_s: float, bridge_s: float
) -> None:
    episode, now_ns, seen, changes = Episode(min_duration_s, cooldown_s, bridge_s), START, set[int](), list[Change]()
    for elapsed_s, is_seen in looks:
        now_ns += round(elapsed_s * S)
        seen |= {now_ns} if is_seen else set()
        change = episode.step(now_ns, is_seen=is_seen)
        if change:
            changes.append(change)
            assert change.now_ns == now_ns
    assert all(change.phase == ("begin", "end")[n % 2] for n, change in enumerate(changes))
    assert all({change.first_ns, change.last_ns} <= seen for change in changes)
    assert all(change.last_ns - change.first_ns >= round(min_duration_s * S) for change in changes)
    for begin, end in zip(changes[::2], changes[1::2], strict=False):
        assert begin.first_ns == end.first_ns
        assert end.now_ns - end.last_ns >= round(cooldown_s * S)
    for end, begin in zip(changes[1::2], changes[2::2], strict=False):
        assert begin.first_ns > end.last_ns
    assert episode.is_lasting == (len(changes) % 2 == 1)
