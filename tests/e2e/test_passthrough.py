"""A camera's own pictures, not encoded: page and reader play through everything, with one seam at each change."""

from __future__ import annotations

import io
import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import pytest

from fixtures.audience import Audience
from fixtures.inspector import Inspector
from fixtures.players import Reader
from fixtures.processes import Camera, Relay, wait_for
from fixtures.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(180)]

BEHIND_S = 12
"""HOLD-BACK: three times the target of four seconds, which is twice the camera's GOP."""
BACK_S = BEHIND_S + 15
SLATE_S = BEHIND_S + 10
SEGMENT_S = 2
"""The camera's GOP, while it is there."""
BEHIND_SEGMENTS = 3
RATE = 15
FINE_TIME = ("-enc_time_base:v", "-1")
"""ffmpeg would count time in frames of the rate that came first; at a seam two pictures may lie within one of these."""


@pytest.fixture(scope="module")
def relay(proxy: Proxy, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(f"rtsp://127.0.0.1:{proxy.port}/small", folder, 'video = "copy"\n') as relay:
        relay.wait_until("live", within_s=30)
        yield relay


@pytest.fixture(scope="module")
def audience(relay: Relay, browser: Browser, folder: Path) -> Iterator[Audience]:
    """Those who stay for all of it. The reader decodes, so that what does not join at a seam is an error."""
    audience = Audience.of(relay, browser, folder, *FINE_TIME)
    audience.tab.wait_until_picture(BACK_S, time.time() - 2 * BEHIND_S)
    yield audience
    audience.reader.kill()
    browser.close(audience.tab)


@pytest.fixture
def inspector(relay: Relay, audience: Audience) -> Iterator[Inspector]:
    """Begins with a picture of now, and ends well."""
    audience.tab.wait_until_picture(BACK_S, time.time() - BEHIND_S - 5)
    with Inspector(relay.playlist) as inspector:
        audience.wait_for(lambda: all(one.readings for one in inspector.renditions.values()), 10, "playlists")
        yield inspector
    assert audience.troubles() == []
    assert inspector.complaints() == []


def seams(inspector: Inspector) -> list[int]:
    """The discontinuities since it looks: the same for sound and picture, and wherever the parameter sets change."""
    inspector.stop()
    first = max(one.readings[0].playlist.last_msn for one in inspector.renditions.values())
    found = {name: [msn for msn in one.discontinuities() if msn > first] for name, one in inspector.renditions.items()}
    assert found["video"] == found["audio"]
    listed = {segment.msn: segment.map_uri for one in inspector.video.readings for segment in one.playlist.segments}
    changed = {msn for msn, uri in listed.items() if listed.get(msn - 1, uri) != uri}
    assert changed <= set(inspector.video.discontinuities())
    return found["video"]


def test_an_outage_is_one_discontinuity_at_each_seam(
    relay: Relay, camera: Camera, proxy: Proxy, audience: Audience, inspector: Inspector
) -> None:
    format_ = relay.status()["format"]
    assert (format_["copied"], format_["width"]) == ("h264", 640)
    camera.kill()
    proxy.cut()
    audience.tab.wait_until_slate(SLATE_S)
    camera.start()
    back_s = time.time()
    relay.wait_until("live")
    audience.tab.wait_until_picture(BACK_S, back_s)
    assert len(seams(inspector)) == 2


def test_a_worker_that_is_killed_is_one_seam(relay: Relay, audience: Audience, inspector: Inspector) -> None:
    killed_s = time.time()
    relay.worker().kill()
    audience.tab.wait_until_picture(BACK_S, killed_s + 4)
    assert len(seams(inspector)) in {1, 2}, "one to the slate and one from it, where it took its time"


def test_a_connection_that_breaks(relay: Relay, proxy: Proxy, audience: Audience, inspector: Inspector) -> None:
    before, cut_s = relay.status()["counters"], time.time()
    proxy.cut()
    audience.tab.wait_until_picture(BACK_S, cut_s + 5)
    had_slate = relay.status()["counters"].get("slate_slots", 0) > before.get("slate_slots", 0)
    assert len(seams(inspector)) == 1 + had_slate


def test_a_network_that_goes_dark(proxy: Proxy, audience: Audience, inspector: Inspector) -> None:
    proxy.freeze()
    audience.tab.wait_until_slate(SLATE_S)
    proxy.thaw()
    audience.tab.wait_until_picture(BACK_S, time.time())
    assert len(seams(inspector)) == 2


def test_a_network_that_stands_still_for_a_moment_is_no_seam(
    proxy: Proxy, audience: Audience, inspector: Inspector
) -> None:
    proxy.freeze()
    audience.sit(1)
    proxy.thaw()
    audience.tab.wait_until_picture(BACK_S, time.time() + 2)
    assert seams(inspector) == []


def test_a_camera_that_changes_while_it_runs_is_one_seam_each_time(
    relay: Relay, camera: Camera, proxy: Proxy, audience: Audience, tmp_path: Path
) -> None:
    """Its size and its rate. The cameras are exchanged before and after."""
    with Camera(tmp_path, "--change", "6", "--gop", "10") as other:
        proxy.aim(other.port)
        proxy.cut()
        began = relay.status()["counters"]["connections"]
        audience.wait_for(lambda: relay.status()["counters"]["connections"] > began, BACK_S, "the other camera")
        with Inspector(relay.playlist) as inspector:
            audience.sit(30)
            connections = relay.status()["counters"]["connections"]
        proxy.aim(camera.port)
    assert connections == began + 1
    assert inspector.complaints() == []
    assert 3 <= len(seams(inspector)) <= 5
    back_s = time.time()
    audience.tab.wait_until_picture(BACK_S, back_s)
    assert audience.troubles() == []


def test_the_reader_was_there_for_all_of_it(audience: Audience) -> None:
    there_s, playback = audience.leave()
    assert playback.errors == []
    # In an outage there is a picture a second.
    assert playback.shown > RATE * there_s / 3


@dataclass(frozen=True)
class Row:
    """A camera, and whether `auto` copies it; if not, why."""

    name: str
    options: tuple[str, ...]
    refusal: str = ""


ROWS = [
    Row("B-frames", ("--video", "h264-b-frames")),
    Row("keyframes twelve seconds apart", ("--gop", str(12 * RATE)), r"keyframes are 1\d s apart"),
]


@contextmanager
def watching(relay: Relay, browser: Browser, folder: Path) -> Iterator[Audience]:
    audience = Audience.of(relay, browser, folder, *FINE_TIME)
    yield audience
    audience.reader.kill()
    browser.close(audience.tab)


def reorders(inspector: Inspector) -> bool:
    """Whether pictures are shown in another order than they are decoded in."""
    newest = inspector.video.newest.segments[-1]
    assert newest.map_uri
    data = inspector.video.inits[newest.map_uri] + inspector.video.segments[newest.msn]
    with av.open(io.BytesIO(data), "r") as container:
        shown = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    return shown != sorted(shown)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_auto_copies_what_can_be_and_says_why_not(row: Row, browser: Browser, tmp_path: Path) -> None:
    """Both viewers stay, decode all of it, and see one seam where the connection breaks; none, where it is encoded."""
    with (
        Camera(tmp_path, *row.options) as camera,
        Proxy(camera.port) as proxy,
        Relay.with_settings(f"rtsp://127.0.0.1:{proxy.port}/small", tmp_path, 'video = "auto"\n') as relay,
    ):
        relay.wait_until("live", within_s=40)
        assert relay.status()["format"]["copied"] == (None if row.refusal else "h264")
        said = [json.loads(line) for line in relay.words().splitlines() if "not copied, but encoded" in line]
        assert len(said) == bool(row.refusal)
        assert all(re.search(row.refusal, line["reason"]) for line in said)
        with watching(relay, browser, tmp_path) as audience, Inspector(relay.playlist) as inspector:
            audience.tab.wait_until_picture(BACK_S, time.time() - 2 * BEHIND_S)
            audience.sit(6)
            before, cut_s = relay.status()["counters"], time.time()
            proxy.cut()
            audience.tab.wait_until_picture(BACK_S, cut_s + 4)
            audience.sit(4)
            had_slate = relay.status()["counters"].get("slate_slots", 0) > before.get("slate_slots", 0)
            assert audience.troubles() == []
            there_s, playback = audience.leave()
    assert inspector.complaints() == []
    assert len(seams(inspector)) == (0 if row.refusal else 1 + had_slate)
    assert reorders(inspector) is not bool(row.refusal)
    assert playback.errors == []
    assert playback.shown > RATE * (there_s - BEHIND_S)


def test_h265_is_copied_over_an_outage(tmp_path: Path) -> None:
    """The browser of these tests has no decoder for it: a reader, who decodes all of it, and the rules."""
    with (
        Camera(tmp_path, "--video", "h265") as camera,
        Proxy(camera.port) as proxy,
        Relay.with_settings(f"rtsp://127.0.0.1:{proxy.port}/small", tmp_path, 'video = "copy"\n') as relay,
    ):
        relay.wait_until("live", within_s=40)
        assert relay.status()["format"]["copied"] == "hevc"
        with Reader(relay.playlist, tmp_path, *FINE_TIME) as reader, Inspector(relay.playlist) as inspector:
            wait_for(lambda: inspector.has_begun() and reader.shown > 0, BACK_S, "pictures in the reader")
            camera.kill()
            proxy.cut()
            relay.wait_until("offline", SLATE_S)
            wait_for_segments(inspector, 2)
            camera.start()
            relay.wait_until("live", SLATE_S)
            # The reader is behind by some segments, and has to come to those behind the seam.
            wait_for_segments(inspector, 2 + BEHIND_SEGMENTS)
            playback = reader.leave()
    assert 'CODECS="hvc1.' in inspector.multivariant
    assert (inspector.complaints(), playback.errors) == ([], [])
    assert len(seams(inspector)) == 2


def wait_for_segments(inspector: Inspector, count: int) -> None:
    """Until so many more of the pictures were published."""
    last_msn = inspector.video.newest.last_msn
    wait_for(lambda: inspector.video.newest.last_msn >= last_msn + count, 4 * SEGMENT_S * count, f"{count} segments")
