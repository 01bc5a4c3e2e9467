"""Reads the hours that were moved out of SQLite (`relay.analytics.hours` says where they are).

pyarrow reads them, which is in the extra `relay-hls[analytics]`. Where it is missing nothing was moved by this relay;
yet a folder may come from another one, and then `missing` says what cannot be read.
"""

from __future__ import annotations

from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Generic, Self

from relay.analytics.hours import FOLDER, HOUR_MS, folder_of, hours_of, parts_of
from relay.errors import StoreError
from relay.sessions.columns import TABLE_OF, Row, decoder
from relay.sessions.model import SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from relay.analytics.hours import Part

INSTALL: Final = "pip install 'relay-hls[analytics]'"
_BATCH_ROWS: Final = 4096
_TRIES: Final = 5
_LONGEST_SESSION_MS: Final = 7 * 86_400_000
"""A screen in a hall watches for days: it is looked for in the hours of a week before."""
_END_OF_TIME_MS: Final = 2**62


class ColdTables:
    """The Parquet files of a data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
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

    def hours(self, kind: type[Row], since_ms: int, until_ms: int) -> list[int]:
        """The hours of a table that have rows of `since_ms` <= time < `until_ms`; none where pyarrow is missing."""
        if self.missing:
            return []
        return [hour for hour in hours_of(self._data, TABLE_OF[kind]) if since_ms - HOUR_MS < hour < until_ms]

    def parts(self, kind: type[Row], hour_ms: int) -> list[Part]:
        """What of an hour was moved by now; none where pyarrow is missing."""
        return [] if self.missing else parts_of(folder_of(self._data, TABLE_OF[kind], hour_ms))

    def sessions(self, stream: str | None, since_ms: int) -> Iterator[SessionRow]:
        """Sessions, perhaps several states of one, of the hours that may hold one that went on at `since_ms`."""
        for hour_ms in self.hours(SessionRow, since_ms - _LONGEST_SESSION_MS, _END_OF_TIME_MS):
            with self.open(SessionRow, hour_ms) as moved:
                yield from (row for row in moved.rows() if stream in (None, row.stream_id))

    def open(self, kind: type[Row], hour_ms: int) -> OpenHour[Row]:
        """What of an hour was moved by now: all of it is held open, so that it can be read whatever happens to it."""
        for _ in range(_TRIES):
            stack = ExitStack()
            parts = self.parts(kind, hour_ms)
            try:
                return OpenHour(kind, parts, [stack.enter_context(_opened(part.path)) for part in parts], stack)
            except FileNotFoundError:  # merged, erased or retired in this moment: the folder says what there is now
                stack.close()
            except BaseException:
                stack.close()
                raise
        raise StoreError(f"{folder_of(self._data, TABLE_OF[kind], hour_ms)}: changes while it is read: ask again")


class OpenHour(Generic[Row]):
    """The open files of an hour of a table. A context manager."""

    def __init__(self, kind: type[Row], parts: Sequence[Part], files: Sequence[Any], stack: ExitStack) -> None:
        self.parts = parts
        self._kind: type[Row] = kind
        self._files = files
        self._stack = stack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def rows(self) -> Iterator[Row]:
        """File by file. Raises `StoreError` for what cannot be read."""
        for part, file in zip(self.parts, self._files, strict=True):
            yield from _rows(part.path, file, self._kind)


def _opened(path: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
    from pyarrow import ArrowException  # noqa: PLC0415 - an extra, and 60 MB that few commands need
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - as above

    try:
        return ParquetFile(path)
    except FileNotFoundError:
        raise
    except (OSError, ArrowException) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error


def _rows(path: Path, file: Any, kind: type[Row]) -> Iterator[Row]:  # noqa: ANN401 - as above
    from pyarrow import ArrowException  # noqa: PLC0415 - as above

    columns = [name for name in file.schema_arrow.names if name in kind._fields]
    make = decoder(kind, columns)
    try:
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield make(values)
    except (OSError, ArrowException) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
