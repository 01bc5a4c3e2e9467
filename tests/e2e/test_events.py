"""Something moves in front of a camera: the live feed tells it, playlists and a webhook do, and the page shows it."""

from __future__ import annotations

import json
import re
import urllib.request
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from fixtures.http_camera import serving
from fixtures.processes import Relay, wait_for
from fixtures.receiver import SECRET, Received

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Tab

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

MOVER = """
import time
import numpy as np

def frames():
    while True:
        at = time.time() % 6  # it goes there and back for two seconds, and stands for four
        x = 40 + round(120 * (1 - abs(at - 1))) if at < 2 else 40
        picture = np.full((180, 320, 3), 90, np.uint8)
        picture[60:120, x : x + 60] = 220
        yield picture
"""
SETTINGS = """
rate = 15
audio = false
transforms = ["motion cooldown_s=1"]
[[webhooks]]
url = "{url}/hook"
secret = "${{HOOK_SECRET}}"
picture = "jpeg"
kinds = ["motion"]
"""
EVENTS = "/api/v1/streams/cam/events"


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    def __init__(self, received: list[Received], *arguments: Any) -> None:
        self._received = received
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._received.append(Received(dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """What comes is looked at by the test."""


@pytest.fixture(scope="module")
def received() -> list[Received]:
    return []


@pytest.fixture(scope="module")
def relay(folder: Path, received: list[Received]) -> Iterator[Relay]:
    (folder / "mover.py").write_text(MOVER)
    root = __file__.partition("/tests/")[0]
    environment = {"PYTHONPATH": f"{folder}:{root}", "HOOK_SECRET": SECRET}
    with (
        serving(partial(Hook, received)) as url,
        Relay.with_settings("python:mover:frames", folder, SETTINGS.format(url=url), environment) as relay,
    ):
        relay.wait_until("live")
        yield relay


def first_motion(relay: Relay) -> dict[str, Any]:
    """What the live feed says of the first motion that it tells, from the relay's start on."""
    asked = urllib.request.Request(f"{relay.origin}{EVENTS}/live", headers={"Last-Event-ID": "0-0"})
    with urllib.request.urlopen(asked, timeout=15) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        name = ""
        for line in answer:
            field, _, value = line.decode().strip().partition(": ")
            name = value if field == "event" else name
            if field == "data" and name == "begin":
                event: dict[str, Any] = json.loads(value)
                return event
    raise AssertionError("the feed has ended")


@pytest.fixture(scope="module")
def motion(relay: Relay) -> dict[str, Any]:
    return first_motion(relay)


def assert_shows_the_block(jpeg: bytes) -> None:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    height, width = picture.shape
    assert 0.05 < np.count_nonzero(picture > 160) / (height * width) < 0.12  # the block is a sixteenth


def test_the_live_feed_tells_that_motion_begins_and_has_its_picture(relay: Relay, motion: dict[str, Any]) -> None:
    assert (motion["kind"], motion["stream"], motion["end_ms"]) == ("motion", "cam", None)
    assert_shows_the_block(relay.get(f"/{motion['picture']}"))
    kept = json.loads(relay.get(f"{EVENTS}?kind=motion"))["events"]
    assert motion["id"] in {event["id"] for event in kept}


def test_the_playlist_says_it_too(relay: Relay, motion: dict[str, Any]) -> None:
    generation = relay.status()["generation"]
    playlist = relay.get(f"/live/cam/video-{generation}/index.m3u8").decode()
    told = dict(re.findall(r'#EXT-X-DATERANGE:ID="([^"]*)",CLASS="([^"]*)"', playlist))
    assert told[motion["id"]] == "relay.motion"


def test_a_webhook_comes_signed_and_with_the_picture(received: list[Received], motion: dict[str, Any]) -> None:
    wait_for(lambda: len(received) >= 1, 10, "a webhook")
    first = received[0]
    assert first.is_signed
    assert first.told["type"] == "motion.begin"
    assert first.event["id"] == motion["id"]
    assert_shows_the_block(first.parts["picture"])


def newest_within_reach(tab: Tab, relay: Relay) -> str | None:
    """The id of the newest motion, if it began some seconds ago and the page can go back to that."""
    newest = json.loads(relay.get(f"{EVENTS}?kind=motion&limit=1"))["events"][0]
    tab.pump(0.05)
    reach_ms = tab.page.evaluate("window.relayPlayer.reach_ms")
    is_shown = tab.page.locator(f"[data-id='{newest['id']}'].timeline-bar[tabindex='0']").count()
    is_within = reach_ms and reach_ms[0] < newest["start_ms"] < reach_ms[1] - 3000
    return newest["id"] if is_shown and is_within else None


def test_the_page_shows_it_and_leads_there(tab: Tab, relay: Relay, motion: dict[str, Any]) -> None:
    page = tab.page
    timeline = page.get_by_label("What happened in the last hour")
    timeline.wait_for(timeout=10_000)
    newest = wait_for(lambda: newest_within_reach(tab, relay), 15, "motion within the playlist's window")
    bar = timeline.locator(f"[data-id='{newest}'].timeline-bar")
    assert (bar.get_attribute("aria-label") or "").startswith("Motion")
    assert timeline.get_by_label("The newest events").get_by_role("button", name="Motion").first.is_visible()
    bar.focus()
    page.wait_for_function("() => document.querySelector('.timeline-tip:not([hidden]) img')?.naturalWidth > 0")
    assert not tab.player()["isBehind"]
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.relayPlayer.isBehind || window.relayPlayer.latency_s > 1.5", timeout=5000)
    tab.pump(1.5)  # and stays there, where the player would go to the live edge otherwise
    assert tab.player()["latency_s"] > 1.5
    page.keyboard.press("l")
    page.wait_for_function("() => !window.relayPlayer.isBehind", timeout=5000)
    assert (tab.failed, tab.complaints) == ([], [])
