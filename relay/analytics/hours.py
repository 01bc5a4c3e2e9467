"""Where the cold store keeps what: `DATA/viewing/TABLE/date=YYYY-MM-DD/hour=HH/FIRST-LAST.parquet`.

A row is a batch of SQLite's first (`relay.sessions.batches`), and batches are numbered. A file has all batches of its
table and hour from number FIRST to number LAST. So names alone say what is where:

- a batch in SQLite whose number is within a file's range was moved, and only waits to be deleted;
- a file whose range is within another's was merged into that, and only waits to be deleted.

A file has its name only when all of it is on the disk. A name that begins with a dot is no data: a file that is being
written, or an hour that is being removed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDER: Final = "viewing"
HOUR_MS: Final = 3_600_000
_HOUR: Final = re.compile(r"date=(\d{4}-\d\d-\d\d)/hour=([01]\d|2[0-3])")
_RANGE: Final = re.compile(r"(\d+)-(\d+)\.parquet")


class Part(NamedTuple):
    """A file of an hour; of one that was not named by us there is no range, and it has no batches of ours."""

    path: Path
    first: int
    last: int

    def has(self, number: int) -> bool:
        """Whether the batch of this number is in it."""
        return self.first <= number <= self.last


def folder_of(data: Path, table: str, hour_ms: int) -> Path:
    """The folder of an hour, which begins at `hour_ms` (Unix time in ms)."""
    hour = datetime.fromtimestamp(hour_ms / 1000, UTC)
    return data / FOLDER / table / f"date={hour:%Y-%m-%d}" / f"hour={hour:%H}"


def hours_of(data: Path, table: str) -> list[int]:
    """The hours of a table that have a folder, from the oldest on."""
    found = []
    for folder in (data / FOLDER / table).glob("date=*/hour=*"):
        if match := _HOUR.fullmatch("/".join(folder.parts[-2:])):
            hour = datetime.fromisoformat(match[1]).replace(hour=int(match[2]), tzinfo=UTC)
            found.append(int(hour.timestamp()) * 1000)
    return sorted(found)


def parts_of(folder: Path) -> list[Part]:
    """What an hour consists of, by number: none where it has no folder."""
    return current(_part(path) for path in folder.glob("[!.]*.parquet"))


def merged_parts_of(folder: Path) -> list[Part]:
    """The files that were merged into another one, and are still there."""
    parts = [_part(path) for path in folder.glob("[!.]*.parquet")]
    kept = set(current(parts))
    return [part for part in parts if part not in kept]


def current(parts: Iterable[Part]) -> list[Part]:
    """Those that are not within another one, by number."""
    kept: list[Part] = []
    for part in sorted(parts, key=lambda part: (part.first, -part.last, part.path.name)):
        if part.last < part.first or not kept or not (kept[-1].first <= part.first and part.last <= kept[-1].last):
            kept.append(part)
    return kept


def _part(path: Path) -> Part:
    match = _RANGE.fullmatch(path.name)
    return Part(path, int(match[1]), int(match[2])) if match else Part(path, 0, -1)
