"""An audience of simulated players in processes of their own, and what they waited for."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from scripts.bench.measuring import Spread
from scripts.bench.players import Order

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).parents[2]
JOIN_S: Final = 6.0
"""Before the measuring begins: the processes start, and all viewers have joined."""
PERIOD_S: Final = 0.2
SEGMENT_S: Final = 2.0
FRAME_S: Final = 1 / 30
"""What `relay serve test:` does on loopback when nobody chooses: parts of 0.2 s in segments of 2 s, at 30 a second."""
LAST_S: Final = 1.0
"""Parts that are published in the last second are not counted: players who are done may have left before."""


class Players:
    """A process of simulated players."""

    def __init__(self, role: str, order: Order) -> None:
        command = [sys.executable, "-m", "scripts.bench.players", role, json.dumps(asdict(order))]
        self._deadline_s = (order.end_ns - time.monotonic_ns()) / 1e9 + 30
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        self.process = psutil.Process(self._process.pid)

    def seen(self) -> dict[str, Any]:
        """What they saw, when they are through."""
        try:
            out, _ = self._process.communicate(timeout=self._deadline_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if self._process.returncode:
            sys.exit(f"the players failed with status {self._process.returncode}")
        found: dict[str, Any] = json.loads(out)
        return found


def order_for(port: int, path: str, viewers: int, seconds: float, audio_after_s: float = 0.0) -> Order:
    """What so many players are to do: to join within `JOIN_S`, and then to watch for `seconds`."""
    begin_ns = time.monotonic_ns() + int(JOIN_S * 1e9)
    return Order(port, path, viewers, begin_ns, begin_ns + int(seconds * 1e9), 2.0, PERIOD_S, audio_after_s)


def alone(order: Order) -> Order:
    """The same order for one player."""
    return Order(**{**asdict(order), "viewers": 1})


def publications(rows: Iterable[list[Any]]) -> dict[tuple[str, int, int], int]:
    """When each part was published: when the first of all clients knew of it, by a playlist or by its bytes."""
    first: dict[tuple[str, int, int], int] = {}
    for rendition, msn, part, told_ns, _, received_ns in rows:
        key = (rendition, msn, part)
        first[key] = min(first.get(key, told_ns), told_ns, received_ns)
    return first


def waits_of(seen: dict[str, Any], published: dict[tuple[str, int, int], int], order: Order) -> dict[str, Any]:
    """What every viewer waited for every part that was published while all were there."""
    until_ns = order.end_ns - int(LAST_S * 1e9)
    inside = {key for key, at_ns in published.items() if order.begin_ns <= at_ns < until_ns}
    told, received, request = [], [], []
    for rendition, msn, part, told_ns, asked_ns, received_ns in seen["parts"]:
        at_ns = published[rendition, msn, part]
        if (rendition, msn, part) in inside:
            told.append((told_ns - at_ns) / 1e9)
            received.append((received_ns - at_ns) / 1e9)
            request.append((received_ns - asked_ns) / 1e9)
    return {
        "told_s": asdict(Spread.of(told)),
        "received_s": asdict(Spread.of(received)),
        "request_s": asdict(Spread.of(request)),
        "published_s": asdict(Spread.of([_lateness_s(key, published[key]) for key in inside if key[0] == "video"])),
        "requests_per_s": 2 * len(received) / ((until_ns - order.begin_ns) / 1e9),
        "parts_published": len(inside),
        "parts_missed": len(inside) * order.viewers - len(received),
    }


def _lateness_s(key: tuple[str, int, int], at_ns: int) -> float:
    """How long after the time of its last frame a video part was published: numbers are those of the wall clock."""
    _, msn, part = key
    unix_s = (time.time_ns() - time.monotonic_ns() + at_ns) / 1e9
    return unix_s - (msn * SEGMENT_S + (part + 1) * PERIOD_S - FRAME_S)
