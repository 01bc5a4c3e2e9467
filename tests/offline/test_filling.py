from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fixtures.films import numbered
from relay.model import Picture
from relay.offline.filling import Filler
from relay.offline.film import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.offline.film import Shown

BLACK = [16, 128]


def picture(slot: int) -> Picture:
    return Picture(slot, slot * 1000, numbered(16, 8, slot))


def filler(count: int) -> Filler:
    """One that expects so many pictures, at 0, 40, 80, ..."""
    made = Filler()
    for slot in range(count):
        made.expect(slot, Moment(slot * 40, slot))
    return made


def told(shown: Iterable[Shown]) -> list[tuple[int, list[int]]]:
    """When, and the levels of luma and chroma."""
    return [(one.moment.pts, [int(one.i420[0, 0]), int(one.i420[-1, 0])]) for one in shown]


def levels(slot: int) -> list[int]:
    return [int(level) for level in (picture(slot).i420[0, 0], 128)]


def test_each_picture_is_shown_at_its_own_moment() -> None:
    made = filler(3)
    assert [told(made.show(picture(slot))) for slot in range(3)] == [[(slot * 40, levels(slot))] for slot in range(3)]
    assert told(made.finish(16, 8)) == []
    assert made.repeated == 0


def test_the_moment_keeps_its_length() -> None:
    (shown,) = filler(1).show(picture(0))
    assert shown.moment == Moment(0, 0)
    made = filler(4)
    *_, last = made.show(picture(3))
    assert last.moment == Moment(120, 3)


def test_one_that_never_comes_shows_the_last_that_did() -> None:
    made = filler(4)
    assert told(made.show(picture(0))) == [(0, levels(0))]
    assert told(made.show(picture(3))) == [(40, levels(0)), (80, levels(0)), (120, levels(3))]
    assert made.repeated == 2


def test_before_the_first_that_came_all_is_black_in_its_size() -> None:
    made = filler(3)
    shown = list(made.show(Picture(2, 0, numbered(32, 24, 2))))
    assert told(shown[:2]) == [(0, BLACK), (40, BLACK)]
    assert {one.i420.shape for one in shown} == {(36, 32)}


def test_what_never_came_at_the_end_shows_the_last() -> None:
    made = filler(3)
    list(made.show(picture(0)))
    assert told(made.finish(16, 8)) == [(40, levels(0)), (80, levels(0))]


def test_where_nothing_ever_came_all_is_black_in_the_films_size() -> None:
    shown = list(filler(2).finish(32, 16))
    assert told(shown) == [(0, BLACK), (40, BLACK)]
    assert shown[0].i420.shape == (24, 32)
    assert np.unique(shown[1].i420).tolist() == [16, 128]


def test_a_picture_that_nobody_expects_is_not_shown() -> None:
    made = filler(2)
    list(made.show(picture(1)))
    assert told(made.show(picture(0))) == []
    assert told(made.show(picture(9))) == []
