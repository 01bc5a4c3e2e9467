"""`relay sessions export`: the viewing data for other programs."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Annotated

import typer

from relay.analytics.exporting import LOGS, ExportFormat, rows_of, write
from relay.cli.sessions_options import (
    DataOption,
    SinceOption,
    StreamOption,
    UntilOption,
    opened,
    quiet_on_a_closed_pipe,
    say_none,
)
from relay.sessions.model import TABLES


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
