"""Cameras, servers and networks that misbehave over RTSP, one after the other, under one page and one reader.

The relay's camera is a proxy at one address, which is aimed at whatever is next; neither viewer may notice anything but
another picture. Rows of media are in `test_hostile.py`.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from fixtures.audience import Audience, broken_rules, has_read, moving, seen_and_heard
from fixtures.inspector import Inspector
from fixtures.processes import Camera, Recorder, Relay
from fixtures.trouble import CHALLENGES, SERVERS, Trouble, refusal
from relay.errors import SourceAuthError, SourceError, SourceUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.proxy import Proxy

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(240)]

NAMELESS = "nameless"
SETTINGS = f"""open_timeout_s = 2
read_timeout_s = 2
[streams.{NAMELESS}]
source = "rtsp://no-such-camera.invalid/stream1"
size = "320x180"
rate = 15
"""
GOP_S = 2.0
LATENCY_S = 1.5
BACK_S = 15 * 1.2 + 1 + GOP_S + LATENCY_S + 3
"""The longest wait for the next attempt, and what a camera takes to be seen; and a busy machine."""
REBOOT_S = 90
RATE = 15
ENOUGH = 0.6
"""Of what was sent: a busy machine repeats pictures. What was not there, or not understood, is nothing."""
TICK_FRAMES = 2
"""The cameras tick once a second; so many frames of AAC have it in them."""
FAR_APART_S = 20.0
WITHOUT_KEYFRAME_S = 7.0
"""Of those twenty: two have passed when the relay is let in, and about four more when the page shows the slate."""
SEEN_S = 6.0


@pytest.fixture(scope="module")
def relay(proxy: Proxy, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(f"rtsp://user:geheim@127.0.0.1:{proxy.port}/small", folder, SETTINGS) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture
def inspector(relay: Relay, audience: Audience) -> Iterator[Inspector]:
    """Begins with a picture of now."""
    audience.tab.wait_until_picture(BACK_S, time.time() - 5)
    with Inspector(relay.playlist) as inspector:
        yield inspector


@pytest.fixture
def watched(relay: Relay, proxy: Proxy, camera: Camera, audience: Audience, inspector: Inspector) -> Iterator[Audience]:
    """Ends with a picture: the right camera is back. Nothing was wrong for anybody meanwhile."""
    yield audience
    proxy.lose(0)
    proxy.lag(0)
    proxy.aim(camera.port)
    pass_by(relay, proxy, audience)
    audience.tab.wait_until_picture(BACK_S, time.time())
    inspector.stop()
    assert audience.troubles() == []
    assert broken_rules(inspector) == []
    assert "geheim" not in relay.words()


def count(relay: Relay, name: str) -> int:
    counters: dict[str, int] = relay.status()["counters"]
    return counters[name]


def wait_until_told(relay: Relay, audience: Audience, leaf: type[SourceError], words: str) -> None:
    """Viewers are told the kind of trouble, and the owner by the log what it is."""

    def is_told() -> bool:
        health = relay.status()["health"]
        lines = [json.loads(line) for line in relay.words().splitlines() if '"event": "state"' in line]
        told = [line["reason"] for line in lines if line["stream"] == relay.stream]
        return health["state"] == "offline" and health["reason"] == leaf.for_viewers and words in told[-1]

    audience.wait_for(is_told, BACK_S, f"{leaf.for_viewers!r}, {words!r}; it is {relay.status()['health']}")


def pass_by(relay: Relay, proxy: Proxy, audience: Audience) -> None:
    """Refuse the relay once: of whoever does that it does not think that it must be left alone for long."""
    if relay.state != "live":
        proxy.shut()
        wait_until_told(relay, audience, SourceUnreachableError, "nothing listens")
        proxy.reopen()


@contextmanager
def instead(proxy: Proxy, port: int) -> Iterator[None]:
    """Put another camera in the place of this one, whose connections break."""
    proxy.aim(port)
    proxy.cut()
    yield


def test_servers_that_misbehave(watched: Audience, relay: Relay, proxy: Proxy) -> None:
    for row in SERVERS:
        if row.scheme == "rtsp":
            with Trouble(*row.steps) as server, instead(proxy, server.port):
                watched.wait_for(lambda taken=server: taken.connections > 0, BACK_S, f"{row.name}: connected")
                wait_until_told(relay, watched, row.leaf, row.words)
                pass_by(relay, proxy, watched)


def test_credentials_that_are_wrong_are_not_hammered(watched: Audience, relay: Relay, proxy: Proxy) -> None:
    for challenge in CHALLENGES.values():
        with Trouble(*refusal("rtsp", challenge)) as server, instead(proxy, server.port):
            wait_until_told(relay, watched, SourceAuthError, "user and password are not right")
            before = server.connections
            watched.sit(10)
            assert 0 < server.connections - before <= 2 * 4
            pass_by(relay, proxy, watched)


def test_a_real_camera_that_wants_another_password(
    watched: Audience, relay: Relay, proxy: Proxy, tmp_path: Path
) -> None:
    with Camera(tmp_path, "--user", "admin", "--password", "other") as locked, instead(proxy, locked.port):
        wait_until_told(relay, watched, SourceAuthError, "user and password are not right")


def test_a_camera_that_closes_every_three_seconds(
    watched: Audience, inspector: Inspector, relay: Relay, proxy: Proxy
) -> None:
    """Each time there are pictures for as long as it stays."""
    before, rounds = count(relay, "connections"), []
    for number in range(5):
        watched.wait_for(lambda n=number: count(relay, "connections") >= before + n, BACK_S, "a connection")
        from_s = time.time()
        watched.sit(3)
        rounds.append((from_s, time.time()))
        proxy.cut()
    watched.wait_for(lambda: has_read(inspector, rounds[-1][1]), 6, "the last segment")
    moved = moving(inspector.video)
    seen = [sum(from_s <= at_s < until_s for at_s in moved) for from_s, until_s in rounds]
    assert min(seen) > 3 * RATE / 2, seen


def test_a_camera_that_reboots(watched: Audience, relay: Relay, proxy: Proxy) -> None:
    """It refuses, for as long as it takes; then it takes connections and cannot serve yet."""
    before = count(relay, "reconnects")
    proxy.shut()
    watched.tab.wait_until_slate(2 + 3 + LATENCY_S)
    watched.sit(REBOOT_S - 10)
    refused = count(relay, "reconnects") - before
    assert 0.6 * REBOOT_S < refused < 1.3 * REBOOT_S
    with Trouble(*next(row.steps for row in SERVERS if row.name == "RTSP in trouble")) as starting:
        proxy.aim(starting.port)
        proxy.reopen()
        watched.sit(6)
        assert starting.connections


@dataclass(frozen=True)
class Other:
    """A row: another camera in the place of the usual one, and what has to be told, seen and heard of it."""

    name: str
    options: tuple[str, ...]
    video: str = "h264"
    audio: str = "aac"
    rate: float = RATE
    seen_s: float = SEEN_S


OTHERS = [
    Other("size and rate while it runs", ("--change", "4"), rate=8, seen_s=10),
    Other("H.265 and AC-3", ("--video", "h265", "--audio", "ac3"), video="hevc", audio="ac3"),
    Other("MJPEG and G.711 A-law", ("--video", "mjpeg", "--audio", "pcma"), video="mjpeg", audio="pcm_alaw"),
    Other("B-frames and G.711 µ-law", ("--video", "h264-b-frames", "--audio", "pcmu"), audio="pcm_mulaw"),
    Other("5 a second and Opus", ("--rate", "5", "--gop", "10", "--audio", "opus"), audio="opus", rate=5),
    Other("60 a second and PCM", ("--rate", "60", "--gop", "120", "--audio", "l16"), audio="pcm_s16be"),
    Other("G.726", ("--audio", "g726"), audio="g726"),
    Other("MP3", ("--audio", "mp3"), audio="mp3"),
]


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: row.name)
def test_a_camera_that_becomes_another(
    watched: Audience, inspector: Inspector, relay: Relay, proxy: Proxy, tmp_path: Path, row: Other
) -> None:
    before, said = count(relay, "connections"), len(relay.words())
    with Camera(tmp_path, *row.options) as other, instead(proxy, other.port):
        watched.wait_for(lambda: count(relay, "connections") > before, BACK_S, "a connection")
        opened = re.findall(r'.*"source opened".*', relay.words()[said:])[-1]
        assert f'"video": "{row.video}"' in opened
        assert f'"audio": "{row.audio}' in opened
        watched.tab.wait_until_picture(BACK_S, time.time())
        connections, from_s = count(relay, "connections"), time.time()
        watched.sit(row.seen_s)
        until_s = time.time()
        assert count(relay, "connections") == connections, "one connection, whatever it sends"
        watched.tab.wait_until_picture(LATENCY_S + 1, time.time() - LATENCY_S)
    watched.wait_for(lambda: has_read(inspector, until_s), 6, "the last segment")
    seen, heard = seen_and_heard(inspector, from_s, until_s)
    assert seen > ENOUGH * min(row.rate, RATE) * row.seen_s
    assert heard > ENOUGH * TICK_FRAMES * row.seen_s


def test_keyframes_twenty_seconds_apart_and_sound_that_is_only_announced(
    watched: Audience, inspector: Inspector, relay: Relay, proxy: Proxy, tmp_path: Path
) -> None:
    """Joined in the middle: the slate stays until the next keyframe, and that is not taken for a fault."""
    options = ("--gop", str(round(FAR_APART_S * RATE)), "--audio", "silent")
    with Camera(tmp_path, *options) as other, Recorder(other.url("/small"), tmp_path), instead(proxy, other.port):
        before, said, began_s = relay.status()["counters"], len(relay.words()), time.monotonic()
        watched.tab.wait_until_slate(2 + 3 + LATENCY_S)
        packets = count(relay, "packets")
        watched.sit(WITHOUT_KEYFRAME_S)
        assert watched.tab.look().is_slate
        assert count(relay, "packets") - packets > ENOUGH * RATE * WITHOUT_KEYFRAME_S, "it is connected, and waits"
        within_s = FAR_APART_S + BACK_S
        watched.wait_for(lambda: count(relay, "connections") > before["connections"], within_s, "a keyframe")
        assert time.monotonic() - began_s > FAR_APART_S / 2
        assert other.captures("/small") == 1, "the relay joined what was sent already"
        assert count(relay, "stalls") == before["stalls"]
        watched.tab.wait_until_picture(BACK_S, time.time())
        from_s = time.time()
        watched.sit(SEEN_S)
        until_s = time.time()
    assert '"audio": "aac"' in re.findall(r'.*"source opened".*', relay.words()[said:])[-1]
    watched.wait_for(lambda: has_read(inspector, until_s), 6, "the last segment")
    seen, heard = seen_and_heard(inspector, from_s, until_s)
    assert seen > ENOUGH * RATE * SEEN_S
    assert heard == 0


def test_a_network_that_stands_still_for_a_moment(watched: Audience, relay: Relay, proxy: Proxy) -> None:
    """Too short for a slate: the last picture stays."""
    before = count(relay, "connections")
    proxy.freeze()
    watched.sit(1.2)
    proxy.thaw()
    watched.tab.wait_until_picture(LATENCY_S + 2, time.time())
    assert count(relay, "connections") == before


def test_a_network_that_goes_dark(watched: Audience, relay: Relay, proxy: Proxy) -> None:
    proxy.freeze()
    watched.tab.wait_until_slate(2 + 3 + LATENCY_S)
    watched.sit(6)
    assert relay.state in {"stalled", "offline"}
    proxy.thaw()


def test_a_network_that_is_far_away(watched: Audience, relay: Relay, proxy: Proxy) -> None:
    """Each way at once: what comes later than it did, and goes on so, is waited for."""
    before = count(relay, "connections")
    for one_way_s in (0.4, 0.05, 0.3, 0.0):
        proxy.lag(one_way_s)
        watched.sit(4)
        watched.tab.wait_until_picture(LATENCY_S, time.time() - one_way_s - LATENCY_S - 1)
        assert relay.state == "live"
    assert count(relay, "connections") == before


def test_a_network_that_loses_what_it_carries(
    watched: Audience, inspector: Inspector, relay: Relay, proxy: Proxy
) -> None:
    """What is whole of it is shown: a chunk that is lost damages pictures up to the next keyframe."""
    before, from_s = count(relay, "packets"), time.time()
    proxy.lose(20)
    watched.sit(10)
    until_s = time.time()
    assert count(relay, "packets") - before > RATE
    watched.wait_for(lambda: has_read(inspector, until_s), 6, "the last segment")
    seen, _ = seen_and_heard(inspector, from_s, until_s)
    assert seen > 0


def test_a_name_that_cannot_be_resolved(relay: Relay, audience: Audience, browser: Browser, tmp_path: Path) -> None:
    """The other stream of this relay, which never had a picture: the page plays its slate."""
    relay.stream = NAMELESS
    try:
        relay.wait_until("offline")
        others = Audience.of(relay, browser, tmp_path)
        with Inspector(relay.playlist) as inspector:
            others.sit(12)
        assert others.troubles() == []
        _, playback = others.leave()
        browser.close(others.tab)
    finally:
        relay.stream = "cam"
    assert broken_rules(inspector) == []
    assert (playback.errors, playback.dropped) == ([], 0)
    assert playback.shown > RATE * 10
    assert re.search(r"no host is called 'no-such-camera.invalid'|the name server does not answer", relay.words())
    assert audience.troubles() == []


def test_the_reader_was_there_for_all_of_it(audience: Audience) -> None:
    there_s, playback = audience.leave()
    assert (playback.errors, playback.dropped) == ([], 0)
    assert playback.shown == pytest.approx(RATE * there_s, abs=RATE * 14)
