"""`relay sessions export | query`: the viewing data for other programs."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum
from itertools import islice
from typing import Annotated, Final

import typer

from relay.analytics.exporting import LOGS, ExportFormat, rows_of, write
from relay.cli.sessions_options import (
    DataOption,
    SinceOption,
    StreamOption,
    UntilOption,
    opened,
    quiet_on_a_closed_pipe,
    say,
    say_none,
)
from relay.config import default_data_folder
from relay.sessions.model import TABLES

MAX_SHOWN: Final = 1000


def export(
    data: DataOption = None,
    stream: StreamOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most this many, the oldest first.")] = None,
    file_format: Annotated[
        ExportFormat,
        typer.Option(
            "--format", help="JSON Lines, CSV, Parquet; or, of requests, a W3C extended or NCSA combined log."
        ),
    ] = ExportFormat.JSONL,
    table: Annotated[
        str | None, typer.Option("--table", help=f"One of {', '.join(TABLES)}; else sessions, and for logs requests.")
    ] = None,
) -> None:
    """Write all columns of a table to standard output, the oldest first."""
    name = table or ("requests" if file_format in LOGS else "sessions")
    with quiet_on_a_closed_pipe(), opened(data) as reader:
        rows = islice(rows_of(reader, name, stream, since, until), limit)
        if not write(rows, TABLES[name], file_format, sys.stdout.buffer):
            say_none(reader)


class AnswerFormat(StrEnum):
    """How `query` shows its answer."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help=f"About the tables {', '.join(TABLES)}.")],
    data: DataOption = None,
    file_format: Annotated[
        AnswerFormat, typer.Option("--format", help=f"A table shows at most {MAX_SHOWN} rows, the others all.")
    ] = AnswerFormat.TABLE,
) -> None:
    """Ask the viewing data in SQL (DuckDB), read-only. Needs `pip install 'relay-hls[analytics]'`."""
    from relay.analytics.query import ask  # noqa: PLC0415 - not needed by `relay serve`
    from relay.analytics.words import NOTHING, table  # noqa: PLC0415 - as above

    with quiet_on_a_closed_pipe():
        answer = ask(data or default_data_folder(), sql)
        match file_format:
            case AnswerFormat.JSONL:
                for row in answer.rows():
                    typer.echo(json.dumps(dict(zip(answer.columns, row, strict=True)), default=str))
            case AnswerFormat.CSV:
                writer = csv.writer(sys.stdout)
                writer.writerow(answer.columns)
                writer.writerows(answer.rows())
            case AnswerFormat.TABLE:
                rows = answer.rows()
                shown = [[NOTHING if value is None else str(value) for value in row] for row in islice(rows, MAX_SHOWN)]
                for line in table(answer.columns, shown, left=len(answer.columns)):
                    typer.echo(line)
                if next(rows, None) is not None:
                    say(f"only the first {MAX_SHOWN} rows are shown: --format csv writes all")
