"""How fast a file goes through the chain: `relay process` with a scale alone, beside `ffmpeg -vf scale`.

    .venv/bin/python -m scripts.bench.process [--rounds 7] [--seconds 30] [--preset veryfast] [--json FILE]

Both read the same 720p30 H.264 + AAC clip, scale it to 640x360 and encode it with x264: the same preset and CRF, sound
copied, MP4. Decoder and encoder have as many threads in both as FFmpeg and x264 choose for this machine (`-threads 0`).
They scale by area, to half, where both make the very same pictures: OpenCV's bilinear keeps more of the noise than
swscale's, for the encoder to work on. They take turns, the peer first and last, and each run of ours is judged by the
mean of the two beside it, so that a machine that becomes slower or faster meanwhile does not count. The peer is the
ffmpeg of the PyPI wheel imageio-ffmpeg. README.md says how the figures are to be read.
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
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import imageio_ffmpeg
import psutil

from scripts.bench.measuring import machine, say, show, versions, write_json
from scripts.bench.pipeline import CLIP_SCENE, RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 640, 360
CRF: Final = 23
SHORT_S: Final = 2
"""A clip so short that nearly all of it is the programme's start, which is told apart."""
STARTS: Final = 5
"""How often each start is measured: it is a second, and is taken off every run."""
MOST_SECONDS: Final = 600
LEAST_RATIO: Final = 0.95
"""The speed to be reached, ffmpeg's being 1."""
MOST_OTHERS: Final = 0.05
"""Of the processors' time, what all else on the machine may take in a run before that says more than the run does."""
_WITHIN_S: Final = 900


@dataclass(frozen=True, slots=True)
class Took:
    """Wall-clock and processor seconds of one run, from its start to its end.

    `others` is the share of all processors' time that went to something else meanwhile.
    """

    wall_s: float
    cpu_s: float
    others: float = 0.0

    @classmethod
    def by(cls, command: Sequence[str]) -> Took:
        """Run it. Leaves with its words where it fails."""
        began_s, busy_s = time.monotonic(), _busy_s()
        with tempfile.TemporaryFile() as words:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                words.seek(0)
                sys.exit(
                    f"{command[0]} ended with {process.returncode}:\n{words.read().decode(errors='replace')[-2000:]}"
                )
        wall_s, cpu_s = time.monotonic() - began_s, used.ru_utime + used.ru_stime
        others_s = max(0.0, _busy_s() - busy_s - cpu_s)
        return cls(wall_s, cpu_s, others_s / (wall_s * (os.cpu_count() or 1)))

    def beyond(self, short: Took, seconds: float) -> Took:
        """What a second of film takes, without the start, which `short` is nearly all of."""
        return Took((self.wall_s - short.wall_s) / seconds, (self.cpu_s - short.cpu_s) / seconds, self.others)

    @classmethod
    def typical(cls, runs: Sequence[Took]) -> Took:
        """The median of each."""
        return cls(*(statistics.median(getattr(one, name) for one in runs) for name in ("wall_s", "cpu_s", "others")))


def _busy_s() -> float:
    """Seconds that the machine's processors have worked, for whomever."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


@dataclass(frozen=True, slots=True)
class Contestant:
    """A programme; `command` and what it is given between the names of the two files."""

    name: str
    before: list[str]
    between: list[str]

    def on(self, clip: Path, target: Path) -> Took:
        """One run."""
        return Took.by([*self.before, str(clip), *self.between, str(target)])


def contestants(preset: str) -> tuple[Contestant, Contestant]:
    """The peer and ours, with the same wish."""
    relay = [sys.executable, "-m", "relay", "process", "--overwrite", "--preset", preset, "--crf", str(CRF)]
    relay += ["--transform", f"scale width={WIDTH} height={HEIGHT} interpolation=area"]
    # 0 is what relay tells both as well: the decoder of the file, and the encoder.
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", "-threads", "0", "-i"]
    options = ["-vf", f"scale={WIDTH}:{HEIGHT}:flags=area", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough"]
    options += ["-c:v", "libx264", "-threads", "0", "-preset", preset, "-crf", str(CRF), "-c:a", "copy"]
    return Contestant("ffmpeg", ffmpeg, options), Contestant("relay", relay, [])


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


def run_all(
    peer: Contestant, ours: Contestant, folder: Path, rounds: int, seconds: float
) -> tuple[dict[str, list[Took]], dict[str, list[Took]]]:
    """The starts and the runs of both, by name, in turns: the peer has one run more, behind the last of ours.

    What was written last is in `folder`, under their names.
    """
    say(f"making clips of {SHORT_S} s and {seconds:g} s")
    short = make_clip(folder / "short.mp4", SHORT_S)
    long = make_clip(folder / "long.mp4", SHORT_S + seconds)
    starts: dict[str, list[Took]] = {peer.name: [], ours.name: []}
    runs: dict[str, list[Took]] = {peer.name: [], ours.name: []}
    for contestant in (peer, ours):  # neither is to find files that nobody has read yet, nor libraries
        contestant.on(short, folder / "warm.mp4")
    say("measuring their starts")
    for _ in range(STARTS):
        for contestant in (peer, ours):
            starts[contestant.name].append(contestant.on(short, folder / f"{contestant.name}.mp4"))
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}")
        for contestant in (peer, ours):
            runs[contestant.name].append(contestant.on(long, folder / f"{contestant.name}.mp4"))
    runs[peer.name].append(peer.on(long, folder / f"{peer.name}.mp4"))
    return starts, runs


def ratios(peers: Sequence[float], ours: Sequence[float]) -> list[float]:
    """What the peer needed for each that we needed: the mean of its runs before and after ours, over ours."""
    return [(before + after) / 2 / own for (before, after), own in zip(pairwise(peers), ours, strict=True)]


def measure(rounds: int, seconds: float, preset: str) -> dict[str, Any]:
    """All rounds: what each takes for a second of film and for its start, and how that compares."""
    where = machine()
    peer, ours = contestants(preset)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts, runs = run_all(peer, ours, folder, rounds, seconds)
        written = {one.name: made(folder / f"{one.name}.mp4") for one in (peer, ours)}
    started = {name: Took.typical(took) for name, took in starts.items()}
    beyond = {name: [took.beyond(started[name], seconds) for took in own] for name, own in runs.items()}
    found = {}
    for name, own in beyond.items():
        usual = Took.typical(own)
        found[name] = {
            "speed": 1 / usual.wall_s,
            "cpu_s_per_film_s": usual.cpu_s,
            "start_s": started[name].wall_s,
            "others": max(took.others for took in own),
            **written[name],
        }
    speeds, efforts = (
        ratios([getattr(took, key) for took in beyond[peer.name]], [getattr(took, key) for took in beyond[ours.name]])
        for key in ("wall_s", "cpu_s")
    )
    known = versions("av", "opencv-python-headless", "imageio-ffmpeg") | {"ffmpeg": imageio_ffmpeg.get_ffmpeg_version()}
    settings = {"rounds": rounds, "seconds": seconds, "preset": preset, "crf": CRF}
    return {
        "machine": where,
        "versions": known,
        **settings,
        **found,
        "ratio": statistics.median(speeds),
        "ratios": speeds,
        "cpu_ratio": 1 / statistics.median(efforts),
        "cpu_ratios": [1 / effort for effort in efforts],
    }


def is_same_work(found: dict[str, Any]) -> bool:
    """Whether both wrote the same pictures, and nearly as many bytes of them."""
    ours, peer = found["relay"], found["ffmpeg"]
    is_like = 0.9 < ours["bytes"] / peer["bytes"] < 1.1
    return is_like and all(ours[key] == peer[key] for key in ("pictures", "size"))


def is_quiet(found: dict[str, Any]) -> bool:
    """Whether nothing else took so much of the processors that it says more than the runs do."""
    return all(float(found[name]["others"]) <= MOST_OTHERS for name in ("relay", "ffmpeg"))


def report(found: dict[str, Any]) -> None:
    """The table."""
    rows = [
        [
            title,
            f"{found[name]['speed']:.2f}",
            f"{found[name]['cpu_s_per_film_s']:.4f}",
            f"{found[name]['start_s']:.2f}",
            f"{found[name]['bytes'] / 1e6:.1f}",
            f"{speed:.3f}",
            f"{effort:.3f}",
        ]
        for name, title, speed, effort in (
            ("ffmpeg", "ffmpeg -vf scale", 1.0, 1.0),
            ("relay", "relay process, scale alone", found["ratio"], found["cpu_ratio"]),
        )
    ]
    heads = ["", "film s per s", "CPU s per film s", "start s", "MB", "speed, ffmpeg = 1", "CPU, ffmpeg = 1"]
    show(f"720p30 to {WIDTH}x{HEIGHT}, x264 {found['preset']} CRF {CRF}, {found['rounds']} rounds", heads, rows)
    for words, key in (("speed", "ratios"), ("CPU", "cpu_ratios")):
        every = sorted(found[key])
        told = ", ".join(f"{ratio:.3f}" for ratio in found[key])
        print(f"  {words}: from {every[0]:.3f} to {every[-1]:.3f} ({told})")
    print(f"  target: a speed of {LEAST_RATIO}")
    if not is_same_work(found):
        print("  NOT COMPARABLE: they did not write the same pictures")
    if not is_quiet(found):
        others = max(found[name]["others"] for name in ("relay", "ffmpeg"))
        print(f"  NOT QUIET: something else took up to {others:.0%} of the processors meanwhile")


def main() -> None:
    """Measure, print, and exit with 1 if it is slower than it may be, or did not do the peer's work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="how often ours runs (7); ffmpeg once more")
    parser.add_argument("--seconds", type=float, default=30.0, help="how much film is measured in a round (30)")
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
