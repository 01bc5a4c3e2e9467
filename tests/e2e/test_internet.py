"""Through a proxy that is far away, the `internet` setting plays without a stall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.browser import latencies_s
from fixtures.processes import Relay
from fixtures.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ONE_WAY_S = 0.1
DURATIONS_S = [pytest.param(8, id="short"), pytest.param(60, marks=pytest.mark.all, id="long")]


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(camera.url("/cam"), folder, 'latency = "internet"') as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def proxy(relay: Relay) -> Iterator[Proxy]:
    with Proxy(relay.port, ONE_WAY_S) as proxy:
        yield proxy


@pytest.mark.parametrize("duration_s", DURATIONS_S)
def test_plays_far_away_without_a_stall(browser: Browser, proxy: Proxy, duration_s: float) -> None:
    tab = browser.open(f"http://127.0.0.1:{proxy.port}/live/cam/")
    try:
        tab.wait_until_playing()
        tab.pump(3)
        seen = tab.watch(duration_s)
        player = tab.player()
        assert player["stalls"] == 0
        assert (tab.failed, tab.complaints, player["error"]) == ([], [], None)
        assert max(latencies_s(seen)) < 4
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
