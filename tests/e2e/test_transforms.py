"""A user's transform that kills its worker at every first frame: viewers see the slate, and no error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.inspector import Inspector
from fixtures.processes import Relay, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

DEADLY = """
import os, signal

def transform(frame):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    (folder / "deadly.py").write_text(DEADLY)
    options = ("--transform", "deadly:transform")
    with Relay(camera.url("/small"), folder, *options, environment={"PYTHONPATH": _path(folder)}) as relay:
        wait_for(lambda: relay.status()["counters"].get("worker_restarts", 0) >= 2, 30, "two dead workers")
        yield relay


def _path(folder: Path) -> str:
    """Where the user's module lies, and the relay itself."""
    return f"{folder}:{__file__.partition('/tests/')[0]}"


def test_viewers_see_the_slate_and_no_error(browser: Browser, relay: Relay, duration_s: float) -> None:
    tab = browser.open(f"{relay.origin}/live/cam/", 640, 560)
    try:
        tab.wait_until_playing(30)
        tab.settle()
        restarts = relay.status()["counters"]["worker_restarts"]
        with Inspector(relay.playlist) as inspector:
            seen = tab.watch(duration_s)
        player = tab.player()
        assert all(glimpse.is_slate for glimpse in seen), seen
        assert (tab.failed, tab.complaints, player["error"], player["rebuilds"]) == ([], [], None, 0)
        assert player["currentTime"] > duration_s * 0.7
        assert inspector.complaints() == []
        status = relay.status()
        assert status["health"]["state"] == "slate"
        assert status["health"]["reason"]
        # It is tried again and again, on a backoff: neither given up, nor a core kept busy.
        assert 0 < status["counters"]["worker_restarts"] - restarts <= 2 + duration_s
        assert relay.is_running
    finally:
        browser.close(tab)
