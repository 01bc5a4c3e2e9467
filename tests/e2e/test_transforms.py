"""Transforms as owners have them: masks hide, films are made, the README's lines run, a deadly one hurts nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import pytest

from fixtures import yard
from fixtures.films import found_in, sound_packets
from fixtures.inspector import Inspector
from fixtures.media import Clip, write_clip
from fixtures.processes import FIXTURES, Relay, wait_for
from fixtures.readme import own_transform
from fixtures.tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MASKED_S: Final = 4.0
"""For which a masked stream is looked at where time is short: a walk, and the begin of the way back."""
DEADLY: Final = """
import os, signal

def transform(frame):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    (folder / "deadly.py").write_text(DEADLY)
    options = ("--transform", "deadly:transform")
    with Relay(camera.url("/small"), folder, *options, environment={"PYTHONPATH": _path(folder)}) as relay:
        wait_for(lambda: relay.status()["counters"].get("worker_restarts", 0) >= 2, 30, "two dead workers")
        yield relay


def _path(folder: Path) -> str:
    """Where the user's module lies, and the relay itself."""
    return f"{folder}:{__file__.partition('/tests/')[0]}"


def test_what_is_masked_is_in_no_frame_that_a_player_gets(tmp_path: Path, duration_s: float) -> None:
    clip = Clip(yard.WIDTH, yard.HEIGHT, frames=yard.FRAMES)
    scene = write_clip(tmp_path / "yard.mp4", clip, paint=yard.yard)
    before = [yard.Seen.of(yard.yard(yard.WIDTH, yard.HEIGHT, index)) for index in range(yard.FRAMES)]
    masked = [word for mask in yard.MASKS for word in ("--transform", mask)]
    with Relay(str(scene), tmp_path, "--loop", *masked) as relay:
        relay.wait_until("live")
        looked_s = duration_s if duration_s > MASKED_S * 2 else MASKED_S
        frames = yard.frames_that_ffmpeg_gets(relay.playlist, looked_s, yard.WIDTH, yard.HEIGHT)
    seen = [yard.Seen.of(frame) for frame in frames]
    # There is something to hide, and without masks it is seen.
    assert max(one.mask_luma for one in before) > 200
    assert min(one.right_stripes for one in before) > 100
    assert len(seen) > 0.9 * looked_s * yard.RATE
    assert max(one.mask_luma for one in seen) < 40
    assert max(one.mask_colour for one in seen) < 16
    assert max(one.right_stripes for one in seen) < 25
    # All else goes on: somebody comes out of the mask, and goes in again.
    assert float(np.median([one.left_stripes for one in seen])) > 60
    assert 0.2 < np.mean([one.somebody for one in seen]) < 0.9


def test_a_film_is_made_by_the_command_as_it_is_typed(tmp_path: Path) -> None:
    clip = Clip(yard.WIDTH, yard.HEIGHT, frames=75, audio_codec="aac")
    source, target = write_clip(tmp_path / "in.mp4", clip, paint=yard.yard), tmp_path / "out.mp4"
    ran = subprocess.run(
        [sys.executable, "-m", "relay", "process", "in.mp4", "out.mp4", "--transform", "flip direction=vertical"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(FIXTURES.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("out.mp4: 75 pictures of 320x180 in h264, 3.0 s")
    for before, after in zip(found_in(source), found_in(target), strict=True):
        assert after.time_s == before.time_s
        assert np.abs(before.luma[::-1].astype(int) - after.luma).mean() < 4
        assert np.abs(before.luma.astype(int) - after.luma).mean() > 20
    assert sound_packets(target) == sound_packets(source)
    told_before, told_after = _told_by_ffprobe(source), _told_by_ffprobe(target)
    assert [stream["codec_name"] for stream in told_after["streams"]] == ["h264", "aac"]
    for one, other in zip(told_before["streams"], told_after["streams"], strict=True):
        assert float(one["duration"]) == pytest.approx(float(other["duration"]), abs=0.001)
    assert float(told_before["format"]["duration"]) == pytest.approx(float(told_after["format"]["duration"]), abs=0.03)


def _told_by_ffprobe(path: Path) -> Any:
    entries = "format=duration:stream=codec_name,duration"
    command = [need("ffprobe"), "-loglevel", "error", "-show_entries", entries, "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, timeout=30, check=True).stdout)


def test_the_five_lines_of_the_readme_run_as_they_stand_there(tmp_path: Path) -> None:
    (tmp_path / "paint.py").write_text(own_transform(), encoding="utf-8")
    relay = Relay("test:?size=640x360", tmp_path, "--transform", "paint:box")
    relay.working_folder = tmp_path
    with relay:
        relay.wait_until("live")
        wait_for(lambda: _has_red_box(relay.get("/live/cam/snapshot.jpg")), 10, "a box in the newest picture")
        assert "paint" not in relay.words()  # nothing to complain of


def _has_red_box(jpeg: bytes) -> bool:
    """Whether left, upper and lower edge of the box are there, and nothing like it beside it."""
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    edges = (bgr[60:140, 40], bgr[40, 60:260], bgr[160, 60:260])
    redness = [np.median(edge[:, 2].astype(int) - edge[:, :2].max(axis=1)) for edge in edges]
    beside = bgr[200:, 300:].astype(int)
    return bool(min(redness) > 120 and np.median(beside[..., 2] - beside[..., :2].max(axis=2)) < 60)


def test_viewers_see_the_slate_and_no_error(browser: Browser, relay: Relay, duration_s: float) -> None:
    tab = browser.open(f"{relay.origin}/live/cam/", 640, 560)
    try:
        tab.wait_until_playing(30)
        tab.settle()
        restarts = relay.status()["counters"]["worker_restarts"]
        with Inspector(relay.playlist) as inspector:
            seen = tab.watch(duration_s)
        player = tab.player()
        assert all(glimpse.is_slate for glimpse in seen), seen
        assert (tab.failed, tab.complaints, player["error"], player["rebuilds"]) == ([], [], None, 0)
        assert player["currentTime"] > duration_s * 0.7
        assert inspector.complaints() == []
        status = relay.status()
        assert status["health"]["state"] == "slate"
        assert status["health"]["reason"]
        # It is tried again and again, on a backoff: neither given up, nor a core kept busy.
        assert 0 < status["counters"]["worker_restarts"] - restarts <= 2 + duration_s
        assert relay.is_running
    finally:
        browser.close(tab)
