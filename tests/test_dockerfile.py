"""The Dockerfile cannot be built on every machine, so this keeps what it says true: paths, options, user, health."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
import time
import tomllib
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from packaging.specifiers import SpecifierSet

from fixtures.desk import NotedDesk
from relay import config
from relay.source.address import SourceKind, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, as (name, everything behind it)."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest.strip()))
    return found


BUILD, FINAL = stages()


def the(stage: list[tuple[str, str]], name: str) -> str:
    (argument,) = [rest for instruction, rest in stage if instruction == name]
    return argument


def entrypoint() -> list[str]:
    words: list[str] = json.loads(the(FINAL, "ENTRYPOINT"))
    return words


def health_code() -> str:
    program, option, code = json.loads(the(FINAL, "HEALTHCHECK").partition("CMD ")[2])
    assert (program, option) == ("python", "-c")
    return str(code)


def copied_from_context() -> set[str]:
    words = [rest.split() for name, rest in BUILD if name == "COPY"]
    return {source for sources in words for source in sources[:-1]}


def test_all_that_is_copied_exists_and_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    for source in copied_from_context():
        assert (ROOT / source).exists()
        assert f"!{source}" in lines


def test_all_that_the_build_reads_is_copied() -> None:
    needed = {"pyproject.toml", "hatch_build.py", "package.json", "package-lock.json", "relay"}
    assert copied_from_context() == needed | {PROJECT["readme"], *PROJECT["license-files"]}


def test_what_the_first_stage_installs_is_where_the_last_looks_for_it() -> None:
    environment = next(rest for name, rest in BUILD if name == "RUN").removeprefix("python -m venv ")
    assert ("RUN", f"{environment}/bin/pip install --no-cache-dir .") in BUILD
    assert ("COPY", f"--from=build {environment} {environment}") in FINAL
    assert f"PATH={environment}/bin:$PATH" in the(FINAL, "ENV").split()


def test_both_stages_have_one_python_and_it_is_supported() -> None:
    images = [the(BUILD, "FROM").removesuffix(" AS build"), the(FINAL, "FROM")]
    assert images[0] == images[1]  # an environment works only with the interpreter that made it
    match = re.fullmatch(r"python:(\d+\.\d+)-slim", images[0])
    assert match
    assert match[1] in SpecifierSet(PROJECT["requires-python"])
    assert f"Programming Language :: Python :: {match[1]}" in PROJECT["classifiers"]


def test_the_user_is_not_root_may_open_cameras_and_owns_the_data() -> None:
    user = the(FINAL, "USER")
    assert user not in {"root", "0"}
    makes_user, makes_folder = the(FINAL, "RUN").split(" && ")
    words = shlex.split(makes_user)
    assert (words[0], words[-1]) == ("useradd", user)
    assert words[words.index("--groups") + 1] == "video"
    assert makes_folder == f"install --directory --owner {user} --group {user} {the(FINAL, 'VOLUME')}"
    order = [name for name, _ in FINAL]
    assert order.index("RUN") < order.index("USER") < order.index("VOLUME")


def test_the_entrypoint_is_a_command_line_that_relay_accepts() -> None:
    from relay.cli import app  # noqa: PLC0415 - a command line that cannot be imported fails this test, not all

    program, command, *options = entrypoint()
    assert program in PROJECT["scripts"]
    group: Any = typer.main.get_command(app)
    for arguments in (options, [*options, "rtsp://camera.example/live"]):
        with group.commands[command].make_context(command, list(arguments)) as context:
            settings = config.load(
                source=context.params["source"], listen=context.params["listen"], data=context.params["data"]
            )
            assert not settings.is_loopback
            assert str(settings.port) == the(FINAL, "EXPOSE")
            assert str(settings.data) == the(FINAL, "VOLUME")


LINES = [
    line
    for name in ("README.md", "docs/push.md")
    for line in re.findall(r"docker run [^`\n]+", (ROOT / name).read_text())
]
"""What people are told to type."""


def test_there_are_lines_to_type() -> None:
    assert len(LINES) >= 3
    assert any("--device" in line for line in LINES)
    assert "docker build -t relay .\n" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_people_type_fits_the_image(line: str) -> None:
    """Ports are those that are listened on, data goes where it is kept, a webcam is passed in under its own name."""
    from relay.cli import app  # noqa: PLC0415 - as above

    words = shlex.split(line)[2:]
    at = next(n for n in range(0, len(words), 2) if not words[n].startswith("-"))  # each option has a value
    assert words[at] == "relay"
    options, arguments = words[:at], words[at + 1 :]
    given: dict[str, list[str]] = {}
    for option, value in zip(options[::2], options[1::2], strict=True):
        given.setdefault(option, []).append(value)
    assert set(given) <= {"-p", "-v", "--device"}
    group: Any = typer.main.get_command(app)
    _, command, *fixed = entrypoint()
    with group.commands[command].make_context(command, [*fixed, *arguments]) as context:
        names = ("source", "listen", "rtmp_listen", "data")
        settings = config.load(**{name: context.params[name] for name in names})
    (stream,) = settings.streams.values()
    listens = {str(settings.port)} | ({settings.rtmp_listen.rpartition(":")[2]} if stream.is_rtmp_push else set())
    assert {port.partition(":")[2] for port in given["-p"]} == listens
    assert not stream.is_rtmp_push or not config.is_loopback(settings.rtmp_listen.rpartition(":")[0])
    assert [volume.partition(":")[2] for volume in given["-v"]] == [the(FINAL, "VOLUME")]
    is_webcam = parse_address(stream.source).kind is SourceKind.V4L2 if not stream.is_push else False
    assert given.get("--device", []) == ([stream.source] if is_webcam else [])


def test_other_commands_look_where_the_server_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = dict(word.split("=", 1) for word in the(FINAL, "ENV").split())
    monkeypatch.setenv("RELAY_DATA", variables["RELAY_DATA"])
    assert str(config.default_data_folder()) == the(FINAL, "VOLUME")


def test_the_health_check_asks_the_port_and_a_path_that_are_served(tmp_path: Path) -> None:
    from relay.serve import AdminKey, Hub, Viewing, make_app  # noqa: PLC0415 - as above
    from relay.sessions import SessionRecorder, SessionStore, TokenMint  # noqa: PLC0415

    match = re.search(r"'http://127\.0\.0\.1:(\d+)(/[a-z]+)'", health_code())
    assert match
    assert match[1] == the(FINAL, "EXPOSE")
    mint = TokenMint(bytes(32))
    recorder = SessionRecorder(SessionStore(tmp_path), mint, 30.0)
    try:
        settings = config.load(data=tmp_path)
        demand, desk = lambda _: nullcontext(), NotedDesk()
        viewing = Viewing(recorder, mint, tmp_path, AdminKey(bytes(32)), settings.viewing)
        served = make_app(Hub(settings.streams), viewing, tuple, time.time_ns, demand, desk)
        assert match[2] in {resource.canonical for resource in served.router.resources()}
    finally:
        recorder.close(time.time_ns())


@pytest.fixture
def answering() -> Iterator[HTTPServer]:
    """A server that answers every GET with the status in its `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status)  # type: ignore[attr-defined]  # set by the test
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (503, False)])
def test_the_health_check_tells_health_from_its_lack(answering: HTTPServer, status: int, is_healthy: bool) -> None:
    answering.status = status  # type: ignore[attr-defined]  # the handler above reads it
    code = health_code().replace(":8888", f":{answering.server_port}")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    assert (ran.returncode == 0) is is_healthy
