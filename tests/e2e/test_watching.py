"""An RTSP camera (H.264 720p30 with AAC): what viewers see of it, in the watch page and in the players people have."""

from __future__ import annotations

import re
import statistics
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from fixtures import players
from fixtures.browser import latencies_s
from fixtures.inspector import Inspector
from fixtures.shown import FROZEN_S, unsteady
from relay.model import Latency, StreamFormat
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.browser import Browser, Tab
    from fixtures.players import Playback
    from fixtures.processes import Relay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

GRID = Grid.of(StreamFormat(1280, 720, Fraction(30), audio=True, latency=Latency.LAN))
LATENCY_S = 1.5
PLAYED_S = 6.0
COUNTED = {
    "Repeated frames": "repeated_frames",
    "Dropped frames": "dropped_frames",
    "Reconnects in the last hour": "reconnects_1h",
    "Stalls in the last hour": "stalls_1h",
}
WITHOUT_MSE = "for (const name of ['MediaSource', 'ManagedMediaSource', 'WebKitMediaSource']) delete window[name];"


@pytest.fixture(scope="module")
def kept(browser: Browser, relay: Relay) -> Iterator[Tab]:
    """The watch page, playing, for all tests that leave it as it is."""
    tab = browser.open(f"{relay.origin}/live/{relay.stream}/")
    tab.wait_until_playing()
    yield tab
    browser.close(tab)


def test_plays_without_a_stall_close_behind_the_camera(tab: Tab, relay: Relay, duration_s: float) -> None:
    tab.settle()
    origin_ms = tab.note_frames()
    before = tab.player()
    with Inspector(relay.playlist, GRID) as inspector:
        seen = tab.watch(duration_s)
        after, frames = tab.player(), tab.frames()
        asked_s = time.time()
        on_screen = tab.look_at_screen()
        took_s = time.time() - asked_s

    waits_s = {name: round(one.longest_wait_s(), 2) for name, one in inspector.renditions.items()}
    told = f"{after['lastStall']} at {before['now_s']:.1f} s; a version of a playlist took up to {waits_s} s to come"
    assert (before["stalls"], after["stalls"]) == (0, 0), told
    assert (tab.failed, tab.complaints, after["error"]) == ([], [], None)
    played_s = after["now_s"] - before["now_s"]
    # When a frame is due on the screen the browser says; by the canvas it is read out, by the screenshot really seen.
    assert unsteady(frames, origin_ms, played_s, LATENCY_S) == []
    assert max(latencies_s(seen)) < LATENCY_S
    assert on_screen.latency_s is not None
    assert on_screen.latency_s - took_s < LATENCY_S
    assert after["currentTime"] - before["currentTime"] > played_s - FROZEN_S
    assert inspector.complaints() == []
    assert tab.origins == {relay.origin}, "nothing of the page comes from anywhere else"


def test_the_page_tells_the_true_latency(kept: Tab) -> None:
    kept.settle()
    measured_s, told_s = [], []
    for _ in range(10):
        measured_s += latencies_s(kept.watch(0.2))
        told_s.append(kept.player()["latency_s"])
    # PROGRAM-DATE-TIME is the time at which a frame came out of the camera: its encoder and the wire lie before that.
    assert -0.05 < statistics.median(measured_s) - statistics.median(told_s) < 0.35
    assert kept.page.locator(".latency").inner_text().endswith(" s")


def test_live_state_viewers_and_figures_are_shown(kept: Tab) -> None:
    kept.page.get_by_role("status").get_by_text("Live", exact=True).wait_for(timeout=5000)
    kept.page.get_by_text(re.compile("1280.720 · 30 fps")).wait_for(timeout=5000)
    kept.page.locator("#viewers", has_text="viewer").wait_for(timeout=5000)
    assert kept.page.get_by_label("Address for other players").input_value().endswith("/live/cam/index.m3u8")
    assert kept.page.title() == "cam · relay"


def test_hlsjs_has_what_our_changing_of_levels_leans_on(kept: Tab) -> None:
    """Two names that it does not document (`levels.js`): without them every page would fail, or change at any part."""
    names = """() => {
        const hls = new Hls();
        const found = [hls.abrController._abandonRulesCheck, hls.streamController.getNextFragment];
        hls.destroy();
        return found.map((one) => typeof one);
    }"""
    assert kept.page.evaluate(names) == ["function", "function"]


def test_the_keyboard_does_everything(tab: Tab) -> None:
    tab.page.keyboard.press("m")
    assert not tab.player()["muted"]
    tab.page.keyboard.press("Space")
    assert tab.player()["paused"]
    tab.page.get_by_role("status").get_by_text("Paused").wait_for(timeout=2000)
    tab.pump(3)
    assert tab.player()["isBehind"]
    tab.page.keyboard.press("l")
    tab.pump(2)
    after = tab.player()
    assert not after["paused"]
    assert after["latency_s"] < 2.5
    tab.page.keyboard.press("f")
    assert tab.page.evaluate("document.fullscreenElement?.id") == "player"
    tab.page.keyboard.press("f")
    tab.page.wait_for_function("!document.fullscreenElement", timeout=3000)


def test_focus_is_visible_on_every_control(kept: Tab) -> None:
    kept.page.locator("a.brand").focus()
    seen = []
    for _ in range(9):
        kept.page.keyboard.press("Tab")
        seen.append(
            kept.page.evaluate(
                "[document.activeElement.ariaLabel || document.activeElement.textContent || document.activeElement.id,"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    controls = {"Tap for sound", "Pause", "Turn sound on", "Volume", "Full screen", "Details", "Copy"}
    assert controls <= {name for name, _ in seen}
    assert {outline for _, outline in seen} == {"solid"}


def test_it_fits_a_phone(browser: Browser, relay: Relay) -> None:
    tab = browser.open(f"{relay.origin}/live/cam/", 360, 740, touch=True)
    try:
        tab.wait_until_playing()
        assert tab.page.evaluate("document.documentElement.scrollWidth") == 360
        for name in ("Pause", "Turn sound on", "Full screen"):
            box = tab.page.get_by_role("button", name=name).bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
            assert min(box["width"], box["height"]) >= 44
        tab.page.get_by_role("button", name="Tap for sound").tap()
        assert not tab.player()["muted"]
        assert (tab.failed, tab.complaints) == ([], [])
    finally:
        browser.close(tab)


def test_no_figure_is_cut_off(kept: Tab) -> None:
    kept.page.get_by_text(re.compile("1280.720 · 30 fps")).wait_for(timeout=5000)
    cut_off = """list => {
        const size = list.querySelector("div:nth-child(3) dd");
        size.append(" and 1080p");
        const end = list.getBoundingClientRect().right;
        const isCutOff = (one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > end;
        const found = [...list.querySelectorAll("dd")].filter(isCutOff).map((one) => one.textContent);
        size.lastChild.remove();
        return [found, document.documentElement.scrollWidth];
    }"""
    seen = {}
    for width in (360, 620, 800, 1120, 1280):
        kept.page.set_viewport_size({"width": width, "height": 700})
        seen[width] = kept.page.locator("#figures").evaluate(cut_off)
    assert seen == {width: [[], width] for width in seen}


def test_details_say_how_the_camera_does_also_on_a_phone(browser: Browser, relay: Relay) -> None:
    tab = browser.open(f"{relay.origin}/live/cam/", 360, 740, touch=True)
    try:
        tab.wait_until_playing()
        tab.page.get_by_text("Details").tap()
        rows = tab.page.locator("#rows div")
        rows.get_by_text("Delay: publishing").wait_for(timeout=5000)
        shown = dict(row.split("\n") for row in rows.all_inner_texts())
        told = relay.status()["health"]
        assert re.fullmatch(r"Live for \d+ (s|min)", shown["State"])
        assert shown["Connection to the camera"] in {"Good", "Fair", "Poor"}  # the machine may be busy
        fps_in, fps_out = map(float, shown["Frames a second, in and out"].split(" / "))
        assert fps_in == pytest.approx(30, rel=0.3)
        assert fps_out == pytest.approx(30, rel=0.5)
        # The page asks every two seconds, so that some more may have been counted since.
        for name, key in COUNTED.items():
            assert 0 <= told[key] - int(shown[name]) <= 2 * 30, name
        delays_ms = [float(text.split()[0]) for name, text in shown.items() if name.startswith("Delay")]
        assert len(delays_ms) == 6
        assert 0 < sum(delays_ms) < 3000
        assert tab.page.evaluate("document.documentElement.scrollWidth") == 360
        assert (tab.failed, tab.complaints) == ([], [])
    finally:
        browser.close(tab)


def _stream(name: str, state: str, reason: str = "") -> dict[str, object]:
    """One stream as the API tells it."""
    health = {"state": state, "since_ms": time.time() * 1000 - 90_000, "reason": reason}
    size = {"width": 1920, "height": 1080, "rate": "30000/1001"}
    return {"name": name, "generation": 1, "health": health, "viewers": len(name), "format": size}


def test_the_first_page_lists_many_streams(browser: Browser, relay: Relay) -> None:
    streams = [_stream("cam", "live"), _stream("gate", "offline", "it does not answer"), _stream("yard", "live")]
    tab = browser.open(f"{relay.origin}/healthz")
    try:
        tab.page.route("**/api/v1/streams", lambda route: route.fulfill(json={"streams": streams}))
        tab.page.goto(f"{relay.origin}/")
        tab.page.get_by_text("2 of 3 live · 11 viewers").wait_for(timeout=5000)
        cards = tab.page.locator(".card")
        assert cards.count() == 3
        assert cards.nth(0).get_by_role("link").get_attribute("href") == f"{relay.origin}/live/cam/"
        cards.nth(0).locator("img").wait_for(timeout=5000)
        assert cards.nth(0).locator("img").evaluate("image => image.naturalWidth") > 0
        assert "1920" in cards.nth(2).inner_text()
        assert "29.97 fps" in cards.nth(2).inner_text()
        assert "Camera offline for 1 min: it does not answer" in cards.nth(1).inner_text()
        # Two streams are made up, so there is no snapshot of them; the page asks again whenever it looks.
        not_found = "Failed to load resource: the server responded with a status of 404 (Not Found)"
        assert set(tab.complaints) == {not_found}
    finally:
        browser.close(tab)


def test_errors_have_a_name_and_a_way_out(browser: Browser, relay: Relay) -> None:
    tab = browser.open(f"{relay.origin}/healthz")
    try:
        tab.page.route("**/api/v1/streams", lambda route: route.fulfill(json={"streams": []}))
        tab.page.goto(f"{relay.origin}/live/cam/")
        alert = tab.page.get_by_role("alert")
        alert.get_by_text("There is no such stream here").wait_for(timeout=5000)
        tab.page.unroute("**/api/v1/streams")
        tab.wait_until_playing()
        assert not alert.is_visible()
        tab.page.route("**/web/vendor/hls.min.js", lambda route: route.abort())
        tab.page.add_init_script("HTMLMediaElement.prototype.canPlayType = () => ''")
        tab.page.reload()
        alert.get_by_text("A file of this page is missing").wait_for(timeout=5000)
        assert alert.get_by_role("button").inner_text() == "Copy the address"
    finally:
        browser.close(tab)


def test_the_first_page_shows_the_stream_moving(browser: Browser, relay: Relay) -> None:
    tab = browser.open(f"{relay.origin}/")
    try:
        tab.wait_until_playing()
        tab.page.get_by_text("1 of 1 live").wait_for(timeout=5000)
        tab.wait_until_picture(5, 0)  # the video plays a moment before its first picture is drawn
        first, *_, last = tab.watch(1)
        assert first.strip is not None
        assert last.strip is not None
        assert last.strip[0] > first.strip[0]
        tab.page.get_by_role("link", name="cam").click()
        tab.page.wait_for_url("**/live/cam/", timeout=5000)
        assert (tab.failed, tab.complaints) == ([], [])
    finally:
        browser.close(tab)


@pytest.fixture(scope="module")
def playbacks(relay: Relay) -> dict[str, Playback]:
    """Other players, all at once, while an inspector reads along."""
    # Those without low latency begin three segments back, and GStreamer wants to find itself again in the next one.
    relay.wait_until_listed(5)
    with Inspector(relay.playlist) as inspector:
        done = players.side_by_side(relay.playlist, PLAYED_S)
    assert inspector.faults() == []
    return done


@pytest.mark.parametrize("name", players.PROGRAMS)
def test_it_plays_in_the_players_that_people_have(playbacks: dict[str, Playback], name: str) -> None:
    playbacks[name].check(PLAYED_S)


@pytest.mark.all
def test_where_mse_is_missing_the_browsers_own_player_is_used(browser: Browser, relay: Relay) -> None:
    """Chromium has both; it begins three segments back."""
    tab = browser.open(f"{relay.origin}/live/cam/", script=WITHOUT_MSE)
    try:
        tab.wait_until_playing(30)
        assert not tab.page.evaluate("window.relayPlayer.isLowLatency")
        before = tab.player()
        tab.pump(PLAYED_S)
        after, on_screen = tab.player(), tab.look_at_screen()
        assert after["frames"]["shown"] - before["frames"]["shown"] > 0.6 * players.RATE * PLAYED_S
        assert on_screen.latency_s is not None
        assert on_screen.latency_s < 20
        assert (after["state"], after["error"], after["rebuilds"]) == ("playing", None, 0)
        assert (tab.failed, tab.complaints, tab.loads) == ([], [], 1)
    finally:
        browser.close(tab)


@pytest.mark.all
def test_it_plays_in_chromiums_own_player(browser: Browser, relay: Relay) -> None:
    players.chromium_native(browser, relay.playlist, PLAYED_S).check_in_page(PLAYED_S)
