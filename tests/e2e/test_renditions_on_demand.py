"""A rung that nobody watches is not encoded: what the first who asks for it waits, and what players see of it."""

from __future__ import annotations

import logging
import re
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import pytest

from fixtures import players
from fixtures.inspector import Inspector
from fixtures.output import first_counter
from fixtures.processes import Relay, wait_for
from fixtures.shown import missing, switches
from fixtures.web_players import SHAKA_LOW_LATENCY, WEB_PLAYERS
from relay.check.finding import faults
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.model import Latency, StreamFormat
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser, Tab
    from fixtures.web_players import Pages

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SETTINGS: Final = """
renditions_on_demand = true
idle_close_s = 4
[[streams.cam.renditions]]
height = 720
preset = "ultrafast"
[[streams.cam.renditions]]
height = 360
preset = "ultrafast"
"""
LOW: Final = "video-360p"
GRID: Final = Grid.of(StreamFormat(1280, 720, Fraction(30), audio=True, latency=Latency.LAN))
HELD_S: Final = 6.0
"""Two on a quiet machine, as `test_waking.py` sees to. This one does everything at once, and three targets may pass."""

BEHIND_S: Final = 4.0
ASLEEP_WITHIN_S: Final = 20.0
SWITCHED_WITHIN_S: Final = 12.0
PLAYED_S: Final = 8.0
PACE_S: Final = 1.0
"""Who reads along only while it is awake, and reads little, changes nothing of what is looked at."""


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay.with_settings("test:", folder, SETTINGS) as relay:
        relay.wait_until("live")
        relay.wait_until_listed(5)
        yield relay


def at(relay: Relay, name: str) -> str:
    return f"{name}-{relay.status()['generation']}"


def is_asleep(relay: Relay) -> bool:
    return bool(relay.status()["window"]["renditions"][LOW]["is_asleep"])


def wait_until_asleep(relay: Relay) -> None:
    wait_for(lambda: is_asleep(relay), ASLEEP_WITHIN_S, f"{LOW} asleep")


def first_counters(relay: Relay, name: str, msns: list[str]) -> list[int | None]:
    """The burnt-in numbers with which several segments of a rendition begin."""
    folder = f"/live/cam/{at(relay, name)}"
    playlist = relay.get(f"{folder}/index.m3u8").decode()
    (init,) = set(re.findall(r'EXT-X-MAP:URI="([^"]+)"', playlist))
    inits = relay.get(f"{folder}/{init}")
    return [first_counter(inits + relay.get(f"{folder}/{msn}.m4s")) for msn in msns]


def test_who_asks_for_it_is_answered_with_four_segments_up_to_now(relay: Relay) -> None:
    wait_until_asleep(relay)
    multivariant = relay.get("/live/cam/index.m3u8").decode()
    assert faults(check_multivariant(multivariant)) == []
    assert f"{at(relay, LOW)}/index.m3u8" in multivariant
    began_s = time.monotonic()
    playlist = relay.get(f"/live/cam/{at(relay, LOW)}/index.m3u8").decode()
    held_s = time.monotonic() - began_s
    log.info("held for %.2f s", held_s)
    assert held_s < HELD_S
    assert faults(check_media_playlist(playlist)) == []
    msns = re.findall(r"^(\d+)\.m4s$", playlist, re.MULTILINE)
    assert len(msns) >= 4
    end_s = (GRID.start_ns(GRID.first_slot(int(msns[-1]) + 1))) / 1e9
    assert time.time() - end_s < BEHIND_S
    low, top = (first_counters(relay, name, msns[-4:]) for name in (LOW, "video"))
    assert low == top
    assert None not in low
    made = 4 * GRID.slots_per_segment
    wait_for(lambda: relay.status()["counters"].get("backfilled_slots", 0) >= made, 3, "a word of what was made")
    assert relay.status()["counters"]["rendition_wakes"] >= 1


@pytest.mark.all
def test_it_sleeps_again_and_a_probe_lets_it(relay: Relay) -> None:
    wait_until_asleep(relay)
    wait_for(lambda: relay.status()["gauges"]["renditions_awake"] == 1, 3, "one that is awake")
    wakes = relay.status()["counters"].get("rendition_wakes", 0)
    relay.get(f"/live/cam/{at(relay, LOW)}/index.m3u8")
    assert not is_asleep(relay)
    wait_until_asleep(relay)
    assert relay.status()["counters"]["rendition_wakes"] == wakes + 1


@pytest.mark.all
@pytest.mark.parametrize(("page", "low_latency"), [one for one in WEB_PLAYERS if one is not SHAKA_LOW_LATENCY])
def test_a_player_changes_to_it_and_back_without_an_error(
    browser: Browser, pages: Pages, relay: Relay, page: str, low_latency: bool
) -> None:
    wait_until_asleep(relay)
    with pages.player(browser, page, relay.playlist, low_latency=low_latency) as player:
        player.wait_until_playing()
        player.choose(720)
        wait_for(lambda: player.pump(0.5) or is_asleep(relay), ASLEEP_WITHIN_S, f"{LOW} asleep")
        player.frames()
        player.choose(360)
        with Inspector(relay.playlist, GRID, pace_s=PACE_S) as inspector:
            player.pump(6)
            player.choose(720)
            player.pump(4)
        frames = player.frames()
        changes = [(before.height, after.height) for before, after in switches(frames)]
        assert (changes[0], changes[-1]) == ((720, 360), (360, 720))
        assert (player.state()["stalls"], player.complaints()) == (0, [])
        assert [pair for pair in switches(frames) if missing(*pair) > 1] == []
        assert inspector.complaints(may_be_late=True) == []


@pytest.mark.all
def test_the_menu_of_the_page_changes_to_it_and_back_without_a_stall(tab: Tab, relay: Relay) -> None:
    """The page asks for the playlist of what is chosen before hls.js does, and plays on meanwhile."""
    tab.choose("720p", SWITCHED_WITHIN_S)
    wait_for(lambda: tab.pump(0.5) or is_asleep(relay), ASLEEP_WITHIN_S, f"{LOW} asleep")
    before = tab.player()
    tab.choose("360p", SWITCHED_WITHIN_S)
    with Inspector(relay.playlist, GRID, pace_s=PACE_S) as inspector:
        tab.pump(5)
        tab.choose("720p", SWITCHED_WITHIN_S)
        tab.pump(4)
    after = tab.player()
    assert (after["stalls"], after["jumps"], after["rebuilds"]) == (before["stalls"], before["jumps"], 0)
    assert (tab.failed, tab.complaints, after["error"]) == ([], [], None)
    assert inspector.complaints(may_be_late=True) == []


@pytest.mark.all
def test_programs_that_open_every_rung_to_see_what_it_is_play_on(relay: Relay) -> None:
    """All at once, which for the one that sleeps is one that asks."""
    wait_until_asleep(relay)
    wakes = relay.status()["counters"].get("rendition_wakes", 0)
    playbacks = players.side_by_side(relay.playlist, PLAYED_S)
    assert relay.status()["counters"]["rendition_wakes"] > wakes
    for playback in playbacks.values():
        playback.check(PLAYED_S)


@pytest.mark.all
def test_a_worker_that_is_killed_while_it_is_watched_is_replaced_without_a_hole(relay: Relay) -> None:
    with Inspector(relay.playlist, GRID) as inspector:
        wait_for(lambda: all(len(one.segments) > 5 for one in inspector.renditions.values()), 30, "segments")
        relay.spare()
        relay.worker().kill()
        count = {name: len(one.segments) for name, one in inspector.renditions.items()}
        wait_for(
            lambda: all(len(one.segments) > count[name] + 4 for name, one in inspector.renditions.items()),
            40,
            "segments of the heir",
        )
    assert set(inspector.renditions) == {"video", LOW, "audio"}
    for rendition in inspector.renditions.values():
        msns = rendition.msns()
        assert msns == list(range(msns[0], msns[-1] + 1))
    assert inspector.complaints() == []
