"""A camera's outage is read in the watch page, at its time, while it goes on; and ffmpeg reads what the page read."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import imageio_ffmpeg
import pytest

from fixtures.checking import check, faults
from fixtures.processes import Relay, wait_for
from fixtures.tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Tab
    from fixtures.processes import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

STALL_AFTER_S: Final = 2.0
SEGMENT_S: Final = 2.0
NOTICED_WITHIN_S: Final = 4.0
"""After the stall: the rest of a segment, and the page's way to it."""
LEAD_S: Final = 2.0
ROUNDING_S: Final = 0.2
"""What the page's dates may be off: they are those of its playlists and of its clock."""
_CAPTIONS: Final = """() => {
  const video = document.querySelector("video");
  const track = [...video.textTracks].find((one) => one.label === "Captions");
  const zero_s = Date.now() / 1000 - window.relayPlayer.latency_s - video.currentTime;
  const cues = [...(track.cues ?? [])].map((cue) => [cue.id, cue.startTime, cue.endTime, cue.text]);
  return [track.mode, zero_s, cues, [...(track.activeCues ?? [])].map((cue) => cue.text)];
}"""


@dataclass(frozen=True)
class Cue:
    """A caption in the page; when, on the time of its `<video>`."""

    id: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Seen:
    """What the page's text track has, and what is on the screen of it.

    Where one cue ends and the next begins, Chromium may have both for a frame: what is `shown` is what they say.
    """

    mode: str
    zero_s: float
    """When the time of its `<video>` began, by the clock of the day."""
    cues: list[Cue]
    shown: set[str]


def captions(tab: Tab) -> Seen:
    mode, zero_s, cues, shown = tab.page.evaluate(_CAPTIONS)
    return Seen(mode, zero_s, [Cue(*cue) for cue in cues], set(shown))


def read(tab: Tab, words: set[str], within_s: float, known: dict[str, Cue]) -> None:
    """Wait until `words` are shown; every cue on the way is noted, since the page forgets what lies 20 s behind."""
    deadline_s = time.monotonic() + within_s
    while True:
        seen = captions(tab)
        known |= {cue.id: cue for cue in seen.cues}
        if seen.shown == words:
            return
        assert time.monotonic() < deadline_s, (seen, tab.complaints, tab.failed)
        tab.pump(0.1)


def playlist(relay: Relay, name: str) -> str:
    return relay.get(f"/live/cam/{name}-{relay.status()['generation']}/index.m3u8").decode()


def told(relay: Relay) -> tuple[float, float | None, str]:
    """The newest outage in the playlist of the pictures: from when to when, and why."""
    tag = re.findall(r'CLASS="relay.outage",(.*)', playlist(relay, "video"))[-1]
    said = dict(re.findall(r'([A-Z-]+)="([^"]*)"', tag))
    end_s = datetime.fromisoformat(said["END-DATE"]).timestamp() if "END-DATE" in said else None
    return datetime.fromisoformat(said["START-DATE"]).timestamp(), end_s, said["X-REASON"]


@pytest.fixture(scope="module")
def relay(camera: Camera, folder: Path) -> Iterator[Relay]:
    with Relay.with_settings(camera.url("/small"), folder, "captions = true") as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture
def reading(tab: Tab) -> Tab:
    """The page, in which captions were asked for by their key."""
    button = tab.page.get_by_role("button", name="Captions")
    assert button.get_attribute("aria-pressed") == "false"
    assert captions(tab).mode == "disabled"
    tab.page.keyboard.press("c")
    assert button.get_attribute("aria-pressed") == "true"
    assert captions(tab).mode == "showing"
    return tab


def test_an_outage_is_read_while_it_goes_on(reading: Tab, relay: Relay, camera: Camera) -> None:
    known: dict[str, Cue] = {}
    camera.kill()
    reading.wait_until_slate(STALL_AFTER_S + 3)
    wait_for(lambda: "relay.outage" in playlist(relay, "video"), 5, "an outage in the playlist")
    reason = told(relay)[2]
    read(reading, {reason}, NOTICED_WITHIN_S, known)
    for _ in range(25):  # two segments and more, without a hole
        reading.pump(0.2)
        read(reading, {reason}, 0, known)
    camera.start()
    reading.wait_until_picture(12, time.time())
    read(reading, set(), SEGMENT_S + LEAD_S + 3, known)
    start_s, end_s, _ = told(relay)
    cues = sorted(known.values(), key=lambda cue: cue.start_s)
    assert {cue.text for cue in cues} == {reason}
    zero_s = captions(reading).zero_s
    assert zero_s + cues[0].start_s == pytest.approx(start_s, abs=ROUNDING_S)
    assert end_s is not None
    assert end_s - ROUNDING_S < zero_s + cues[-1].end_s < end_s + SEGMENT_S + LEAD_S + ROUNDING_S
    for before, after in pairwise(cues):
        assert before.end_s == pytest.approx(after.start_s, abs=0.01)
    assert (reading.failed, reading.complaints, reading.player()["error"]) == ([], [], None)


def test_ffmpeg_reads_the_same(relay: Relay) -> None:
    generation = relay.status()["generation"]
    names = re.findall(r"^\d+\.vtt$", playlist(relay, "captions"), re.MULTILINE)
    texts = {name: relay.get(f"/live/cam/captions-{generation}/{name}").decode() for name in names}
    name, text = next((name, text) for name, text in texts.items() if "-->" in text)
    url = f"{relay.origin}/live/cam/captions-{generation}/{name}"
    ran = subprocess.run(
        [need("ffmpeg"), "-v", "error", "-i", url, "-map", "0:s", "-c:s", "webvtt", "-f", "webvtt", "-"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.findall(r"-->.*\n(.*)\n", ran.stdout) == re.findall(r"-->.*\n(.*)\n", text)


def test_ffmpeg_finds_them_in_the_multivariant_playlist(relay: Relay) -> None:
    """A new one: 5.1 passes them over, as those of any stream."""
    ran = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", relay.playlist, "-t", "1", "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"Stream #0:\d.*: Subtitle: webvtt", ran.stderr), ran.stderr


@pytest.mark.all
def test_relay_check_finds_nothing(relay: Relay) -> None:
    status, said, _ = check(relay.playlist, "--seconds", "10")
    assert (status, faults(said)) == (0, [])
    roles = [rendition["role"] for rendition in said["renditions"]]
    assert roles.count("subtitles") == 1
