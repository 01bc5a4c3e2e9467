"""Players of other people on a live ladder: forced to change, sent back, and to live again, for half a minute.

What was seen of each is in docs/players.md.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

import pytest

from fixtures import players, programs
from fixtures.processes import Relay, wait_for
from fixtures.shown import LADDER, RATE, freezes_s, median_lips_ms, missing, switches, wrong_steps
from fixtures.web_players import Pages, WebPlayer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.shown import Shown

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(240)]

SETTINGS: Final = f"segments_listed = 15\n{LADDER}"
SLOWEST_RATE: Final = 15
"""Of the lowest rung, which is one side of each change."""
WATCHED_S: Final = 20.0
LEAST_LISTED: Final = 12
"""Segments: what a player is sent back by must lie in the window."""
SEGMENT_MS: Final = 2000
BACK_S: Final = 10.0
LIPS_MS: Final = 80.0
"""What passes unnoticed (ITU-R BT.1359: 45 ms early to 125 ms late); the page's ear itself takes some 35."""
MOST_DROPPED: Final = 0.05
OF_ITS_OWN: Final = {"networkError levelLoadTimeOut", "networkError audioTrackLoadTimeOut"}
"""hls.js without low latency waits 0.8 of a segment for a playlist that is to have the next one, then asks again."""
WEB_PLAYERS: Final = [
    pytest.param("hls", True, id="hls.js, low latency"),
    pytest.param("hls", False, id="hls.js"),
    pytest.param("shaka", True, id="Shaka, low latency"),
    pytest.param("shaka", False, id="Shaka"),
    pytest.param("videojs", False, id="video.js, llhls false"),
]


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay.with_settings("test:", folder, SETTINGS) as relay:
        relay.wait_until("live")
        listed = f"/live/cam/video-{relay.status()['generation']}/index.m3u8"
        wait_for(lambda: relay.get(listed).count(b"#EXTINF") >= LEAST_LISTED, 60, "segments")
        yield relay


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with Pages() as pages:
        yield pages


@pytest.mark.parametrize(("page", "low_latency"), WEB_PLAYERS)
def test_a_web_player(browser: Browser, pages: Pages, relay: Relay, page: str, low_latency: bool) -> None:
    player = WebPlayer(browser.open(pages.url(page, relay.playlist, low_latency=low_latency)))
    try:
        player.wait_until_playing()
        assert player.levels() == [240, 480, 720]
        change_levels(player, low_latency=low_latency)
        go_back_and_return(player)
        check_it_is_well(player)
    finally:
        browser.close(player.tab)


def change_levels(player: WebPlayer, *, low_latency: bool) -> None:
    """Up, down and up again: every frame goes on, and the sound with it.

    In low latency hls.js and Shaka change after any part, and show nothing up to the next key frame (docs/players.md).
    """
    player.choose(720)
    player.pump(4)
    player.frames(), player.beeps_ms()
    player.choose(240)
    player.pump(5)
    player.choose(720)
    player.pump(5)
    frames = player.frames()
    assert [(before.height, after.height) for before, after in switches(frames)] == [(720, 240), (240, 720)]
    if low_latency:
        check_it_waits_for_key_frames(frames)
    else:
        check_nothing_is_missing(frames)
    assert abs(median_lips_ms(frames, player.beeps_ms())) < LIPS_MS


def go_back_and_return(player: WebPlayer) -> None:
    """What was already shown is shown again; then what is new, from where it is live."""
    newest = player.now_shown()
    player.seek_back(BACK_S)
    player.pump(5)
    frames = player.frames()
    behind_s = (newest.unix_ms - frames[0].unix_ms) / 1000 if newest.unix_ms and frames[0].unix_ms else 0.0
    assert behind_s == pytest.approx(BACK_S, abs=1.5)
    check_nothing_is_missing(frames)
    assert abs(median_lips_ms(frames, player.beeps_ms())) < LIPS_MS
    player.to_live()
    player.pump(5)
    frames = player.frames()
    assert frames[0].media_s > newest.media_s
    check_nothing_is_missing(frames)


def check_nothing_is_missing(frames: list[Shown]) -> None:
    assert [pair for pair in switches(frames) if missing(*pair) > 1] == []
    assert freezes_s(frames) == []


def check_it_waits_for_key_frames(frames: list[Shown]) -> None:
    """What is missing at a change is the rest of a segment at most, and at no other place."""
    for before, after in switches(frames):
        assert missing(before, after) <= 1 or (after.unix_ms or 0) % SEGMENT_MS < 2 * 1000 / RATE, (before, after)
        assert missing(before, after) < SLOWEST_RATE * SEGMENT_MS / 1000
    for _, run in groupby(frames, lambda one: one.height):
        assert freezes_s(list(run)) == []


def check_it_is_well(player: WebPlayer) -> None:
    state = player.state()
    errors = [error for error in state["errors"] if error not in OF_ITS_OWN]
    assert (state["stalls"], errors, player.tab.failed, player.tab.complaints) == (0, [], [], [])
    assert state["dropped"] <= MOST_DROPPED * state["shown"], state


def test_chromiums_own_player(browser: Browser, pages: Pages, relay: Relay) -> None:
    """It chooses its level itself, and says of a live stream that there is nowhere to seek to."""
    player = WebPlayer(browser.open(pages.url("native", relay.playlist)))
    try:
        player.wait_until_playing()
        player.frames(), player.beeps_ms()
        player.pump(WATCHED_S)
        frames = player.frames()
        check_nothing_is_missing(frames)
        assert frames[-1].media_s - frames[0].media_s > 0.9 * WATCHED_S
        assert abs(median_lips_ms(frames, player.beeps_ms())) < LIPS_MS
        check_it_is_well(player)
    finally:
        browser.close(player.tab)


@pytest.mark.usefixtures("judged")
def test_gstreamer(relay: Relay, tmp_path: Path) -> None:
    plan = ["6=rate:700000", "14=rate:50000000", "29=back:10", "35=live", "41=end"]
    watched = programs.gstreamer(relay.playlist, tmp_path, plan)
    assert watched.errors == []
    first, back, live = watched.stretches
    assert [(before.height, after.height) for before, after in switches(first)] == [(720, 240), (240, 720)]
    for frames in watched.stretches:
        check_nothing_is_missing(frames)
    assert first[-1].media_s - back[0].media_s == pytest.approx(BACK_S, abs=1.5)
    assert live[0].media_s > first[-1].media_s
    assert abs(median_lips_ms(first, watched.beeps_ms)) < LIPS_MS


@pytest.mark.parametrize("play", [programs.ffmpeg, programs.mpv], ids=lambda play: play.__name__)
def test_players_of_one_rung(relay: Relay, play: Callable[[str, float], list[tuple[float, int]]]) -> None:
    """What they complain of is looked at in test_watching.py."""
    frames = play(relay.playlist, WATCHED_S)
    assert wrong_steps(frames) == []
    assert len(frames) > 0.95 * WATCHED_S * RATE


@pytest.mark.parametrize(("quality", "height", "step"), [("best", 720, 1), ("240p", 240, 2)])
def test_streamlink(relay: Relay, tmp_path: Path, quality: str, height: int, step: int) -> None:
    """What it hands on to a player is whole, picture and sound."""
    watched = programs.streamlink(relay.playlist, tmp_path / "recording.mkv", quality, WATCHED_S)
    assert watched.errors == []
    assert {frame.height for frame in watched.frames} == {height}
    assert len(watched.frames) > 0.9 * WATCHED_S * RATE / step
    assert (
        wrong_steps([(one.media_s, one.counter) for one in watched.frames if one.counter is not None], RATE // step)
        == []
    )
    assert abs(median_lips_ms(watched.frames, watched.beeps_ms)) < LIPS_MS


def test_vlc(relay: Relay) -> None:
    players.vlc(relay.playlist, WATCHED_S).check(WATCHED_S)
