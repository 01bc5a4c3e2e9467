"""Everything that can die dies once, under one and the same open page; nobody touches it.

The page is watched by the strip in its picture: the slate has none, and a picture says when it was captured.
"""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser, Tab
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STALL_AFTER_S = 2.0
GOP_S = 2.0  # 30 frames at 15 a second
SEGMENT_S = 2.0
LATENCY_S = 1.5
SILENT_WORKER_S = 3.0
"""How long a worker may say nothing (`relay.supervisor.keeper`)."""


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(camera.url("/small"), folder, "") as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def tab(browser: Browser, relay: Relay) -> Iterator[Tab]:
    """The one page that lives through all of it."""
    tab = browser.open(f"{relay.origin}/live/cam/", 640, 560)
    tab.wait_until_playing()
    tab.wait_until_picture(10, time.time() - 10)
    yield tab
    browser.close(tab)


@pytest.fixture
def playing(tab: Tab, relay: Relay, camera: Camera) -> Tab:
    """The page, showing a picture of now, with its record of failures wiped."""
    for program in (camera, relay):  # a test that failed half-way leaves it dead
        if not program.is_running:
            program.start()
    relay.wait_until("live")
    tab.wait_until_playing()
    tab.wait_until_picture(15, time.time() - 5)
    tab.failed.clear()
    tab.complaints.clear()
    return tab


def assert_untouched(tab: Tab, before: dict[str, object], inspector: Inspector, *, may_skip: bool = False) -> None:
    """Nothing of the fault came through to page and player but another picture.

    `may_skip`: a hole of more than three segments is skipped and not filled; a slow machine comes to that.
    """
    after = tab.player()
    assert (tab.loads, tab.failed, tab.complaints) == (1, [], [])
    assert (after["resumes"], after["rebuilds"], after["error"]) == (before["resumes"], before["rebuilds"], None)
    assert after["viewer"] == before["viewer"]
    assert inspector.problems == []
    faults = inspector.faults()
    assert not [fault for fault in faults if not (may_skip and fault.startswith("P9:"))]
    for rendition in inspector.renditions.values():
        assert rendition.unreachable == 0
        assert not [
            one for one in rendition.readings if re.search(r"#EXT-X-(DISCONTINUITY|GAP)$", one.text, re.MULTILINE)
        ]
        msns = rendition.msns()
        assert may_skip or msns == list(range(msns[0], msns[-1] + 1))


def assert_told(inspector: Inspector) -> None:
    """The outage is in the playlists of all renditions, from when it was known on, and then with its end."""
    for rendition in inspector.renditions.values():
        tags = [re.findall(r'CLASS="relay\.outage",(.*)$', one.text, re.MULTILINE) for one in rendition.readings]
        newest = [found[-1] for found in tags if found]
        mine = [tag for tag in newest if tag.startswith(newest[-1].partition(",")[0])]
        assert re.fullmatch(r'START-DATE="[^"]+",X-REASON="[^"]+"', mine[0]), mine[0]
        assert re.fullmatch(r'START-DATE="[^"]+",END-DATE="[^"]+",X-REASON="[^"]+"', mine[-1]), mine[-1]


def test_the_camera_dies_and_comes_back(playing: Tab, relay: Relay, camera: Camera) -> None:
    before = playing.player()
    with Inspector(relay.playlist) as inspector:
        camera.kill()
        playing.wait_until_slate(STALL_AFTER_S + 1 + LATENCY_S)
        playing.page.get_by_role("status").get_by_text("Camera").wait_for(timeout=4000)
        assert relay.state in {"stalled", "offline", "connecting"}
        playing.pump(2)
        camera.start()
        back_s = time.time()
        playing.wait_until_picture(GOP_S + 3 + LATENCY_S, back_s)
        playing.page.get_by_role("status").get_by_text("Live", exact=True).wait_for(timeout=5000)
    assert_untouched(playing, before, inspector)
    assert_told(inspector)


def test_the_worker_is_killed(playing: Tab, relay: Relay) -> None:
    before = playing.player()
    restarts = relay.status()["counters"].get("worker_restarts", 0)
    with Inspector(relay.playlist) as inspector:
        playing.pump(1)
        worker, spare = relay.worker(), relay.spare()
        killed_s = time.time()
        worker.kill()
        playing.wait_until_picture(GOP_S + 3 + LATENCY_S, killed_s + 0.5)
        playing.pump(3)
        assert relay.worker().pid == spare.pid
    assert relay.status()["counters"]["worker_restarts"] == restarts + 1
    assert playing.player()["stalled_s"] - before["stalled_s"] < 1
    assert_untouched(playing, before, inspector)


def test_the_worker_is_stopped_in_mid_message(playing: Tab, relay: Relay) -> None:
    before = playing.player()
    with Inspector(relay.playlist) as inspector:
        playing.pump(1)
        worker = relay.worker()
        worker.suspend()
        stopped_s = time.time()
        answers_s = []
        while time.time() - stopped_s < SILENT_WORKER_S + 1:
            asked_s = time.monotonic()
            relay.get("/healthz")
            answers_s.append(time.monotonic() - asked_s)
            playing.pump(0.02)
        # The answer's time holds this process's own waits on a busy machine too: so the median is strict.
        assert statistics.median(answers_s) < 0.05
        assert max(answers_s) < 0.5
        playing.wait_until_picture(GOP_S + 8, stopped_s + SILENT_WORKER_S)
        playing.pump(3)
        assert relay.worker().pid != worker.pid
    assert_untouched(playing, before, inspector, may_skip=True)


def test_the_relay_is_killed_and_started_again(playing: Tab, relay: Relay) -> None:
    before = playing.player()
    with Inspector(relay.playlist) as inspector:
        wait_for(inspector.video.msns, 5, "a segment")
        last_msn = inspector.video.msns()[-1]
        relay.kill()
        playing.page.get_by_text("The relay does not answer").wait_for(timeout=9000)
        relay.start()
        started_s = time.time()
        playing.wait_until_picture(20, started_s)
        playing.pump(3)
        newest = inspector.video.newest
    after = playing.player()
    assert playing.loads == 1
    assert after["viewer"] == before["viewer"]
    assert after["error"] is None
    assert after["latency_s"] < 4
    # Numbers go on from the clock: the segment of now, two seconds each since the epoch, and none of it twice.
    assert newest.media_sequence > last_msn
    assert newest.last_msn == pytest.approx(time.time() / SEGMENT_S, abs=3)
    assert inspector.faults() == []


def test_sigterm_ends_everything_and_the_page_waits(playing: Tab, relay: Relay) -> None:
    playing.pump(2)
    with Inspector(relay.playlist) as inspector:
        playing.pump(3)
        workers = relay.workers()
        asked_s = time.monotonic()
        assert relay.stop() == 0
        assert time.monotonic() - asked_s < 2
        wait_for(lambda: not any(worker.is_running() for worker in workers), 1, "the worker's end")
    for rendition in inspector.renditions.values():
        assert rendition.newest.is_ended
    assert inspector.faults() == []

    rows = [json.loads(line) for line in _sessions(relay.data).splitlines()]
    assert {row["end_reason"] for row in rows} >= {"server_stop"}
    assert all(row["ended_at_ms"] for row in rows)
    viewer = playing.player()["viewer"]
    # All that was watched through all the faults, crash of the relay included, is one viewing.
    (watched,) = [row for row in rows if row["player_name"] == "Chrome"]
    assert watched["watched_time_s"] > 4

    playing.page.get_by_text(re.compile("The stream has ended|The relay does not answer")).wait_for(timeout=20_000)
    relay.start()
    playing.wait_until_picture(20, time.time())
    assert playing.loads == 1
    assert playing.player()["viewer"] == viewer


def test_ctrl_c_and_another_format(playing: Tab, relay: Relay, camera: Camera) -> None:
    before = playing.player()
    asked_s = time.monotonic()
    relay.signal(signal.SIGINT)
    wait_for(lambda: not relay.is_running, 2, "the relay's end")
    assert time.monotonic() - asked_s < 2
    # Another size is another generation: its numbers have nothing to do with the old ones, and the page begins anew.
    relay.configure(camera.url("/small"), 'size = "320x180"')
    relay.start()
    playing.wait_until_picture(20, time.time())
    after = playing.player()
    assert after["generation"] == before["generation"] + 1
    assert after["viewer"] == before["viewer"]
    assert playing.page.evaluate("document.querySelector('video').videoWidth") == 320
    assert playing.loads == 1


def _sessions(data: Path) -> str:
    command = [sys.executable, "-m", "relay", "sessions", "export", "--data", str(data), "--format", "jsonl"]
    return subprocess.run(command, capture_output=True, check=True, timeout=30, text=True).stdout
