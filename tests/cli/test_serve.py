"""`relay serve` as people start it, in a process of its own: what it says first, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from fixtures.processes import Relay, wait_for
from relay import __version__
from relay.cli.serve import check_slate_images
from relay.config import RelaySettings, StreamSettings
from relay.errors import ConfigError
from relay.supervisor import DataFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.clock

ROOT = Path(__file__).parents[2]
SOURCE = "test:?size=320x180&rate=15"


def run(*arguments: object, within_s: float = 30) -> subprocess.CompletedProcess[str]:
    """The whole of a command that ends by itself."""
    command = [sys.executable, "-m", "relay", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=within_s, check=False, env=environment()
    )


def environment() -> dict[str, str]:
    return {"PATH": "", "HOME": "/nonexistent", "COLUMNS": "100", "TERM": "dumb", "PYTHONPATH": str(ROOT)}


def refused(*arguments: object) -> str:
    """What `relay serve` says when it will not run: one line of its own, and exit status 1."""
    ended = run("serve", *arguments)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]  # the log has its own
    (line,) = lines
    assert line.startswith("relay: ")
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("relay")


@pytest.fixture(scope="module")
def relays(folder: Path) -> Iterator[dict[signal.Signals, Relay]]:
    """One for each signal that ends it: while the other tests look at the first, both get to have something to show."""
    beside = folder / "beside"
    beside.mkdir()
    with Relay(SOURCE, folder) as relay, Relay(SOURCE, beside) as other:
        yield {signal.SIGTERM: relay, signal.SIGINT: other}


@pytest.fixture
def relay(relays: dict[signal.Signals, Relay]) -> Relay:
    """The one for all tests here, in their order; the last ones end it."""
    return relays[signal.SIGTERM]


def test_what_it_says_first(relay: Relay) -> None:
    lines = relay.words().splitlines()
    assert lines[0] == f"relay: open http://localhost:{relay.port}/"
    assert lines[1].split() == ["cam:", f"http://localhost:{relay.port}/live/cam/index.m3u8"]
    assert "Only this machine can watch." in lines[2]


def test_a_folder_that_another_relay_uses(relay: Relay) -> None:
    assert "another relay uses" in refused("--listen", "127.0.0.1:0", "--data", relay.data)


def test_a_slate_image_that_is_none(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text(f'[streams.door]\nslate_image = "{tmp_path}/logo.png"\n')
    line = refused("--config", config, "--listen", "127.0.0.1:0", "--data", tmp_path)
    assert line == f"relay: slate_image: {tmp_path}/logo.png: cannot be read: No such file or directory"


def test_a_slate_image_that_does_not_come(tmp_path: Path) -> None:
    """As on a network disk that hangs: here, out of a pipe into which nobody writes."""
    logo = tmp_path / "logo.png"
    os.mkfifo(logo)
    settings = RelaySettings(data=tmp_path, streams={"door": StreamSettings(slate_image=logo)})
    with pytest.raises(ConfigError, match=rf"^slate_image: not read within 0\.1 s: {re.escape(str(logo))}$"):
        check_slate_images(settings, within_s=0.1)


def test_a_port_that_is_taken(relay: Relay, tmp_path: Path) -> None:
    line = refused("--listen", f"127.0.0.1:{relay.port}", "--data", tmp_path)
    assert f"127.0.0.1:{relay.port} is taken by another program" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_sessions_and_worker_within_two_seconds(
    relays: dict[signal.Signals, Relay], number: signal.Signals
) -> None:
    relay = relays[number]
    if not relay.is_running:  # it is the second try
        relay.start()
    relay.wait_until("live")
    worker = relay.worker()
    watch_a_part(relay)
    asked_s = time.monotonic()
    relay.signal(number)
    # `stop` sends SIGTERM as well: by then the relay is on its way, and hears no more of it than of the first.
    assert relay.stop() == 0
    assert time.monotonic() - asked_s < 2
    wait_for(lambda: not worker.is_running(), 2, "the worker's end")
    assert "Traceback" not in relay.words()
    rows = sessions(relay.data)
    assert {row["end_reason"] for row in rows} == {"server_stop"}
    assert all(row["ended_at_ms"] for row in rows)


def watch_a_part(relay: Relay) -> None:
    """As a player begins: the multivariant playlist, a rendition, its init and a part."""
    with urllib.request.urlopen(relay.playlist, timeout=10) as answer:
        base, text = answer.url, answer.read().decode()
    variant = next(line for line in text.splitlines() if line.endswith("index.m3u8"))
    rendition = urljoin(base, variant)
    with urllib.request.urlopen(rendition, timeout=10) as answer:
        media = answer.read().decode()
    names = [*re.findall(r'URI="(init-\w+\.mp4)"', media)[:1], *re.findall(r'PART:.*URI="([^"]+)"', media)[-1:]]
    for name in names:
        with urllib.request.urlopen(urljoin(rendition, name), timeout=10) as answer:
            assert answer.read()


def sessions(data: Path) -> list[dict[str, object]]:
    exported = run("sessions", "export", "--data", data, "--format", "jsonl")
    return [json.loads(line) for line in exported.stdout.splitlines()]


def test_a_missing_configuration(tmp_path: Path) -> None:
    assert "none.toml: cannot be read" in refused("--config", tmp_path / "none.toml")


def test_a_wrong_configuration_names_the_setting_and_no_password(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text('[streams.cam]\nsource = "rtsp://a:hunter2@b/"\nsegment_s = 99\n')
    line = refused("--config", config, "--data", tmp_path)
    assert "streams.cam.segment_s" in line
    assert "99" in line
    assert "hunter2" not in line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    line = refused(tmp_path / "none.mp4", "--listen", "127.0.0.1:0", "--data", tmp_path / "data")
    assert "none.mp4" in line


def test_a_camera_that_refuses(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"rtsp://admin:hunter2@127.0.0.1:{nobody.getsockname()[1]}/x"
        ended = run("serve", url, "--listen", "127.0.0.1:0", "--data", tmp_path)
    assert ended.returncode == 1
    assert "nothing listens at 127.0.0.1" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr


def test_an_unknown_transform(tmp_path: Path) -> None:
    line = refused(SOURCE, "--transform", "blurr", "--listen", "127.0.0.1:0", "--data", tmp_path)
    assert "there is no transform 'blurr'" in line


def test_version() -> None:
    assert run("--version").stdout == f"relay {__version__}\n"


def test_help_names_every_option() -> None:
    text = run("serve", "--help").stdout
    for option in ("--name", "--listen", "--data", "--config", "--transform", "--loop", "[source]", "127.0.0.1:8888"):
        assert option in text.lower(), option


def test_the_data_folder_is_free_again(folder: Path) -> None:
    DataFolder(folder / "data").close()
