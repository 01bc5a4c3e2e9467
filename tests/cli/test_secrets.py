"""A camera's password is written in four ways, and looked for in everything that a relay shows or keeps."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.clock

SECRETS = ("hunter2", "5ecr3t", "w0rd@ends", "w0rd%40ends", "t0ken")
SETTINGS = """
[streams.yard]
source = "rtsp://viewer:${YARD_PASSWORD}@127.0.0.1:1/live"
[streams.gate]
source = "http://127.0.0.1:1/snap?user=viewer&access_token=t0ken"
[streams.file]
source = "/nowhere/film.mp4"
"""
PAGES = ("/", "/live/cam/", "/api/v1/streams", "/metrics", "/readyz", "/web/watch.js", "/live/cam/snapshot.jpg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    (folder / "relay.toml").write_text(SETTINGS)
    options = ("--config", str(folder / "relay.toml"), "--transform", "nowhere:draw url=rtsp://me:5ecr3t@127.0.0.1/")
    environment = {"YARD_PASSWORD": "w0rd@ends"}
    with Relay("rtsp://viewer:hunter2@127.0.0.1:1/x", folder, *options, environment=environment) as relay:
        wait_for(lambda: relay.words().count('"state": "offline"') >= 4, 20, "four cameras that cannot be reached")
        yield relay


def assert_secret(text: str | bytes, where: str) -> None:
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    assert shown, where
    assert not [secret for secret in SECRETS if secret in shown], where


def test_the_log_names_the_cameras_and_not_the_passwords(relay: Relay) -> None:
    assert "rtsp://***@127.0.0.1:1" in relay.words()
    assert_secret(relay.words(), "the log")


@pytest.mark.parametrize("path", PAGES)
def test_what_is_served(relay: Relay, path: str) -> None:
    with contextlib.suppress(OSError):  # an error is an answer too
        assert_secret(relay.get(path), path)


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


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "rtsp://viewer:hunter2@127.0.0.1:1/", "--listen", "127.0.0.1:0"),
        ("serve", "rtsp://viewer:hunter2@/", "--listen", "127.0.0.1:0"),
        ("probe", "--json", "http://127.0.0.1:1/?pwd=hunter2"),
    ],
    ids=["refused", "no host", "probe"],
)
def test_what_an_error_says(arguments: tuple[str, ...], tmp_path: Path) -> None:
    kept = ["--data", str(tmp_path)] if arguments[0] == "serve" else []
    ran = subprocess.run(
        [sys.executable, "-m", "relay", *arguments, *kept],
        capture_output=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ran.returncode == 1
    assert b"relay: " in ran.stderr
    assert_secret(ran.stdout + ran.stderr, "the error")
