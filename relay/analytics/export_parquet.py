"""Viewing data as one Parquet file, compressed with zstd. pyarrow writes it, from the extra `relay-hls[analytics]`.

Columns have the names and types of the rows; lists and maps are their JSON text, as in SQLite.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

from relay.analytics.cold import INSTALL
from relay.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from relay.sessions.model import ViewingRow

_GROUP_ROWS: Final = 20_000


def write_parquet(rows: Iterable[ViewingRow], kind: type[ViewingRow], out: BinaryIO) -> int:
    """Write `rows`, all of one `kind`. Returns how many. Raises `QueryError` where pyarrow is missing."""
    if find_spec("pyarrow") is None:
        raise QueryError(f"Parquet needs pyarrow, which is not installed: {INSTALL}")
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - an extra

    count = 0
    with ParquetWriter(out, arrow_schema(kind), compression="zstd") as writer:
        for group in arrow_tables(rows, kind):
            writer.write_table(group)
            count += group.num_rows
    return count


def arrow_schema(kind: type[ViewingRow]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """The `pyarrow.Schema` of a table."""
    import pyarrow  # noqa: PLC0415, ICN001 - an extra; and its usual short name says nothing

    return pyarrow.schema([(name, _arrow_type(pyarrow, hint)) for name, hint in get_type_hints(kind).items()])


def arrow_tables(rows: Iterable[ViewingRow], kind: type[ViewingRow]) -> Iterator[Any]:
    """`rows` as `pyarrow.Table`s of at most 20 000 each."""
    import pyarrow  # noqa: PLC0415, ICN001 - as above

    schema, left = arrow_schema(kind), iter(rows)
    while group := list(islice(left, _GROUP_ROWS)):
        columns = [[_plain(value) for value in column] for column in zip(*group, strict=True)]
        arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pyarrow.Table.from_arrays(arrays, schema=schema)


def _arrow_type(pyarrow: Any, hint: Any) -> Any:  # noqa: ANN401 - modules and types are any objects
    names: dict[Any, Any] = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    kinds = [argument for argument in get_args(hint) if argument is not type(None)] or [hint]
    return names.get(kinds[0] if len(kinds) == 1 else hint, pyarrow.string())


def _plain(value: object) -> object:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, tuple) else value
