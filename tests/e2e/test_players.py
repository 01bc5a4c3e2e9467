"""The players that people have: each plays the camera's stream, and complains of nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fixtures import players
from fixtures.inspector import Inspector
from fixtures.processes import wait_for

if TYPE_CHECKING:
    from fixtures.browser import Browser
    from fixtures.players import Playback
    from fixtures.processes import Relay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

DURATION_S = 8.0
RATE = 30
PROGRAMS = [players.ffmpeg, players.mpv, players.vlc, players.gstreamer]


@pytest.fixture(scope="module")
def playbacks(relay: Relay) -> dict[str, Playback]:
    """All of them at once, while an inspector reads along."""
    # Players without low latency begin three segments back, and GStreamer wants to find itself again in the next one.
    wait_for(
        lambda: relay.get(f"/live/cam/video-{relay.status()['generation']}/index.m3u8").count(b"#EXTINF") >= 5,
        20,
        "segments",
    )
    with Inspector(relay.playlist) as inspector, ThreadPoolExecutor(len(PROGRAMS)) as pool:
        running = {play.__name__: pool.submit(play, relay.playlist, DURATION_S) for play in PROGRAMS}
        done = {name: future.result() for name, future in running.items()}
    assert inspector.faults() == []
    return done


@pytest.mark.parametrize("name", [play.__name__ for play in PROGRAMS])
def test_plays(playbacks: dict[str, Playback], name: str) -> None:
    playback = playbacks[name]
    assert playback.errors == []
    assert playback.shown > 0.8 * RATE * DURATION_S, playback.output[-3000:]
    assert playback.dropped <= 0.05 * RATE * DURATION_S


@pytest.mark.all
def test_chromiums_own_player(browser: Browser, relay: Relay) -> None:
    playback = players.chromium_native(browser, relay.playlist, DURATION_S)
    assert playback.errors == []
    assert playback.shown > 0.6 * RATE * DURATION_S
    assert float(playback.output.split()[-1]) > DURATION_S / 2
