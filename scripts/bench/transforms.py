"""What transforms cost, each beside a named peer, in turns on the same pictures, on one core.

    .venv/bin/python -m scripts.bench.transforms [--only planes|bgr|motion|faces|memory ...] [--rounds 9] [--json FILE]

planes   crop, scale, timestamp and two masks on 720p, beside the same graph of libavfilter
bgr      a user's transform that asks for BGR and does nothing, beside two bare conversions into buffers used again
motion   the motion transform beside OpenCV's MOG2, on the same small picture
faces    faces hidden, with a look at every third frame, while another thread encodes: frames a second
memory   what each transform that there is allocates for a frame once it is warm

README.md says how the figures are to be read.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import tracemalloc
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from queue import Queue
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import av
import cv2
import numpy as np
from av.filter import Graph

from fixtures.scenes import BEGAN_NS, Mover, Scene
from relay.config import TransformSettings
from relay.encode import VideoEncoder
from relay.errors import TransformError
from relay.model import Latency, Picture, Rung, StreamFormat
from relay.pixels import Pool, lettering, video_frame
from relay.pixels.video import rows
from relay.timeline import NS_PER_S
from relay.transform import Chain
from relay.transform.registry import BUILT_IN
from scripts.bench.measuring import machine, say, show, versions, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.pixels import I420, Bgr
    from relay.transform import Frame

WIDTH, HEIGHT, RATE = 1280, 720, 30
SMALL: Final = (320, 180)
"""What the motion transform makes of 720p before it looks."""
FRAMES: Final = 60
"""In a row of one, before it is the other's turn: two seconds of video."""
MOST_PLANES: Final = 1.1
MOST_BGR: Final = 1.2
MOST_MOTION: Final = 0.5
LEAST_FPS: Final = 30.0
MOST_BYTES: Final = 4096
FACES_FRAMES: Final = 450
VIDEO_KBPS: Final = 2500
IDR_EVERY: Final = 60
WARM_UP: Final = 45
MEASURED: Final = 45
CROP: Final = (80, 44, 1120, 630)
MASKED: Final = ((160, 180, 320, 180), (800, 360, 240, 240))
"""Both in pixels: x, y, width, height."""
TEXT: Final = "2026-11-22 17:43:22"
TEXT_PX: Final = HEIGHT // 24
"""As the timestamp has it where no size is given."""
SAMPLES: Final = {
    "crop": "crop x=80 y=44 width=1120 height=630",
    "filter": "filter graph=atadenoise",
    "mask": 'mask "zones=0.1,0.1 0.4,0.1 0.3,0.6"',
    "perspective": 'perspective "corners=0.1,0.1 0.9,0.1 1,1 0,1"',
    "rotate": "rotate degrees=180",
    "scale": "scale width=854 height=480",
    "shape": 'shape kind=polygon "points=0.1,0.1 0.4,0.1 0.3,0.6"',
    "text": "text text=door",
    "undistort": "undistort k1=-0.2 focal=0.8",
}
"""Transforms that must be given parameters. All others are measured as they are without any."""


@dataclass(frozen=True, slots=True)
class Compared:
    """CPU milliseconds a frame of ours and of the peer, and the median of the ratios of all rounds."""

    name: str
    ours_ms: float
    peer_ms: float
    ratio: float
    most: float | None = None
    """The ratio that is aimed at, if one is."""

    @property
    def is_good(self) -> bool:
        """Whether it costs no more than it may."""
        return self.most is None or self.ratio <= self.most

    @property
    def row(self) -> list[str]:
        """For the table."""
        aim = "" if self.most is None else f"{self.most:g}"
        return [self.name, f"{self.ours_ms:.3f}", f"{self.peer_ms:.3f}", f"{self.ratio:.2f}", aim]


@dataclass(frozen=True, slots=True)
class Allocated:
    """What a transform allocates for a frame beyond what the frame itself needs; `why` it was not measured."""

    name: str
    usual_bytes: int = 0
    most_bytes: int = 0
    why: str = ""


def compare(
    name: str, ours: Callable[[int], object], peer: Callable[[int], object], rounds: int, most: float | None = None
) -> Compared:
    """Both in turns, each called with a frame's number: what else the machine does befalls both of a round."""
    numbers = itertools.count(), itertools.count()
    pairs = [(_cpu_ms(ours, numbers[0]), _cpu_ms(peer, numbers[1])) for _ in range(rounds + 1)][1:]  # the first warms
    ratio = median(one / other for one, other in pairs)
    return Compared(name, median(one for one, _ in pairs), median(other for _, other in pairs), ratio, most)


def _cpu_ms(step: Callable[[int], object], numbers: itertools.count[int]) -> float:
    """Of one frame, on average; of all threads, if there are others."""
    began_s = time.process_time()
    for number in itertools.islice(numbers, FRAMES):
        step(number)
    return (time.process_time() - began_s) * 1000 / FRAMES


def pictures(width: int = WIDTH, height: int = HEIGHT) -> list[I420]:
    """Two seconds of a place that somebody walks through, with a sensor's noise."""
    walker = Mover(0, FRAMES / RATE, (0.2, 0.6), (0.8, 0.5))
    scene = Scene(FRAMES / RATE, (walker,), width=width, height=height, rate=RATE)
    return [shot.picture.i420 for shot in scene.shots()]


def as_taken(number: int, i420: I420) -> Picture:
    """A camera's picture of that number."""
    return Picture(number, BEGAN_NS + number * NS_PER_S // RATE, i420)


def chain_of(*links: str) -> Chain:
    """A chain that is open. Raises `TransformError` where it cannot be."""
    chain = Chain([TransformSettings.model_validate(link) for link in links])
    chain.open()
    return chain


def touch(frame: Frame) -> Bgr:
    """The user's transform: it asks for BGR, and does nothing."""
    return frame.bgr


def planes(rounds: int) -> list[Compared]:
    """The chain of planes beside the same graph."""
    x, y, width, height = CROP
    links = [f"crop x={x} y={y} width={width} height={height}", f"scale width={WIDTH} height={HEIGHT}"]
    chain = chain_of(*links, "timestamp timezone=UTC", *(f'mask "zones={_zone(*box)}"' for box in MASKED))
    graph, some = FilterGraph(), pictures()
    return [
        compare(
            "crop, scale, timestamp, two masks, beside libavfilter",
            lambda number: chain.process(as_taken(number, some[number % FRAMES])),
            lambda number: graph.process(number, some[number % FRAMES]),
            rounds,
            MOST_PLANES,
        )
    ]


def _zone(x: int, y: int, width: int, height: int) -> str:
    """A rectangle in pixels, as a mask has it."""
    x0, y0, x1, y1 = x / WIDTH, y / HEIGHT, (x + width) / WIDTH, (y + height) / HEIGHT
    return f"{x0},{y0} {x1},{y0} {x1},{y1} {x0},{y1}"


class FilterGraph:
    """The same in libavfilter: the text is drawn once and laid over each frame, the masks are filled boxes.

    PyAV's FFmpeg has no `drawtext`. Ours draws its text once a second, that filter would for each frame.
    """

    def __init__(self) -> None:
        text = _text_frame()
        graph = Graph()
        graph.threads = 1
        base = Fraction(1, RATE)
        self._source = graph.add_buffer(width=WIDTH, height=HEIGHT, format=av.VideoFormat("yuv420p"), time_base=base)
        line = graph.add_buffer(width=text.width, height=text.height, format=text.format, time_base=base)
        x, y, width, height = CROP
        steps = [
            graph.add("crop", f"{width}:{height}:{x}:{y}"),
            graph.add("scale", f"{WIDTH}:{HEIGHT}:flags=bilinear"),
            graph.add("overlay", "x=10:y=10:eof_action=repeat:format=yuv420"),
            *(graph.add("drawbox", f"x={x}:y={y}:w={w}:h={h}:color=black:t=fill") for x, y, w, h in MASKED),
        ]
        self._sink = graph.add("buffersink")
        for step, following in itertools.pairwise([self._source, *steps, self._sink]):
            step.link_to(following)
        line.link_to(steps[2], 0, 1)
        graph.configure()
        line.push(text)
        line.push(None)
        self._graph = graph

    def process(self, number: int, i420: I420) -> object:
        """One frame in, one out."""
        frame = video_frame(i420)
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        self._source.push(frame)
        return self._sink.pull()


def _text_frame() -> av.VideoFrame:
    """White letters, and how much of what is behind they cover."""
    ink = lettering.coverage(TEXT, TEXT_PX)
    height, width = ink.shape[0] // 2 * 2, ink.shape[1] // 2 * 2
    frame = av.VideoFrame(width, height, "yuva420p")
    for plane, level in zip(frame.planes[:3], (235, 128, 128), strict=True):
        rows(plane)[:] = level
    rows(frame.planes[3])[:height, :width] = ink[:height, :width]
    frame.pts, frame.time_base = 0, Fraction(1, RATE)
    return frame


def bgr(rounds: int) -> list[Compared]:
    """BGR and back, beside the two conversions alone."""
    chain, some, pool = chain_of("scripts.bench.transforms:touch"), pictures(), Pool()

    def convert(number: int) -> None:
        picture, back = pool.take(HEIGHT, WIDTH, 3), pool.i420(WIDTH, HEIGHT)
        cv2.cvtColor(some[number % FRAMES], cv2.COLOR_YUV2BGR_I420, dst=picture)
        cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420, dst=back)

    return [
        compare(
            "a user's transform that asks for BGR, beside two cvtColor",
            lambda number: chain.process(as_taken(number, some[number % FRAMES])),
            convert,
            rounds,
            MOST_BGR,
        )
    ]


def motion(rounds: int) -> list[Compared]:
    """All of the motion transform beside the model alone of MOG2, without its shadows; and both from 720p on."""
    small, large = pictures(*SMALL), pictures()
    chains = [chain_of("motion") for _ in range(2)]
    models = [cv2.createBackgroundSubtractorMOG2(detectShadows=False) for _ in range(2)]
    mask, shrunk = np.empty(SMALL[::-1], np.uint8), np.empty(SMALL[::-1], np.uint8)

    def shrink_and_look(number: int) -> None:
        cv2.resize(large[number % FRAMES][:HEIGHT], SMALL, dst=shrunk, interpolation=cv2.INTER_AREA)
        models[1].apply(shrunk, mask)

    return [
        compare(
            "motion, beside MOG2, both on {}x{}".format(*SMALL),
            lambda number: chains[0].process(as_taken(number, small[number % FRAMES])),
            lambda number: models[0].apply(small[number % FRAMES][: SMALL[1]], mask),
            rounds,
            MOST_MOTION,
        ),
        compare(
            "motion, beside INTER_AREA and MOG2, from 720p",
            lambda number: chains[1].process(as_taken(number, large[number % FRAMES])),
            shrink_and_look,
            rounds,
        ),
    ]


def faces() -> dict[str, Any]:
    """How many frames a second leave the encoder while faces are looked for in every third."""
    try:
        chain = chain_of("faces every=3 input=480")
    except TransformError as error:
        return {"why": str(error)}
    some, ready = pictures(), Queue[Picture | None](maxsize=2)
    encoding = Thread(target=_encode, args=(ready,), name="encoder")
    encoding.start()
    began_s, cpu_s = 0.0, 0.0
    for number in range(WARM_UP + FACES_FRAMES):
        if number == WARM_UP:
            began_s, cpu_s = time.monotonic(), time.process_time()
        for done in chain.process(as_taken(number, some[number % FRAMES].copy())):
            ready.put(done)
    ready.put(None)
    encoding.join()
    took_s = time.monotonic() - began_s
    failures = sum(link.failures + link.late for link in chain.figures())
    cores = (time.process_time() - cpu_s) / took_s
    return {"fps": FACES_FRAMES / took_s, "cores": cores, "failures": failures, "delay_frames": chain.delay_frames}


def _encode(ready: Queue[Picture | None]) -> None:
    """What a worker's encoder thread does."""
    rate = Fraction(RATE)
    stream = StreamFormat(WIDTH, HEIGHT, rate, audio=False, latency=Latency.LAN)
    encoder = VideoEncoder(stream, Rung("video", WIDTH, HEIGHT, rate, VIDEO_KBPS))
    while (picture := ready.get()) is not None:
        encoder.encode(picture.i420, picture.slot, is_idr=picture.slot % IDR_EVERY == 0)
    encoder.close()


def memory() -> list[Allocated]:
    """Every transform that there is, on 720p."""
    some = pictures()
    frame_bytes, _ = _peaks(chain_of("scripts.bench.transforms:nothing"), some)
    found = []
    for name in BUILT_IN:
        try:
            usual, most = _peaks(chain_of(SAMPLES.get(name, name)), some)
        except TransformError as error:
            found.append(Allocated(name, why=str(error)))
            continue
        found.append(Allocated(name, max(0, usual - frame_bytes), max(0, most - frame_bytes)))
    return found


def nothing(_: Frame) -> None:
    """What a frame costs by itself."""


def _peaks(chain: Chain, some: list[I420]) -> tuple[int, int]:
    """By how many bytes Python's memory, with NumPy's, grows at the most within a frame: the median, and the most."""
    held: list[Picture] = []
    peaks = []
    for number in range(WARM_UP + MEASURED):
        picture = as_taken(number, some[number % FRAMES].copy())
        if number == WARM_UP:
            tracemalloc.start()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        held[:] = chain.process(picture)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    chain.close()
    return round(median(peaks[WARM_UP:])), max(peaks[WARM_UP:])


COMPARED: Final = {"planes": planes, "bgr": bgr, "motion": motion}


def report(found: dict[str, Any], compared: list[Compared], allocated: list[Allocated]) -> bool:
    """The tables. Whether everything is as good as it is to be."""
    is_good = all(each.is_good for each in compared)
    if compared:
        show("CPU on one core", ["", "ours ms", "peer ms", "ratio", "at most"], [each.row for each in compared])
    if faced := found.get("faces"):
        is_good = is_good and not faced.get("why") and faced["fps"] >= LEAST_FPS and not faced["failures"]
        figures = [f"{faced[key]:.1f}" for key in ("fps", "cores")] if "fps" in faced else ["", ""]
        row = ["faces, every third frame, 480 wide, and x264", *figures, f"{LEAST_FPS:g}", faced.get("why", "")]
        show("Faces beside the encoder", ["", "frames/s", "cores", "at least", ""], [row])
    if allocated:
        is_good = is_good and all(each.usual_bytes <= MOST_BYTES for each in allocated)
        lines = [[each.name, f"{each.usual_bytes}", f"{each.most_bytes}", each.why] for each in allocated]
        show(f"Allocated for a frame (at most {MOST_BYTES} bytes)", ["", "usually", "at the most", ""], lines)
    return is_good


def main() -> None:
    """Measure, print, and exit with 1 if something costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*COMPARED, "faces", "memory"]
    parser.add_argument("--only", choices=names, action="append", help="leave out the others; may be given again")
    parser.add_argument("--rounds", type=int, default=9, help=f"turns of {FRAMES} frames for each (9)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    if not 1 <= options.rounds <= 200:
        parser.error("--rounds lies between 1 and 200")
    cv2.setNumThreads(1)
    wanted = options.only or names
    found: dict[str, Any] = {"machine": machine(), "versions": versions("av", "numpy", "opencv-python-headless")}
    compared = []
    for name in (name for name in COMPARED if name in wanted):
        say(f"measuring {name}")
        compared += COMPARED[name](options.rounds)
    for name, measure in (("faces", faces), ("memory", memory)):
        if name in wanted:
            say(f"measuring {name}")
            found[name] = measure()
    allocated = found.get("memory", [])
    is_good = report(found, compared, allocated)
    found |= {"compared": [asdict(each) for each in compared], "memory": [asdict(each) for each in allocated]}
    write_json(options.json, found)
    sys.exit(int(not is_good))


if __name__ == "__main__":
    main()
