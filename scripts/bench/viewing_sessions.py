"""How fast requests become sessions once more, and sessions a report: the relay's own Python beside DuckDB.

    .venv/bin/python -m scripts.bench.viewing_sessions [--rows 1000000] [--sessions 3000] [--json FILE]

The requests are those of `viewing_store`. DuckDB cuts the same rows into sessions where a viewer was away for 30 s, and
does nothing else of what the sessionizer does. README.md says how the figures are to be read.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from fixtures.viewed import HOUR_MS, START_MS, Audience, keep
from relay.analytics.html import page
from relay.analytics.reader import SessionReader
from relay.analytics.report import Question, make_report
from relay.sessions import SessionRow
from relay.sessions.offline import resession
from scripts.bench.measuring import machine, say, write_json
from scripts.bench.viewing_store import requests

if TYPE_CHECKING:
    from relay.sessions.model import RequestRow

VIEWERS: Final = 115
TARGET_US: Final = 6.0
TARGET_REPORT_S: Final = 1.0
TURNS: Final = 3
HOURS: Final = 6
GAPS: Final = """
    SELECT stream_id, viewer_id, session, min(at_us), max(at_us), sum(bytes_sent), count(*)
    FROM (
        SELECT *, sum(CASE WHEN at_us - before > 30000000 OR before IS NULL THEN 1 ELSE 0 END)
            OVER (PARTITION BY stream_id, viewer_id ORDER BY at_us) AS session
        FROM (SELECT *, lag(at_us) OVER (PARTITION BY stream_id, viewer_id ORDER BY at_us) AS before FROM requests)
    )
    GROUP BY ALL
"""
FIGURES: Final = """
    SELECT stream_id, count(*), sum(watched_time_s), median(initial_startup_time_ms), sum(playback_stall_count),
        median(average_playback_bitrate_kbps), median(live_latency_ms_p50), count(DISTINCT viewer_day_id)
    FROM read_csv('{path}') GROUP BY ALL
"""


def sessionize(count: int) -> dict[str, float]:
    """Microseconds of the processor a row, by turns; the best of each."""
    rows = sorted(islice(requests(random.Random(1), VIEWERS, count), count), key=attrgetter("at_us"))
    database = duckdb.connect()
    database.execute("SET threads = 1")
    _load(database, rows)
    ours, theirs, made = [], [], 0
    for _ in range(TURNS):
        begin = time.process_time()
        made = sum(isinstance(row, SessionRow) for row in resession(rows))
        ours.append(time.process_time() - begin)
        begin = time.process_time()
        database.execute(GAPS).fetchall()
        theirs.append(time.process_time() - begin)
    return {
        "sessions": made,
        "requests to sessions, us a row": min(ours) / count * 1e6,
        "DuckDB, cut at gaps alone, us a row": min(theirs) / count * 1e6,
    }


def _load(database: duckdb.DuckDBPyConnection, rows: list[RequestRow]) -> None:
    names = ("stream_id", "viewer_id", "at_us", "bytes_sent")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(map(attrgetter(*names), rows))
        file.flush()
        database.execute(f"CREATE TABLE requests AS SELECT * FROM read_csv('{file.name}')")


def report(folder: Path, sessions: int) -> dict[str, float]:
    """Seconds for a report of them as a page; the best of some turns."""
    audience = Audience(sessions, hours=HOURS)
    data = keep(folder, audience.rows)
    log = folder / "sessions.csv"
    with log.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SessionRow._fields)
        writer.writerows(audience.sessions)
    until_ms = START_MS + (HOURS + 2) * HOUR_MS
    ours, theirs = [], []
    for _ in range(TURNS):
        begin = time.monotonic()
        with SessionReader(data) as reader:
            page(make_report(reader, Question(START_MS, until_ms, until_ms, None, 5)))
        ours.append(time.monotonic() - begin)
        begin = time.monotonic()
        duckdb.execute(FIGURES.format(path=log)).fetchall()
        theirs.append(time.monotonic() - begin)
    return {
        "minutes": len(audience.minutes),
        "a report with all its charts, s": min(ours),
        "DuckDB, eight figures from CSV, s": min(theirs),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    say(f"{machine()}")
    found = sessionize(asked.rows)
    with tempfile.TemporaryDirectory() as folder:
        found |= report(Path(folder), asked.sessions)
    for name, value in found.items():
        say(f"{name:45} {value:12.3f}")
    if asked.json:
        write_json(asked.json, found)
    is_good = (
        found["requests to sessions, us a row"] <= TARGET_US
        and found["a report with all its charts, s"] <= TARGET_REPORT_S
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
