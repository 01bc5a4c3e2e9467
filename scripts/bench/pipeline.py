"""What a camera costs: a relay worker beside the ffmpeg command line, on the same source at the same time.

    .venv/bin/python -m scripts.bench.pipeline [--source camera|file] [--seconds 60] [--json FILE]

Both read one 720p30 H.264 + AAC source, decode it and encode it again: x264 veryfast zerolatency with the relay's own
rate control (CRF under a VBV), one IDR picture in 2 s, one encoder thread, AAC at the same bit rate, HLS in fMP4. The
peer is the ffmpeg of the PyPI wheel imageio-ffmpeg. README.md says how the figures are to be read.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import imageio_ffmpeg
import psutil
import pytest

from fixtures.processes import Camera, Relay, wait_for
from relay.encode.encoders import CRF, VBV_S
from relay.ladder import PRESET
from scripts.bench.measuring import MIB, Usage, machine, say, show, versions, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH, HEIGHT, RATE = 1280, 720, 30
VIDEO_KBPS: Final = 2500
AUDIO_KBPS: Final = 128
SEGMENT_S: Final = 2
CLIP_S: Final = 20
WARM_UP_S: Final = 10.0
"""Probing, first segments and the growth of buffers are over by then."""
MOST_SECONDS: Final = 600
MOST_REPEATED: Final = 0.03
"""The share of slots that may be repeats: a camera's clock and its jitter ask for a few."""
WORKER_RSS_TARGET_MIB: Final = 220
CLIP_SCENE: Final = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE},noise=alls=6:allf=t"
"""Much that moves, and a sensor's noise: neither a still scene nor one that only the rate control holds."""


Outputs = Callable[[Path], list[str]]
"""A folder: the part of ffmpeg's command line that says what to make in it."""


class Peer:
    """The ffmpeg command line at the same work; `outputs` says what it makes, in the folder it is given."""

    def __init__(self, ffmpeg: str, source: Sequence[str], folder: Path, outputs: Outputs) -> None:
        self._folder = folder / "peer"
        self._folder.mkdir()
        self._progress = folder / "peer.progress"
        self._log = folder / "peer.log"
        self.command = [
            ffmpeg,
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "warning",
            *_reporting(self._progress),
            *source,
        ]
        self.command += outputs(self._folder)

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        self.process = psutil.Process(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)

    @property
    def media_s(self) -> float:
        """Seconds of media written so far, as `-progress` tells them every tenth of a second."""
        if self._process.poll() is not None:
            sys.exit(f"ffmpeg ended:\n{self._log.read_text(errors='replace')[-2000:]}")
        text = self._progress.read_text(errors="replace") if self._progress.exists() else ""
        times = re.findall(r"out_time_us=(\d+)", text)
        return int(times[-1]) / 1e6 if times else 0.0

    @property
    def bytes_written(self) -> int:
        return sum(path.stat().st_size for path in self._folder.glob("*.m4s"))


def _reporting(progress: Path) -> list[str]:
    return ["-nostats", "-stats_period", "0.1", "-progress", progress.as_uri().replace("file://", "file:")]


def encoders(*video_kbps: int) -> list[str]:
    """The settings of `relay/encode` for so many renditions; IDR pictures by count: ffmpeg knows no epoch grid."""
    gop = str(SEGMENT_S * RATE)
    video = ["-c:v", "libx264", "-preset", PRESET, "-tune", "zerolatency", "-threads:v", "1", "-pix_fmt", "yuv420p"]
    video += ["-crf", str(CRF), "-r", str(RATE), "-g", gop, "-keyint_min", gop]
    video += ["-x264-params", "scenecut=0:open-gop=0:bframes=0:rc-lookahead=0"]
    for n, kbps in enumerate(video_kbps):
        video += [f"-maxrate:v:{n}", f"{kbps}k", f"-bufsize:v:{n}", f"{int(kbps * VBV_S)}k"]
    return [*video, "-c:a", "aac", "-b:a", f"{AUDIO_KBPS}k", "-ar", "48000", "-ac", "2"]


def hls() -> list[str]:
    """The container. All segments stay listed and on disk, so that their bytes can be counted at the end."""
    return ["-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_segment_type", "fmp4", "-hls_list_size", "0"]


def _one_rendition(folder: Path) -> list[str]:
    return ["-map", "0:v:0", "-map", "0:a:0", *encoders(VIDEO_KBPS), *hls(), str(folder / "index.m3u8")]


@dataclass(frozen=True, slots=True)
class Mark:
    """What all had used and made at one moment."""

    worker: Usage
    parent: Usage
    peer: Usage
    counters: dict[str, int]
    peer_media_s: float
    peer_bytes: int

    @classmethod
    def now(cls, relay: Relay, worker: psutil.Process, peer: Peer) -> Mark:
        counters = _counters_of_now(relay)
        used, media_s = Usage.of(worker), peer.media_s
        peer_used = Usage.of(peer.process)
        parent = Usage.of(psutil.Process(relay.pid))
        return cls(used, parent, peer_used, counters, media_s, peer.bytes_written)


def _counters_of_now(relay: Relay) -> dict[str, int]:
    """The worker sends them twice a second: those that are there may be older, by 2 % of what is measured in 25 s."""
    old = relay.status()["counters"]["slots"]

    def look() -> dict[str, int] | None:
        counters: dict[str, int] = relay.status()["counters"]
        return counters if counters["slots"] != old else None

    return wait_for(look, 5, "counters from the worker")


@contextlib.contextmanager
def source_of(kind: str, ffmpeg: str, folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """The source as the relay names it, the relay's options for it, and ffmpeg's options for it."""
    if kind == "file":
        clip = folder / "camera.mp4"
        _make_clip(ffmpeg, clip)
        yield str(clip), ["--loop"], ["-re", "-stream_loop", "-1", "-i", str(clip)]
        return
    with Camera(folder) as camera:
        yield camera.url(), [], ["-rtsp_transport", "tcp", "-i", camera.url()]


def _make_clip(ffmpeg: str, path: Path) -> None:
    say(f"making a clip of {CLIP_S} s")
    inputs = ["-f", "lavfi", "-i", CLIP_SCENE, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", "-bf", "0", "-g", str(RATE), "-pix_fmt", "yuv420p"]
    audio = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    command = [ffmpeg, "-nostdin", "-loglevel", "error", *inputs, "-t", str(CLIP_S), *video, *audio, str(path)]
    subprocess.run(command, check=True, timeout=120)


def measure(kind: str, seconds: float, video: str, outputs: Outputs) -> dict[str, Any]:
    """One run: both at once on the same source. Leaves with words where one of them does not do its work.

    `video` is what relay.toml says of the renditions, `outputs` makes ffmpeg's command line of them.
    """
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    settings = f"audio_bitrate_kbps = {AUDIO_KBPS}\nsegment_s = {SEGMENT_S}\n"
    where = machine()
    with tempfile.TemporaryDirectory() as name, source_of(kind, ffmpeg, Path(name)) as (url, options, inputs):
        settings += "loop = true\n" if "--loop" in options else ""
        with (
            Relay.with_settings(url, Path(name), settings + video) as relay,
            Peer(ffmpeg, inputs, Path(name), outputs) as peer,
        ):
            relay.wait_until("live")
            wait_for(lambda: peer.media_s > 0, 20, "media from ffmpeg")
            say(f"both run; warming up for {WARM_UP_S:g} s, then measuring for {seconds:g} s")
            time.sleep(WARM_UP_S)
            worker = relay.worker()
            before = Mark.now(relay, worker, peer)
            time.sleep(seconds)
            after = Mark.now(relay, worker, peer)
            peak_bytes = _peak_rss_bytes(worker.pid)
    results = _compare(before, after) | {"worker_rss_peak_mib": peak_bytes / MIB}
    known = versions("av", "aiohttp", "uvloop", "imageio-ffmpeg") | {"ffmpeg": imageio_ffmpeg.get_ffmpeg_version()}
    return {"machine": where, "versions": known, "source": kind, "seconds": seconds, **results}


def _peak_rss_bytes(pid: int) -> int:
    """The high-water mark since its start, which Linux keeps; 0 elsewhere."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else 0


def _compare(before: Mark, after: Mark) -> dict[str, Any]:
    made = {key: count - before.counters.get(key, 0) for key, count in after.counters.items()}
    relay_s = made["slots"] / RATE
    peer_s = after.peer_media_s - before.peer_media_s
    if min(relay_s, peer_s) < (after.worker.at_s - before.worker.at_s) / 2:
        sys.exit(f"one of them fell behind: {relay_s:.1f} s of media from relay, {peer_s:.1f} s from ffmpeg")
    worker = (after.worker.cpu_s - before.worker.cpu_s) / relay_s
    parent = (after.parent.cpu_s - before.parent.cpu_s) / relay_s
    peer = (after.peer.cpu_s - before.peer.cpu_s) / peer_s
    return {
        "worker_cpu_s_per_media_s": worker,
        "parent_cpu_s_per_media_s": parent,
        "peer_cpu_s_per_media_s": peer,
        "ratio_worker": worker / peer,
        "ratio_worker_and_parent": (worker + parent) / peer,
        "relay_media_s": relay_s,
        "peer_media_s": peer_s,
        "counters": {key: made.get(key, 0) for key in ("slots", "repeated_slots", "skipped_slots", "worker_restarts")},
        "relay_kbps": made["bytes_published"] * 8 / 1000 / relay_s,
        "peer_kbps": (after.peer_bytes - before.peer_bytes) * 8 / 1000 / peer_s,
        **{f"{name}_rss_mib": asdict(after)[name]["rss_bytes"] / MIB for name in ("worker", "parent", "peer")},
    }


def report(title: str, found: dict[str, Any], most_peak_mib: int) -> None:
    """The table."""
    rows = [
        [
            title,
            f"{found[f'{name}_cpu_s_per_media_s']:.3f}",
            f"{found[f'{name}_rss_mib']:.0f}",
            kbps,
            f"{found[f'{name}_cpu_s_per_media_s'] / found['peer_cpu_s_per_media_s']:.2f}",
        ]
        for name, title, kbps in (
            ("peer", "ffmpeg (imageio-ffmpeg)", f"{found['peer_kbps']:.0f}"),
            ("worker", "relay worker", f"{found['relay_kbps']:.0f}"),
            ("parent", "relay parent, nobody watching", ""),
        )
    ]
    heads = ["", "CPU s per media s", "RSS MiB", "kbit/s", "CPU, ffmpeg = 1"]
    show(f"{title} from a {found['source']}, {found['relay_media_s']:.0f} s of media", heads, rows)
    counters = found["counters"]
    print(f"  worker: peak RSS {found['worker_rss_peak_mib']:.0f} MiB (target {most_peak_mib}); ", end="")
    print(", ".join(f"{key} {value}" for key, value in counters.items()))
    print(f"  worker and parent, ffmpeg = 1: {found['ratio_worker_and_parent']:.2f}")
    if not is_same_work(counters):
        print("  NOT COMPARABLE: the relay lacked processor time and repeated pictures, which costs less than new ones")


def is_same_work(counters: dict[str, int]) -> bool:
    """Whether the relay encoded what came, and not what it had shown before."""
    idle = counters["repeated_slots"] + counters["skipped_slots"]
    return idle <= MOST_REPEATED * counters["slots"] and not counters["worker_restarts"]


def run(words: str | None, title: str, video: str, outputs: Outputs, most_peak_mib: int) -> dict[str, Any]:
    """What a benchmark of this kind does from its command line to its table. Leaves where nothing can be compared."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", choices=("camera", "file"), default="camera", help="an RTSP camera, or a clip")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure (60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    if not 5 <= options.seconds <= MOST_SECONDS:
        parser.error(f"--seconds lies between 5 and {MOST_SECONDS}")
    try:
        found = measure(options.source, options.seconds, video, outputs)
    except pytest.fail.Exception as missing:
        sys.exit(f"{missing}\nor, without a camera: --source file")
    report(title, found, most_peak_mib)
    write_json(options.json, found)
    if found["worker_rss_peak_mib"] > most_peak_mib or not is_same_work(found["counters"]):
        sys.exit(1)
    return found


def main() -> None:
    """Measure, print, and exit with 1 if the worker needs more memory than it may, or did not do the peer's work."""
    video = f"video_bitrate_kbps = {VIDEO_KBPS}\n"
    run(__doc__, "720p30 H.264 + AAC", video, _one_rendition, WORKER_RSS_TARGET_MIB)


if __name__ == "__main__":
    main()
