"""Raw rows by the hundred, as one value of the database: by columns, in JSON, compressed.

A row by itself costs SQLite 5 us and 200 bytes (measured); in a batch it is a fraction of both. Only a relay of another
version may read it, so a batch names its columns, and says nothing that Python would run.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from relay.errors import StoreError
from relay.sessions.columns import TABLE_OF, decoder
from relay.sessions.model import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.sessions.model import ViewingRow

_LEVEL: Final = 1
"""Rows of one moment are much alike: zlib's fastest finds most of it."""


def pack(rows: Sequence[ViewingRow]) -> bytes:
    """`rows`, one or more of the same class."""
    kind = type(rows[0])
    document = {"table": TABLE_OF[kind], "columns": kind._fields, "values": list(zip(*rows, strict=True))}
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), _LEVEL)


def unpack(body: bytes) -> list[ViewingRow]:
    """The rows that `pack` made `body` of. Raises `StoreError` if it is damaged."""
    try:
        document = _document(body)
        kind: Any = TABLES[document["table"]]
        return list(map(decoder(kind, document["columns"]), zip(*document["values"], strict=True)))
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"a batch of raw viewing data is damaged ({type(error).__name__})") from error


def unpack_columns(body: bytes) -> dict[str, list[Any]]:
    """The same rows as columns by their names; tuples are lists. Raises `StoreError` as `unpack` does."""
    try:
        document = _document(body)
        return dict(zip(document["columns"], document["values"], strict=True))
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"a batch of raw viewing data is damaged ({type(error).__name__})") from error


def _document(body: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(zlib.decompress(body))
    return document
