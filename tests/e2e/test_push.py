"""Real programs push to a real relay: what viewers get of it, and what becomes of pushers that may not, die or stop."""

from __future__ import annotations

import io
import re
import signal
import time
from itertools import groupby
from typing import TYPE_CHECKING, Final

import av
import numpy as np
import pytest

from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for
from fixtures.pushers import Encoder, Enhanced, GStreamer
from fixtures.tools import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.inspector import Rendition

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STALL_AFTER_S = 2.0
READ_TIMEOUT_S = 5.0
SEGMENT_S = 2.0
BREAKS: Final = re.compile(r"#EXT-X-(DISCONTINUITY|GAP)$", re.MULTILINE)
LOUD: Final = 0.01


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay("rtmp:", folder, "--rtmp-listen", "127.0.0.1:0") as relay:
        yield relay


@pytest.fixture(scope="module")
def key(relay: Relay) -> str:
    return (relay.data / "streams" / "cam.push-key").read_text().strip()


@pytest.fixture(scope="module")
def address(relay: Relay) -> str:
    return relay.wait_for_line(r"push to (rtmp://localhost:\d+/live/cam)/KEY")[1]


@pytest.fixture
def idle(relay: Relay) -> Relay:
    """Nobody pushes any more, and it shows: a state of `live` outlives its push by two seconds."""
    relay.wait_until("offline")
    return relay


def assert_well(inspector: Inspector) -> None:
    """What was sent broke no rule, and had nothing in it at which players start anew."""
    assert inspector.complaints() == []
    for rendition in inspector.renditions.values():
        assert not [one for one in rendition.readings if BREAKS.search(one.text)]


def segments(rendition: Rendition, since_s: float) -> list[bytes]:
    """The segments that began after `since_s`: a playlist lists some that are older than the test."""
    return [rendition.segments[msn] for msn in rendition.msns() if msn * SEGMENT_S >= since_s]


def wait_for_segment(inspector: Inspector, since_s: float) -> None:
    """Until a segment was read of picture and sound that began after `since_s`."""
    renditions = inspector.renditions.values()
    wait_for(lambda: all(segments(one, since_s) for one in renditions), 3 * SEGMENT_S + 2, "a whole segment")


def colours(rendition: Rendition, since_s: float) -> list[str]:
    """What the pictures show, equal neighbours together; the slate is dim or grey."""
    (init,) = rendition.inits.values()
    media = io.BytesIO(init + b"".join(segments(rendition, since_s)))
    names = []
    with av.open(media, "r") as container:
        for frame in container.decode(video=0):
            u, v = (float(plane.mean()) for plane in np.split(frame.to_ndarray()[frame.height :], 2))
            names.append("red" if v > 200 else "blue" if u > 200 else "slate")
    return [name for name, _ in groupby(names)]


def sounds(rendition: Rendition, since_s: float) -> list[str]:
    """Which segments have a tone in them, and which do not, equal neighbours together."""
    (init,) = rendition.inits.values()
    names = []
    for segment in segments(rendition, since_s):
        with av.open(io.BytesIO(init + segment), "r") as container:
            samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        names.append("tone" if float(np.sqrt(np.mean(samples**2))) > LOUD else "silence")
    return [name for name, _ in groupby(names)]


def test_viewers_see_who_pushes_and_stay_when_the_pusher_dies(
    idle: Relay, folder: Path, address: str, key: str
) -> None:
    with Encoder(folder, "red", "flv", f"{address}/{key}") as red:
        idle.wait_until("live")
        since_s = time.time()
        with Inspector(idle.playlist) as inspector:
            wait_for_segment(inspector, since_s)
            red.kill()
            killed_s = time.time()
            idle.wait_until("offline", STALL_AFTER_S + 2)
            assert idle.status()["health"]["reason"] == "waiting for the camera to start sending"
            wait_for_segment(inspector, killed_s + 1)
            with Encoder(folder, "blue", "flv", f"{address}/{key}"):
                idle.wait_until("live", 5)
                wait_for_segment(inspector, time.time())
    assert_well(inspector)
    assert colours(inspector.renditions["video"], since_s) == ["red", "slate", "blue"]
    assert sounds(inspector.renditions["audio"], since_s) == ["tone", "silence", "tone"]


def test_a_wrong_key_and_a_second_pusher_are_told_so(idle: Relay, folder: Path, address: str, key: str) -> None:
    with Encoder(folder, "green", "flv", f"{address}/wrong-wrong-wrong-wrong") as wrong:
        assert wrong.wait_for_end() != 0
        assert "no stream of this name takes this key" in wrong.words()
    assert idle.state == "offline"
    with Encoder(folder, "red", "flv", f"{address}?key={key}") as first:
        idle.wait_until("live")
        with Inspector(idle.playlist) as inspector, Encoder(folder, "white", "flv", f"{address}/{key}") as second:
            assert second.wait_for_end() != 0
            assert "somebody pushes to this stream already" in second.words()
        assert first.is_running
        assert idle.state == "live"
    assert_well(inspector)


@pytest.mark.all
def test_the_worker_dies_and_the_pusher_notices_nothing(idle: Relay, folder: Path, address: str, key: str) -> None:
    with Encoder(folder, "red", "flv", f"{address}/{key}") as pusher:
        idle.wait_until("live")
        worker, spare, since_s = idle.worker(), idle.spare(), time.time()
        with Inspector(idle.playlist) as inspector:
            time.sleep(2)
            worker.kill()
            wait_for(lambda: [one.pid for one in idle.workers()] == [spare.pid], 5, "the spare at work")
            idle.wait_until("live", 6)
            time.sleep(4)
        assert pusher.is_running
        said = len(idle.words())
    assert_well(inspector)
    shown = colours(inspector.renditions["video"], since_s)
    assert [shown[0], shown[-1]] == ["red", "red"]  # a slow machine shows a slate in between
    assert '"handovers": 1' in idle.wait_for_line(r'.*"push ended".*', after=said)[0]


@pytest.mark.all
def test_a_pusher_that_stops_sending_is_let_go(idle: Relay, folder: Path, address: str, key: str) -> None:
    with Encoder(folder, "red", "flv", f"{address}/{key}") as pusher:
        idle.wait_until("live")
        said = len(idle.words())
        with Inspector(idle.playlist) as inspector:
            pusher.signal(signal.SIGSTOP)
            assert "nothing came for 5 s" in idle.wait_for_line(r'.*"push ended".*', after=said)[0]
            idle.wait_until("offline", 5)
            with GStreamer(folder, "gst", "flv", f"{address}/{key}"):
                idle.wait_until("live")
    assert_well(inspector)


@pytest.mark.all
def test_enhanced_rtmp(idle: Relay, folder: Path, address: str, key: str) -> None:
    said = len(idle.words())
    with Enhanced(folder, "yellow", "flv", f"{address}/{key}"):
        opened = idle.wait_for_line(r'.*"source opened".*', after=said)[0]
        assert '"video": "hevc"' in opened
        assert '"audio": "opus"' in opened
        idle.wait_until("live")
        since_s = time.time()
        with Inspector(idle.playlist) as inspector:
            wait_for_segment(inspector, since_s)
    assert_well(inspector)
    assert sounds(inspector.renditions["audio"], since_s) == ["tone"]


def test_the_key_is_nowhere_to_be_seen(relay: Relay, key: str) -> None:
    processes = [*relay.processes(), relay.worker().parent()]
    assert not any(key in " ".join([process.name(), *process.cmdline()]) for process in processes if process)
    assert not any(key in " ".join(process.environ().values()) for process in relay.processes())
    assert key not in relay.words()
    assert key.encode() not in relay.get("/api/v1/streams") + relay.get("/metrics") + relay.get("/live/cam/")


@pytest.mark.all
@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_mpegts_without_a_password(tmp_path: Path, scheme: str) -> None:
    port = free_port()
    listen, url = {
        "udp": (f"udp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}?pkt_size=1316"),
        "tcp": (f"tcp://127.0.0.1:{port}?listen", f"tcp://127.0.0.1:{port}"),
    }[scheme]
    with Relay(listen, tmp_path) as relay:
        assert "only this machine can send" in relay.words()
        relay.wait_until("offline")
        for colour in ("red", "blue"):
            with Encoder(tmp_path, colour, "mpegts", url):
                relay.wait_until("live")
                since_s = time.time()
                with Inspector(relay.playlist) as inspector:
                    wait_for_segment(inspector, since_s)
            assert_well(inspector)
            assert colours(inspector.renditions["video"], since_s) == [colour]
            assert sounds(inspector.renditions["audio"], since_s) == ["tone"]
            relay.wait_until("offline", READ_TIMEOUT_S + 5)
        assert relay.is_running


@pytest.mark.all
def test_another_pusher_takes_over_and_viewers_see_no_slate(tmp_path: Path) -> None:
    relay = Relay("", tmp_path, "--config", str(tmp_path / "relay.toml"), "--rtmp-listen", "127.0.0.1:0")
    own_key = "a-key-of-the-owner"
    relay.configure("rtmp:", f'push_key = "{own_key}"\nsecond_push = "take-over"\nsize = "320x180"\nrate = 15')
    with relay:
        url = relay.wait_for_line(r"push to (rtmp://localhost:\d+/live/cam)/KEY")[1] + f"/{own_key}"
        with Encoder(tmp_path, "red", "flv", url) as red:
            relay.wait_until("live")
            since_s = time.time()
            with Inspector(relay.playlist) as inspector:
                time.sleep(3)
                with Encoder(tmp_path, "blue", "flv", url):
                    assert red.wait_for_end() != 0
                    time.sleep(6)
                    assert relay.state == "live"
    assert inspector.faults() == []
    assert colours(inspector.renditions["video"], since_s) == ["red", "blue"]
