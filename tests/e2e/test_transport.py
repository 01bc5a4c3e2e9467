"""The stream as MPEG-TS: every player of the fMP4 one plays it, and it is a session like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures import players
from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.players import Playback

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(180)]

DURATION_S = 8.0


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay("test:", folder) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def playlist(relay: Relay) -> str:
    """Its address, once there is as much as players without low latency want to have behind them."""
    relay.wait_until_listed(5, name="ts")
    return f"{relay.origin}/live/{relay.stream}/ts.m3u8"


@pytest.fixture(scope="module")
def playbacks(playlist: str) -> dict[str, Playback]:
    """All of them at once, while an inspector reads along."""
    with Inspector(playlist) as inspector:
        done = players.side_by_side(playlist, DURATION_S)
    assert inspector.complaints() == []
    assert len(inspector.video.segments) >= 7
    return done


@pytest.mark.parametrize("name", players.PROGRAMS)
def test_plays(playbacks: dict[str, Playback], name: str) -> None:
    playbacks[name].check(DURATION_S)


def test_hls_js(browser: Browser, playlist: str) -> None:
    players.hls_js(browser, playlist, DURATION_S).check_in_page(DURATION_S)


def test_who_watches_it_is_a_viewer(relay: Relay, playlist: str) -> None:
    before = relay.status()["viewers"]
    players.ffmpeg(playlist, 2.0)
    wait_for(lambda: relay.status()["viewers"] > before, 5, "one viewer more")


def test_a_worker_that_is_killed_is_no_seam(relay: Relay, playlist: str) -> None:
    with Inspector(playlist) as inspector:
        wait_for(lambda: inspector.video.segments, 10, "segments")
        relay.worker().kill()
        last_msn = inspector.video.newest.last_msn
        wait_for(lambda: inspector.video.newest.last_msn >= last_msn + 4, 30, "segments of the new worker")
    assert inspector.complaints() == []
    assert inspector.video.discontinuities() == []
