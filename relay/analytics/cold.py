"""Reads the hours that were moved out of SQLite: `DATA/viewing/TABLE/date=YYYY-MM-DD/hour=HH/*.parquet`.

pyarrow reads them, which is in the extra `relay-hls[analytics]`. Where it is missing nothing was moved by this relay;
yet a folder may come from another one, and then `missing` says what cannot be read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from relay.errors import StoreError
from relay.sessions.columns import TABLE_OF, decoder, time_ms
from relay.sessions.model import SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.sessions.columns import Row

FOLDER: Final = "viewing"
INSTALL: Final = "pip install 'relay-hls[analytics]'"
_HOUR_MS: Final = 3_600_000
_BATCH_ROWS: Final = 4096
_LONGEST_SESSION_MS: Final = 7 * 86_400_000
"""A screen in a hall watches for days: it is looked for in the hours of a week before."""
_HOUR: Final = re.compile(r"date=(\d{4}-\d\d-\d\d)/hour=(\d\d)/[^/]+\.parquet$")


class ColdTables:
    """The Parquet files of a data folder. A name that begins with a dot is one that is being written."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER

    @property
    def exists(self) -> bool:
        """Whether any hour was moved."""
        return any(self._folder.glob("*/date=*/hour=*/*.parquet"))

    @property
    def missing(self) -> str:
        """What cannot be read and why, and the way out; empty where nothing is missing."""
        if not self.exists or find_spec("pyarrow") is not None:
            return ""
        return f"{self._folder}: older data is in Parquet, which needs pyarrow to be read: {INSTALL}"

    def sessions(self, stream: str | None, since_ms: int) -> Iterator[SessionRow]:
        """Sessions, perhaps several states of one, of the hours that may hold one that went on at `since_ms`."""
        for path in self._files(SessionRow, since_ms - _LONGEST_SESSION_MS, None):
            yield from (row for row in _read(path, SessionRow) if stream in (None, row.stream_id))

    def rows(self, kind: type[Row], stream: str | None, since_ms: int, until_ms: int) -> Iterator[Row]:
        """Rows of another table of `since_ms` <= time < `until_ms`, hour by hour; none where pyarrow is missing."""
        for path in self._files(kind, since_ms - _HOUR_MS, until_ms):
            for row in _read(path, kind):
                if since_ms <= time_ms(row) < until_ms and stream in (None, row.stream_id):
                    yield row

    def _files(self, kind: type[Row], from_ms: int, until_ms: int | None) -> Iterator[Path]:
        if self.missing:
            return
        for path in sorted(self._folder.glob(f"{TABLE_OF[kind]}/date=*/hour=*/*.parquet")):
            if not path.name.startswith(".") and (match := _HOUR.search(path.as_posix())):
                hour = datetime.fromisoformat(match[1]).replace(hour=int(match[2]), tzinfo=UTC)
                hour_ms = int(hour.timestamp()) * 1000
                if hour_ms >= from_ms and (until_ms is None or hour_ms < until_ms):
                    yield path


def _read(path: Path, kind: type[Row]) -> Iterator[Row]:
    from pyarrow import ArrowException  # noqa: PLC0415 - an extra, and 60 MB that few commands need
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - as above

    try:
        with ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name in kind._fields]
            make = decoder(kind, columns)
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield make(values)
    except FileNotFoundError:
        return  # retention or erasure took it in this moment
    except (OSError, ArrowException) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
