"""SQL over the viewing data: DuckDB, with a view for each table, under the names and columns of `TABLES`.

DuckDB and pyarrow come with the extra `relay-hls[analytics]`. The database is in memory, and its engine may open no
file but the hours that were moved to Parquet, so a question can read nothing but viewing data, and change nothing.
What a session's row says in the views is its newest state. Lists and maps are JSON text.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, cast

from relay.analytics.cold import INSTALL
from relay.analytics.export_parquet import arrow_schema, arrow_tables
from relay.analytics.reader import SessionReader
from relay.errors import QueryError
from relay.sessions.model import TABLES, SessionRow
from relay.sessions.tables import BATCHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from relay.sessions.model import MinuteRow, RequestRow, ViewingRow

_PAGE_ROWS: Final = 2000
_NO_WAY_OUT: Final = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",  # else a name in a query could be one of our own variables
    "SET lock_configuration = true",
)


class Answer:
    """The columns of an answer, and its rows, which are fetched as they are taken."""

    def __init__(self, cursor: Any) -> None:  # noqa: ANN401 - duckdb is imported lazily
        self._cursor = cursor
        self.columns: list[str] = [column[0] for column in cursor.description or ()]

    def rows(self) -> Iterator[Sequence[object]]:
        """Row by row. Raises `QueryError` for what goes wrong on the way."""
        while page := _asked(self._cursor.fetchmany, _PAGE_ROWS):
            yield from page


def ask(data: Path, sql: str) -> Answer:
    """Answer one question in SQL. Raises `QueryError` if it is none or a package is missing, `StoreError`."""
    missing = [name for name in ("duckdb", "pyarrow") if find_spec(name) is None]
    if missing:
        raise QueryError(f"SQL needs {' and '.join(missing)}, not installed: {INSTALL}")
    import duckdb  # noqa: PLC0415 - an extra

    connection = duckdb.connect(":memory:")
    moved: list[str] = []
    with SessionReader(data) as reader:
        for table, kind in TABLES.items():
            if re.search(rf"\b{table}\b", sql, re.IGNORECASE):  # what is not asked for is not read
                moved += _show(connection, table, kind, reader)
    connection.execute(f"SET allowed_paths = [{', '.join(moved)}]")
    for statement in _NO_WAY_OUT:
        connection.execute(statement)
    return Answer(_asked(connection.execute, sql))


def _show(connection: Any, table: str, kind: type[ViewingRow], reader: SessionReader) -> list[str]:  # noqa: ANN401
    """Fill a table of DuckDB's, which packs it, and give its name to a view that cannot be changed.

    Raw rows are many: those that were moved DuckDB reads from their files, which are returned as SQL has them.
    """
    files: list[Path] = []
    if kind is SessionRow:
        rows: Iterable[ViewingRow] = reader.sessions()
    elif kind in BATCHED:
        rows = reader.hot_rows(cast("type[RequestRow]", kind), files)
    else:
        rows = reader.rows(cast("type[MinuteRow]", kind))
    connection.register("given", arrow_schema(kind).empty_table())
    connection.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM given")  # noqa: S608 - our own names
    for group in arrow_tables(rows, kind):
        connection.register("given", group)
        connection.execute(f"INSERT INTO kept_{table} SELECT * FROM given")  # noqa: S608 - our own names
    connection.unregister("given")
    moved = [_quoted(str(path.absolute())) for path in files]
    cold = (
        f" UNION ALL BY NAME FROM read_parquet([{', '.join(moved)}], union_by_name = true, hive_partitioning = false)"
    )
    connection.execute(f"CREATE VIEW {table} AS FROM kept_{table}{cold if moved else ''}")
    return moved


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _asked(call: Any, argument: object) -> Any:  # noqa: ANN401 - duckdb's own
    import duckdb  # noqa: PLC0415 - an extra

    try:
        return call(argument)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
