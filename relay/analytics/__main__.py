"""`python -m relay.analytics JOB PARAMETERS`: one heavy question, answered in a process of its own.

The relay starts it, so that no question, however long, holds up a viewer. PARAMETERS is a JSON object with `data`, the
data folder, and what the job takes; the answer goes to standard output, in JSON or, of an export, in its format. What
went wrong is one line on standard error, with exit code 1; a question that is none has exit code 2.

    audience  {stream?, since_ms, until_ms, step_s?}      {"points": [{"at_ms", "viewers", "average"}], "peak", ...}
    qoe       {stream?, since_ms, until_ms, by?, k?}      {"figures": {name: {"value", "unit", "source", "n"}}, ...}
    report    {stream?, since_ms, until_ms, k?, format?}  a page (`html`, the default) or `text`
    sessions  {stream?, since_ms?, until_ms?, limit?, before?}   {"sessions": [...], "next": cursor or null}
    session   {id}                                        {"session", "minutes", "player_events"}, or null
    export    {format, table?, stream?, since_ms?, until_ms?}
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from relay.analytics.concurrency import concurrency, spans
from relay.analytics.exporting import LOGS, ExportFormat, rows_of, write
from relay.analytics.figures import Figure, figures
from relay.analytics.groups import DIMENSIONS, SMALLEST_GROUP, grouped
from relay.analytics.html import page
from relay.analytics.listing import CURSOR, LISTED, MOST_LISTED, detailed, listed
from relay.analytics.reader import SessionReader
from relay.analytics.report import Question, chart_step_ms, make_report
from relay.analytics.retention import audience, survival
from relay.analytics.text import lines
from relay.errors import QueryError, RelayError
from relay.sessions.model import TABLES, AudienceRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

EXIT_FAILED: Final = 1
EXIT_NO_QUESTION: Final = 2
_US_PER_MS: Final = 1_000_000


class Asked(BaseModel):
    """What every job takes."""

    model_config = ConfigDict(extra="forbid")

    data: Path
    stream: str | None = None
    since_ms: Annotated[int, Field(ge=0)]
    until_ms: Annotated[int, Field(ge=0)]


class AskedAudience(Asked):
    """`step_s` None: as many steps as a chart can show."""

    step_s: Annotated[int, Field(ge=1, le=86_400)] | None = None


class AskedQuality(Asked):
    """`by` is one of `groups.DIMENSIONS`, `k` the smallest group that is shown by itself."""

    by: str | None = None
    k: Annotated[int, Field(ge=1)] = SMALLEST_GROUP


class AskedReport(Asked):
    """As a page, or as plain text."""

    k: Annotated[int, Field(ge=1)] = SMALLEST_GROUP
    format: Literal["html", "text"] = "html"


class AskedSessions(BaseModel):
    """A page of sessions, behind the cursor `before`."""

    model_config = ConfigDict(extra="forbid")

    data: Path
    stream: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = LISTED
    before: Annotated[str, Field(pattern=CURSOR)] | None = None


class AskedSession(BaseModel):
    """One session, by its whole id."""

    model_config = ConfigDict(extra="forbid")

    data: Path
    id: str


class AskedExport(BaseModel):
    """A table in a format; without `table` it is `sessions`, and `requests` for logs."""

    model_config = ConfigDict(extra="forbid")

    data: Path
    format: ExportFormat
    table: str | None = None
    stream: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


def main(arguments: list[str], out: BinaryIO) -> int:
    """Do the job that `arguments` name. Returns the exit code."""
    job = JOBS.get(arguments[0]) if len(arguments) == 2 else None
    if job is None:
        sys.stderr.write(f"usage: python -m relay.analytics {'|'.join(JOBS)} PARAMETERS\n")
        return EXIT_NO_QUESTION
    try:
        job(arguments[1], out)
        out.flush()
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        sys.stderr.write(f"{faults}\n")
        return EXIT_NO_QUESTION
    except BrokenPipeError:  # who asked has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except RelayError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_NO_QUESTION if isinstance(error, QueryError) else EXIT_FAILED
    return 0


def _audience(text: str, out: BinaryIO) -> None:
    asked = AskedAudience.model_validate_json(text)
    since_ms, until_ms = asked.since_ms, asked.until_ms
    step_ms = asked.step_s * 1000 if asked.step_s else chart_step_ms(since_ms, until_ms)
    with SessionReader(asked.data) as reader:
        rows = list(reader.sessions(stream=asked.stream, since_ms=since_ms, until_ms=until_ms))
        found = concurrency(spans(rows, _now_ms()), since_ms, until_ms, step_ms)
        segments = reader.rows(AudienceRow, stream=asked.stream, since_ms=since_ms, until_ms=until_ms)
        document = {
            "points": [
                {"at_ms": point.at_ms, "viewers": point.peak, "average": point.average} for point in found.points
            ],
            "step_s": found.step_ms // 1000,
            "peak": found.peak,
            "peak_at_ms": found.peak_at_ms,
            "segments": [at._asdict() for at in audience(segments, found.step_ms)],
            "retention": [at._asdict() for at in survival(row for row in rows if row.started_at_ms >= since_ms)],
            "notes": [reader.missing] if reader.missing else [],
        }
    _write(document, out)


def _quality(text: str, out: BinaryIO) -> None:
    asked = AskedQuality.model_validate_json(text)
    if asked.by is not None and asked.by not in DIMENSIONS:
        raise QueryError(f"by {asked.by!r}: nothing is grouped so; it may be {', '.join(DIMENSIONS)}")
    with SessionReader(asked.data) as reader:
        found = reader.sessions(stream=asked.stream, since_ms=asked.since_ms, until_ms=asked.until_ms)
        rows = [row for row in found if row.started_at_ms >= asked.since_ms]
        groups = grouped(rows, asked.by, asked.k) if asked.by else []
        document = {
            "figures": _documents(figures(rows)),
            "groups": [
                {
                    "name": group.name,
                    "viewers": group.viewers,
                    "is_rest": group.is_rest,
                    "figures": _documents(group.figures),
                }
                for group in groups
            ],
            "notes": [reader.missing] if reader.missing else [],
        }
    _write(document, out)


def _report(text: str, out: BinaryIO) -> None:
    asked = AskedReport.model_validate_json(text)
    if asked.since_ms >= asked.until_ms:
        raise QueryError("since_ms must be before until_ms")
    with SessionReader(asked.data) as reader:
        report = make_report(reader, Question(asked.since_ms, asked.until_ms, _now_ms(), asked.stream, asked.k))
    made = page(report) if asked.format == "html" else "\n".join([*lines(report), ""])
    out.write(made.encode())


def _sessions(text: str, out: BinaryIO) -> None:
    asked = AskedSessions.model_validate_json(text)
    with SessionReader(asked.data) as reader:
        _write(listed(reader, asked.stream, asked.since_ms, asked.until_ms, asked.limit, asked.before), out)


def _session(text: str, out: BinaryIO) -> None:
    asked = AskedSession.model_validate_json(text)
    with SessionReader(asked.data) as reader:
        _write(detailed(reader, asked.id, _now_ms()), out)


def _export(text: str, out: BinaryIO) -> None:
    asked = AskedExport.model_validate_json(text)
    table = asked.table or ("requests" if asked.format in LOGS else "sessions")
    with SessionReader(asked.data) as reader:
        rows = rows_of(reader, table, asked.stream, asked.since_ms, asked.until_ms)
        write(rows, TABLES[table], asked.format, out)


def _documents(found: dict[str, Figure]) -> dict[str, dict[str, object]]:
    return {
        name: {
            "value": None if figure.value is None else round(figure.value, 6),
            "unit": figure.unit,
            "source": figure.source,
            "n": figure.n,
            "sources": dict(figure.sources),
        }
        for name, figure in found.items()
    }


def _write(document: Mapping[str, object] | None, out: BinaryIO) -> None:
    out.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")


def _now_ms() -> int:
    return time.time_ns() // _US_PER_MS


JOBS: Final[dict[str, Callable[[str, BinaryIO], None]]] = {
    "audience": _audience,
    "qoe": _quality,
    "report": _report,
    "sessions": _sessions,
    "session": _session,
    "export": _export,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout.buffer))
