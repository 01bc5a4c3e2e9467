"""One stream in three codecs: by the rules, decoded, and in a browser that does not play all of them."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import imageio_ffmpeg
import pytest

from fixtures import players, programs
from fixtures.checking import check, faults
from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for
from relay.model import Latency, Rung, StreamFormat
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser, Tab
    from fixtures.web_players import Pages

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(180)]

RATE: Final = 15
SETTINGS: Final = f"""
size = "1280x720"
rate = {RATE}
encoder = "auto"
[[streams.cam.renditions]]
height = 720
preset = "ultrafast"
[[streams.cam.renditions]]
height = 480
rate = 5
codec = "hevc"
preset = "ultrafast"
[[streams.cam.renditions]]
height = 360
codec = "av1"
preset = "ultrafast"
"""
"""H.265 at a third of the rate: its encoder takes several times what H.264's does."""
SWITCHED_WITHIN_S: Final = 10.0
PLAYED_S: Final = 8.0
PUMPED_S: Final = 5.0
"""Behind the first thirty pictures of a web player, which with its start take as long again."""
ENOUGH: Final = 0.6
"""Of the pictures: three encoders share the cores with whoever plays."""
RATES: Final = {"video": RATE, "video-480p5-hevc": 5, "video-360p-av1": RATE}
HEVC: Final = Rung("video-480p5-hevc", 854, 480, Fraction(5), 250, codec="hevc")
GRID: Final = Grid.of(StreamFormat(1280, 720, Fraction(RATE), audio=True, latency=Latency.LAN, ladder=(HEVC,)))


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay.with_settings("test:", folder, SETTINGS) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def inspected(relay: Relay) -> Inspector:
    """Five segments of each rendition."""
    with Inspector(relay.playlist, GRID) as inspector:
        wait_for(
            lambda: all(len(one.segments) >= 5 for one in inspector.renditions.values()), 60, "five segments of each"
        )
    return inspector


def test_every_rendition_obeys_the_rules_and_is_named_by_what_it_is(inspected: Inspector) -> None:
    assert inspected.complaints() == []
    pattern = r'CODECS="(\w{4})[^"]*",RESOLUTION=(\w+),.*\n\S*?([a-z0-9-]+)-1/index'
    assert re.findall(pattern, inspected.multivariant) == [
        ("avc1", "1280x720", "video"),
        ("hvc1", "854x480", "video-480p5-hevc"),
        ("av01", "640x360", "video-360p-av1"),
    ]


def test_relay_check_finds_nothing(relay: Relay) -> None:
    status, told, _ = check(relay.playlist, "--seconds", "12")
    assert (status, faults(told)) == (0, [])


def test_the_same_frame_is_first_in_the_same_segment_of_each_codec(inspected: Inspector) -> None:
    top, *others = (inspected.renditions[name] for name in RATES)
    for other in others:
        both = sorted(set(top.segments) & set(other.segments))
        counters = [top.first_counter(msn) for msn in both]
        assert counters == [other.first_counter(msn) for msn in both]
        assert len(set(counters)) > 2


def test_ffmpeg_decodes_every_picture_of_each(inspected: Inspector, tmp_path: Path) -> None:
    for name, rate in RATES.items():
        rendition = inspected.renditions[name]
        (init,) = rendition.inits.values()
        msns = rendition.msns()[:4]
        media = tmp_path / f"{name}.mp4"
        media.write_bytes(init + b"".join(rendition.segments[msn] for msn in msns))
        ran = subprocess.run(
            [
                imageio_ffmpeg.get_ffmpeg_exe(),
                "-v",
                "error",
                "-xerror",
                "-i",
                str(media),
                "-fps_mode",
                "passthrough",
                "-f",
                "framemd5",
                "-",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        pictures = [line for line in ran.stdout.splitlines() if line and not line.startswith("#")]
        assert (ran.returncode, ran.stderr) == (0, "")
        assert len(pictures) == len(msns) * rate * GRID.segment_s


def test_the_watch_page_offers_what_the_browser_plays_and_changes_between_it(tab: Tab) -> None:
    quality = tab.page.get_by_label("Quality")
    labels = [label.partition(" · ")[0] for label in quality.locator("option").all_inner_texts()]
    assert labels == ["Automatic", "360p AV1", "720p"], "no H.265: this browser has no decoder for it"
    for label in ("360p AV1", "720p", "360p AV1"):
        tab.choose(label, SWITCHED_WITHIN_S)
        before = tab.player()
        tab.pump(4)
        after = tab.player()
        assert after["currentTime"] - before["currentTime"] > 2
        assert after["rebuilds"] == 0
    assert (tab.failed, tab.complaints, tab.player()["error"]) == ([], [], None)


@pytest.mark.parametrize("page", ["hls", "shaka", "videojs"])
def test_a_web_player_of_other_people_takes_what_the_browser_plays(
    browser: Browser, pages: Pages, relay: Relay, page: str
) -> None:
    with pages.player(browser, page, relay.playlist) as player:
        player.wait_until_playing()
        player.frames()
        player.pump(PUMPED_S)
        frames = player.frames()
        assert player.complaints() == []
        assert {frame.height for frame in frames} <= {720, 360}, "no H.265: this browser has no decoder for it"
        assert len(frames) > ENOUGH * RATE * PUMPED_S


def test_programs_play_the_rung_that_they_like(relay: Relay, tmp_path: Path) -> None:
    """All at once. They say nothing of which it was: so each has shown as much as the slowest has."""
    with ThreadPoolExecutor(1) as pool:
        recording = pool.submit(programs.streamlink, relay.playlist, tmp_path / "recording.mkv", "best", PLAYED_S)
        playbacks = players.side_by_side(relay.playlist, PLAYED_S)
        watched = recording.result()
    assert {name: playback.errors for name, playback in playbacks.items() if playback.errors} == {}
    least = ENOUGH * min(RATES.values()) * PLAYED_S
    assert {name: playback.shown for name, playback in playbacks.items() if playback.shown < least} == {}
    assert (watched.errors, {frame.height for frame in watched.frames}) == ([], {720})
    assert len(watched.frames) > ENOUGH * RATE * PLAYED_S


def test_what_encodes_can_be_read_in_the_metrics(relay: Relay) -> None:
    text = relay.get("/metrics").decode()
    found = dict(re.findall(r'relay_stream_gauge\{name="renditions_by_(\w+)",stream="cam"\} ([\d.]+)', text))
    assert sum(map(float, found.values())) == len(RATES)
    assert all(name.startswith(("lib", "h264_", "hevc_", "av1_")) for name in found)


def test_mpeg_ts_is_of_h264_alone(relay: Relay) -> None:
    """As without the other codecs: the rung that is called `video`."""
    text = relay.get(f"/live/{relay.stream}/ts.m3u8").decode()
    assert 'CODECS="avc1.' in text
    assert "RESOLUTION=1280x720" in text


def test_a_worker_that_dies_leaves_no_seam_in_any_codec(relay: Relay) -> None:
    """Its heir goes on in the middle of a segment, with the parameter sets that are in the init segments."""
    with Inspector(relay.playlist, GRID) as inspector:
        everything = inspector.renditions.values()
        wait_for(lambda: all(len(one.segments) > 3 for one in everything), 30, "the first segments")
        newest = max(max(one.segments) for one in everything)
        worker = relay.worker()
        worker.kill()
        wait_for(lambda: relay.worker().pid != worker.pid or None, 20, "another worker")
        wait_for(lambda: all(max(one.segments) > newest + 3 for one in everything), 60, "segments behind it")
    # On a busy machine pictures catch up slowly, and their playlists are far behind that of the sound.
    assert inspector.complaints(may_be_late=True) == []
    assert [(len(one.inits), one.discontinuities()) for one in everything] == [(1, [])] * 4
    assert "Svt[" not in relay.words()
