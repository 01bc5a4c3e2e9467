"""From the values of a stored record to its row, wherever it is stored.

SQLite has no truth values and no lists: there they are numbers and JSON text. Parquet has both. A record of an older
relay lacks the columns that came since: they have their defaults.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from relay.errors import StoreError
from relay.sessions.model import (
    TABLES,
    AudienceRow,
    MinuteRow,
    OptedOutRow,
    PlayerEventRow,
    RequestRow,
    SessionRow,
    ViewingRow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = TypeVar("Row", SessionRow, MinuteRow, AudienceRow, RequestRow, PlayerEventRow, OptedOutRow)

TABLE_OF: Final[dict[type[ViewingRow], str]] = {kind: table for table, kind in TABLES.items()}
TIME_COLUMN: Final[dict[type[ViewingRow], str]] = {
    SessionRow: "started_at_ms",
    MinuteRow: "minute_ms",
    AudienceRow: "media_at_ms",
    RequestRow: "at_us",
    PlayerEventRow: "at_us",
    OptedOutRow: "hour_ms",
}
US_PER_MS: Final = 1000


def time_ms(row: ViewingRow) -> int:
    """When it was, as Unix time in ms: of a session, when it began."""
    match row:
        case RequestRow() | PlayerEventRow():
            return row.at_us // US_PER_MS
        case SessionRow():
            return row.started_at_ms
        case MinuteRow():
            return row.minute_ms
        case AudienceRow():
            return row.media_at_ms
        case _:
            return row.hour_ms


def decoder(kind: type[Row], columns: Sequence[str]) -> Callable[[Sequence[Any]], Row]:
    """What makes a `kind` of the values of `columns`, which may be more or fewer than it has.

    Raises `StoreError` if a column is missing that has no default.
    """
    defaults = kind._field_defaults
    places = {name: place for place, name in enumerate(columns)}
    plan: list[tuple[int | None, Any]] = []
    for name, convert in _converters(kind).items():
        if name not in places and name not in defaults:
            raise StoreError(f"the table {TABLE_OF[kind]} lacks the column {name}: it was not made by a relay")
        plan.append((places.get(name), convert if name in places else defaults[name]))

    def make(values: Sequence[Any]) -> Row:
        fields = [
            other if place is None else values[place] if other is None else other(values[place])
            for place, other in plan
        ]
        return kind._make(fields)

    return make


def _converters(kind: type[ViewingRow]) -> dict[str, Callable[[Any], Any] | None]:
    return {name: _converter(hint) for name, hint in get_type_hints(kind).items()}


def _converter(hint: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - a type is any object
    if hint is bool:
        return bool
    if get_origin(hint) is not tuple:
        return None
    item = get_args(hint)[0]
    if item is str:
        return _texts
    return _numbered_pairs if get_args(item)[0] is int else _named_pairs


def _listed(value: Any) -> Any:  # noqa: ANN401 - JSON
    return _parsed(value) if isinstance(value, str) else value


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text)


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - a driver's value
    return tuple(_listed(value))


def _pairs(value: Any) -> list[tuple[Any, int]]:  # noqa: ANN401 - a driver's value
    pairs = _listed(value)
    if isinstance(pairs, dict):
        return list(pairs.items())
    # Parquet gives a list of structures back as dicts.
    return [tuple(pair.values()) if isinstance(pair, dict) else tuple(pair) for pair in pairs]


def _numbered_pairs(value: Any) -> tuple[tuple[int, int], ...]:  # noqa: ANN401 - a driver's value
    return tuple((int(code), count) for code, count in _pairs(value))


def _named_pairs(value: Any) -> tuple[tuple[str, int], ...]:  # noqa: ANN401 - a driver's value
    return tuple((str(code), count) for code, count in _pairs(value))
