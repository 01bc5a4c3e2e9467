"""Secrets are written wherever settings take one, and looked for in everything that a relay shows, prints or keeps."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from pydantic import ValidationError

from fixtures.http_camera import Guarded, serving
from fixtures.media import Clip, write_clip
from fixtures.processes import Relay, wait_for
from relay import wire
from relay.config import StreamSettings
from relay.source.address import parse_address
from relay.timeline import ClockLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

pytestmark = pytest.mark.clock

HOOK_KEY = "aG9vay1rZXktb2YtMzItYnl0ZXMtMDEyMzQ1Njc4OSE="
SECRETS = (HOOK_KEY, "hunter2", "5ecr3t", "w0rd@ends", "w0rd%40ends", "t0ken", "b3arer", "pu5h-key", "geheim")
ENVIRONMENT = {
    "HOOK_SECRET": f"whsec_{HOOK_KEY}",
    "YARD_PASSWORD": "w0rd@ends",
    "PUSH_KEY": "pu5h-key-0123456789",
    "CAMERA_PASSWORD": "geheim",
}
SETTINGS = """
rtmp_listen = "127.0.0.1:0"
[streams.yard]
source = "rtsp://viewer:${YARD_PASSWORD}@127.0.0.1:1/live"
[streams.gate]
source = "http://127.0.0.1:1/snap?user=viewer&access_token=t0ken"
headers = { Authorization = "Bearer b3arer" }
[streams.pushed]
source = "rtmp:"
push_key = "${PUSH_KEY}"
[streams.file]
source = "/nowhere/film.mp4"
[[webhooks]]
url = "http://me:hunter2@127.0.0.1:1/5ecr3t?key=t0ken"
headers = { X-Key = "b3arer" }
secret = "${HOOK_SECRET}"
"""
PAGES = (
    *("/", "/live/cam/", "/api/v1/streams", "/metrics", "/readyz", "/web/watch.js", "/live/cam/snapshot.jpg"),
    *("/live/gate/", "/live/gate/index.m3u8", "/live/gate/video-1/index.m3u8", "/live/pushed/"),
    "/api/v1/streams/yard/events",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    (folder / "relay.toml").write_text(SETTINGS)
    transform = "nowhere:draw url=rtsp://me:5ecr3t@127.0.0.1/ token=5ecr3t"
    options = ("--config", str(folder / "relay.toml"), "--transform", transform)
    with Relay("rtsp://viewer:hunter2@127.0.0.1:1/x", folder, *options, environment=ENVIRONMENT) as relay:
        wait_for(lambda: relay.words().count('"state": "offline"') >= 5, 40, "five cameras that are not there")
        yield relay


def answer_of(relay: Relay, path: str) -> bytes:
    try:
        return relay.get(path, timeout_s=30)
    except urllib.error.HTTPError as error:
        with error:  # which is an answer too
            return str(error.headers).encode() + error.read()


@pytest.fixture(scope="module", autouse=True)
def answers(relay: Relay) -> Iterator[dict[str, Future[bytes]]]:
    """What is served at all of `PAGES`: some of it is held for nine seconds, in which other tests have their time."""
    with ThreadPoolExecutor(len(PAGES)) as pool:
        yield {path: pool.submit(answer_of, relay, path) for path in PAGES}


def assert_secret(text: str | bytes, where: str) -> None:
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    assert shown, where
    assert not [secret for secret in SECRETS if secret in shown], where


def test_the_log_names_the_cameras_and_not_the_passwords(relay: Relay) -> None:
    assert "rtsp://***@127.0.0.1:1" in relay.words()
    assert "KEY being its push_key in your settings" in relay.words()
    assert_secret(relay.words(), "the log")


def test_what_ps_shows(relay: Relay) -> None:
    for process in [psutil.Process(relay.pid), *relay.processes()]:
        shown = " ".join([process.name(), *process.cmdline()])
        assert_secret(shown, "ps")
    assert "rtsp://**************@127.0.0.1:1/x" in psutil.Process(relay.pid).cmdline()


def test_what_is_kept(relay: Relay) -> None:
    kept = [path for path in relay.data.rglob("*") if path.is_file() and path.stat().st_size]
    assert kept
    for path in kept:
        assert_secret(path.read_bytes(), str(path))


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "relay", *arguments],
        capture_output=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **ENVIRONMENT},
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "rtsp://viewer:hunter2@127.0.0.1:1/", "--listen", "127.0.0.1:0"),
        ("serve", "rtsp://viewer:hunter2@/", "--listen", "127.0.0.1:0"),
        ("probe", "--json", "http://127.0.0.1:1/?pwd=hunter2"),
        ("probe", "python:json:loads?key=${YARD_PASSWORD}"),
        ("check", "ftp://viewer:hunter2@127.0.0.1/"),
    ],
    ids=["refused", "no host", "probe", "a function", "check"],
)
def test_what_an_error_says(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ran = run(*arguments, *(["--data", str(tmp_path)] if arguments[0] == "serve" else []))
    assert ran.returncode == 1
    assert b"relay: " in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert_secret(ran.stdout + ran.stderr, "the error")


@pytest.fixture(scope="module")
def camera(folder: Path) -> Iterator[str]:
    """The address, with a user and a password, of a clip that nobody else is given."""
    write_clip(folder / "clip.ts", Clip(frames=10))
    with serving(partial(Guarded, directory=str(folder))) as url:
        yield url.replace("//", "//me:${CAMERA_PASSWORD}@") + "/clip.ts"


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_what_a_probe_prints_of_a_camera_that_answers(camera: str, folder: Path, options: tuple[str, ...]) -> None:
    shown = camera.replace("${CAMERA_PASSWORD}", "").replace("me:@", "***@") + "?token=***"
    (folder / "probe.toml").write_text(
        f'[streams.door]\nsource = "{camera}?token=t0ken"\nheaders = {{ X-Camera = "b3arer" }}\n'
    )
    resolved = camera.replace("${CAMERA_PASSWORD}", "geheim")
    for source in ([f"{resolved}?token=t0ken"], ["door", "--config", str(folder / "probe.toml")]):
        ran = run("probe", *options, "--seconds", "0.5", *source)
        assert ran.returncode == 0, ran.stderr
        assert shown in ran.stdout.decode().replace("\n", "")
        assert_secret(ran.stdout + ran.stderr, "the probe")


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_what_a_check_prints_of_an_origin_that_answers(camera: str, options: tuple[str, ...]) -> None:
    url = camera.replace("${CAMERA_PASSWORD}", "geheim")
    ran = run("check", *options, "--seconds", "1", f"{url}?token=t0ken")
    assert ran.returncode in {1, 2}, ran.stderr
    assert b"/clip.ts" in ran.stdout
    assert_secret(ran.stdout + ran.stderr, "the check")


def test_what_a_programmer_sees_of_settings() -> None:
    source = "http://me:geheim@127.0.0.1/?token=t0ken"
    settings = StreamSettings(source=source, headers={"Authorization": "Bearer b3arer"})
    for thing in (settings, wire.Configure("door", settings.model_dump(mode="json"), ClockLine(0, 0))):
        assert_secret(repr(thing), type(thing).__name__)
    assert_secret(repr(parse_address(source)), "an address")
    with pytest.raises(ValidationError) as caught:
        StreamSettings.model_validate({"source": [source], "headers": {"X Y": "b3arer"}, "size": source})
    assert_secret(str(caught.value), "an error of pydantic's")


def test_what_nobody_catches() -> None:
    code = (
        "import sys, threading\n"
        "from relay import logs\n"
        "logs.redact_tracebacks()\n"
        "def fail(): raise OSError('rtsp://me:geheim@camera/?token=t0ken refuses')\n"
        "for body in (fail, sys.exit):\n"
        "    thread = threading.Thread(target=body)\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "fail()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=30, check=False, cwd=Path(__file__).parents[2]
    )
    assert ran.returncode == 1
    assert ran.stderr.count(b"OSError: rtsp://***@camera/?token=*** refuses") == 2
    assert ran.stderr.count(b"Traceback") == 2


@pytest.mark.parametrize("path", PAGES)
def test_what_is_served(answers: dict[str, Future[bytes]], path: str) -> None:
    """Last here, since it waits for the slowest."""
    assert_secret(answers[path].result(), path)
