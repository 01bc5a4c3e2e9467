"""The newest picture as JPEG, every so often, for the supervisor and for whoever asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay import slate, wire

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.model import Matrix
    from relay.worker.link import Link

JPEG_QUALITY: Final = 80


class Snapshots:
    """One every `every_ns` at most. Used by one thread."""

    def __init__(self, link: Link, every_ns: int) -> None:
        self._link = link
        self._every_ns = every_ns
        self._due_ns = 0

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time for one. It is asked before the picture is made: that may be the larger part of it."""
        if now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + self._every_ns
        return True

    def send(self, i420: NDArray[np.uint8], time_ns: int, matrix: Matrix) -> None:
        """Send the picture captured at `time_ns`."""
        self._link.send(wire.Snapshot(time_ns, slate.to_jpeg(i420, JPEG_QUALITY, matrix)))
