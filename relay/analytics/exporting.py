"""One table out of the viewing data in one format, for the command line and for who downloads it."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from typing import TYPE_CHECKING, cast

from relay.analytics.export import write_csv, write_jsonl
from relay.analytics.export_logs import write_ncsa, write_w3c
from relay.analytics.export_parquet import write_parquet
from relay.errors import QueryError
from relay.sessions.model import TABLES, RequestRow, SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO, TextIO

    from relay.analytics.reader import SessionReader
    from relay.sessions.model import MinuteRow, ViewingRow


class ExportFormat(StrEnum):
    """What `export` writes."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    W3C = "w3c"
    NCSA = "ncsa"


LOGS = frozenset({ExportFormat.W3C, ExportFormat.NCSA})
"""What a web server writes: of requests alone."""


def rows_of(
    reader: SessionReader, table: str, stream: str | None, since_ms: int | None, until_ms: int | None
) -> Iterable[ViewingRow]:
    """The rows of `table`. Raises `QueryError` if there is none of that name."""
    kind = TABLES.get(table)
    if kind is None:
        raise QueryError(f"there is no table {table!r}: there are {', '.join(TABLES)}")
    if kind is SessionRow:
        return reader.sessions(stream=stream, since_ms=since_ms, until_ms=until_ms)
    return reader.rows(cast("type[MinuteRow]", kind), stream=stream, since_ms=since_ms, until_ms=until_ms)


def write(rows: Iterable[ViewingRow], kind: type[ViewingRow], file_format: ExportFormat, out: BinaryIO) -> int:
    """Write `rows`, all of one `kind`. Returns how many. Raises `QueryError` for what cannot be written so."""
    if file_format in LOGS and kind is not RequestRow:
        raise QueryError(f"{file_format} is a log of requests: the table requests alone can be written so")
    if file_format is ExportFormat.PARQUET:
        return write_parquet(rows, kind, out)
    with _as_text(out) as text:
        match file_format:
            case ExportFormat.CSV:
                return write_csv(rows, text, kind)
            case ExportFormat.JSONL:
                return write_jsonl(rows, text)
            case ExportFormat.W3C:
                return write_w3c(cast("Iterable[RequestRow]", rows), text)
            case ExportFormat.NCSA:
                return write_ncsa(cast("Iterable[RequestRow]", rows), text)


@contextmanager
def _as_text(out: BinaryIO) -> Iterator[TextIO]:
    """UTF-8 whatever the locale, and line ends as they are: RFC 4180 wants its CRLF untranslated."""
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    try:
        yield text
        text.flush()
    finally:
        text.detach()
