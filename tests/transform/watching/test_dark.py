"""Black is told when nothing is to be seen for long enough, whatever noise there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from fixtures.scenes import Scene, Trouble
from fixtures.scoring import spans
from fixtures.watching import flat, of, open_watcher, told, watch
from relay.errors import TransformError

SCENE: Final = Scene(12, width=320, height=180, rate=10, troubles=(Trouble("black", (3.0, 8.0)),))


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_black_begins_and_ends(noise: float) -> None:
    events = watch("black", of(replace(SCENE, noise=noise)))
    assert spans(events, "black", 12) == [(pytest.approx(3, abs=0.2), pytest.approx(8, abs=0.2))]
    begin, end = told(events, "black")
    assert begin.keys() == end.keys() == {"phase", "lasted_s", "ago_s", "dark", "luma"}
    assert begin["dark"] > 0.98 > end["dark"]
    assert begin["luma"] < 25 < end["luma"]


def test_the_dark_is_not_black() -> None:
    assert watch("black", of(replace(SCENE, troubles=(), light=lambda _: 0.3))) == []


def test_a_moment_of_black_is_told_only_where_it_need_not_be_long() -> None:
    blink = replace(SCENE, troubles=(Trouble("black", (3.0, 4.0)),))
    assert watch("black", of(blink)) == []
    assert len(watch("black min_duration_s=0.5", of(blink))) == 2


def test_level_and_area_say_what_is_black() -> None:
    assert watch("black", flat([40] * 40)) == []
    assert len(watch("black level=40", flat([40] * 40))) == 1
    half = list(flat([16] * 40))
    for picture in half:
        picture.i420[:24] = 200
    assert watch("black", half) == []
    assert len(watch("black area=0.5", half)) == 1
    with pytest.raises(TransformError, match=r"level='8': input should be greater than or equal to 16"):
        open_watcher("black level=8")


def test_a_text_in_a_corner_does_not_hide_it() -> None:
    pictures = list(flat([16] * 40, width=320, height=180))
    for picture in pictures:
        picture.i420[8:18, 8:88] = 235
    assert len(watch("black", pictures)) == 1
