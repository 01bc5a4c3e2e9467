"""Writes hours of raw rows as Parquet, as small as it gets: sorted so that what is alike stands together.

A row of requests has 35 columns, most of which say the same for all of a session: sorted by session, a run of them is
one entry of a dictionary. What is left are times, numbers and sizes, of which the differences are stored.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from relay.analytics.export_parquet import arrow_schema
from relay.errors import StoreError
from relay.sessions.batches import unpack_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from relay.sessions.model import ViewingRow

_LEVEL: Final = 9
_GROUP_ROWS: Final = 125_000
_ORDER: Final = ("stream_id", "session_id", "at_us")


def table_of(bodies: Iterable[bytes | None], kind: type[ViewingRow]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """The rows of `bodies`, which `relay.sessions.batches` packed, as a `pyarrow.Table`, sorted."""
    import pyarrow  # noqa: PLC0415, ICN001 - an extra; and its usual short name says nothing

    schema = arrow_schema(kind)
    tables = [schema.empty_table()]
    for body in bodies:
        if body is not None:
            columns = unpack_columns(body)
            count = len(next(iter(columns.values())))
            arrays = [pyarrow.array(_values(columns, kind, field.name, count), field.type) for field in schema]
            tables.append(pyarrow.Table.from_arrays(arrays, schema=schema))
    return joined(tables)


def joined(tables: Sequence[Any]) -> Any:  # noqa: ANN401 - as above
    """All of `tables` in one, sorted."""
    import pyarrow  # noqa: PLC0415, ICN001 - as above

    return pyarrow.concat_tables(tables, promote_options="default").sort_by([(name, "ascending") for name in _ORDER])


def read_part(path: Path) -> Any:  # noqa: ANN401 - as above
    """A file as a `pyarrow.Table`. Raises `StoreError` if it cannot be read."""
    from pyarrow import ArrowException  # noqa: PLC0415 - as above
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - as above

    try:
        with ParquetFile(path) as file:
            return file.read()
    except ArrowException as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error


def write_whole(table: Any, path: Path) -> None:  # noqa: ANN401 - as above
    """Have all of `table` under the name `path`, on the disk, or nothing."""
    from pyarrow import types  # noqa: PLC0415 - as above
    from pyarrow.parquet import write_table  # noqa: PLC0415 - as above

    folder = path.parent
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts = [field.name for field in table.schema if types.is_string(field.type)]
    numbers = {field.name: "DELTA_BINARY_PACKED" for field in table.schema if types.is_integer(field.type)}
    hidden = path.with_name(f".{path.name}")
    with hidden.open("wb") as file:
        write_table(
            table, file, compression="zstd", compression_level=_LEVEL, row_group_size=_GROUP_ROWS,
            use_dictionary=texts, column_encoding=numbers, store_schema=False,
        )  # fmt: skip
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(path)
    for each in {folder, *(made.parent for made in new)}:
        sync_folder(each)


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _values(columns: dict[str, list[Any]], kind: type[ViewingRow], name: str, count: int) -> list[Any]:
    """A column of a batch; of what an older relay did not know, the default."""
    values = columns.get(name)
    if values is None:
        return [_plain(kind._field_defaults[name])] * count
    return [_plain(value) for value in values] if values and isinstance(values[0], list) else values


def _plain(value: object) -> object:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | tuple) else value
