"""What all watchers keep: the picture, the pace, the memory, and their place in a chain."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from fixtures.scenes import BEGAN_NS, Mover, Scene
from fixtures.watching import of, open_watcher
from relay.timeline import NS_PER_S
from relay.transform import Frame, Pool
from relay.transform.registry import BUILT_IN
from relay.transform.watching.small import FLAT, Halved, Sampled, likeness
from relay.transform.watching.watcher import Every

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHOUT_MODELS: Final = ("black", "covered", "frozen", "motion", "moved", "scene-change")
SCENE: Final = Scene(4, (Mover(1, 4, (-0.1, 0.5), (1.1, 0.5)),), rain=50, width=640, height=360, rate=30)


def test_all_are_registered_as_watching() -> None:
    names = {name for name, place in BUILT_IN.items() if ".watching." in place}
    assert names == {*WITHOUT_MODELS, "watch-faces", "watch-objects"}
    for name in WITHOUT_MODELS:
        watcher = open_watcher(name)
        assert (watcher.name, watcher.group, watcher.wants) == (name, "watching", "planes")
        assert (watcher.may_rest, watcher.on_failure, watcher.is_private) == (True, "skip", False)


@pytest.mark.parametrize("name", WITHOUT_MODELS)
def test_no_buffer_is_allocated_once_warm(name: str) -> None:
    watcher, pool, peaks = open_watcher(name), Pool(), []
    pictures = list(of(SCENE))
    for n, picture in enumerate(pictures):
        if n == len(pictures) // 2:
            tracemalloc.start()
        frame = Frame(picture, pool)
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            watcher.apply(frame)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        else:
            watcher.apply(frame)
    tracemalloc.stop()
    # What lives at once in a frame: views, strings, arrays of some hundred cells. A picture of 320 by 180 has 57600.
    assert max(peaks) < 8192


@pytest.mark.parametrize("name", WITHOUT_MODELS)
def test_what_it_saw_before_it_was_opened_again_is_forgotten(name: str) -> None:
    watcher, frame = open_watcher(name), Frame(next(of(SCENE)))
    for picture in of(replace(SCENE, seconds=1)):
        watcher.apply(Frame(picture))
    watcher.close()
    watcher.open()
    watcher.apply(frame)
    assert frame.events == []


@pytest.mark.parametrize(
    ("period_s", "times", "due"),
    [
        (1.0, (0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4), (0, 1.2, 2.0)),
        (0.5, (0, 1, 2, 3), (0, 1, 2, 3)),
        (1.0, (0, 0.5, 60, 60.5, 61), (0, 60, 61)),
        (1.0, (100, 100.5, 20, 20.5, 21), (100, 20, 21)),
    ],
)
def test_every_keeps_its_pace(period_s: float, times: Sequence[float], due: Sequence[float]) -> None:
    every = Every(period_s)
    assert [time_s for time_s in times if every.is_due(BEGAN_NS + round(time_s * NS_PER_S))] == list(due)


@pytest.mark.parametrize(
    ("size", "longest", "small"),
    [
        ((720, 1280), 320, (180, 320)),
        ((1080, 1920), 320, (135, 240)),
        ((180, 320), 320, (180, 320)),
        ((482, 642), 320, (120, 160)),
        ((1280, 720), 320, (320, 180)),
        ((2, 2), 320, (2, 2)),
        ((6, 4000), 320, (3, 2000)),
    ],
)
def test_a_picture_is_halved_until_it_is_small_enough(
    size: tuple[int, int], longest: int, small: tuple[int, int]
) -> None:
    halved = Halved(longest)
    plane = np.full(size, 77, np.uint8)
    plane[: size[0] // 2] = 177
    found = halved.of(plane)
    assert found.shape == small
    assert abs(float(found.mean()) - float(plane.mean())) < 1
    assert halved.of(plane) is found or found is plane


def test_halving_takes_the_mean_and_sampling_does_not() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (480, 640), np.uint8)
    assert Halved(160).of(noise).std() < 25
    assert Sampled(160).of(noise).std() > 65
    assert Sampled(160).of(noise).shape == (120, 160)


def test_likeness_is_of_what_is_seen_and_not_of_light() -> None:
    rng = np.random.default_rng(4)
    one, other = (rng.integers(60, 120, (45, 80), np.uint8) for _ in range(2))
    grey = np.full((45, 80), 90, np.uint8)
    assert likeness(one, one) == pytest.approx(1)
    assert likeness(one, one * 2) == pytest.approx(1, abs=0.01)
    assert abs(likeness(one, other)) < 0.1
    assert (likeness(one, grey), likeness(grey, one), likeness(grey, grey + 90)) == (0, 0, 1)
    assert one.std() > FLAT
