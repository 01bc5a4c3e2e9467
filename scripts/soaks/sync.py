"""An hour of lips: flash and beep from an RTSP camera through `relay serve`, measured in the segments.

    scripts/soak sync [--minutes 60]

The camera's picture flashes and its microphone ticks at the start of each second. Every ten minutes the camera is
killed for 20 s. A segment of video and one of audio are read every few seconds, all their flashes and beeps paired, and
each pair's distance is noted. It prints a JSON summary and exits with 1 where sound and picture are further apart than
40 ms, or too few pairs were found for half of the time.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import m3u8
import numpy as np

from fixtures.processes import Camera, Relay
from fixtures.sync import beeps_s, flashes_s, offsets_ms

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMIT_MS: Final = 40.0
OUTAGE_EVERY_S: Final = 600.0
OUTAGE_S: Final = 20.0
LOOK_EVERY_S: Final = 6.0
SEGMENTS: Final = 3
MIN_SHARE: Final = 0.5
"""Of the seconds looked at, so many must show a flash and a beep; the rest are outages and reconnects."""


@dataclass
class Results:
    """What was measured: the second of the run, and how many ms the beep came after its flash."""

    offsets: list[tuple[float, float]] = field(default_factory=list)
    looked_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        values = [offset for _, offset in self.offsets]
        worst = sorted(self.offsets, key=lambda pair: -abs(pair[1]))[:10]
        return {
            "pairs": len(values),
            "seconds_looked_at": round(self.looked_s),
            "median_ms": round(statistics.median(values), 1) if values else None,
            "max_abs_ms": round(max(map(abs, values)), 1) if values else None,
            "worst": [(round(at_s), round(offset, 1)) for at_s, offset in worst],
            "failures": self.failures[:10],
        }

    @property
    def is_good(self) -> bool:
        enough = len(self.offsets) >= MIN_SHARE * self.looked_s > 0
        return enough and max(abs(offset) for _, offset in self.offsets) <= LIMIT_MS


class Rendition:
    """The newest segments of one media playlist."""

    def __init__(self, playlist: str) -> None:
        self._playlist = playlist
        self._seen = -1

    def newest(self) -> bytes:
        """Init and the segments that came since the last look, `SEGMENTS` at most."""
        listed = m3u8.loads(_fetch(self._playlist).decode(), uri=self._playlist)
        first = listed.media_sequence
        fresh = [(first + n, segment) for n, segment in enumerate(listed.segments) if first + n > self._seen]
        fresh = [(msn, segment) for msn, segment in fresh if segment.uri][-SEGMENTS:]
        if not fresh:
            return b""
        self._seen = fresh[-1][0]
        return _fetch(fresh[0][1].init_section.absolute_uri) + b"".join(
            _fetch(segment.absolute_uri) for _, segment in fresh
        )


def pictures(media: bytes) -> list[tuple[float, float]]:
    """Time in seconds of the epoch and brightness of the upper right corner, where the camera flashes."""
    seen = []
    with av.open(io.BytesIO(media)) as container:
        for frame in container.decode(video=0):
            corner = frame.to_ndarray(format="gray")[: frame.height // 4, -frame.width // 4 :]
            seen.append((float((frame.pts or 0) * Fraction(frame.time_base or 1)), float(corner.mean())))
    return seen


def sound(media: bytes) -> tuple[int, NDArray[np.float32]]:
    """First sample and all samples."""
    with av.open(io.BytesIO(media)) as container:
        frames = list(container.decode(audio=0))
    return frames[0].pts or 0, np.hstack([frame.to_ndarray() for frame in frames])


def look(video: Rendition, audio: Rendition, began_s: float, results: Results) -> None:
    """Measure what came since the last look."""
    try:
        shown, played = video.newest(), audio.newest()
    except (OSError, urllib.error.URLError) as error:
        results.failures.append(f"{time.monotonic() - began_s:.0f} s: {error}")
        return
    if not shown or not played:
        return
    seen = pictures(shown)
    results.looked_s += seen[-1][0] - seen[0][0]
    at_s = time.monotonic() - began_s
    results.offsets += [(at_s, offset) for offset in offsets_ms(flashes_s(seen), beeps_s(*sound(played)))]


def soak(camera: Camera, relay: Relay, minutes: float) -> Results:
    """Watch for so long, with outages."""
    results, began_s = Results(), time.monotonic()
    video, audio = (Rendition(playlist) for playlist in _renditions(f"{relay.origin}/live/cam/index.m3u8"))
    outage_s = min(OUTAGE_EVERY_S, minutes * 60 / 3)
    while (elapsed_s := time.monotonic() - began_s) < minutes * 60:
        if elapsed_s >= outage_s:
            outage_s += OUTAGE_EVERY_S
            camera.kill()
            time.sleep(OUTAGE_S)
            camera.start()
        time.sleep(LOOK_EVERY_S)
        look(video, audio, began_s, results)
    return results


def _renditions(url: str) -> tuple[str, str]:
    listed = m3u8.loads(_fetch(url).decode(), uri=url)
    return listed.playlists[0].absolute_uri, listed.media[0].absolute_uri


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def main() -> None:
    """Run the soak and print its summary."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Camera(folder) as camera, Relay.with_settings(camera.url("/flash"), folder, "") as relay:
            relay.wait_until("live")
            results = soak(camera, relay, arguments.minutes)
    print(json.dumps(results.summary(), indent=1))
    sys.exit(0 if results.is_good else 1)


if __name__ == "__main__":
    main()
