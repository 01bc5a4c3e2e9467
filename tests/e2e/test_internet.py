"""Through a proxy that is far away, the `internet` setting plays without a stall."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fixtures.browser import latencies_s
from fixtures.processes import Relay
from fixtures.proxy import Proxy
from fixtures.shown import FROZEN_S, unsteady

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.usefixtures("judged")]

ONE_WAY_S = 0.1
LATENCY_S = 4.0
CAUGHT_UP_S = 30.0
MARGIN_S = 0.3
"""By so much further back the page stays after a stall, for a while (`relay/serve/web/sync.js`)."""


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(camera.url("/cam"), folder, 'latency = "internet"') as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def proxy(relay: Relay) -> Iterator[Proxy]:
    with Proxy(relay.port, ONE_WAY_S) as proxy:
        yield proxy


def test_plays_far_away_without_a_stall(browser: Browser, proxy: Proxy, duration_s: float) -> None:
    tab = browser.open(f"http://127.0.0.1:{proxy.port}/live/cam/")
    try:
        tab.wait_until_playing()
        tab.settle()
        origin_ms = tab.note_frames()
        before = tab.player()
        seen = tab.watch(duration_s)
        after, frames = tab.player(), tab.frames()
        assert (before["stalls"], after["stalls"]) == (0, 0), f"{after['lastStall']} at {before['now_s']:.1f} s"
        assert (tab.failed, tab.complaints, after["error"]) == ([], [], None)
        played_s = after["now_s"] - before["now_s"]
        assert unsteady(frames, origin_ms, played_s, LATENCY_S) == []
        assert max(latencies_s(seen)) < LATENCY_S
        assert after["currentTime"] - before["currentTime"] > played_s - FROZEN_S
    finally:
        browser.close(tab)


def test_a_network_that_goes_dark_and_one_that_cuts(browser: Browser, proxy: Proxy) -> None:
    tab = browser.open(f"http://127.0.0.1:{proxy.port}/live/cam/")
    try:
        tab.wait_until_playing()
        proxy.freeze()
        tab.wait_until_waiting(within_s=8)
        proxy.thaw()
        tab.wait_until_playing(within_s=12)
        proxy.cut()
        tab.pump(1)
        tab.wait_until_playing(within_s=12)
        tab.pump(3)
        player = tab.player()
        assert player["error"] is None
        assert player["latency_s"] < 5
        assert tab.loads == 1
    finally:
        proxy.thaw()
        browser.close(tab)


@pytest.mark.all
def test_a_page_that_fell_behind_catches_up_by_itself(browser: Browser, proxy: Proxy) -> None:
    """By too little for a jump: it plays faster, as fast as nobody hears."""
    tab = browser.open(f"http://127.0.0.1:{proxy.port}/live/cam/")
    try:
        tab.wait_until_playing()
        tab.settle()
        before = tab.player()
        proxy.freeze()
        tab.wait_until_waiting(within_s=8)
        tab.pump(1)
        proxy.thaw()
        tab.wait_until_playing(within_s=5)
        behind, rates, began_s = tab.player(), set[float](), time.monotonic()
        while tab.player()["latency_s"] > before["latency_s"] + 2 * MARGIN_S:
            assert time.monotonic() - began_s < CAUGHT_UP_S, tab.player()
            rates.add(tab.player()["rate"])
            tab.pump(0.2)
        after = tab.player()
        assert behind["latency_s"] > before["latency_s"] + 3 * MARGIN_S
        assert 1.02 <= max(rates) <= 1.1
        assert (after["jumps"], after["resumes"], after["rebuilds"]) == (behind["jumps"], 0, 0)
        assert (tab.failed, tab.complaints, after["error"], tab.loads) == ([], [], None, 1)
    finally:
        proxy.thaw()
        browser.close(tab)
