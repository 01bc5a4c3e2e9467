"""What left the chain of transforms, left where other streams find it that show this one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from relay.taps import TapWriter
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.model import Matrix, Picture
    from relay.walls import Taps
    from relay.worker.board import Board

log = structlog.get_logger()

TRY_AGAIN_NS: Final = 5 * NS_PER_S
"""Where there is no room for the pictures, others show that the stream is offline; there may be room later."""


class Tapping:
    """Leaves pictures for others, if any stream shows this one. One thread.

    They count as what it shows for `fresh_for_s`: as long as its own viewers see the last one and not yet its slate.
    A failure costs this stream nothing: it is counted (`tap_failures`), told and tried again.
    """

    def __init__(
        self, taps: Taps, fresh_for_s: float, board: Board, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._board = board
        self._monotonic_ns = monotonic_ns
        self._retry_ns: int | None = None
        self._writer: TapWriter | None = None
        if taps.folder and taps.is_shown:
            self._writer = TapWriter(Path(taps.folder), taps.stream, int(fresh_for_s * NS_PER_S), monotonic_ns)

    def leave(self, picture: Picture, matrix: Matrix) -> None:
        """Leave `picture`, which left the chain, for others."""
        writer = self._writer
        if writer is None or (self._retry_ns is not None and self._monotonic_ns() < self._retry_ns):
            return
        try:
            writer.write(picture, matrix)
            self._retry_ns = None
        except OSError as error:
            self._board.count("tap_failures")
            self._retry_ns = self._monotonic_ns() + TRY_AGAIN_NS
            log.warning("streams that show this one cannot: there is no room for its pictures", error=str(error))

    def close(self) -> None:
        """Leave nothing behind."""
        if self._writer is not None:
            self._writer.close()
