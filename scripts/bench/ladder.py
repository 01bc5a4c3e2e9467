"""What a ladder of four rungs costs: a relay worker beside one ffmpeg command line, on one source at the same time.

    .venv/bin/python -m scripts.bench.ladder --source file|camera [--seconds 60] [--json FILE]

Both read one 720p30 H.264 + AAC source, decode it once, scale it to 480p, 360p and 240p, and encode all four as
`scripts.bench.pipeline` encodes its one: the same presets, rate control, IDR pictures and threads, HLS in fMP4, one AAC
beside them. README.md says how the figures are to be read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from scripts.bench.pipeline import encoders, hls, run

if TYPE_CHECKING:
    from pathlib import Path

RUNGS: Final = ((1280, 720, 2500), (854, 480, 1350), (640, 360, 900), (426, 240, 500))
"""Width, height and kbit/s; the first is the source's own size."""
MOST_RATIO: Final = 1.10
"""Of worker and parent together, from a picture with a sensor's noise in it: `--source file`."""
WORKER_RSS_TARGET_MIB: Final = 320


def settings() -> str:
    """The ladder as relay.toml has it."""
    return "".join(
        f"[[streams.cam.renditions]]\nheight = {height}\nbitrate_kbps = {kbps}\n" for _, height, kbps in RUNGS
    )


def outputs(folder: Path) -> list[str]:
    """The same of ffmpeg, which is asked for its cheaper way to scale that reads every pixel: bilinear."""
    names = [f"v{n}" for n in range(len(RUNGS))]
    graph = f"[0:v:0]split={len(RUNGS)}[v0]{''.join(f'[w{name}]' for name in names[1:])}"
    for name, (width, height, _) in list(zip(names, RUNGS, strict=True))[1:]:
        graph += f";[w{name}]scale={width}:{height}:flags=bilinear[{name}]"
    maps = [word for name in names for word in ("-map", f"[{name}]")]
    streams = " ".join([*(f"v:{n}" for n in range(len(RUNGS))), "a:0"])
    files = ["-hls_segment_filename", str(folder / "%v-%d.m4s"), "-hls_fmp4_init_filename", "init-%v.mp4"]
    return [
        *("-filter_complex", graph, *maps, "-map", "0:a:0"),
        *encoders(*(kbps for *_, kbps in RUNGS)),
        *hls(),
        *files,
        *("-var_stream_map", streams, str(folder / "%v.m3u8")),
    ]


def main() -> None:
    """Measure, print, and exit with 1 if it costs more than it may, or the relay did not do the peer's work."""
    found: dict[str, Any] = run(__doc__, "A ladder of four from 720p30", settings(), outputs, WORKER_RSS_TARGET_MIB)
    ratio, has_target = found["ratio_worker_and_parent"], found["source"] == "file"
    print(f"  target of both together: {MOST_RATIO if has_target else 'none for an easy picture'}")
    sys.exit(int(has_target and ratio > MOST_RATIO))


if __name__ == "__main__":
    main()
