"""Who is seen again and again is one visit, also on the move and when missed once; two are two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.scenes import BEGAN_NS
from relay.timeline import NS_PER_S
from relay.transform.watching.marks import Box
from relay.transform.watching.tracks import Sighting, Tracks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EVERY_S = 0.5


def at(
    x: float, y: float = 0.5, label: str = "person", score: float = 0.8, zones: Sequence[str] = ("yard",)
) -> Sighting:
    """A box of a twentieth by a fifth of the picture around a middle."""
    return Sighting(label, Box(x - 0.025, y - 0.1, x + 0.025, y + 0.1), score, tuple(zones))


def visits(looks: Iterable[Sequence[Sighting]], cooldown_s: float = 2.0) -> list[tuple[int, str, float]]:
    """Number, phase and time of each change, in seconds since the first look."""
    tracks = Tracks(0.4, cooldown_s, EVERY_S)
    return [
        (track.number, change.phase, n * EVERY_S)
        for n, look in enumerate(looks)
        for track, change in tracks.step(look, BEGAN_NS + round(n * EVERY_S * NS_PER_S))
    ]


def test_one_visit_is_one_event() -> None:
    looks = [[at(0.5)]] * 6 + [[]] * 6
    assert visits(looks) == [(1, "begin", 0.5), (1, "end", 4.5)]


def test_what_is_seen_once_is_nobody() -> None:
    assert visits([[], [at(0.5)], [], [], [], [at(0.2)], [], [], []]) == []


def test_who_is_missed_once_is_still_there() -> None:
    assert visits([[at(0.5)], [], [at(0.5)], [at(0.5)], [], [], [at(0.5)]]) == [(1, "begin", 1.0)]


def test_who_walks_on_is_the_same() -> None:
    walk = [[at(0.1 + 0.04 * n)] for n in range(20)]
    assert visits(walk) == [(1, "begin", 0.5)]


def test_who_speeds_up_to_more_than_his_own_width_between_two_looks_is_the_same() -> None:
    x = [0.05, 0.08, 0.13, 0.2, 0.28, 0.37, 0.46, 0.55, 0.64]
    assert visits([[at(place)] for place in x]) == [(1, "begin", 0.5)]


def test_two_who_walk_side_by_side_are_two_and_stay_who_they_are() -> None:
    tracks = Tracks(0.0, 2.0, EVERY_S)
    for n in range(10):
        pair = [at(0.1 + 0.03 * n, 0.3), at(0.1 + 0.03 * n, 0.6)]
        tracks.step(pair if n % 2 else pair[::-1], BEGAN_NS + n * NS_PER_S // 2)
    assert {track.number: round(track.box.middle[1], 3) for track in tracks.lasting} == {1: 0.6, 2: 0.3}


def test_a_dog_does_not_become_a_person() -> None:
    assert [number for number, *_ in visits([[at(0.5)]] * 3 + [[at(0.5, label="dog")]] * 3)] == [1, 2]


def test_who_comes_back_is_another_visit() -> None:
    looks = [[at(0.5)]] * 3 + [[]] * 6 + [[at(0.5)]] * 3
    assert visits(looks) == [(1, "begin", 0.5), (1, "end", 3.0), (2, "begin", 5.0)]


def test_the_best_score_and_all_zones_are_kept() -> None:
    tracks = Tracks(0.0, 2.0, EVERY_S)
    for n, (score, zones) in enumerate([(0.6, ["yard"]), (0.9, ["yard", "door"]), (0.7, ["street"])]):
        tracks.step([at(0.5, score=score, zones=zones)], BEGAN_NS + n * NS_PER_S // 2)
    (track,) = tracks.lasting
    assert (track.score, track.zones) == (0.9, ["yard", "door", "street"])


def test_a_detector_gone_wild_does_not_fill_the_memory_and_the_surest_stay() -> None:
    tracks = Tracks(0.0, 2.0, EVERY_S)
    wild = [at(0.01 * (n % 90), 0.1 + 0.25 * (n // 90), score=n / 400) for n in range(360)]
    begun = tracks.step(wild, BEGAN_NS)
    assert len(begun) == 64
    assert min(track.score for track, _ in begun) == pytest.approx(296 / 400)


def test_two_of_the_same_are_two() -> None:
    assert len(Tracks(0.0, 2.0, EVERY_S).step([at(0.5), at(0.5)], BEGAN_NS)) == 2


def test_a_box_in_numbers() -> None:
    box = Box(0.2, 0.2, 0.4, 0.6)
    assert box.middle == pytest.approx((0.3, 0.4))
    assert box.grown(0.5) == pytest.approx((0.1, 0.0, 0.5, 0.8))
    assert box.overlap(box) == pytest.approx(1)
    assert box.overlap(box.moved(0.1, 0.0)) == pytest.approx(1 / 3)
    assert box.overlap(box.moved(0.2, 0.0)) == 0
    assert Box(0.1, 0.1, 0.1, 0.1).overlap(Box(0.1, 0.1, 0.1, 0.1)) == 0
    assert box.around(Box(0.3, 0.0, 0.9, 0.5)) == (0.2, 0.0, 0.9, 0.6)
    assert Box(1 / 3, 0, 2 / 3, 1).values() == [0.333, 0, 0.667, 1]
