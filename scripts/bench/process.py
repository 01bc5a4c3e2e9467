"""How fast a file goes through the chain: `relay process` with a scale alone, beside `ffmpeg -vf scale`.

    .venv/bin/python -m scripts.bench.process [--rounds 3] [--seconds 60] [--preset veryfast] [--json FILE]

Both read the same 720p30 H.264 + AAC clip, scale it to 640x360 and encode it with x264: the same preset and CRF, as
many threads as each takes by itself, sound copied, MP4. They scale by area, to half, where both make the very same
pictures: OpenCV's bilinear keeps more of the noise than swscale's, for the encoder to work on. They take turns, so
that what else the machine does meets both. The peer is the ffmpeg of the PyPI wheel imageio-ffmpeg. README.md says how
the figures are to be read.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import imageio_ffmpeg

from scripts.bench.measuring import machine, say, show, versions, write_json
from scripts.bench.pipeline import CLIP_SCENE, RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 640, 360
CRF: Final = 23
SHORT_S: Final = 2
"""A clip so short that nearly all of it is the programme's start, which is told apart."""
MOST_SECONDS: Final = 600
LEAST_RATIO: Final = 0.95
"""The speed to be reached, ffmpeg's being 1."""
_WITHIN_S: Final = 900


@dataclass(frozen=True, slots=True)
class Took:
    """Wall-clock and processor seconds of one run, from its start to its end."""

    wall_s: float
    cpu_s: float

    @classmethod
    def by(cls, command: Sequence[str]) -> Took:
        """Run it. Leaves with its words where it fails."""
        began_s = time.monotonic()
        with tempfile.TemporaryFile() as words:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                words.seek(0)
                sys.exit(
                    f"{command[0]} ended with {process.returncode}:\n{words.read().decode(errors='replace')[-2000:]}"
                )
        return cls(time.monotonic() - began_s, used.ru_utime + used.ru_stime)

    def beyond(self, short: Took, seconds: float) -> Took:
        """What a second of film takes, without the start, which `short` is nearly all of."""
        return Took((self.wall_s - short.wall_s) / seconds, (self.cpu_s - short.cpu_s) / seconds)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A programme; `command` and what it is given between the names of the two files."""

    name: str
    before: list[str]
    between: list[str]

    def on(self, clip: Path, target: Path) -> Took:
        """One run."""
        return Took.by([*self.before, str(clip), *self.between, str(target)])


def contestants(preset: str) -> list[Contestant]:
    """Both, with the same wish."""
    relay = [sys.executable, "-m", "relay", "process", "--overwrite", "--preset", preset, "--crf", str(CRF)]
    relay += ["--transform", f"scale width={WIDTH} height={HEIGHT} interpolation=area"]
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", "-i"]
    options = ["-vf", f"scale={WIDTH}:{HEIGHT}:flags=area", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough"]
    options += ["-c:v", "libx264", "-preset", preset, "-crf", str(CRF), "-c:a", "copy"]
    return [Contestant("ffmpeg", ffmpeg, options), Contestant("relay", relay, [])]


def make_clip(path: Path, seconds: float) -> Path:
    """Motion and a sensor's noise, with a tone."""
    inputs = ["-f", "lavfi", "-i", CLIP_SCENE, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", "-g", str(RATE), "-pix_fmt", "yuv420p"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", *inputs, "-t", str(seconds), *video]
    subprocess.run([*command, "-c:a", "aac", "-b:a", "96k", "-ac", "2", str(path)], check=True, timeout=_WITHIN_S)
    return path


def made(path: Path) -> dict[str, Any]:
    """What a run wrote: the work is the same only where this is."""
    with av.open(path) as container:
        video = container.streams.video[0]
        pictures = sum(1 for packet in container.demux(video) if packet.size)
        size = f"{video.width}x{video.height}"
    return {"pictures": pictures, "size": size, "bytes": path.stat().st_size}


def measure(rounds: int, seconds: float, preset: str) -> dict[str, Any]:
    """All rounds: the median of what each takes for a second of film, and for its start."""
    where = machine()
    every: dict[str, list[Took]] = {}
    starts: dict[str, list[float]] = {}
    written: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"making clips of {SHORT_S} s and {seconds:g} s")
        short = make_clip(folder / "short.mp4", SHORT_S)
        long = make_clip(folder / "long.mp4", SHORT_S + seconds)
        for turn in range(rounds):
            say(f"round {turn + 1} of {rounds}")
            for contestant in contestants(preset):
                target = folder / f"{contestant.name}.mp4"
                started = contestant.on(short, target)
                took = contestant.on(long, target)
                every.setdefault(contestant.name, []).append(took.beyond(started, seconds))
                starts.setdefault(contestant.name, []).append(started.wall_s)
                written[contestant.name] = made(target)
    found = {
        name: {
            "speed": 1 / statistics.median(took.wall_s for took in runs),
            "cpu_s_per_film_s": statistics.median(took.cpu_s for took in runs),
            "start_s": statistics.median(starts[name]),
            **written[name],
        }
        for name, runs in every.items()
    }
    ratios = [peer.wall_s / ours.wall_s for peer, ours in zip(every["ffmpeg"], every["relay"], strict=True)]
    known = versions("av", "opencv-python-headless", "imageio-ffmpeg") | {"ffmpeg": imageio_ffmpeg.get_ffmpeg_version()}
    settings = {"rounds": rounds, "seconds": seconds, "preset": preset, "crf": CRF}
    return {
        "machine": where,
        "versions": known,
        **settings,
        **found,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def is_same_work(found: dict[str, Any]) -> bool:
    """Whether both wrote the same pictures, and nearly as many bytes of them."""
    ours, peer = found["relay"], found["ffmpeg"]
    is_like = 0.9 < ours["bytes"] / peer["bytes"] < 1.1
    return is_like and all(ours[key] == peer[key] for key in ("pictures", "size"))


def report(found: dict[str, Any]) -> None:
    """The table."""
    rows = [
        [
            title,
            f"{found[name]['speed']:.2f}",
            f"{found[name]['cpu_s_per_film_s']:.3f}",
            f"{found[name]['start_s']:.2f}",
            f"{found[name]['bytes'] / 1e6:.1f}",
            f"{ratio:.2f}",
        ]
        for name, title, ratio in (
            ("ffmpeg", "ffmpeg -vf scale", 1.0),
            ("relay", "relay process, scale alone", found["ratio"]),
        )
    ]
    heads = ["", "film s per s", "CPU s per film s", "start s", "MB", "speed, ffmpeg = 1"]
    show(f"720p30 to {WIDTH}x{HEIGHT}, x264 {found['preset']} CRF {CRF}, {found['rounds']} rounds", heads, rows)
    print(f"  rounds: {', '.join(f'{ratio:.2f}' for ratio in found['ratios'])} (target {LEAST_RATIO})")
    if not is_same_work(found):
        print("  NOT COMPARABLE: they did not write the same pictures")


def main() -> None:
    """Measure, print, and exit with 1 if it is slower than it may be, or did not do the peer's work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs (3)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how much film is measured in a round (60)")
    parser.add_argument("--preset", default="veryfast", help="of x264 (veryfast)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    if not 5 <= options.seconds <= MOST_SECONDS or not 1 <= options.rounds <= 20:
        parser.error(f"--seconds lies between 5 and {MOST_SECONDS}, --rounds between 1 and 20")
    found = measure(options.rounds, options.seconds, options.preset)
    report(found)
    write_json(options.json, found)
    if found["ratio"] < LEAST_RATIO or not is_same_work(found):
        sys.exit(1)


if __name__ == "__main__":
    main()
