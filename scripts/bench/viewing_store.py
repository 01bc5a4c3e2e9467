"""What single requests cost on the disk, and how fast they answer: Parquet hours beside gzip and DuckDB on JSON Lines.

    .venv/bin/python -m scripts.bench.viewing_store [--rows 10000000] [--json FILE]

Requests of low-latency viewers are written by the relay's own store and moved by its own compaction. README.md says how
the figures are to be read.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from fixtures.viewed import A_REQUEST, HOUR_MS, LADDER, PLAYERS, START_MS
from relay.analytics.compaction import CLOSED_AFTER_MS, compact
from relay.analytics.query import ask
from relay.retention import Retention
from relay.sessions import SessionStore
from scripts.bench.measuring import machine, say, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.sessions.model import RequestRow

STREAMS: Final = 20
REQUESTS_A_SECOND: Final = 4
VIEW_S: Final = 900
ROWS_AT_ONCE: Final = 20_000
TARGET_BYTES: Final = 25.0
TARGET_ONE_S: Final = 0.5
TARGET_ALL_S: Final = 2.5
KEPT: Final = Retention(request_mb=1_000_000)
CONCURRENT: Final = (
    "SELECT stream_id, at_us // 60000000 AS minute, count(DISTINCT session_id) FROM {table} {where} GROUP BY ALL"
)


def requests(draw: random.Random, viewers: int, seconds: int) -> Iterator[RequestRow]:
    """`viewers` at a time, each for a quarter of an hour, in the order of time."""
    rows = [A_REQUEST] * viewers
    for second in range(seconds):
        for viewer in range(viewers):
            if (second + viewer) % VIEW_S == 0 or second == 0:
                rows[viewer] = _viewer(draw, viewer)
            for place in range(REQUESTS_A_SECOND):
                yield _request(draw, rows[viewer], second, place)


def _viewer(draw: random.Random, viewer: int) -> RequestRow:
    player, version, system, device = draw.choice(PLAYERS)
    rendition, bitrate = draw.choice(LADDER)
    return A_REQUEST._replace(
        stream_id=f"cam{viewer % STREAMS}",
        session_id=f"{draw.getrandbits(96):024x}",
        viewer_id=f"{draw.getrandbits(64):016x}",
        viewer_day_id=f"{draw.getrandbits(64):016x}",
        rendition_id=rendition,
        bitrate_kbps=bitrate,
        client_net=f"198.51.{draw.randrange(100)}.0/24",
        player_name=player,
        player_version=version,
        os=system,
        device_type=device,
        cmcd_version=None if player == "VLC" else 2,
        cmcd_br_kbps=None if player == "VLC" else bitrate,
    )


def _request(draw: random.Random, row: RequestRow, second: int, place: int) -> RequestRow:
    speaks = row.cmcd_version is not None
    at_ms = START_MS + second * 1000 + place * 250 + draw.randrange(60)
    return row._replace(
        at_us=at_ms * 1000 + draw.randrange(1000),
        object_kind="playlist" if place % 2 else "part",
        media_kind="" if place % 2 else "video",
        media_sequence=second // 2,
        part_index=place,
        media_at_ms=START_MS + second * 1000 - 1500,
        duration_ms=0 if place % 2 else 500,
        bytes_sent=draw.randrange(900, 1400) if place % 2 else round((row.bitrate_kbps or 0) * draw.uniform(50, 75)),
        took_ms=draw.randrange(3, 260),
        hold_ms=draw.randrange(0, 250) if place % 2 else 0,
        cmcd_bl_ms=draw.randrange(10, 25) * 100 if speaks else None,
        cmcd_mtp_kbps=draw.randrange(40, 200) * 100 if speaks else None,
    )


def store(data: Path, log: Path, count: int) -> tuple[float, int]:
    """Write them, and one in ten as JSON Lines. Returns seconds, and lines of the log."""
    seconds = 3600 * max(1, round(count / 5_000_000 * 3)) if count >= 1_000_000 else 3600
    viewers = max(STREAMS, count // (seconds * REQUESTS_A_SECOND))
    begin, lines, some = time.monotonic(), 0, []
    kept = SessionStore(data, max_pending_rows=10 * ROWS_AT_ONCE, unix_s=lambda: 0.0)
    with log.open("w") as out:
        for number, row in enumerate(requests(random.Random(1), viewers, seconds)):
            some.append(row)
            if number % 10 == 0:
                out.write(json.dumps(row._asdict(), separators=(",", ":")) + "\n")
                lines += 1
            if len(some) == ROWS_AT_ONCE:
                _put(kept, some)
                some = []
        _put(kept, some)
    if not kept.close(600):
        raise RuntimeError("the store did not write everything")
    return time.monotonic() - begin, lines


def _put(kept: SessionStore, rows: list[RequestRow]) -> None:
    kept.put(rows)
    while len(kept._pending) > ROWS_AT_ONCE:  # noqa: SLF001 - nothing is to be dropped here
        time.sleep(0.01)


def timed(call: Any, *arguments: Any) -> float:  # noqa: ANN401 - whatever is measured
    """Seconds; the better one of two."""
    taken = []
    for _ in range(2):
        begin = time.monotonic()
        call(*arguments)
        taken.append(time.monotonic() - begin)
    return min(taken)


def _asked(data: Path, where: str) -> None:
    list(ask(data, CONCURRENT.format(table="requests", where=where)).rows())


def _asked_log(log: Path, where: str) -> None:
    duckdb.execute(CONCURRENT.format(table=f"read_json('{log}')", where=where)).fetchall()


def measure(data: Path, log: Path, count: int) -> dict[str, float]:
    """All figures: bytes a row, seconds."""
    write_s, lines = store(data, log, count)
    hot = (data / "sessions.sqlite3").stat().st_size
    begin = time.monotonic()
    rows = 0
    while not (done := compact(data, KEPT, START_MS + 1000 * HOUR_MS + CLOSED_AFTER_MS)).is_all:
        rows += done.rows_moved
    rows += done.rows_moved
    compact_s = time.monotonic() - begin
    cold = sum(path.stat().st_size for path in data.glob("viewing/*/*/*/*.parquet"))
    packed = len(gzip.compress(log.read_bytes(), 6))
    one = "WHERE stream_id = 'cam3'"
    return {
        "rows": rows,
        "hot bytes a row": hot / rows,
        "cold bytes a row": cold / rows,
        "gzip'ed JSON Lines bytes a row": packed / lines,
        "written, us a row": write_s / rows * 1e6,
        "moved, us a row": compact_s / rows * 1e6,
        "concurrent viewers, one stream, s": timed(_asked, data, one),
        "concurrent viewers, twenty streams, s": timed(_asked, data, ""),
        "the same, DuckDB on JSON Lines of a tenth of the rows, one stream, s": timed(_asked_log, log, one),
        "the same, DuckDB on JSON Lines of a tenth of the rows, twenty streams, s": timed(_asked_log, log, ""),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    say(f"{machine()}")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "data", Path(folder) / "log.jsonl", asked.rows)
    for name, value in found.items():
        say(f"{name:75} {value:12.3f}")
    if asked.json:
        write_json(asked.json, found)
    is_good = (
        found["cold bytes a row"] <= TARGET_BYTES
        and found["concurrent viewers, one stream, s"] <= TARGET_ONE_S
        and found["concurrent viewers, twenty streams, s"] <= TARGET_ALL_S
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
