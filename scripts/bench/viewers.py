"""What viewers wait for: low-latency players against `relay serve test:`, and the same requests against nginx.

    .venv/bin/python -m scripts.bench.viewers [--viewers 50] [--seconds 30] [--json FILE]

Each viewer follows video and audio with blocking reloads and fetches every part, on keep-alive connections, all viewers
in a process of their own. Then, with the relay still running and nobody watching it, as many viewers fetch a playlist
and parts of the same sizes from nginx at the same cadence. README.md says how the figures are to be read.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Self

import psutil

from fixtures.processes import Relay, wait_for
from scripts.bench.audience import JOIN_S, Players, alone, order_for, publications, waits_of
from scripts.bench.measuring import MIB, Spread, Usage, find_program, machine, say, show, versions, write_json

if TYPE_CHECKING:
    from scripts.bench.players import Order

WAIT_TARGET_S: Final = 0.3
RSS_TARGET_MIB: Final = 120
MOST_VIEWERS, MOST_SECONDS = 500, 600
WINDOW_FULL_S: Final = 35.0
"""The relay keeps media for 30 s with its default settings: from then on its memory ought to be flat."""
SAMPLE_EVERY_S: Final = 1.0
_GZIP_FRAME_BYTES: Final = 23
"""What gzip adds to bytes that it only stores: a header of 10, a block's 5, a trailer of 8."""

NGINX_CONFIG: Final = """
daemon off; pid {folder}/nginx.pid; worker_processes 1; {user}
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 75; keepalive_requests 10000000;
    open_file_cache max=100; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    types {{ application/vnd.apple.mpegurl m3u8; video/mp4 m4s; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024; root {folder}/www;
        location ~ m3u8$ {{ add_header Content-Encoding gzip; add_header Cache-Control no-cache; }}
    }}
}}
"""


class Nginx:
    """One worker process of nginx that serves a folder of its own."""

    def __init__(self, program: str, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port
        (folder / "www").mkdir()
        config = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""  # else it could not read a folder that is only ours
        config.write_text(NGINX_CONFIG.format(folder=folder, port=port, user=user))
        self._command = [program, "-e", "stderr", "-p", str(folder), "-c", str(config)]

    def put(self, name: str, body: bytes) -> None:
        (self._folder / "www" / name).write_bytes(body)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command)
        self.process = psutil.Process(self._process.pid)
        wait_for(lambda: len(self.process.children()) > 0 or self._process.poll() is not None, 10, "nginx")
        if self._process.poll() is not None:
            sys.exit("nginx ended at once; what it said stands above")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


@dataclass(frozen=True, slots=True)
class Watched:
    """A server and its players while all were there."""

    server: list[Usage]
    players: list[Usage]

    @classmethod
    def during(cls, server: psutil.Process, players: Players, order: Order) -> Watched:
        """Sample both each second from the order's begin to its end."""
        watched = cls([], [])
        time.sleep(max(0.0, (order.begin_ns - time.monotonic_ns()) / 1e9))
        while True:
            watched.server.append(Usage.of(server, with_children=server.name() == "nginx"))
            watched.players.append(Usage.of(players.process))
            left_s = (order.end_ns - time.monotonic_ns()) / 1e9
            if left_s < SAMPLE_EVERY_S / 2:
                return watched
            time.sleep(min(SAMPLE_EVERY_S, left_s))

    def figures(self) -> dict[str, float]:
        """Processor time as a share of one core, memory in MiB at start, at end, and at its most."""
        rss = [usage.rss_bytes / MIB for usage in self.server]
        return {
            "server_cpu": _share(self.server),
            "players_cpu": _share(self.players),
            "rss_start_mib": rss[0],
            "rss_end_mib": rss[-1],
            "rss_max_mib": max(rss),
        }


def _share(samples: list[Usage]) -> float:
    first, last = samples[0], samples[-1]
    return (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)


def measure(viewers: int, seconds: float) -> dict[str, Any]:
    """Both phases, one after the other in one run."""
    program = find_program("nginx", "nginx")
    where = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Relay("test:", folder) as relay:
            relay.wait_until("live")
            say(f"the relay is live; {WINDOW_FULL_S:g} s until its window is full")
            time.sleep(WINDOW_FULL_S)
            ours, audio_after_s = _watch_relay(relay, viewers, seconds)
            with Nginx(program, folder, _free_port()) as nginx:
                _fill(nginx, ours["sizes"])
                peer = _watch_nginx(nginx, viewers, seconds, audio_after_s)
    known = versions("aiohttp", "uvloop") | {"nginx": _nginx_version(program)}
    return {
        "machine": where,
        "versions": known,
        "viewers": viewers,
        "seconds": seconds,
        "relay": ours,
        "nginx": peer,
    }


def _watch_relay(relay: Relay, viewers: int, seconds: float) -> tuple[dict[str, Any], float]:
    say(f"{viewers} viewers of the relay for {seconds:g} s")
    order = order_for(relay.port, f"/live/{relay.stream}/index.m3u8", viewers, seconds)
    probe = Players("probe", alone(order))
    players = Players("watch", order)
    published_bytes = relay.status()["counters"]["bytes_published"]
    watched = Watched.during(psutil.Process(relay.pid), players, order)
    grown_bytes = relay.status()["counters"]["bytes_published"] - published_bytes
    seen, heard = players.seen(), probe.seen()
    published = publications([*heard["parts"], *seen["parts"]])
    window_mib = grown_bytes / (seconds + JOIN_S) * WINDOW_FULL_S / MIB
    found = watched.figures() | waits_of(seen, published, order) | _account(seen, heard) | {"window_mib": window_mib}
    return found, _audio_after_s(published)


def _account(seen: dict[str, Any], heard: dict[str, Any] | None = None) -> dict[str, Any]:
    problems = Counter(seen["problems"]) + Counter(heard["problems"] if heard else {})
    return {"loop_lag_s": seen["loop_lag_s"], "sizes": seen["sizes"], "problems": dict(problems)}


def _audio_after_s(published: dict[tuple[str, int, int], int]) -> float:
    """How long after a video part the audio part beside it is published: the peer's cadence has it too."""
    return median(
        (at_ns - published["video", msn, part]) / 1e9
        for (rendition, msn, part), at_ns in published.items()
        if rendition == "audio" and ("video", msn, part) in published
    )


def _fill(nginx: Nginx, sizes: dict[str, int]) -> None:
    """Files of the sizes that the relay sent: playlists in gzip, as it sends them, and parts."""
    for name in ("video", "audio"):
        nginx.put(f"{name}.m4s", random.randbytes(sizes[f"{name}_part"]))
        noise = random.randbytes(sizes[f"{name}_playlist"] - _GZIP_FRAME_BYTES)
        nginx.put(f"{name}.m3u8", gzip.compress(noise, compresslevel=0))


def _watch_nginx(nginx: Nginx, viewers: int, seconds: float, audio_after_s: float) -> dict[str, Any]:
    say(f"{viewers} viewers of nginx for {seconds:g} s")
    order = order_for(nginx.port, "", viewers, seconds, audio_after_s)
    players = Players("fetch", order)
    watched = Watched.during(nginx.process, players, order)
    seen = players.seen()
    received = [(received_ns - tick_ns) / 1e9 for _, _, _, tick_ns, _, received_ns in seen["parts"]]
    request = [(received_ns - asked_ns) / 1e9 for _, _, _, _, asked_ns, received_ns in seen["parts"]]
    found = {"received_s": asdict(Spread.of(received)), "request_s": asdict(Spread.of(request))}
    return watched.figures() | found | _account(seen) | {"requests_per_s": 2 * len(received) / seconds}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _nginx_version(program: str) -> str:
    said = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10, check=False).stderr
    return said.strip().rpartition("/")[2]


def report(found: dict[str, Any]) -> None:
    """The tables."""
    ours, peer = found["relay"], found["nginx"]
    heads = ["ms: p50 / p99 / max", "relay", "nginx", "relay / nginx at p50, p99, max"]
    rows = [
        ["part published -> viewer has been told (relay alone can)", _milliseconds(ours["told_s"]), "", ""],
        [
            "part published (nginx: the tick) -> viewer has all of it",
            _milliseconds(ours["received_s"]),
            _milliseconds(peer["received_s"]),
            _ratios(ours["received_s"], peer["received_s"]),
        ],
        [
            "part asked for -> all of it",
            _milliseconds(ours["request_s"]),
            _milliseconds(peer["request_s"]),
            _ratios(ours["request_s"], peer["request_s"]),
        ],
        ["time of a video part's last frame -> published", _milliseconds(ours["published_s"]), "", ""],
    ]
    show(f"{found['viewers']} low-latency viewers, {found['seconds']:g} s", heads, rows)
    heads = [
        "server",
        "requests/s",
        "CPU, of a core",
        "RSS MiB start / end / max",
        "players' CPU",
        "players late by at most",
    ]
    rows = [_server_row(name, found[name]) for name in ("relay", "nginx")]
    show("what it took", heads, rows)
    problems = ours["problems"] | peer["problems"] or "none"
    print(
        f"  parts published {ours['parts_published']}, missed by viewers {ours['parts_missed']}; problems: {problems}"
    )
    print(f"  the relay's window holds about {ours['window_mib']:.1f} MiB")


def _milliseconds(spread: dict[str, float]) -> str:
    return " / ".join(f"{spread[key] * 1000:.1f}" for key in ("p50", "p99", "most"))


def _ratios(ours: dict[str, float], peer: dict[str, float]) -> str:
    return ", ".join(f"{ours[key] / peer[key]:.1f}" for key in ("p50", "p99", "most"))


def _server_row(name: str, found: dict[str, Any]) -> list[str]:
    memory = " / ".join(f"{found[f'rss_{when}_mib']:.1f}" for when in ("start", "end", "max"))
    lag = f"{found['loop_lag_s'] * 1000:.0f} ms"
    return [
        name,
        f"{found['requests_per_s']:.0f}",
        f"{found['server_cpu']:.2f}",
        memory,
        f"{found['players_cpu']:.2f}",
        lag,
    ]


def missed_targets(found: dict[str, Any]) -> list[str]:
    """What is not as it has to be, in words."""
    ours = found["relay"]
    allowed_mib = RSS_TARGET_MIB + ours["window_mib"]
    checks = {
        f"a viewer waited {ours['received_s']['most']:.3f} s for a part; {WAIT_TARGET_S} s are allowed": (
            ours["received_s"]["most"] > WAIT_TARGET_S
        ),
        f"the relay's parent takes {ours['rss_max_mib']:.0f} MiB; {allowed_mib:.0f} are allowed": (
            ours["rss_max_mib"] > allowed_mib
        ),
        f"viewers missed {ours['parts_missed']} parts": ours["parts_missed"] > 0,
        f"problems: {ours['problems']}": bool(ours["problems"]),
    }
    return [words for words, is_missed in checks.items() if is_missed]


def main() -> None:
    """Measure, print, and exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=50, help="how many (50)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to measure each server (30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    if not 1 <= options.viewers <= MOST_VIEWERS or not 5 <= options.seconds <= MOST_SECONDS:
        parser.error(f"--viewers lies between 1 and {MOST_VIEWERS}, --seconds between 5 and {MOST_SECONDS}")
    found = measure(options.viewers, options.seconds)
    report(found)
    write_json(options.json, found)
    missed = missed_targets(found)
    for words in missed:
        print(f"  MISSED: {words}")
    sys.exit(int(bool(missed)))


if __name__ == "__main__":
    main()
