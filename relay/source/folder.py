"""A folder of files that plays as a channel: one after the other in the order of their names, for ever, at live pace.

It is looked into again after each file, so files that are added play when their turn comes, and removed ones are not
missed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from relay.errors import SourceEndedError, SourceError, SourceNotFoundError, SourceUnsupportedError
from relay.source.address import Address, SourceKind
from relay.source.container import open_container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from av.packet import Packet

    from relay.config import StreamSettings
    from relay.model import SourceInfo
    from relay.source.container import ContainerSource

log = structlog.get_logger()

SUFFIXES: Final = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".h264", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"}
)
"""Other files (subtitles, covers, notes) lie beside films and are no part of the channel."""


class FolderSource:
    """The file that plays, and the one that comes after it. It has no end."""

    is_live = False

    def __init__(
        self,
        address: Address,
        settings: StreamSettings,
        open_file: Callable[[Address, StreamSettings, ContainerSource | None], ContainerSource] = open_container,
    ) -> None:
        self._address = address
        self._open_file = open_file
        self._settings = settings.model_copy(update={"loop": False})
        self.stall_after_s = settings.stall_after_s
        self._name = ""
        self._playing = self._next(None)
        self._settings = self._settings.model_copy(update={"start_s": 0.0})

    @property
    def info(self) -> SourceInfo:
        """Of the file that plays."""
        return self._playing.info

    @property
    def sample_aspect(self) -> Fraction:
        """Of the file that plays."""
        return self._playing.sample_aspect

    @property
    def delayed_ns(self) -> int:
        """Of all files so far, which lie on one line of time."""
        return self._playing.delayed_ns

    def media(self) -> Iterator[Packet[Any] | None]:
        """Packets of file after file, timestamps that go on from one to the next; see `ContainerSource.media`.

        Raises `SourceNotFoundError` when there is no file any more, `SourceUnsupportedError` when none can be read.
        """
        barren = 0
        while barren <= len(self._names()):
            barren += 1
            try:
                for packet in self._playing.media():
                    barren = 0 if packet is not None and packet.size else barren
                    yield packet
            except SourceEndedError as error:
                log.info("the next file of the folder", after=self._name, reason=str(error))
            self._playing.close()
            self._playing = self._next(self._playing)
            yield None
        raise SourceUnsupportedError(f"{self._address.label}: there is nothing in any of its files")

    def close(self) -> None:
        """Let go of the file that plays, in the thread that reads it."""
        self._playing.close()

    def _next(self, previous: ContainerSource | None) -> ContainerSource:
        """The next file by name that can be opened."""
        names = self._names()
        if not names:
            raise SourceNotFoundError(
                f"{self._address.label}: there is no video in this folder (files are known by their suffix: .mp4, "
                ".mkv, .ts and the like)"
            )
        later = [name for name in names if name > self._name]
        reason = ""
        for name in [*later, *names[: len(names) - len(later)]]:
            self._name = name
            path = str(Path(self._address.url) / name)
            try:
                return self._open_file(Address(SourceKind.FILE, path, path), self._settings, previous)
            except SourceError as error:
                reason = str(error)
                log.warning("a file of the folder is left out", reason=reason)
        raise SourceUnsupportedError(f"{self._address.label}: none of its files can be read; the last: {reason}")

    def _names(self) -> list[str]:
        try:
            found = [path.name for path in Path(self._address.url).iterdir() if path.suffix.lower() in SUFFIXES]
        except OSError as error:
            raise SourceNotFoundError(f"{self._address.label}: cannot be looked into: {error.strerror}") from None
        return sorted(name for name in found if not name.startswith("."))
