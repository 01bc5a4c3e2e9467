"""The data folder: one relay at a time in it, and a small file for each stream with what must survive a restart."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import TypeAdapter, ValidationError

from relay.errors import DataFolderError
from relay.supervisor.formats import Remembered

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()

_REMEMBERED: Final = TypeAdapter(Remembered)


class DataFolder:
    """Opened by `relay serve` for as long as it runs. Raises `DataFolderError` where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._streams = path / "streams"
        try:
            self._streams.mkdir(parents=True, exist_ok=True)
            self._lock = (path / "lock").open("w")
        except OSError as error:
            raise DataFolderError(
                f"the data folder {path} cannot be used: {error.strerror}; choose another with --data"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise DataFolderError(
                f"another relay uses the data folder {path}: stop it, or choose another with --data"
            ) from error

    def close(self) -> None:
        """Let another relay have it."""
        self._lock.close()

    def recall(self, stream: str) -> Remembered | None:
        """What is remembered of `stream`; `None` for a new one, and for a file that cannot be understood any more."""
        try:
            return _REMEMBERED.validate_json((self._streams / f"{stream}.json").read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError, ValueError):
            return None

    def remember(self, stream: str, remembered: Remembered) -> None:
        """Write what is to be remembered, whole or not at all. Blocks for a disk write."""
        path = self._streams / f"{stream}.json"
        temporary = path.with_suffix(".new")
        document = _REMEMBERED.dump_python(remembered, mode="json")
        try:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
            os.replace(temporary, path)  # noqa: PTH105 - the atomic call is the point
        except OSError as error:
            raise DataFolderError(f"{path} cannot be written: {error.strerror}") from error


class Memory:
    """What is remembered of one stream, written soon and in a thread: the disk may be slow, parts must not wait for it.

    Only the newest is written; a disk that fails is told of in the log, and costs no viewer anything.
    """

    def __init__(self, folder: DataFolder, stream: str) -> None:
        self._folder = folder
        self._stream = stream
        self._newest: Remembered | None = None
        self._saving: asyncio.Task[None] | None = None

    def keep(self, remembered: Remembered) -> None:
        """Have `remembered` written."""
        self._newest = remembered
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save())

    async def settle(self, within_s: float) -> None:
        """Wait until all is written, for `within_s` at most."""
        if self._saving is not None:
            await asyncio.wait([self._saving], timeout=within_s)

    async def _save(self) -> None:
        saved: Remembered | None = None
        try:
            while (newest := self._newest) is not None and newest is not saved:
                await asyncio.to_thread(self._folder.remember, self._stream, newest)
                saved = newest
        except DataFolderError as error:
            log.error("the stream's format and numbers are not kept", stream=self._stream, error=str(error))  # noqa: TRY400 - its words say it all
