"""Simulated players, as light as Python allows: the process that `viewers.py` starts beside the server it measures.

    python -m scripts.bench.players watch ORDER   a low-latency player, many times: blocking reloads and parts
    python -m scripts.bench.players probe ORDER   one client that holds a request for the coming part of each rendition
    python -m scripts.bench.players fetch ORDER   the same requests as `watch` on a fixed cadence, for a server of files

ORDER is JSON (`Order`); what was seen goes to standard output as JSON. All times are nanoseconds of the monotonic
clock, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import re
import sys
import time
import zlib
from dataclasses import asdict, dataclass, field
from typing import Final, Self

import uvloop

_HEADERS: Final = "Host: 127.0.0.1\r\nUser-Agent: relay-bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_GZIP: Final = re.compile(rb"\r\ncontent-encoding: gzip", re.IGNORECASE)
_HINT: Final = re.compile(rb'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="(\d+)\.(\d+)\.m4s"')
_FULL_SEGMENT: Final = re.compile(rb"(\d+)\.(\d+)\.m4s\"[^\n]*\n#EXTINF")
_MEDIA_URI: Final = re.compile(rb'(?:URI="|\n)([^"\n#]*(video|audio)-\d+/)index\.m3u8')
_MAP: Final = re.compile(rb'#EXT-X-MAP:URI="([^"]+)"')
_BUFFER_BYTES: Final = 1 << 20
_ANSWER_WITHIN_S: Final = 15.0
_LAG_STEP_S: Final = 0.01
_MOST_PROBLEMS: Final = 10
_RENDITIONS: Final = ("video", "audio")


@dataclass(frozen=True, slots=True)
class Order:
    """What to do: which server, how many players, from when to when they are all there (monotonic nanoseconds)."""

    port: int
    path: str
    viewers: int
    begin_ns: int
    end_ns: int
    join_s: float = 2.0
    period_s: float = 0.2
    audio_after_s: float = 0.0


@dataclass(slots=True)
class Seen:
    """What came back. A row of `parts`: rendition, msn, part, told, asked, received (the last three are times).

    `told`: the playlist that names the part was there. `asked`: the part was requested. `received`: its last byte was.
    """

    parts: list[tuple[str, int, int, int, int, int]] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=dict)
    loop_lag_s: float = 0.0
    bodies: dict[str, int] = field(default_factory=dict)
    body_bytes: dict[str, int] = field(default_factory=dict)

    def add_body(self, name: str, size_bytes: int) -> None:
        """Take note of a body, as it was on the wire."""
        self.bodies[name] = self.bodies.get(name, 0) + 1
        self.body_bytes[name] = self.body_bytes.get(name, 0) + size_bytes

    def mean_sizes(self) -> dict[str, int]:
        """The mean size of each kind of body, in bytes."""
        return {name: self.body_bytes[name] // count for name, count in self.bodies.items()}


class RefusedError(Exception):
    """An answer that no player should get."""


class Connection:
    """One keep-alive connection: a request, its answer, the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.wire_bytes = 0

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_BUFFER_BYTES))

    async def get(self, path: str) -> bytes:
        """The body, with its gzip taken off. Raises `RefusedError` for what is not a 200, `TimeoutError`, `OSError`."""
        self._writer.write(f"GET {path} HTTP/1.1\r\n{_HEADERS}".encode())
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await self._reader.readexactly(int(length[1])) if length else b""
        self.wire_bytes = len(body)
        if not head.startswith(b"HTTP/1.1 200 "):
            status_line = head.partition(b"\r\n")[0].decode(errors="replace")
            raise RefusedError(f"{status_line} for {path.rpartition('/')[2]}")
        return zlib.decompress(body, 31) if _GZIP.search(head) else body

    def close(self) -> None:
        self._writer.close()


class Follower:
    """One rendition as a low-latency player follows it: the next reload is under way while a part comes."""

    def __init__(self, order: Order, folder: str, rendition: str, seen: Seen) -> None:
        self._order = order
        self._folder = folder
        self._rendition = rendition
        self._seen = seen
        self._parts_per_segment = 0
        self._named: asyncio.Queue[tuple[int, int, int] | None] = asyncio.Queue()

    async def run(self) -> None:
        """Follow until the order's end."""
        playlists = await Connection.open(self._order.port)
        media = await Connection.open(self._order.port)
        try:
            text = await playlists.get(f"{self._folder}index.m3u8")
            if init := _MAP.search(text):
                await media.get(f"{self._folder}{init[1].decode()}")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reload(playlists, text))
                tasks.create_task(self._load(media))
        finally:
            playlists.close()
            media.close()

    async def _reload(self, connection: Connection, text: bytes) -> None:
        last_of_segments = [int(part) for _, part in _FULL_SEGMENT.findall(text)]
        self._parts_per_segment = max(last_of_segments) + 1
        coming = _coming(text)
        while time.monotonic_ns() < self._order.end_ns:
            query = f"_HLS_msn={coming[0]}&_HLS_part={coming[1]}&_HLS_skip=YES"
            text = await connection.get(f"{self._folder}index.m3u8?{query}")
            told_ns = time.monotonic_ns()
            self._seen.add_body(f"{self._rendition}_playlist", connection.wire_bytes)
            following = _coming(text)
            while coming < following:
                self._named.put_nowait((*coming, told_ns))
                coming = self._after(coming)
        self._named.put_nowait(None)

    async def _load(self, connection: Connection) -> None:
        while (named := await self._named.get()) is not None:
            msn, part, told_ns = named
            asked_ns = time.monotonic_ns()
            await connection.get(f"{self._folder}{msn}.{part}.m4s")
            self._seen.parts.append((self._rendition, msn, part, told_ns, asked_ns, time.monotonic_ns()))
            self._seen.add_body(f"{self._rendition}_part", connection.wire_bytes)

    def _after(self, position: tuple[int, int]) -> tuple[int, int]:
        msn, part = position
        return (msn, part + 1) if part + 1 < self._parts_per_segment else (msn + 1, 0)


def _coming(playlist: bytes) -> tuple[int, int]:
    hint = _HINT.search(playlist)
    if hint is None:
        raise RefusedError("a playlist without a preload hint")
    return int(hint[1]), int(hint[2])


async def watch(order: Order, seen: Seen) -> None:
    """One viewer: opens the stream some time in the first seconds, and follows both renditions."""
    await asyncio.sleep(random.uniform(0, order.join_s))
    await asyncio.gather(*(follower.run() for follower in await _followers(order, seen)))


async def _followers(order: Order, seen: Seen) -> list[Follower]:
    first = await Connection.open(order.port)
    try:
        playlist = await first.get(order.path)
    finally:
        first.close()
    base = order.path.rpartition("/")[0]
    found = [(folder.decode(), name.decode()) for folder, name in _MEDIA_URI.findall(playlist)]
    return [Follower(order, f"{base}/{folder}", name, seen) for folder, name in found]


async def probe(order: Order, seen: Seen) -> None:
    """Hold a request for the coming part of each rendition: its answer says when the part was published."""
    first = await Connection.open(order.port)
    base = order.path.rpartition("/")[0]
    playlist = await first.get(order.path)
    first.close()
    folders = {name.decode(): f"{base}/{folder.decode()}" for folder, name in _MEDIA_URI.findall(playlist)}
    await asyncio.gather(*(_hold(order, folder, name, seen) for name, folder in folders.items()))


async def _hold(order: Order, folder: str, name: str, seen: Seen) -> None:
    connection = await Connection.open(order.port)
    text = await connection.get(f"{folder}index.m3u8")
    parts_per_segment = max(int(part) for _, part in _FULL_SEGMENT.findall(text)) + 1
    msn, part = _coming(text)
    while time.monotonic_ns() < order.end_ns:
        asked_ns = time.monotonic_ns()
        await connection.get(f"{folder}{msn}.{part}.m4s")
        received_ns = time.monotonic_ns()
        seen.parts.append((name, msn, part, received_ns, asked_ns, received_ns))
        msn, part = (msn, part + 1) if part + 1 < parts_per_segment else (msn + 1, 0)
    connection.close()


async def fetch(order: Order, seen: Seen) -> None:
    """One viewer of files: a playlist and a part of each rendition in each period, all viewers at the same instant."""
    await asyncio.gather(*(_fetch_rendition(order, name, seen) for name in _RENDITIONS))


async def _fetch_rendition(order: Order, name: str, seen: Seen) -> None:
    playlists = await Connection.open(order.port)
    media = await Connection.open(order.port)
    period_ns = int(order.period_s * 1e9)
    tick_ns = order.begin_ns + (int(order.audio_after_s * 1e9) % period_ns if name == "audio" else 0)
    number = 0
    while tick_ns < order.end_ns:
        await asyncio.sleep(max(0.0, (tick_ns - time.monotonic_ns()) / 1e9))
        await playlists.get(f"/{name}.m3u8")
        asked_ns = time.monotonic_ns()
        await media.get(f"/{name}.m4s")
        # In place of `told` stands the instant at which all viewers were to ask.
        seen.parts.append((name, 0, number, tick_ns, asked_ns, time.monotonic_ns()))
        tick_ns += period_ns
        number += 1
    playlists.close()
    media.close()


async def _watch_own_lag(seen: Seen) -> None:
    """The longest time by which this process itself was late: the measuring error that it adds."""
    while True:
        began_s = time.monotonic()
        await asyncio.sleep(_LAG_STEP_S)
        seen.loop_lag_s = max(seen.loop_lag_s, time.monotonic() - began_s - _LAG_STEP_S)


async def play(role: str, order: Order) -> Seen:
    """All players of one kind, to the order's end. What a player could not do is counted, and ends that player."""
    seen = Seen()
    player = {"watch": watch, "probe": probe, "fetch": fetch}[role]

    async def one() -> None:
        try:
            await player(order, seen)
        except* (RefusedError, OSError, TimeoutError, asyncio.IncompleteReadError) as group:
            for error in group.exceptions:
                words = f"{type(error).__name__}: {error}"
                if words in seen.problems or len(seen.problems) < _MOST_PROBLEMS:
                    seen.problems[words] = seen.problems.get(words, 0) + 1

    lag = asyncio.create_task(_watch_own_lag(seen))
    await asyncio.gather(*(one() for _ in range(order.viewers)))
    lag.cancel()
    return seen


def main() -> None:
    """Play, and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=("watch", "probe", "fetch"))
    parser.add_argument("order", type=json.loads)
    options = parser.parse_args()
    gc.disable()  # a collection would be measured as a wait; nothing here grows but the rows
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(play(options.role, Order(**options.order)))
    json.dump(asdict(seen) | {"sizes": seen.mean_sizes()}, sys.stdout)


if __name__ == "__main__":
    main()
