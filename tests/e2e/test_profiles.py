"""Each latency profile, as players see it: the watch page, hls.js, ffmpeg, the rules; and over a dead worker."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast

import av
import numpy as np
import pytest

from fixtures import players
from fixtures.barcode import read_strip
from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for
from fixtures.shown import RATE, offset
from relay.model import Latency, LatencyProfile, StreamFormat
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser, Tab
    from fixtures.shown import Place

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(180)]

WIDTH, HEIGHT = 640, 360
DURATION_S: Final = 6.0
OFF_BY: Final = 2.5
"""In frames: how far a counter may be from its place, where the pattern was drawn late on a busy machine."""


@pytest.fixture(scope="module", params=list(LatencyProfile), ids=str)
def profile(request: pytest.FixtureRequest) -> LatencyProfile:
    return cast("LatencyProfile", request.param)


@pytest.fixture(scope="module")
def grid(profile: LatencyProfile) -> Grid:
    return Grid.of(StreamFormat(WIDTH, HEIGHT, Fraction(RATE), True, Latency.LAN, latency_profile=profile))


@pytest.fixture(scope="module")
def relay(profile: LatencyProfile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    folder: Path = tmp_path_factory.mktemp(f"profile-{profile}")
    settings = f'latency_profile = "{profile}"'
    with Relay.with_settings(f"test:?size={WIDTH}x{HEIGHT}&rate={RATE}", folder, settings) as relay:
        relay.wait_until("live")
        relay.wait_until_listed(4)  # as much as players without parts want
        yield relay


def test_the_watch_page(tab: Tab) -> None:
    tab.note_frames()
    before = tab.player()
    tab.pump(DURATION_S)
    after = tab.player()
    frames = tab.frames()
    assert (after["stalls"], after["rebuilds"]) == (before["stalls"], 0)
    assert (tab.failed, tab.complaints, after["error"]) == ([], [], None)
    assert after["currentTime"] - before["currentTime"] > 0.8 * DURATION_S
    assert len(frames) > DURATION_S * RATE / 4
    check_that_each_is_in_its_place([frame.place for frame in frames])


def test_hls_js_without_low_latency(browser: Browser, relay: Relay) -> None:
    players.hls_js(browser, relay.playlist, DURATION_S).check_in_page(DURATION_S, share=0.5)


@pytest.mark.parametrize("playlist", ["index.m3u8", "ts.m3u8"])
def test_ffmpeg_shows_every_frame_at_its_time(relay: Relay, playlist: str) -> None:
    places: list[Place] = []
    with av.open(f"{relay.origin}/live/{relay.stream}/{playlist}", timeout=30.0) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            assert not frame.is_corrupt
            strip = read_strip(frame.to_ndarray()[: frame.height].astype(np.uint8), source_size=(WIDTH, HEIGHT))
            if strip is not None:  # a slow start begins with the slate
                places.append((frame.time, strip[1]))
            if len(places) > DURATION_S * RATE:
                break
    steps_s = [after[0] - before[0] for before, after in pairwise(places)]
    assert min(steps_s) == pytest.approx(1 / RATE, abs=0.001)
    assert max(steps_s) == pytest.approx(1 / RATE, abs=0.001)
    check_that_each_is_in_its_place(places)


def test_ffmpeg_has_nothing_to_say(relay: Relay) -> None:
    playback = players.ffmpeg(relay.playlist, DURATION_S)
    assert playback.errors == []
    assert playback.shown > 0.9 * RATE * DURATION_S
    assert playback.dropped == 0


def test_the_rules_and_a_worker_that_dies(relay: Relay, grid: Grid, profile: LatencyProfile) -> None:
    with Inspector(relay.playlist, grid) as inspector:
        video = inspector.renditions["video"]
        wait_for(lambda: len(video.segments) >= 5, 30, "segments")
        relay.worker().kill()
        last = max(video.segments)
        wait_for(lambda: max(video.segments) >= last + 4, 40, "segments of the next worker")
    assert inspector.complaints() == []
    assert video.newest.is_low_latency == (profile is not LatencyProfile.QUALITY)
    assert video.discontinuities() == []
    assert video.msns() == list(range(video.msns()[0], video.msns()[-1] + 1))
    (init,) = video.inits.values()
    media = io.BytesIO(init + b"".join(video.segments[msn] for msn in video.msns()))
    with av.open(media, "r") as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    first, end = grid.first_slot(video.msns()[0]), grid.first_slot(video.msns()[-1] + 1)
    assert shown == [grid.tfdt(slot) for slot in range(first, end)]


def check_that_each_is_in_its_place(places: list[Place]) -> None:
    assert [place for place in places if abs(offset(places[0], place)) > OFF_BY] == []
