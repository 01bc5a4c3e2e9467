"""An hour of one camera with everything that goes wrong in an hour, and every playlist judged.

    scripts/soak hour [--minutes 60] [--viewers 50]

A real RTSP camera (1280x720 at 30, H.264 and AAC, the time burnt into each picture, a flash with a tick each second)
goes through `relay serve` to low-latency viewers. Every ten minutes the camera is killed for 20 s; in the middle, once,
the worker. Watched:

    every playlist of both renditions   against relay/check: text, legal changes, the epoch formula
    every segment of both renditions    against relay/check: boxes, contiguous with the one before
    the burnt-in time                   against the PROGRAM-DATE-TIME under which the picture is sent
    each flash                          against its tick
    every part to every viewer          how long after its publication it was there
    resident memory                     of parent, worker and the spare worker: how large, and whether it grows

Picture and sound are measured in two segments of every five. What would be other machines, the camera and the players,
is given precedence over the relay where root runs this, so that what is late is the relay's; what only measures yields
to all of them. It prints a JSON summary and exits with 1 if a rule was broken or a limit was passed. Limits, and what
is flat, are in `fixtures.soaking`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import av
import psutil

from fixtures.barcode import TIME_BITS, read_strip
from fixtures.processes import Camera, Relay
from fixtures.soaking import FORMAT, PARENT, MemorySample, Results, clock, spread
from fixtures.sync import offsets_ms
from relay.check.epoch import check_epoch
from relay.check.history import check_update
from relay.check.media import check_segment, segment_end
from relay.check.media_playlist import check_media_playlist, parse
from relay.model import MediaKind
from relay.timeline import Grid
from scripts.bench.audience import JOIN_S, Players, alone, order_for, publications, waits_of
from scripts.bench.precedence import MEASURING, OTHER_MACHINES, be_nice, thread_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from relay.check.listing import ListedSegment, MediaPlaylist
    from scripts.bench.players import Order

GRID: Final = Grid.of(FORMAT)
OUTAGE_EVERY_S: Final = 600.0
OUTAGE_S: Final = 20.0
SAMPLE_EVERY_S: Final = 10.0
MEASURE_EVERY_SEGMENTS: Final = 5
READ_DELAY_PICTURES: Final = 200
STREAM: Final = "/live/cam/"
TURN_S: Final = 280.0
SHORTEST_TURN_S: Final = 5.0


class Watcher:
    """Follows one rendition's playlist, part after part, and judges each reading and each segment."""

    def __init__(
        self, http: aiohttp.ClientSession, kind: MediaKind, results: Results, measuring: ThreadPoolExecutor
    ) -> None:
        self._http = http
        self._measuring = measuring
        self._kind = kind
        self._results = results
        self._base = f"{STREAM}{kind.value}-1/"
        self._last: MediaPlaylist | None = None
        self._init = b""
        self._next_msn = 0
        self._end: dict[int, int] | None = None
        self._before = b""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._read()
            except (aiohttp.ClientError, TimeoutError):
                self._results.reload_failures += 1
                await asyncio.sleep(0.5)

    async def _read(self) -> None:
        last = self._last
        query = "" if last is None else f"?_HLS_msn={last.last_msn}&_HLS_part={(last.last_part or 0) + 1}"
        text = (await self._get(f"index.m3u8{query}")).decode()
        playlist = parse(text)
        self._results.playlists += 1
        frame_s = 1 / FORMAT.rate
        self._results.found(check_media_playlist(text, frame_s=frame_s))
        self._results.found(check_epoch(playlist, GRID, self._kind))
        if last is not None:
            self._results.found(check_update(last, playlist))
        self._last = playlist
        for segment in playlist.segments:
            if segment.msn >= self._next_msn:
                await self._judge(segment)

    async def _judge(self, segment: ListedSegment) -> None:
        if segment.map_uri and not self._init:
            self._init = await self._get(segment.map_uri)
        if segment.msn != self._next_msn:
            self._end, self._before = None, b""
        self._next_msn = segment.msn + 1
        data = await self._get(segment.uri or "")
        found = check_segment(data, self._init, self._end, must_start_independent=True, duration_s=segment.duration_s)
        self._results.found(found)
        self._end = segment_end(data, self._init)
        self._results.note_segment(self._kind, len(data))
        if self._before and segment.msn % MEASURE_EVERY_SEGMENTS == 0:
            media = self._init + self._before + data
            await asyncio.get_running_loop().run_in_executor(self._measuring, self._results.measure, self._kind, media)
        self._before = data

    async def _get(self, tail: str) -> bytes:
        async with self._http.get(self._base + tail) as answer:
            answer.raise_for_status()
            return await answer.read()


def measure_read_delay_ms(url: str) -> float:
    """How old a picture of this camera is (P99) when a plain reader has it decoded: no relay can know it younger."""
    ages: list[float] = []
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=(10.0, 5.0)) as container:
        for frame in container.decode(video=0):
            strip = read_strip(frame.to_ndarray(format="gray"))
            if strip is not None:
                ages.append(time.time() * 1000 % 2**TIME_BITS - strip[0])
            if len(ages) >= READ_DELAY_PICTURES:
                break
    return statistics.quantiles(ages[len(ages) // 2 :], n=100)[98]


async def watch_in_turns(
    relay: Relay, results: Results, viewers: int, until_s: float, elsewhere: ThreadPoolExecutor
) -> None:
    """Have all viewers come, watch for some minutes and go, again and again; note what they waited for each part."""
    loop = asyncio.get_running_loop()
    while (seconds := min(TURN_S, until_s - time.monotonic() - JOIN_S - 5)) > SHORTEST_TURN_S:
        order = order_for(relay.port, f"{STREAM}index.m3u8", viewers, seconds)
        players = await loop.run_in_executor(elsewhere, Players, "watch", order)
        probe = await loop.run_in_executor(elsewhere, Players, "probe", alone(order))
        seen, heard = await asyncio.gather(asyncio.to_thread(players.seen), asyncio.to_thread(probe.seen))
        await asyncio.to_thread(_take_turn, order, seen, heard, results)


def _take_turn(order: Order, seen: dict[str, Any], heard: dict[str, Any], results: Results) -> None:
    waits = waits_of(seen, publications([*heard["parts"], *seen["parts"]]), order)
    results.turns.append({key: round(waits["received_s"][key] * 1000, 1) for key in ("p50", "p99", "most")})
    results.viewer_parts += len(seen["parts"])
    results.parts_missed += waits["parts_missed"]
    results.problems += Counter(seen["problems"]) + Counter(heard["problems"])


async def sample_memory(relay: Relay, results: Results) -> None:
    """Note the resident memory of all its processes."""
    while True:
        with contextlib.suppress(psutil.NoSuchProcess, AssertionError):
            named = {PARENT: psutil.Process(relay.pid)} | {process.name(): process for process in relay.processes()}
            for name, process in named.items():
                sample = MemorySample(time.monotonic(), process.pid, process.memory_info().rss / 1e6)
                results.memory.setdefault(name, []).append(sample)
        await asyncio.sleep(SAMPLE_EVERY_S)


async def cause_trouble(
    camera: Camera, relay: Relay, results: Results, minutes: float, every_s: float, elsewhere: ThreadPoolExecutor
) -> None:
    """Kill the camera every ten minutes (`every_s`), and the worker once, in the middle."""
    loop = asyncio.get_running_loop()
    began_s = time.monotonic()
    is_worker_due = True
    while True:
        await asyncio.sleep(every_s)
        await loop.run_in_executor(elsewhere, camera.kill)
        await asyncio.sleep(OUTAGE_S)
        await loop.run_in_executor(elsewhere, camera.start)
        results.outages_s.append(time.monotonic())
        results.events.append(f"{clock(time.time())}: camera away for {OUTAGE_S:g} s")
        await asyncio.sleep(every_s / 10)
        if is_worker_due and time.monotonic() - began_s > minutes * 30:
            is_worker_due = False
            relay.worker().kill()
            results.events.append(f"{clock(time.time())}: worker killed")


async def soak(
    camera: Camera, relay: Relay, minutes: float, viewers: int, every_s: float, elsewhere: ThreadPoolExecutor
) -> Results:
    """Run everything for `minutes`. `elsewhere` is the thread that starts what would be other machines."""
    results = Results()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=15)
    until_s = time.monotonic() + minutes * 60
    with ThreadPoolExecutor(1) as measuring:
        async with aiohttp.ClientSession(relay.origin, connector=connector, timeout=timeout) as http:
            jobs: list[Coroutine[Any, Any, None]] = [
                *(Watcher(http, kind, results, measuring).run() for kind in MediaKind),
                watch_in_turns(relay, results, viewers, until_s, elsewhere),
                sample_memory(relay, results),
                cause_trouble(camera, relay, results, minutes, every_s, elsewhere),
            ]
            tasks = [asyncio.create_task(job) for job in jobs]
            done, _ = await asyncio.wait(tasks, timeout=minutes * 60, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in done:
                task.result()
    return results


def summary(results: Results, relay: Relay, minutes: float, viewers: int) -> dict[str, Any]:
    """The results as they are printed and kept."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit.strip(),
        "minutes": minutes,
        "viewers": viewers,
        "playlists": results.playlists,
        "segments": results.segments,
        "findings": dict(results.findings),
        "examples": results.examples,
        "reload_failures": results.reload_failures,
        "viewer_parts": results.viewer_parts,
        "parts_missed": results.parts_missed,
        "problems": dict(results.problems),
        "published_to_received_ms": results.turns,
        "beyond": results.beyond(minutes),
        "pdt_minus_capture_ms": results.capture_spread(),
        "tick_after_flash_ms": spread(offsets_ms(results.flashes_s, results.ticks_s)),
        "furthest_ticks": results.furthest_ticks(),
        "memory_mb": results.memory_summary(),
        "counters": relay.status()["counters"],
        "events": results.events,
    }


def main() -> None:
    """Run the soak and print its summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--outage-every", type=float, default=OUTAGE_EVERY_S, metavar="SECONDS")
    arguments = parser.parse_args()
    with (
        thread_of(OTHER_MACHINES) as elsewhere,
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as running,
    ):
        be_nice(OTHER_MACHINES)  # as the camera is that this starts
        camera = running.enter_context(Camera(Path(folder)))
        be_nice(0)
        relay = running.enter_context(Relay(camera.url("/flash"), Path(folder)))
        relay.wait_until("live")
        read_delay_ms = measure_read_delay_ms(camera.url("/flash"))
        be_nice(MEASURING)
        results = asyncio.run(
            soak(camera, relay, arguments.minutes, arguments.viewers, arguments.outage_every, elsewhere)
        )
        results.read_delay_ms = read_delay_ms
        report = summary(results, relay, arguments.minutes, arguments.viewers)
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")
    sys.exit(1 if results.findings or results.problems or report["beyond"] else 0)


if __name__ == "__main__":
    main()
