"""Viewing data as text for other programs, written row by row: memory does not grow with the number of rows.

Both formats have the columns of a table under their names, times in milliseconds of Unix time. In JSON Lines
lists and maps are what they are; in CSV (RFC 4180: CRLF, quotes where needed, a header line) they are their JSON
text.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula (CWE-1236). No text of a client is stored
as it came, so none of ours begins so; but a database may have been filled by other hands, and such a text gets an
apostrophe in front, which spreadsheets take as "this is text". Numbers are left alone.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

from relay.sessions.model import SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from relay.sessions.model import ViewingRow

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_jsonl(rows: Iterable[ViewingRow], out: TextIO) -> int:
    """One JSON object a line. Returns how many."""
    count = 0
    for row in rows:
        out.write(json.dumps(document(row), separators=(",", ":"), ensure_ascii=False) + "\n")
        count += 1
    return count


def write_csv(rows: Iterable[ViewingRow], out: TextIO, kind: type[ViewingRow] = SessionRow) -> int:
    """A header and one record a row, all of one `kind`. `out` must not translate line ends (`newline=""`)."""
    writer = csv.writer(out)
    writer.writerow(kind._fields)
    count = 0
    for row in rows:
        writer.writerow(map(_cell, document(row).values()))
        count += 1
    return count


def document(row: ViewingRow) -> dict[str, Any]:
    """`row` as JSON has it: what is counted by its name is a map."""
    values = row._asdict()
    if isinstance(row, SessionRow):
        values["error_codes"] = dict(row.error_codes)
        values["player_error_codes"] = dict(row.player_error_codes)
    return values


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case tuple() | dict():
            return json.dumps(value, separators=(",", ":"))
        case _:
            return value
