"""A camera that is opened by who watches: what the first viewer waits, and that nobody there means nothing there."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from fixtures.audience import READER_WAITS_S, Audience
from fixtures.inspector import Inspector
from fixtures.players import Reader
from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

GOP_S = 2.0
IDLE_CLOSE_S = 3.0
CLOSING_S = 3.0
"""Beyond that: the worker is told with its next word, and the API is asked after it."""
RATE = 15
FIRST_REQUEST_S = """() => (performance.timeOrigin +
    performance.getEntriesByType("resource").find(({name}) => name.endsWith(".m3u8")).startTime) / 1000"""
NAP_S = 6.5
"""A little more than three segments: then the playlist is emptied."""


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    settings = f"on_demand = true\nidle_close_s = {IDLE_CLOSE_S}"
    with Relay.with_settings(camera.url("/small"), folder, settings) as relay:
        yield relay


def wait_until_closed(relay: Relay, within_s: float) -> None:
    relay.wait_until("stopped", within_s)
    wait_for(lambda: not relay.workers(), 2, "the worker's end")


def test_the_camera_is_looked_at_once_and_closed(relay: Relay) -> None:
    wait_until_closed(relay, 20)
    status = relay.status()
    assert status["health"]["reason"].startswith("nobody is watching")
    assert (status["format"]["width"], status["viewers"], status["on_demand"]) == (640, 0, True)
    assert relay.get("/live/cam/snapshot.jpg").startswith(b"\xff\xd8\xff")
    assert relay.get("/readyz")
    assert relay.status()["counters"]["parts_published"] == 0


def test_the_playlist_answers_at_once_and_the_camera_is_there_within_a_gop_and_four_seconds(relay: Relay) -> None:
    wait_until_closed(relay, IDLE_CLOSE_S + CLOSING_S)
    relay.spare()
    asked_s = time.monotonic()
    multivariant = relay.get("/live/cam/index.m3u8").decode()
    media = next(line for line in multivariant.splitlines() if "video" in line and not line.startswith("#"))
    playlist = relay.get(f"/live/cam/{media}").decode()
    assert time.monotonic() - asked_s < 1.5
    msn = int(re.findall(r"^(\d+)\.m4s$", playlist, re.MULTILINE)[-1])
    assert 0 <= time.time() / 2 - msn < 2.5
    while relay.state != "live":
        assert time.monotonic() - asked_s < GOP_S + 4
        relay.get(f"/live/cam/{media}")
        time.sleep(0.1)
    left_s = time.monotonic()
    relay.get(f"/live/cam/{media}")
    wait_until_closed(relay, IDLE_CLOSE_S + CLOSING_S)
    assert time.monotonic() - left_s > IDLE_CLOSE_S - 0.1


@pytest.mark.all
def test_page_and_reader_show_the_camera_within_a_gop_and_four_seconds(
    relay: Relay, browser: Browser, tmp_path: Path
) -> None:
    for _ in range(2):
        wait_until_closed(relay, IDLE_CLOSE_S + 10)
        time.sleep(NAP_S)
        relay.spare()
        began_s = time.time()
        tab = browser.open(f"{relay.origin}/live/cam/", 640, 560)
        audience = Audience(tab, Reader(relay.playlist, tmp_path), time.monotonic())
        audience.reader.run()
        try:
            tab.wait_until_picture(20, began_s - 1)
            seen_s = time.time()
            assert seen_s - tab.page.evaluate(FIRST_REQUEST_S) < GOP_S + 4
            with Inspector(relay.playlist) as inspector:
                audience.sit(6)
            assert audience.troubles() == []
            there_s, playback = audience.leave()
            assert (playback.errors, playback.dropped) == ([], 0)
            assert playback.shown > RATE * (there_s - READER_WAITS_S)
            assert inspector.complaints() == []
        finally:
            audience.reader.kill()
            browser.close(tab)
        left_s = time.monotonic()
        wait_until_closed(relay, IDLE_CLOSE_S + CLOSING_S)
        assert time.monotonic() - left_s > IDLE_CLOSE_S - 1


@pytest.mark.all
def test_who_comes_back_soon_finds_no_hole(relay: Relay) -> None:
    with Inspector(relay.playlist) as inspector:
        time.sleep(2)
        before = inspector.video.msns()[-1]
    wait_until_closed(relay, IDLE_CLOSE_S + 10)
    with Inspector(relay.playlist) as inspector:
        time.sleep(3)
        msns = inspector.video.msns()
        assert msns == list(range(msns[0], msns[-1] + 1))
        assert before in msns
    assert inspector.faults() == []


@pytest.mark.all
def test_a_camera_that_is_gone_when_somebody_comes(relay: Relay, camera: Camera, browser: Browser) -> None:
    wait_until_closed(relay, IDLE_CLOSE_S + 10)
    camera.kill()
    tab = browser.open(f"{relay.origin}/live/cam/", 640, 560)
    try:
        tab.wait_until_playing()
        tab.wait_until_slate(5)
        with Inspector(relay.playlist) as inspector:
            relay.wait_until("offline", 10)
            camera.start()
            tab.wait_until_picture(GOP_S + 8, time.time())
        tab.page.get_by_text("Details").click()
        rows = tab.page.locator("#rows")
        rows.get_by_text("On demand").wait_for(timeout=3000)
        rows.get_by_text("Delay: encoding").wait_for(timeout=5000)
        assert (tab.failed, tab.complaints, tab.loads) == ([], [], 1)
        assert inspector.complaints() == []
    finally:
        browser.close(tab)
