"""Everything that can die dies once, under one page and one reader; nobody touches them.

They are watched by the strip in the picture: the slate has none, and a picture says when it was captured.
"""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from fixtures.audience import READER_EVERY_S, READER_WAITS_S
from fixtures.browser import SETTLING_S
from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for
from fixtures.shown import freezes_s, slate_since_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.audience import Audience
    from fixtures.browser import Tab
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STALL_AFTER_S = 2.0
GOP_S = 2.0  # 30 frames at 15 a second
RATE = 15
SEGMENT_S = 2.0
NEAR_S = 0.8
"""How far behind the camera the page wants to be (PART-HOLD-BACK and a part); a busy machine makes it more."""
MOST_LATE_S = 1.0
"""So much later than its limit, at most, is forgiven a page that was behind already."""
SILENT_WORKER_S = 3.0
"""How long a worker may say nothing (`relay.supervisor.keeper`)."""
LAG_S = 0.05
"""How late the event loop may be; one of the limits of its histogram."""
NEIGHBOUR = "yard"
NEIGHBOUR_WAITS_S = 1.0
"""Between two versions of its playlist, which has a part more each 0.2 s."""


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    """The camera, and a neighbour that nothing happens to."""
    neighbour = f'[streams.{NEIGHBOUR}]\nsource = "test:?size=320x180&rate=15"\n'
    with Relay.with_settings(camera.url("/small"), folder, neighbour) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def tab(audience: Audience) -> Tab:
    """The one page that lives through all of it."""
    audience.tab.wait_until_picture(10, time.time() - 10)
    return audience.tab


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


@dataclass(frozen=True)
class Before:
    """How page and reader were before the fault, and what the page is forgiven for being behind more than `NEAR_S`."""

    page: dict[str, Any]
    read: int
    at_s: float
    late_s: float

    @classmethod
    def of(cls, audience: Audience) -> Self:
        latency_s = audience.tab.look().latency_s or 0.0
        late_s = min(MOST_LATE_S, max(0.0, latency_s - NEAR_S))
        return cls(audience.tab.player(), audience.reader.shown, time.monotonic(), late_s)


def assert_untouched(audience: Audience, before: Before, inspector: Inspector, *, may_skip: bool = False) -> None:
    """Nothing of the fault came through to page, reader and player but another picture.

    `may_skip`: a hole of more than three segments is skipped and not filled; a slow machine comes to that.
    """
    tab, page = audience.tab, audience.tab.player()
    assert (tab.loads, tab.failed, tab.complaints) == (1, [], [])
    assert (page["resumes"], page["rebuilds"], page["error"]) == (before.page["resumes"], before.page["rebuilds"], None)
    assert page["viewer"] == before.page["viewer"]
    assert inspector.problems == []
    faults = inspector.faults()
    assert not [fault for fault in faults if not (may_skip and fault.startswith("P9:"))]
    has_hole = False
    for rendition in inspector.renditions.values():
        assert rendition.unreachable == 0
        assert not [
            one for one in rendition.readings if re.search(r"#EXT-X-(DISCONTINUITY|GAP)$", one.text, re.MULTILINE)
        ]
        msns = rendition.msns()
        has_hole |= msns != list(range(msns[0], msns[-1] + 1))
    assert may_skip or not has_hole
    read, there_s = audience.reader.shown - before.read, time.monotonic() - before.at_s
    assert audience.reader.is_running
    assert has_hole or read > RATE * (there_s - READER_WAITS_S - READER_EVERY_S)


def assert_told(inspector: Inspector) -> None:
    """The outage is in the playlists of all renditions, from when it was known on, and then with its end."""
    for rendition in inspector.renditions.values():
        tags = [re.findall(r'CLASS="relay\.outage",(.*)$', one.text, re.MULTILINE) for one in rendition.readings]
        newest = [found[-1] for found in tags if found]
        mine = [tag for tag in newest if tag.startswith(newest[-1].partition(",")[0])]
        assert re.fullmatch(r'START-DATE="[^"]+",X-REASON="[^"]+"', mine[0]), mine[0]
        assert re.fullmatch(r'START-DATE="[^"]+",END-DATE="[^"]+",X-REASON="[^"]+"', mine[-1]), mine[-1]


def test_the_camera_dies_and_comes_back(playing: Tab, audience: Audience, relay: Relay, camera: Camera) -> None:
    before = Before.of(audience)
    with Inspector(relay.playlist) as inspector:
        origin_ms = playing.note_frames()
        killed_s = time.time()
        camera.kill()
        playing.wait_until_slate(STALL_AFTER_S + 2 + before.late_s)
        assert slate_since_s(playing.frames(), origin_ms) - killed_s < STALL_AFTER_S + 1 + before.late_s
        playing.page.get_by_role("status").get_by_text("Camera").wait_for(timeout=4000)
        assert relay.state in {"stalled", "offline", "connecting"}
        playing.pump(2)
        camera.start()
        back_s = time.time()
        playing.wait_until_picture(GOP_S + 3 + before.late_s, back_s)
        playing.page.get_by_role("status").get_by_text("Live", exact=True).wait_for(timeout=5000)
        audience.wait_for(lambda: playing.details()["Reconnects in the last hour"] != "0", 5, "a reconnect on the page")
        assert playing.details()["State"].startswith("Live for ")
    assert_untouched(audience, before, inspector)
    assert_told(inspector)


def test_the_worker_is_killed(playing: Tab, audience: Audience, relay: Relay) -> None:
    before = Before.of(audience)
    restarts = relay.status()["counters"].get("worker_restarts", 0)
    neighbour = relay.worker(NEIGHBOUR)
    with Inspector(relay.playlist) as inspector, Inspector(f"{relay.origin}/live/{NEIGHBOUR}/index.m3u8") as other:
        playing.note_frames()
        playing.pump(1)
        worker, spare = relay.worker(), relay.spare()
        killed_s = time.time()
        worker.kill()
        playing.wait_until_picture(GOP_S + 3 + before.late_s, killed_s + 0.5)
        playing.pump(3)
        assert relay.worker().pid == spare.pid
        frames = playing.frames()
    assert freezes_s(frames) == []
    assert relay.status()["counters"]["worker_restarts"] == restarts + 1
    assert_untouched(audience, before, inspector)
    # Of the neighbour everything came when it was due.
    assert relay.worker(NEIGHBOUR) == neighbour
    assert relay.status(NEIGHBOUR)["counters"]["worker_restarts"] == 0
    assert other.complaints() == []
    assert max(rendition.longest_wait_s() for rendition in other.renditions.values()) < NEIGHBOUR_WAITS_S


def test_the_worker_is_stopped(playing: Tab, audience: Audience, relay: Relay) -> None:
    """In mid-message for certain it is in `tests/supervisor/test_process.py`."""
    before = Before.of(audience)
    with Inspector(relay.playlist) as inspector:
        playing.pump(1)
        worker = relay.worker()
        late, waited_s = late_turns(relay), waited_for_a_core_s(relay)
        worker.suspend()
        stopped_s = time.time()
        answers_s = []
        while time.time() - stopped_s < SILENT_WORKER_S + 1:
            asked_s = time.monotonic()
            relay.get("/healthz")
            answers_s.append(time.monotonic() - asked_s)
            playing.pump(0.02)
        assert late_turns(relay) - late <= (waited_for_a_core_s(relay) - waited_s) / LAG_S
        # The answer's time holds this process's own waits on a busy machine too: so the median is strict.
        assert statistics.median(answers_s) < 0.05
        assert max(answers_s) < 0.5
        playing.wait_until_picture(GOP_S + 8, stopped_s + SILENT_WORKER_S)
        playing.pump(3)
        assert relay.worker().pid != worker.pid
    assert_untouched(audience, before, inspector, may_skip=True)


def late_turns(relay: Relay) -> int:
    """How often the relay's event loop, which looks ten times a second, was later than `LAG_S` so far."""
    told = relay.get("/metrics").decode()
    counts = dict(re.findall(r'relay_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\d+)', told))
    return int(counts["+Inf"]) - int(counts[str(LAG_S)])


def waited_for_a_core_s(relay: Relay) -> float:
    """How long the relay's loop was ready to run and another had the core: the second figure of `schedstat`."""
    return int(Path(f"/proc/{relay.pid}/task/{relay.pid}/schedstat").read_text().split()[1]) / 1e9


def test_the_reader_was_there_for_all_of_it(playing: Tab, audience: Audience) -> None:
    """It ends here: no reader finds a relay again that was away."""
    _, playback = audience.leave()
    assert (playback.errors, playback.dropped) == ([], 0)
    assert playing.loads == 1


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
        playing.pump(SETTLING_S)
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
