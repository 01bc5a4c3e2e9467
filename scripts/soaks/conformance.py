"""Every format of ours, visited by `relay check` for as long as is wanted, through an outage and a worker's death.

    scripts/soak conformance [--minutes 10]

One RTSP camera (640x360 at 15, H.264 and AAC) goes through one `relay serve` as several streams: `lan`, `internet` with
captions, a `ladder` of three rungs, `balanced`, `quality`, and `copy`, whose pictures are the camera's own. Each is
visited by a `relay check` of its own, and `lan`, `quality` and `copy` by one more as MPEG-TS (`ts.m3u8`), for all of
the minutes. After a third of them the camera is killed for 20 s, after two thirds the worker of each stream, one after
the other.

It prints a JSON summary and exits with 1 if a visit found what must or should not be, or could not be made. What
starves on cores that others use is late, and is told so: the load that is printed says how far to believe it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fixtures.processes import FIXTURES, Camera, Relay, wait_for
from scripts.bench.precedence import OTHER_MACHINES, be_nice

MOUNT: Final = "/small"
STREAMS: Final = {
    "lan": 'latency = "lan"',
    "internet": 'latency = "internet"\ncaptions = true',
    "ladder": 'latency = "lan"\nrenditions = [{ height = 360 }, { height = 240 }, { height = 180, rate = 7.5 }]',
    "balanced": 'latency_profile = "balanced"',
    "quality": 'latency_profile = "quality"',
    "copy": 'latency = "lan"\nvideo = "copy"',
}
"""Name and settings of each stream in relay.toml."""
AS_TRANSPORT: Final = ("lan", "quality", "copy")
"""Of these MPEG-TS is visited too: with parts beside it, with B-frames, in whatever order the camera has."""
VISITS: Final = {name: f"/live/{name}/index.m3u8" for name in STREAMS} | {
    f"{name}-ts": f"/live/{name}/ts.m3u8" for name in AS_TRANSPORT
}
OUTAGE_S: Final = 20.0
READY_S: Final = 60.0
SETTLED_S: Final = 20.0
"""From then on there is as much behind the live edge as a playlist lists."""
BETWEEN_WORKERS_S: Final = 8.0
"""There is one spare for all streams: the next one has to be there before another worker dies."""
SAMPLE_EVERY_S: Final = 5.0
REPORT_S: Final = 60.0
"""What a visit may take beyond its time, on cores that others use."""
EXAMPLES: Final = 12


@dataclass
class Run:
    """What happened while the visits were made."""

    events: list[str] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Keep an event with its time, as the relay's log has it."""
        self.events.append(f"{datetime.now(UTC):%H:%M:%S}: {what}")


def settings(source: str) -> str:
    """relay.toml with every stream of one source."""
    return "\n".join(f'[streams.{name}]\nsource = "{source}"\n{rest}\n' for name, rest in STREAMS.items())


def start_visit(url: str, seconds: float, folder: Path, name: str) -> subprocess.Popen[bytes]:
    """`relay check` beside this process. Its document goes to a file: a pipe would have to be read all the while."""
    command = [sys.executable, "-m", "relay", "check", url, "--json", "--seconds", f"{seconds:.0f}"]
    environment = {**os.environ, "PYTHONPATH": str(FIXTURES.parent)}
    with (folder / f"{name}.json").open("wb") as out, (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=out, stderr=log, env=environment)


def wait_until_playable(relay: Relay, within_s: float) -> None:
    """Until each playlist is there."""

    def look() -> bool | None:
        try:
            for path in VISITS.values():
                relay.get(path)
        except (urllib.error.URLError, OSError):
            return None
        return True

    wait_for(look, within_s, "every playlist", every_s=0.5)


def wait_watching(run: Run, until_s: float) -> None:
    """Wait, and note the load meanwhile."""
    while (left_s := until_s - time.monotonic()) > 0:
        run.loads.append(os.getloadavg()[0])
        time.sleep(min(SAMPLE_EVERY_S, left_s))


def cause_trouble(camera: Camera, relay: Relay, run: Run, seconds: float) -> None:
    """Lose the camera after a third of the time, and every worker after two."""
    began_s = time.monotonic()
    wait_watching(run, began_s + seconds / 3)
    camera.kill()
    run.note(f"camera killed, for {OUTAGE_S:g} s")
    wait_watching(run, time.monotonic() + OUTAGE_S)
    camera.start()
    run.note("camera started")
    wait_watching(run, began_s + seconds * 2 / 3)
    for worker in relay.workers():
        run.note(f"{worker.name()} killed, process {worker.pid}")
        worker.kill()
        wait_watching(run, time.monotonic() + BETWEEN_WORKERS_S)
    wait_watching(run, began_s + seconds)


def told_of(name: str, visit: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    """One visit, as it is printed."""
    try:
        status = visit.wait(REPORT_S)
        told = json.loads((folder / f"{name}.json").read_text())
    except (subprocess.TimeoutExpired, ValueError) as error:
        visit.kill()
        beside = (folder / f"{name}.log").read_text(errors="replace")[-2000:]
        return {"problem": f"no report: {type(error).__name__}", "said": beside}
    faults = [finding for finding in told["findings"] if finding["severity"] != "advice"]
    counts = Counter[str]()
    for finding in faults:
        counts[f"{finding['rule']} {finding['severity']}"] += finding["count"]
    return {
        "exit": status,
        "unreachable": told["unreachable"],
        "seconds": told["seconds"],
        "requests": told["requests"],
        "playlists": sum(one["readings"] for one in told["renditions"]),
        "segments": sum(one["segments"] for one in told["renditions"]),
        "parts": sum(one["parts"] for one in told["renditions"]),
        "megabytes": round(told["bytes_read"] / 1e6, 1),
        "findings": dict(counts),
        "examples": faults[:EXAMPLES],
        "advice": sorted({finding["rule"] for finding in told["findings"] if finding["severity"] == "advice"}),
    }


def soak(camera: Camera, relay: Relay, folder: Path, seconds: float) -> dict[str, Any]:
    """Visit all streams for so long; the summary."""
    run = Run()
    wait_until_playable(relay, READY_S)
    wait_watching(run, time.monotonic() + SETTLED_S)
    visits = {name: start_visit(relay.origin + path, seconds, folder, name) for name, path in VISITS.items()}
    run.note("visits begun")
    try:
        cause_trouble(camera, relay, run, seconds)
        told = {name: told_of(name, visit, folder) for name, visit in visits.items()}
    finally:
        for visit in visits.values():
            visit.kill()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit.strip(),
        "minutes": round(seconds / 60, 1),
        "load": {"p50": round(statistics.median(run.loads), 1), "max": round(max(run.loads), 1)},
        "events": run.events,
        "visits": told,
    }


def main() -> None:
    """Run the soak and print its summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--log", type=Path, help="keep the relay's log here")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        be_nice(OTHER_MACHINES)  # as the camera is that this starts
        camera = running.enter_context(Camera(folder))
        be_nice(0)
        (folder / "relay.toml").write_text(settings(camera.url(MOUNT)))
        with Relay("", folder, "--config", str(folder / "relay.toml")) as relay:
            report = soak(camera, relay, folder, arguments.minutes * 60)
            if arguments.log:
                arguments.log.write_text(relay.words())
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")
    sys.exit(1 if any(visit.get("exit", 1) for visit in report["visits"].values()) else 0)


if __name__ == "__main__":
    main()
