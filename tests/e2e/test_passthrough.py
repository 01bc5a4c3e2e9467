"""A camera's own pictures, not encoded: the page plays through an outage, with one discontinuity at each seam."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(180)]

BEHIND_S = 12
"""HOLD-BACK: three times the target of four seconds, which is twice the camera's GOP."""


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(camera.url("/small"), folder, 'video = "copy"\n') as relay:
        relay.wait_until("live", within_s=30)
        yield relay


def test_an_outage_is_one_discontinuity_at_each_seam(relay: Relay, camera: Camera, browser: Browser) -> None:
    format_ = relay.status()["format"]
    assert (format_["copied"], format_["width"]) == ("h264", 640)
    reader = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-i", relay.playlist, "-map", "0", "-c", "copy", "-f", "null", "-"],
        stderr=subprocess.PIPE,
        text=True,
    )
    tab = browser.open(f"{relay.origin}/live/cam/", 640, 560)
    tab.wait_until_playing()
    tab.wait_until_picture(BEHIND_S + 10, time.time() - 2 * BEHIND_S)
    try:
        with Inspector(relay.playlist) as inspector:
            camera.kill()
            tab.wait_until_slate(BEHIND_S + 10)
            camera.start()
            back_s = time.time()
            relay.wait_until("live")
            tab.wait_until_picture(BEHIND_S + 15, back_s)
        assert reader.poll() is None, "ffmpeg went away"
    finally:
        reader.terminate()
        _, words = reader.communicate(timeout=10)
    player = tab.player()
    assert (tab.loads, tab.failed, player["rebuilds"], player["error"]) == (1, [], 0, None)
    browser.close(tab)
    assert inspector.problems == []
    assert inspector.faults() == []
    seams = {name: rendition.discontinuities() for name, rendition in inspector.renditions.items()}
    assert len(seams["video"]) == 2
    assert seams["video"] == seams["audio"]
    assert "Invalid data" not in words, words


def test_a_worker_that_is_killed_is_one_seam(relay: Relay) -> None:
    relay.wait_until("live")
    with Inspector(relay.playlist) as inspector:
        video = inspector.video
        wait_for(lambda: video.readings, 10, "a playlist")
        last = video.newest.last_msn
        relay.worker().kill()
        wait_for(lambda: video.newest.last_msn >= last + 4, 30, "segments of the worker that took over")
    assert inspector.problems == []
    assert inspector.faults() == []
    assert len(video.discontinuities()) in {1, 2, 3}, "those of the outage before may be listed still"
