"""Motion is found, when and where it is, through noise, changes of light and rain; and nothing else is taken for it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from fixtures.scenes import BEGAN_NS, GREY, Lamp, Mover, Scene
from fixtures.scoring import by_episodes, by_frames, spans
from fixtures.watching import flat, later, of, open_watcher, told, watch
from relay.errors import TransformError
from relay.timeline import NS_PER_S
from relay.transform import Frame

ENOUGH: Final = 0.95


TUNED_ON: Final = 3
"""One of the seeds by which thresholds were found."""
OTHERS: Final = 1000
"""From here on are seeds that were not looked at for that: each scene has its own."""


def crossing(begin_s: float, seconds: float, y: float = 0.6, **of_it: Any) -> Mover:
    return Mover(begin_s, begin_s + seconds, (-0.04, y), (1.04, y - 0.1), **of_it)


def returning(begin_s: float, seconds: float, y: float = 0.5, **of_it: Any) -> Mover:
    return Mover(begin_s, begin_s + seconds, (1.04, y), (-0.04, y + 0.1), **of_it)


VISITS: Final = (crossing(3, 4.5), returning(12, 4, luma=170), crossing(21, 3, y=0.8, size=(0.12, 0.15)))
QUIET: Final = Scene(26.5, VISITS, rate=10)


def dusk(time_s: float) -> float:
    """To two fifths within the whole scene."""
    return 1 - 0.6 * time_s / QUIET.seconds


def switched(time_s: float) -> float:
    """A lamp that lights everything alike, on and off; once while somebody is there, twice while nobody is."""
    return 1.5 if 9.7 <= time_s < 14 or time_s >= 18.5 else 1.0


def flicker(time_s: float) -> float:
    """A tube on the mains, as a camera of another rate sees it."""
    return 1 + 0.06 * math.sin(2 * math.pi * 1.7 * time_s)


def automatic(time_s: float) -> float:
    """A camera that closes its iris within half a second when somebody comes, and opens it as fast."""
    there = sum(
        min(1.0, max(0.0, time_s - visit.begin_s) * 2, max(0.0, visit.end_s + 0.5 - time_s) * 2)
        for visit in VISITS
        if visit.begin_s <= time_s < visit.end_s + 0.5
    )
    return 1 - 0.25 * there


LAMP: Final = Lamp((9.7, 18.5))
SCENES: Final[dict[str, Scene]] = {
    "a little noise": QUIET,
    "much noise": replace(QUIET, noise=8.0),
    "dusk": replace(QUIET, light=dusk),
    "dark, and noise": replace(QUIET, light=lambda _: 0.3, noise=5.0),
    "a light that is switched": replace(QUIET, light=switched),
    "a lamp in a corner": replace(QUIET, lamps=(LAMP,)),
    "a tube that flickers": replace(QUIET, light=flicker),
    "automatic exposure": replace(QUIET, light=automatic),
    "rain": replace(QUIET, rain=150),
    "heavy rain and noise": replace(QUIET, rain=400, noise=5.0),
    "rain, dusk and a lamp": replace(QUIET, rain=150, light=dusk, lamps=(LAMP,)),
    "hurry": replace(QUIET, rate=15, seconds=14, movers=tuple(crossing(begin_s, 1.6) for begin_s in (3, 9))),
    "leisure": replace(QUIET, movers=(Mover(4, 22, (0.3, 0.5), (0.7, 0.55)),)),
    "far away": replace(QUIET, movers=tuple(replace(visit, size=(0.035, 0.12), luma=190) for visit in VISITS)),
    "little contrast": replace(QUIET, movers=tuple(replace(visit, luma=115, stripes=30) for visit in VISITS)),
    "two at once": replace(QUIET, movers=(crossing(3, 8), returning(5, 8, y=0.3), crossing(17, 5))),
    "full high definition": replace(
        QUIET, seconds=8, movers=(crossing(2, 3.5),), width=1920, height=1080, rate=5, rain=150
    ),
}
NOBODY: Final[dict[str, Scene]] = {
    "noise": replace(QUIET, noise=8.0),
    "light": replace(QUIET, light=switched),
    "lamps": replace(QUIET, lamps=(Lamp((8.0, 16.0)), Lamp((12.0, 20.0), (0.2, 0.8), 0.3, 2.2))),
    "rain at dusk": replace(QUIET, rain=400, light=dusk, noise=5.0),
    "flashes in rain": replace(QUIET, light=lambda time_s: 0.2 if int(time_s) % 7 == 3 else 1.0, rain=100),
}


UNSEEN: Final = [pytest.param(name, OTHERS + number, id=name) for number, name in enumerate(SCENES)]
TUNED: Final = [pytest.param(name, TUNED_ON, id=f"{name}, tuned on", marks=pytest.mark.all) for name in SCENES]


@pytest.mark.parametrize(("name", "seed"), UNSEEN + TUNED)
def test_motion_is_found_through_noise_light_and_rain(name: str, seed: int) -> None:
    scene = replace(SCENES[name], seed=seed)
    events = watch("motion", of(scene))
    told, true = spans(events, "motion", scene.seconds), scene.truth()
    frames = by_frames(told, true, scene.seconds, scene.rate)
    episodes = by_episodes(told, true, within_s=2.0)
    assert min(frames.precision, frames.recall) >= ENOUGH, (frames, told, true)
    assert min(episodes.precision, episodes.recall) >= ENOUGH, (episodes, told, true)


@pytest.mark.parametrize(("number", "name"), list(enumerate(NOBODY)), ids=NOBODY)
def test_where_nobody_is_nothing_is_told(number: int, name: str) -> None:
    events = watch("motion", of(replace(NOBODY[name], movers=(), seed=OTHERS + number)))
    assert told(events, "motion") == []


# What events say. These scenes are small, and what is to be seen in them is plain.

SMALL: Final = Scene(10, (crossing(3, 4),), width=320, height=180, rate=10)


def test_begin_and_end_say_where_it_was_and_for_how_long() -> None:
    events = watch("motion min_duration_s=0.5 cooldown_s=1", of(SMALL))
    begin, end = told(events, "motion")
    assert begin.keys() == end.keys() == {"phase", "zone", "score", "box", "lasted_s", "ago_s"}
    assert (begin["phase"], end["phase"]) == ("begin", "end")
    assert begin["zone"] == end["zone"] == "picture"
    assert (begin["lasted_s"], begin["ago_s"]) == (pytest.approx(0.5, abs=0.15), 0)
    assert (end["lasted_s"], end["ago_s"]) == (pytest.approx(3.9, abs=0.4), pytest.approx(1.0, abs=0.15))
    x0, _, x1, _ = begin["box"]
    assert x0 < 0.05
    assert x1 < 0.35
    assert end["box"] == pytest.approx([0, 0.37, 1, 0.73], abs=0.08)
    assert 0.005 < begin["score"] <= end["score"] < 0.05


def test_activity_is_told_every_second_as_the_share_that_moves() -> None:
    events = [event for event in watch("motion", of(SMALL)) if event.kind == "activity"]
    first = BEGAN_NS // NS_PER_S
    assert [event.data["second"] for event in events] == list(range(first, first + 9))
    assert [event.time_ns for event in events] == [(first + n) * NS_PER_S for n in range(1, 10)]
    scores = [event.data["scores"]["picture"] for event in events]
    assert all(score == 0 for score in (*scores[:3], *scores[8:]))
    assert all(0.005 < score < 0.04 for score in scores[4:6])


def test_zones_tell_each_for_itself() -> None:
    zones = {"left": "0,0 0.4,0 0.4,1 0,1", "right": "0.6,0 1,0 1,1 0.6,1", "above": "0,0 1,0 1,0.2 0,0.2"}
    events = watch({"name": "motion", "zones": zones, "cooldown_s": 0.5}, of(SMALL))
    (left,), (right,) = (spans(events, "motion", 10, zone=zone) for zone in ("left", "right"))
    assert left == (pytest.approx(3.1, abs=0.3), pytest.approx(4.7, abs=0.4))
    assert right == (pytest.approx(5.3, abs=0.4), pytest.approx(6.9, abs=0.3))
    assert told(events, "motion", zone="above") == []
    assert all(data["box"][2] <= 0.42 for data in told(events, "motion", zone="left"))
    scores = [event.data["scores"] for event in events if event.kind == "activity"]
    assert all(score.keys() == zones.keys() for score in scores)
    assert max(score["left"] for score in scores) > 0.02
    assert max(score["above"] for score in scores) == 0


def test_zones_of_a_command_line_are_those_of_a_file() -> None:
    written = open_watcher('motion "zones=door: 0,0 0.4,0 0.4,1; the gate: 0.6,0 1,0 1,1;" "exclude=0,0 1,0 1,0.1"')
    table = {"door": "0,0 0.4,0 0.4,1", "the gate": "0.6,0 1,0 1,1"}
    filed = open_watcher({"name": "motion", "zones": table, "exclude": ["0,0 1,0 1,0.1"]})
    assert written.model_dump() == filed.model_dump()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('motion "zones=0,0 1,0 1,1"', 'zones are written "NAME: x,y x,y x,y", with a semicolon between two'),
        ('motion "zones=a: 0,0 1,0 1,1; a: 0,0 1,0 1,1"', "there are two zones 'a'"),
        ('motion "zones=: 0,0 1,0 1,1"', "a zone's name is 1 to 40 characters, not ''"),
        ({"name": "motion", "zones": {str(n): "0,0 1,0 1,1" for n in range(17)}}, "there are 17 zones; at most 16"),
        ("motion sensitivity=2", "sensitivity='2': input should be less than or equal to 1"),
        ("motion min_area=0", "min_area='0': input should be greater than 0"),
        ("motion cooldown_s=nan", "cooldown_s='nan': input should be a finite number"),
    ],
)
def test_what_is_wrong_is_said(settings: Any, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        open_watcher(settings)
    assert message in str(caught.value)


def test_a_zone_of_which_nothing_is_left_is_refused() -> None:
    settings = {"name": "motion", "zones": {"door": "0.1,0.1 0.2,0.1 0.2,0.2"}, "exclude": "0,0 1,0 1,1 0,1"}
    with pytest.raises(TransformError, match="nothing is left of zone 'door'"):
        watch(settings, of(SMALL))


def test_what_is_excluded_does_not_count() -> None:
    assert told(watch('motion "exclude=0,0.3 1,0.3 1,1 0,1"', of(SMALL)), "motion") == []


def test_who_stands_still_does_not_move_and_neither_does_the_place_that_he_left() -> None:
    parks = Mover(3, 19, (-0.1, 0.6), (1.1, 0.6), size=(0.2, 0.2), stands=(6, 16))
    events = watch("motion cooldown_s=1", of(replace(SMALL, seconds=24, movers=(parks,))))
    assert [round(span[0]) for span in spans(events, "motion", 24)] == [3, 16]
    assert [span[1] for span in spans(events, "motion", 24)] == [pytest.approx(6, abs=0.6), pytest.approx(19, abs=0.4)]


@pytest.mark.parametrize(("sensitivity", "is_found"), [(0, False), (0.5, True), (1, True)])
def test_sensitivity_is_how_little_something_may_differ(sensitivity: float, is_found: bool) -> None:
    grey = replace(SMALL, noise=1.0, contrast=0, movers=(crossing(3, 4, size=(0.2, 0.4), luma=GREY + 12, stripes=0),))
    assert bool(told(watch(f"motion sensitivity={sensitivity}", of(grey)), "motion")) is is_found


@pytest.mark.parametrize(("min_area", "is_found"), [(0.001, True), (0.03, False)])
def test_what_is_smaller_than_the_least_area_is_nothing(min_area: float, is_found: bool) -> None:
    assert bool(told(watch(f"motion min_area={min_area}", of(SMALL)), "motion")) is is_found


def test_a_short_motion_is_told_only_where_it_need_not_be_long() -> None:
    assert told(watch("motion min_duration_s=5", of(SMALL)), "motion") == []
    assert len(told(watch("motion min_duration_s=0 cooldown_s=1", of(SMALL)), "motion")) == 2


def test_a_cooldown_joins_what_follows_closely() -> None:
    twice = replace(SMALL, seconds=14, movers=(crossing(3, 2), crossing(7, 2)))
    assert len(spans(watch("motion cooldown_s=1", of(twice)), "motion", 14)) == 2
    assert len(spans(watch("motion cooldown_s=4", of(twice)), "motion", 14)) == 1


def test_a_chain_that_lets_it_rest_hears_the_same() -> None:
    scene = replace(SMALL, rate=30)
    every, third = (spans(watch("motion", list(of(scene))[::n]), "motion", 10) for n in (1, 3))
    assert len(every) == len(third) == 1
    assert every[0] == pytest.approx(third[0], abs=0.25)


def test_what_is_different_after_a_hole_has_not_moved() -> None:
    empty = replace(SMALL, movers=(), seconds=5)
    night = later(of(replace(empty, movers=(Mover(0, 9, (0.5, 0.5), (0.5, 0.5)),))), 3600, lambda luma: luma // 2 + 8)
    assert told(watch("motion", [*of(empty), *night]), "motion") == []


def test_a_hole_ends_what_lasts() -> None:
    (begin, end) = told(watch("motion", [*list(of(SMALL))[:50], *later(of(replace(SMALL, movers=())), 60)]), "motion")
    assert (begin["phase"], end["phase"]) == ("begin", "end")
    assert end["lasted_s"] == pytest.approx(1.8, abs=0.2)
    assert end["ago_s"] > 30


def test_a_camera_that_comes_back_in_another_size_ends_what_it_began() -> None:
    large = replace(SMALL, width=640, height=360, movers=())
    (begin, end) = told(watch("motion", [*list(of(SMALL))[:50], *later(of(large), 5)]), "motion")
    assert (begin["phase"], end["phase"]) == ("begin", "end")
    assert end["box"][0] == begin["box"][0]
    assert end["box"][2] > begin["box"][2]


def test_boxes_are_drawn_around_what_moves_where_that_is_asked_for() -> None:
    watcher = open_watcher("motion draw=true")
    was_drawn = False
    for shot in SMALL.shots():
        before = shot.picture.i420.copy()
        frame = Frame(shot.picture)
        watcher.apply(frame)
        rows, columns = np.nonzero(frame.picture().i420[:180] != before[:180])
        if not shot.boxes:
            continue
        if len(rows):
            was_drawn = True
            (x0, y0, x1, y1) = shot.boxes[0]
            found = columns.min() / 320, rows.min() / 180, (columns.max() + 1) / 320, (rows.max() + 1) / 180
            assert found == pytest.approx((x0, y0, x1, y1), abs=0.12)
            assert (frame.y[rows, columns] == 145).all()
    assert was_drawn


@pytest.mark.parametrize(("width", "height"), [(2, 2), (16, 400), (400, 8), (322, 182)])
def test_any_size_will_do(width: int, height: int) -> None:
    pictures = flat((40 + 160 * (n // 10 % 2) for n in range(40)), width=width, height=height)
    assert len(told(watch("motion", pictures), "activity")) == 3
