"""Every kind of source under both viewers: a page and a reader of each, and all that was published is judged.

Those of one group are in one relay, side by side. Half way through each is taken away, where its kind allows for that,
and given back: its viewers are shown the slate, and stay. Webcams and microphones need a device, and are not here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.audience import Audience, broken_rules, has_read, moving, sounding
from fixtures.http_camera import Guarded, serving
from fixtures.inspector import Inspector
from fixtures.media import Clip, jpegs, write_clip
from fixtures.processes import FIXTURES, Camera, Relay
from fixtures.proxy import Proxy
from fixtures.pushers import MOVING, Encoder, Enhanced, Origin
from fixtures.screen import Film, Screen
from fixtures.tools import free_port, need, write_certificate
from fixtures.trouble import Paced, Trouble, http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.browser import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.all, pytest.mark.timeout(240)]

RATE: Final = 15
FOR_ALL: Final = f'size = "320x180"\nrate = {RATE}\nlatency = "internet"\n'
"""Small, and with few parts: four streams, each with a page, a reader and a judge, share two cores."""
SEEN_S: Final = 5.0
AWAY_S: Final = 3.0
MISSED_WITHIN_S: Final = 10.0
BACK_WITHIN_S: Final = 20.0
READ_WITHIN_S: Final = 10.0
READER_BEHIND_S: Final = 14.0
ENOUGH: Final = 0.6
"""Of what was sent: a busy machine repeats pictures. What was not there is nothing."""
TONE: Final = 48_000 / 1024
TICK: Final = 2.0
"""Frames of AAC a second that are not silent: of a tone all, of a tick a second so many."""
SECRET: Final = "p@s:s-geheim"
KEY: Final = "a-key-that-is-geheim"
MINE: Final = """
import itertools, pathlib
import numpy as np
import relay

def frames(broken: str):
    for n in itertools.count():
        if pathlib.Path(broken).exists():
            raise OSError("the sensor is cold")
        yield np.full((180, 320), 40 + n * 8 % 160, np.uint8)
        at_s = np.arange(n * 3200, (n + 1) * 3200) / 48_000
        yield relay.Sound((8000 * np.sin(2 * np.pi * 440 * at_s)).astype(np.int16), 48_000)
"""


def nothing() -> None:
    """What need not be done to a source."""


@dataclass(frozen=True)
class Row:
    """A source: how it is written, how much of it is heard a second, and how it begins, goes away and comes back."""

    name: str
    source: str
    settings: str = ""
    heard: float = 0.0
    opened: str = ""
    begin: Callable[[], object] = nothing
    take_away: Callable[[], object] = nothing
    give_back: Callable[[], object] = nothing

    @property
    def can_go(self) -> bool:
        return self.take_away is not nothing


@contextmanager
def cameras(folder: Path, _rtmp_port: int) -> Iterator[list[Row]]:
    """RTSP over UDP, what the camera has, and TLS that is checked; a password each way; the second of two pictures."""
    certificate = str(write_certificate(folder))
    kinds = (
        ("udp", "/small", 'rtsp_transport = "udp"', "", ("--only", "udp", "--method", "basic")),
        ("auto", "/small", 'rtsp_transport = "auto"', "", ("--only", "tcp", "--method", "digest")),
        ("tls", "/small", "", "", ("--certificate", certificate)),
        ("second", "/two", "video_stream = 1", '"size": "320x180"', ()),
    )
    rows = []
    with ExitStack() as stack:
        for name, mount, settings, opened, options in kinds:
            own = folder / name
            own.mkdir()
            camera = stack.enter_context(Camera(own, "--user", "admin", "--password", SECRET, *options))
            url = camera.url(mount, f"admin:{SECRET}")
            rows.append(Row(name, url, settings, TICK, opened, take_away=camera.kill, give_back=camera.start))
        yield rows


@contextmanager
def servers(folder: Path, _rtmp_port: int) -> Iterator[list[Row]]:
    """MJPEG, HLS that grows or begins again at its end, as an MP4 over TLS does: with a password, or a header."""
    live, films = folder / "live", folder / "films"
    live.mkdir()
    films.mkdir()
    film = write_clip(films / "film.mp4", Clip(rate=Fraction(RATE), frames=4 * RATE, audio_codec="aac"))
    as_hls = ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"]
    ffmpeg("-i", str(film), "-c", "copy", *as_hls, str(live / "film.m3u8"))
    with (
        Trouble(http("multipart/x-mixed-replace; boundary=frame"), mjpeg(180)) as camera,
        Proxy(camera.port) as network,
        Origin(live) as origin,
        serving(partial(Guarded, directory=str(live))) as live_url,
        serving(partial(Guarded, directory=str(films)), write_certificate(folder)) as film_url,
    ):
        looped = 'headers = { X-Key = "geheim" }\ntls_verify = false\nloop = true'
        yield [
            Row(
                "mjpeg",
                f"http://127.0.0.1:{network.port}/video.mjpg",
                take_away=network.shut,
                give_back=network.reopen,
            ),
            Row(
                "hls",
                live_url.replace("//", "//me:geheim@") + "/live.m3u8",
                heard=TONE,
                take_away=partial(origin.signal, signal.SIGSTOP),
                give_back=partial(origin.signal, signal.SIGCONT),
            ),
            Row("vod", live_url.replace("//", "//me:geheim@") + "/film.m3u8", "loop = true", TONE),
            Row("mp4", f"{film_url}/film.mp4", looped, TONE),
        ]


@contextmanager
def this_machine(folder: Path, _rtmp_port: int) -> Iterator[list[Row]]:
    """A file with two sounds, of which the first is silent; a folder, a function, a screen."""
    films, broken = folder / "films", folder / "broken"
    films.mkdir()
    write_clip(films / "1.mp4", Clip(frames=50, audio_codec="aac"))
    write_clip(films / "2.ts", Clip(frames=50, width=640, height=360, audio_codec="aac", b_frames=2))
    film, alone = folder / "film.mkv", write_clip(folder / "alone.mkv", Clip(frames=100, audio_codec="aac"))
    silence = ["-f", "lavfi", "-t", "4", "-i", "anullsrc=r=48000", "-map", "0:v", "-map", "1:a", "-map", "0:a"]
    ffmpeg("-i", str(alone), *silence, "-c:v", "copy", "-c:a", "aac", str(film))
    (folder / "mine.py").write_text(MINE)
    with Screen(folder) as screen, Film(folder, screen.display) as window:

        def go_dark() -> None:
            window.kill()
            screen.stop()

        def light_up() -> None:
            screen.start()
            window.run()

        yield [
            Row("file", str(film), "loop = true\nstart_s = 1\naudio_stream = 1", TONE),
            Row("folder", str(films), "", TONE),
            Row(
                "function",
                f"python:mine:frames?broken={broken}",
                f"input_rate = {RATE}",
                TONE,
                take_away=broken.touch,
                give_back=broken.unlink,
            ),
            Row(
                "screen",
                f"screen:{screen.display}",
                f'input_size = "320x180"\ninput_rate = {RATE}',
                take_away=go_dark,
                give_back=light_up,
            ),
        ]


@contextmanager
def pushers(folder: Path, rtmp_port: int) -> Iterator[list[Row]]:
    """RTMP in both of its forms, at one port with a key each, and MPEG-TS over UDP and TCP."""
    udp, tcp = free_port(), free_port()
    to_relay = f"rtmp://127.0.0.1:{rtmp_port}/live"
    kinds = (
        ("rtmp", "rtmp:", Encoder(folder, "rtmp", "flv", f"{to_relay}/rtmp/{KEY}-1", MOVING), 1),
        ("enhanced", "rtmp:", Enhanced(folder, "enhanced", "flv", f"{to_relay}/enhanced/{KEY}-2", MOVING), 2),
        (
            "udp",
            f"udp://127.0.0.1:{udp}",
            Encoder(folder, "udp", "mpegts", f"udp://127.0.0.1:{udp}?pkt_size=1316", MOVING),
            0,
        ),
        ("tcp", f"tcp://127.0.0.1:{tcp}?listen", Encoder(folder, "tcp", "mpegts", f"tcp://127.0.0.1:{tcp}", MOVING), 0),
    )
    with ExitStack() as stack:
        rows = []
        for name, source, pusher, key in kinds:
            stack.callback(pusher.kill)
            settings = f'push_key = "{KEY}-{key}"' if key else ""
            doing = {"begin": pusher.run, "take_away": pusher.kill, "give_back": pusher.run}
            rows.append(Row(name, source, settings, TONE, '"hevc"' if name == "enhanced" else "", **doing))
        yield rows


def ffmpeg(*options: str) -> None:
    subprocess.run([need("ffmpeg"), "-nostdin", "-v", "error", *options], check=True, timeout=30)


def mjpeg(length_s: int) -> Paced:
    pictures = [
        f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n"
        for jpeg in jpegs(10)
    ]
    return Paced(tuple((n / RATE, pictures[n % len(pictures)]) for n in range(length_s * RATE)))


@pytest.fixture
def rtmp_port() -> int:
    return free_port()


@pytest.fixture(params=[cameras, servers, this_machine, pushers], ids=lambda group: group.__name__)
def rows(request: pytest.FixtureRequest, tmp_path: Path, rtmp_port: int) -> Iterator[list[Row]]:
    with request.param(tmp_path, rtmp_port) as rows:
        yield rows


@pytest.fixture
def relay(rows: list[Row], tmp_path: Path, rtmp_port: int) -> Iterator[Relay]:
    """All rows are on."""
    streams = [f'[streams.{row.name}]\nsource = "{row.source}"\n{FOR_ALL}{row.settings}\n' for row in rows]
    (tmp_path / "relay.toml").write_text(f'rtmp_listen = "127.0.0.1:{rtmp_port}"\n' + "\n".join(streams))
    path = os.pathsep.join([str(tmp_path), str(FIXTURES.parent)])
    options = ("--config", str(tmp_path / "relay.toml"))
    # By this the certificate of `tls` is believed; the groups that have none have no such file.
    environment = {"PYTHONPATH": path, "SSL_CERT_FILE": str(tmp_path / "camera.pem")}
    with Relay("", tmp_path, *options, environment=environment) as relay:
        for row in rows:
            relay.stream = row.name
            if row.begin is not nothing:
                relay.wait_until("offline")
                row.begin()
        for row in rows:
            relay.stream = row.name
            relay.wait_until("live")
        yield relay


@dataclass
class Seat:
    """Both viewers of a row, and who judges it."""

    row: Row
    audience: Audience
    inspector: Inspector

    @classmethod
    @contextmanager
    def of(cls, row: Row, relay: Relay, browser: Browser, folder: Path) -> Iterator[Seat]:
        relay.stream = row.name
        own = folder / f"seat-{row.name}"
        own.mkdir()
        audience = Audience.of(relay, browser, own)
        try:
            with Inspector(relay.playlist) as inspector:
                yield cls(row, audience, inspector)
        finally:
            audience.reader.kill()
            browser.close(audience.tab)

    def is_in(self, relay: Relay, *states: str) -> bool:
        relay.stream = self.row.name
        return relay.state in states

    def complaints(self, stretches: list[tuple[float, float]]) -> list[str]:
        """All that was wrong, and what of the times when the source was there was not seen, or not heard."""
        self.inspector.stop()
        found = [*self.audience.troubles(), *broken_rules(self.inspector)]
        moved, sounded = moving(self.inspector.video), sounding(self.inspector.renditions["audio"])
        for from_s, until_s in stretches:
            seen, heard = (sum(from_s <= at_s < until_s for at_s in times_s) for times_s in (moved, sounded))
            least_seen, least_heard = (ENOUGH * (until_s - from_s) * of for of in (RATE, self.row.heard))
            if seen < least_seen or heard < least_heard:
                found.append(f"{seen} of {least_seen:.0f} seen, {heard} of {least_heard:.0f} heard")
        there_s, playback = self.audience.leave()
        if playback.errors or playback.dropped or playback.shown < RATE * (there_s - READER_BEHIND_S):
            found.append(f"in {there_s:.0f} s {playback}")
        return found


def sit(seats: list[Seat], duration_s: float) -> tuple[float, float]:
    """Let all of them play; from when until when."""
    from_s = time.time()
    while time.time() < from_s + duration_s:
        for seat in seats:
            seat.audience.sit(0.1)
    return from_s, time.time()


def wait_for(seats: list[Seat], look: Callable[[], bool], within_s: float, what: str) -> None:
    """While all of them play."""
    deadline_s = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        sit(seats, 0.2)


def test_viewers_stay_with_every_kind_of_source(
    rows: list[Row], relay: Relay, browser: Browser, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        seats = [stack.enter_context(Seat.of(row, relay, browser, tmp_path)) for row in rows]
        stretches = [sit(seats, SEEN_S)]
        going = [seat for seat in seats if seat.row.can_go]
        for seat in going:
            seat.row.take_away()
        wait_for(
            seats,
            lambda: all(seat.is_in(relay, "stalled", "offline") for seat in going),
            MISSED_WITHIN_S,
            "slates",
        )
        sit(seats, AWAY_S)
        for seat in going:
            seat.row.give_back()
        wait_for(seats, lambda: all(seat.is_in(relay, "live") for seat in seats), BACK_WITHIN_S, "all are back")
        sit(seats, 1)
        stretches.append(sit(seats, SEEN_S))
        until_s = stretches[-1][1]
        for seat in seats:
            wait_for(seats, partial(has_read, seat.inspector, until_s), READ_WITHIN_S, f"the end of {seat.row.name}")
        complaints = {seat.row.name: seat.complaints(stretches) for seat in seats}
        assert not {name: found for name, found in complaints.items() if found}
    opened = [line for line in relay.words().splitlines() if '"source opened"' in line]
    for row in rows:
        assert any(f'"stream": "{row.name}"' in line and row.opened in line for line in opened), row.name
    assert "geheim" not in relay.words()
