"""`python -m relay.analytics.compaction PARAMETERS`: closed hours of raw rows, out of SQLite and into Parquet.

Nothing is lost and nothing doubled, whenever this is killed, since each step leaves what can be told apart by name
(`relay.analytics.hours`): a file is written under a name with a dot, brought to the disk, renamed, and its folder
brought to the disk; only then its batches are deleted. What an earlier run left half done is finished first.

PARAMETERS is a JSON object with `data`, the data folder, and `viewing`, how long rows are kept; the answer is one with
what was done. One run at a time: the others end at once.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from relay.analytics.hours import FOLDER, HOUR_MS, folder_of, hours_of, merged_parts_of, parts_of
from relay.analytics.parquet_files import joined, read_part, sync_folder, table_of, write_whole
from relay.errors import RelayError, StoreError
from relay.retention import Retention
from relay.sessions.model import TABLES
from relay.sessions.retiring import RAW, batch_ends, give_back
from relay.sessions.store import DATABASE_FILE, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXIT_FAILED: Final = 1
EXIT_NO_QUESTION: Final = 2
BUDGET_S: Final = 240.0
"""After this no other hour is begun: the next run goes on."""
CLOSED_AFTER_MS: Final = 900_000
"""How long after its end an hour is left alone: requests that took long, and rows that waited for a slow disk."""

_ROWS_A_FILE: Final = 500_000
"""About 200 MB of memory while they are sorted."""
_BYTES_PER_MB: Final = 1_000_000
_BUSY_TIMEOUT_S: Final = 5.0
_DELETE_AT_ONCE: Final = 64
_PAGES_AT_ONCE: Final = 512
_MOST_STEPS: Final = 200
_PAUSE_S: Final = 0.02
"""Between two writes: SQLite has no queue, and the relay's own thread waits for its turn."""


class Asked(BaseModel):
    """What a run is told."""

    model_config = ConfigDict(extra="forbid")

    data: Path
    viewing: Retention = Retention()


@dataclass
class Done:
    """What a run did. `is_all`: nothing is left that could be moved by now."""

    rows_moved: int = 0
    files_written: int = 0
    files_merged: int = 0
    hours_removed: int = 0
    is_all: bool = True


def compact(data: Path, kept: Retention, now_ms: int, budget_s: float = BUDGET_S) -> Done:
    """Finish what was begun, remove what is old, move what is closed, merge what is small.

    Raises `StoreError` if the database or a file cannot be read or written.
    """
    done = Done()
    path = data / DATABASE_FILE
    if not path.exists():
        return done
    until_s = time.monotonic() + budget_s
    try:
        with _alone(data / FOLDER) as is_alone:
            if is_alone:
                with closing(_connect(path)) as connection:
                    _sweep(data / FOLDER)
                    _Run(data, connection, done).work(kept, now_ms, until_s)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{data / FOLDER}: hours cannot be moved: {error}") from error
    return done


class _Run:
    """One run over one data folder."""

    def __init__(self, data: Path, connection: sqlite3.Connection, done: Done) -> None:
        self._data = data
        self._connection = connection
        self._done = done

    def work(self, kept: Retention, now_ms: int, until_s: float) -> None:
        # What is committed to a write-ahead log may be lost with the power. A checkpoint brings all of it to the disk:
        # a batch that is in Parquet must not come back as another one of the same number.
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        for table in RAW:
            for hour_ms in hours_of(self._data, table):
                self._finish(table, hour_ms)
        for table, from_ms in batch_ends(kept, now_ms).items():
            for hour_ms in hours_of(self._data, table):
                if hour_ms + HOUR_MS <= from_ms:
                    self._remove(table, hour_ms)
        for table, hour_ms in self._closed(now_ms):
            if time.monotonic() > until_s:
                self._done.is_all = False
                break
            self._move(table, hour_ms)
        for table in RAW:
            for hour_ms in hours_of(self._data, table):
                self._merge(table, hour_ms)
        self._keep_room(kept.request_mb * _BYTES_PER_MB)
        self._give_back()

    def _closed(self, now_ms: int) -> list[tuple[str, int]]:
        """Tables and hours that have batches and are over, the oldest first."""
        query = "SELECT DISTINCT kind, hour_ms FROM batches WHERE hour_ms <= ? ORDER BY hour_ms, kind"
        found = self._connection.execute(query, (now_ms - HOUR_MS - CLOSED_AFTER_MS,)).fetchall()
        return [(table, hour_ms) for table, hour_ms in found if table in RAW]

    def _finish(self, table: str, hour_ms: int) -> None:
        """Delete what an earlier run had moved or merged when it was killed."""
        folder = folder_of(self._data, table, hour_ms)
        merged = merged_parts_of(folder)
        parts = parts_of(folder)
        query = "SELECT id FROM batches WHERE kind = ? AND hour_ms = ? AND id BETWEEN ? AND ?"
        left = [
            number
            for part in parts
            for (number,) in self._connection.execute(query, (table, hour_ms, part.first, part.last))
        ]
        if merged or left:
            sync_folder(folder)  # that run may have been killed before it did
        for part in merged:
            part.path.unlink()
        self._delete(left)

    def _move(self, table: str, hour_ms: int) -> None:
        """File by file: of a busy hour there are several."""
        query = "SELECT id, rows FROM batches WHERE kind = ? AND hour_ms = ? ORDER BY id"
        found = self._connection.execute(query, (table, hour_ms)).fetchall()
        while found:
            numbers: list[int] = []
            rows = 0
            while found and (not numbers or rows + found[0][1] <= _ROWS_A_FILE):
                number, count = found.pop(0)
                numbers.append(number)
                rows += count
            bodies = (self._body(number) for number in numbers)
            path = folder_of(self._data, table, hour_ms) / f"{numbers[0]}-{numbers[-1]}.parquet"
            write_whole(table_of(bodies, TABLES[table]), path)
            self._delete(numbers)
            self._done.files_written += 1
            self._done.rows_moved += rows

    def _body(self, number: int) -> bytes | None:
        """None: retention deleted it in this moment, and what is old may be left out."""
        found = self._connection.execute("SELECT body FROM batches WHERE id = ?", (number,)).fetchone()
        return None if found is None else found[0]

    def _merge(self, table: str, hour_ms: int) -> None:
        """Late rows have files of their own: an hour that is small enough becomes one file again."""
        folder = folder_of(self._data, table, hour_ms)
        parts = [part for part in parts_of(folder) if part.first <= part.last]
        if len(parts) < 2:
            return
        tables = [read_part(part.path) for part in parts]
        if sum(each.num_rows for each in tables) > _ROWS_A_FILE:
            return
        path = folder / f"{min(part.first for part in parts)}-{max(part.last for part in parts)}.parquet"
        write_whole(joined(tables), path)
        for part in merged_parts_of(folder):
            part.path.unlink()
        self._done.files_merged += len(parts)

    def _remove(self, table: str, hour_ms: int) -> None:
        """The whole hour, or nothing of it: what is still in SQLite first, since the files say that it was moved."""
        query = "SELECT id FROM batches WHERE kind = ? AND hour_ms = ?"
        self._delete([number for (number,) in self._connection.execute(query, (table, hour_ms)).fetchall()])
        folder = folder_of(self._data, table, hour_ms)
        gone = folder.with_name(f".{folder.name}.gone")
        folder.rename(gone)
        shutil.rmtree(gone)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
        self._done.hours_removed += 1

    def _keep_room(self, bound: int) -> None:
        """Remove the oldest hours while hot and cold raw rows take more than `bound` bytes together."""
        query = "SELECT kind, hour_ms, sum(length(body)) FROM batches GROUP BY kind, hour_ms"
        hot = {(hour_ms, table): size for table, hour_ms, size in self._connection.execute(query) if table in RAW}
        cold = {
            (hour_ms, table): sum(part.path.stat().st_size for part in parts_of(folder_of(self._data, table, hour_ms)))
            for table in RAW
            for hour_ms in hours_of(self._data, table)
        }
        size = sum(hot.values()) + sum(cold.values())
        for hour_ms, table in sorted(cold):
            if size <= bound:
                return
            size -= cold[hour_ms, table] + hot.get((hour_ms, table), 0)
            self._remove(table, hour_ms)

    def _delete(self, numbers: Sequence[int]) -> None:
        """In small steps, so that the relay can write between two of them."""
        for begin in range(0, len(numbers), _DELETE_AT_ONCE):
            some = numbers[begin : begin + _DELETE_AT_ONCE]
            with self._connection:
                self._connection.executemany("DELETE FROM batches WHERE id = ?", [(number,) for number in some])
            time.sleep(_PAUSE_S)

    def _give_back(self) -> None:
        """Let the file shrink: what is free in it, a few pages at a time."""
        for _ in range(_MOST_STEPS):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                is_smaller = give_back(self._connection, _PAGES_AT_ONCE)
            if not is_smaller:  # nothing is free, or it is the file of a relay that did not know how
                return
            time.sleep(_PAUSE_S)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other process moves hours; until the end, or the death, of this one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        connection.close()
        raise StoreError(f"{path}: has layout {version}, and hours are moved out of layout {SCHEMA_VERSION} only")
    return connection


def _sweep(folder: Path) -> None:
    """Remove what was being written, or removed, when a run was killed."""
    for path in folder.glob("*/date=*/.hour=*.gone"):
        shutil.rmtree(path)
    for path in folder.glob("*/date=*/hour=*/.*.parquet"):
        path.unlink()


def main(arguments: list[str], now_ms: int) -> int:
    """One run. Returns the exit code."""
    try:
        asked = Asked.model_validate_json(arguments[0] if len(arguments) == 1 else "")
        done = compact(asked.data, asked.viewing, now_ms)
    except ValidationError as error:
        sys.stderr.write(f"usage: python -m relay.analytics.compaction PARAMETERS: {error.errors()[0]['msg']}\n")
        return EXIT_NO_QUESTION
    except RelayError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    sys.stdout.write(json.dumps(asdict(done)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], time.time_ns() // 1_000_000))
