"""What the record of viewing costs the serving process: the same server with it and without, by turns.

    .venv/bin/python -m scripts.bench.viewing_cost [--viewers 100] [--seconds 15] [--turns 3] [--json FILE]

The relay's own web application with a stream out of memory; viewers of a process of their own read the playlist and the
newest part five times a second, each with a token and CMCD. Without the record nothing is noted of a request at all: no
address masked, no row made, no session kept, nothing stored. README.md says how the figures are to be read.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import psutil

from fixtures.desk import NotedDesk
from fixtures.origin import Camera
from relay.config import StreamSettings
from relay.retention import Retention
from relay.serve import AdminKey, HttpServer, Hub, Viewing, make_app
from relay.serve.access import AccessLog
from relay.sessions import SessionRecorder, SessionStore, TokenMint
from relay.supervisor.demand import Demand
from scripts.bench.measuring import machine, say, write_json

PART_BYTES: Final = 24_000
EVERY_S: Final = 0.2
WARM_S: Final = 3.0
TARGET_CPU: Final = 1.05
TARGET_P99_MS: Final = 1.0
KEY: Final = b"k" * 32
CMCD: Final = "CMCD=bl%3D1200%2Cbr%3D2800%2Cmtp%3D9000%2Csid%3D%22{sid}%22%2Cv%3D2"
_PLAYLIST: Final = re.compile(r"v/[^/\s]+/video-\d+/index\.m3u8")
_PART: Final = re.compile(r'#EXT-X-PART:.*?URI="([^"]+)"')


async def serve(folder: Path, *, is_recorded: bool) -> None:
    """Serve until standard input ends; the port is the first line that is said."""
    hub, mint = Hub({"cam": StreamSettings()}, time.monotonic_ns), TokenMint(KEY)
    camera = Camera(hub, size_bytes=PART_BYTES)
    camera.open()
    camera.publish_segments(7)
    recorder = SessionRecorder(SessionStore(folder), mint, 30.0)
    if not is_recorded:
        AccessLog.note = lambda *_: None  # type: ignore[method-assign]  # all of it, from the address on
    viewing = Viewing(recorder, mint, folder, AdminKey(KEY), Retention())
    demand = Demand(is_on_demand=False, idle_close_s=5)
    desk: Any = NotedDesk()
    app = make_app(hub, viewing, tuple, time.time_ns, lambda _: demand, desk)
    server = await HttpServer.start(app, "127.0.0.1", 0)
    print(server.port, flush=True)
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    due_s = asyncio.get_running_loop().time()
    while not ended.done():
        camera.publish()
        for _ in range(2):
            recorder.sweep(time.time_ns())
            due_s += EVERY_S / 2
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())
    await server.stop()
    recorder.close(time.time_ns())


@dataclass(frozen=True)
class Turn:
    """One turn: processor time of the serving process for each request, and how long a part took."""

    cpu_us: float
    p50_ms: float
    p99_ms: float
    requests: int


def turn(viewers: int, seconds: float, *, is_recorded: bool) -> Turn:
    """Start a server, watch it for so long, and end it."""
    how = "recorded" if is_recorded else "silent"
    words = [sys.executable, "-m", "scripts.bench.viewing_cost", "--serve", how, "--folder"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*words, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child,
    ):
        assert child.stdout is not None
        assert child.stdin is not None
        port = int(child.stdout.readline())
        found = asyncio.run(_watch(port, viewers, seconds, psutil.Process(child.pid)))
        child.stdin.close()
        child.wait(20)
    return found


async def _watch(port: int, viewers: int, seconds: float, server: psutil.Process) -> Turn:
    took: list[float] = []
    counted: Counter[str] = Counter()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", connector=connector, skip_auto_headers={"Accept-Encoding"}
    ) as session:
        tasks = [asyncio.create_task(_viewer(session, number, viewers, took, counted)) for number in range(viewers)]
        await asyncio.sleep(WARM_S)
        took.clear()
        counted.clear()
        before = server.cpu_times()
        await asyncio.sleep(seconds)
        after = server.cpu_times()
        requests, parts = counted["requests"], sorted(took)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in (error for error in ended if not isinstance(error, asyncio.CancelledError)):
        raise RuntimeError("a viewer failed") from error
    cpu_s = after.user + after.system - before.user - before.system
    return Turn(cpu_s / requests * 1e6, _at(parts, 0.5) * 1e3, _at(parts, 0.99) * 1e3, requests)


async def _viewer(
    session: aiohttp.ClientSession, number: int, viewers: int, took: list[float], counted: Counter[str]
) -> None:
    cmcd = CMCD.format(sid=f"{number:08x}")
    loop = asyncio.get_running_loop()
    async with session.get("/live/cam/index.m3u8") as answer:
        found = _PLAYLIST.search(await answer.text())
    assert found
    playlist = f"/live/cam/{found[0]}"
    due_s = loop.time() + number / viewers * EVERY_S
    while True:
        await asyncio.sleep(due_s - loop.time())
        due_s += EVERY_S
        async with session.get(f"{playlist}?{cmcd}") as answer:
            text = (await answer.read()).decode()
        newest = _PART.findall(text)[-1]
        asked_s = loop.time()
        async with session.get(f"{playlist.removesuffix('index.m3u8')}{newest}?{cmcd}") as answer:
            body = await answer.read()
        took.append(loop.time() - asked_s)
        assert (answer.status, len(body) >= PART_BYTES) == (200, True)
        counted["requests"] += 2


def _at(ranked: list[float], share: float) -> float:
    return ranked[round((len(ranked) - 1) * share)]


def compare(viewers: int, seconds: float, turns: int) -> dict[str, Any]:
    """With and without, by turns; the medians, and the ratio of each pair."""
    pairs: list[tuple[Turn, Turn]] = []
    for number in range(turns):
        first = number % 2 == 0
        one, other = (turn(viewers, seconds, is_recorded=recorded) for recorded in (first, not first))
        pairs.append((one, other) if first else (other, one))
        say(f"{number + 1}: {pairs[-1]}")
    recorded, silent = zip(*pairs, strict=True)
    ratios = [with_it.cpu_us / without.cpu_us for with_it, without in pairs]
    return {
        "requests a second": round(median(one.requests for one in recorded) / seconds),
        "CPU, us a request, recorded": median(one.cpu_us for one in recorded),
        "CPU, us a request, not recorded": median(one.cpu_us for one in silent),
        "CPU, not recorded = 1": median(ratios),
        "a part, p50, ms, recorded": median(one.p50_ms for one in recorded),
        "a part, p50, ms, not recorded": median(one.p50_ms for one in silent),
        "a part, p99, ms, recorded": median(one.p99_ms for one in recorded),
        "a part, p99, ms, not recorded": median(one.p99_ms for one in silent),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", choices=["recorded", "silent"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(serve(asked.folder, is_recorded=asked.serve == "recorded"))
        return 0
    say(f"{machine()}")
    found = compare(asked.viewers, asked.seconds, asked.turns)
    for name, value in found.items():
        say(f"{name:40} {value:10.3f}")
    if asked.json:
        write_json(asked.json, found)
    more_ms = found["a part, p99, ms, recorded"] - found["a part, p99, ms, not recorded"]
    return 0 if found["CPU, not recorded = 1"] <= TARGET_CPU and more_ms <= TARGET_P99_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
