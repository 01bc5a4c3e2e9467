"""The whole thing: a camera, `relay serve`, a browser. One of each a module, because each takes seconds to start."""

from __future__ import annotations

import urllib.error
from typing import TYPE_CHECKING

import pytest

from fixtures.audience import Audience
from fixtures.browser import Browser, Tab
from fixtures.processes import Camera, Program, Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's programs keep their data and their logs."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="module")
def camera(folder: Path) -> Iterator[Camera]:
    with Camera(folder) as camera:
        yield camera


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    """720p30 with sound, for a local network; a module that needs another one has its own."""
    with Relay(camera.url("/cam"), folder) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, relay: Relay) -> Iterator[Tab]:
    """The watch page, playing."""
    tab = browser.open(f"{relay.origin}/live/{relay.stream}/")
    tab.wait_until_playing()
    yield tab
    browser.close(tab)


@pytest.fixture(scope="module")
def audience(relay: Relay, browser: Browser, folder: Path) -> Iterator[Audience]:
    """A page and a reader that stay for all of a module."""
    audience = Audience.of(relay, browser, folder)
    yield audience
    audience.reader.kill()
    browser.close(audience.tab)


@pytest.fixture(autouse=True)
def _log_on_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the relay said and says, beside a failure."""
    yield
    for name in ("relay", "camera"):
        program = request.node.funcargs.get(name)
        if isinstance(program, Program) and program.log.exists():
            request.node.add_report_section("call", name, program.words()[-3000:])
        if isinstance(program, Relay):
            try:
                request.node.add_report_section("call", "status", str(program.status()))
            except (OSError, urllib.error.URLError) as error:
                request.node.add_report_section("call", "status", repr(error))
