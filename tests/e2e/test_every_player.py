"""Players of other people on a live ladder: forced to change, sent back, and to live again, for half a minute.

What was seen of each is in docs/players.md.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

import pytest

from fixtures import players, programs
from fixtures.inspector import Inspector
from fixtures.mpv_player import Mpv
from fixtures.processes import Relay, wait_for
from fixtures.shown import LADDER, RATE, freezes_s, in_media_time, median_lips_ms, missing, switches, wrong_steps
from fixtures.web_players import WEB_PLAYERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.shown import Shown
    from fixtures.web_players import Pages, WebPlayer

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(240)]

SETTINGS: Final = f"segments_listed = 15\n{LADDER}"
WATCHED_S: Final = 20.0
LEAST_LISTED: Final = 12
"""Segments: what a player is sent back by must lie in the window."""
SEGMENT_MS: Final = 2000
BACK_S: Final = 10.0
LIPS_MS: Final = 80.0
"""What passes unnoticed (ITU-R BT.1359: 45 ms early to 125 ms late); the page's ear itself takes some 35."""
PACE_S: Final = 1.0
"""Who reads along with all of them must not take from them what they need."""
MOST_DROPPED: Final = 0.05


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay.with_settings("test:", folder, SETTINGS) as relay:
        relay.wait_until("live")
        relay.wait_until_listed(LEAST_LISTED, within_s=60)
        yield relay


@pytest.fixture(scope="module", autouse=True)
def along(relay: Relay) -> Iterator[Inspector]:
    """Reads along, whoever plays."""
    with Inspector(relay.playlist, pace_s=PACE_S) as inspector:
        yield inspector


@pytest.mark.parametrize(("page", "low_latency"), WEB_PLAYERS)
def test_a_web_player(browser: Browser, pages: Pages, relay: Relay, page: str, low_latency: bool) -> None:
    with pages.player(browser, page, relay.playlist, low_latency=low_latency) as player:
        player.wait_until_playing()
        assert player.levels() == [240, 480, 720]
        change_levels(player)
        go_back_and_return(player)
        check_it_is_well(player)


def change_levels(player: WebPlayer) -> None:
    """Up, down and up again: every frame goes on, and the sound with it.

    In low latency hls.js and Shaka are made to change where a segment begins (docs/players.md).
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


def check_it_is_well(player: WebPlayer) -> None:
    state = player.state()
    assert (state["stalls"], player.complaints()) == (0, [])
    assert state["dropped"] <= MOST_DROPPED * state["shown"], state


def test_chromiums_own_player(browser: Browser, pages: Pages, relay: Relay) -> None:
    """It chooses its level itself, and says of a live stream that there is nowhere to seek to."""
    with pages.player(browser, "native", relay.playlist) as player:
        player.wait_until_playing()
        player.frames(), player.beeps_ms()
        player.pump(WATCHED_S)
        frames = player.frames()
        check_nothing_is_missing(frames)
        assert frames[-1].media_s - frames[0].media_s > 0.9 * WATCHED_S
        assert abs(median_lips_ms(frames, player.beeps_ms())) < LIPS_MS
        check_it_is_well(player)


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


def test_mpv_goes_back_and_to_live(relay: Relay, tmp_path: Path) -> None:
    """As far back as it has played: what it has not fetched it cannot fetch later (docs/players.md)."""
    with Mpv(relay.playlist, tmp_path) as mpv:
        mpv.watch(WATCHED_S)
        first, beeps_ms = mpv.stretch()
        check_all_is_there(first, beeps_ms, WATCHED_S, 720)
        ahead_s = mpv.ahead_to_s() - first[-1].media_s
        mpv.seek_back(BACK_S)
        mpv.watch(6)
        back = check_where_it_is(mpv)
        assert first[-1].media_s - back[0].media_s == pytest.approx(BACK_S, abs=1.5)
        mpv.to_live(ahead_s)
        mpv.watch(6)
        live = check_where_it_is(mpv)
        assert live[0].media_s > first[-1].media_s
        check_it_is_undisturbed(mpv)


def check_where_it_is(mpv: Mpv) -> list[Shown]:
    """The picture on its screen is the one that its last frames say; all of them, with their sound, are there."""
    screen = mpv.on_screen()
    frames, beeps_ms = mpv.stretch()
    check_all_is_there(frames, beeps_ms, 4, 720)
    assert screen is not None
    assert abs(screen[0] - (frames[-1].unix_ms or 0)) < 500
    return frames


def check_it_is_undisturbed(mpv: Mpv) -> None:
    assert (mpv.stalls, mpv.errors()) == (0, [])
    assert max(map(abs, mpv.avsync_s)) * 1000 < LIPS_MS


def check_all_is_there(frames: list[Shown], beeps_ms: list[float], duration_s: float, height: int) -> None:
    """Of one rung, each frame in its place, and each beep with its frame, by the times in the media."""
    step = 2 if height == 240 else 1
    assert {frame.height for frame in frames} == {height}
    assert len(frames) > 0.9 * duration_s * RATE / step
    assert wrong_steps([frame.place for frame in frames], RATE // step) == []
    assert abs(median_lips_ms(in_media_time(frames), beeps_ms)) < LIPS_MS


def test_mpv_plays_another_rung(relay: Relay, tmp_path: Path) -> None:
    """Which one is said when it opens: after another track was chosen it shows no further picture (docs/players.md)."""
    with Mpv(relay.playlist, tmp_path, "--hls-bitrate=500000") as mpv:
        mpv.watch(8)
        check_all_is_there(*mpv.stretch(), 8, 240)
        check_it_is_undisturbed(mpv)


def test_vlc(relay: Relay) -> None:
    """Which rung it shows is up to it, and its own counts are all that it tells."""
    players.vlc(relay.playlist, WATCHED_S).check(WATCHED_S)


@pytest.mark.parametrize(
    ("height", "start_index", "duration_s"), [(720, -3, WATCHED_S), (240, 0, 2 * WATCHED_S)], ids=["live", "window"]
)
def test_ffmpeg(relay: Relay, height: int, start_index: int, duration_s: float) -> None:
    """One rung, from live or from the window's beginning; it has no way to change or to seek (docs/players.md)."""
    rungs = re.findall(r"#EXT-X-STREAM-INF:.*RESOLUTION=\d+x(\d+)", relay.get("/live/cam/index.m3u8").decode())
    began_s = time.time()
    watched = programs.ffmpeg(relay.playlist, duration_s, start_index=start_index, program=rungs.index(str(height)))
    assert watched.errors == []
    check_all_is_there(watched.frames, watched.beeps_ms, duration_s, height)
    check_it_began(watched.frames[0], began_s, at_live=start_index < 0)


@pytest.mark.parametrize(
    ("quality", "height", "options", "duration_s"),
    [("best", 720, (), WATCHED_S), ("240p", 240, ("--hls-live-restart",), 2 * WATCHED_S)],
    ids=["live", "window"],
)
def test_streamlink(
    relay: Relay, tmp_path: Path, quality: str, height: int, options: tuple[str, ...], duration_s: float
) -> None:
    """What it hands on to a player is whole, picture and sound."""
    began_s = time.time()
    watched = programs.streamlink(relay.playlist, tmp_path / "recording.mkv", quality, duration_s, *options)
    assert watched.errors == []
    check_all_is_there(watched.frames, watched.beeps_ms, duration_s, height)
    check_it_began(watched.frames[0], began_s, at_live=not options)


def check_it_began(frame: Shown, asked_unix_s: float, *, at_live: bool) -> None:
    """Three segments behind live, or where the window begins."""
    assert frame.unix_ms is not None
    behind_s = asked_unix_s - frame.unix_ms / 1000
    assert (0 < behind_s < 10) if at_live else behind_s > LEAST_LISTED * SEGMENT_MS / 1000, behind_s


@pytest.mark.flaky(reruns=0)  # there is nothing to be tried again
def test_what_all_of_them_were_sent_obeys_the_rules(along: Inspector) -> None:
    wait_for(along.has_begun, 20, "a segment of each rendition")
    along.stop()
    assert along.complaints(may_be_late=True) == []
