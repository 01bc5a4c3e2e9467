"""The whole thing: a camera, `relay serve`, a browser. They start slowly: a relay a module, the others once."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from fixtures.audience import Audience
from fixtures.browser import Browser, Tab
from fixtures.inspector import Inspector
from fixtures.processes import Camera, Program, Relay
from fixtures.proxy import Proxy
from fixtures.web_players import Pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer


HERE: Final = Path(__file__).parent
FIRST: Final = (
    "test_hostile.py",
    "test_faults.py",
    "test_captions.py",
    "test_renditions_on_demand.py",
    "test_ladder.py",
)
"""Modules that bear the light ones beside them, and the others have all cores then."""
LIGHT: Final = (
    "test_transforms.py",
    "test_events.py",
    "test_timeline.py",
    "test_check.py",
    "test_push.py",
    "test_capture_time.py",
    "test_probe.py",
    "test_rtsp_sources.py",
    "test_on_demand.py",
    "test_screen.py",
    "test_microphone.py",
    "test_wall.py",
)
"""Modules without a page that is judged by how it plays, and with little to compute: they disturb nobody."""


class Scheduler(LoadScopeScheduling):
    """One process has all that a busy machine disturbs, one module after the other; the light ones run beside it."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if Path(module).name in LIGHT else "alone"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    """Not xdist's `loadgroup`, which finds no groups since pytest 9.2."""
    config.option.loadscopereorder = False  # it would be by the number of tests
    return Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate((*FIRST, "any other", *LIGHT), 1)}
    items.sort(key=lambda item: order.get(item.path.name, order["any other"]) if item.path.parent == HERE else 0)


@pytest.fixture(scope="session")
def duration_s(pytestconfig: pytest.Config) -> float:
    """How long a page is looked at whatever happens: a minute, or the beginning of one if time is short."""
    return 60.0 if pytestconfig.getoption("--all") else 8.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's programs keep their data and their logs."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def only_camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camera]:
    with Camera(tmp_path_factory.mktemp("camera")) as camera:
        yield camera


@pytest.fixture(scope="module")
def camera(only_camera: Camera) -> Camera:
    """The same for all modules, since it rests while nobody looks. A test that failed may have left it dead."""
    if not only_camera.is_running:
        only_camera.start()
    return only_camera


@pytest.fixture(scope="module")
def proxy(camera: Camera) -> Iterator[Proxy]:
    """A network in front of the camera, for those who have something done to it."""
    with Proxy(camera.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    """720p30 with sound, for a local network; a module that needs another one has its own."""
    with Relay(camera.url("/cam"), folder) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="session")
def only_browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def browser(only_browser: Browser) -> Browser:
    """The same for all modules, since each page has a profile of its own."""
    return only_browser


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    """Web players of other people."""
    with Pages() as pages:
        yield pages


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


@pytest.fixture
def judged(relay: Relay) -> Iterator[Inspector]:
    """Reads along with a test: whatever happened in it, what was sent broke no rule."""
    with Inspector(relay.playlist) as inspector:
        yield inspector
    assert inspector.complaints() == []


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
