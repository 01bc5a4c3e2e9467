"""Pictures again, out of the access units that a ladder's largest rung became: what a rung that slept is made of."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import av
import structlog

from relay.decode import to_i420

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from av.packet import Packet
    from numpy.typing import NDArray

    from relay.model import AccessUnit, Matrix
    from relay.worker.ring import Place, Ring

log = structlog.get_logger()

WAIT_S: Final = 5.0
"""For the next unit: the slot line fills a slot whatever its camera does, and no encoder looks ahead that far."""


class Replay:
    """The pictures of a ring from `place` on, slot by slot. One thread.

    They come in the order in which they are shown, whatever the order of decoding. `next_slot` is the one to come.
    """

    def __init__(self, ring: Ring, place: Place, matrix: Matrix) -> None:
        self.next_slot = place.slot
        self._ring = ring
        self._matrix = matrix
        self._next_number = place.number
        self._units: deque[AccessUnit] = deque()
        self._inside: set[int] = set()
        self._decoded: deque[av.VideoFrame] = deque()
        self._is_drained = False
        self._decoder = av.CodecContext.create("h264", "r")
        # With threads of its own (frame threads) it was seen to hang for ever, now and then, under PyAV 18.
        self._decoder.thread_count = 1

    @property
    def backlog(self) -> int:
        """How many units are known and not decoded yet."""
        return len(self._units)

    def pictures(self, until: Callable[[], int | None]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Each slot and its picture, up to the slot before `until()`, as soon as that is known.

        It ends earlier, with `next_slot` below that, where the ring has lost what comes next, or nothing comes.
        """
        while (end := until()) is None or self.next_slot < end:
            if self._decoded:
                slot, frame = self.next_slot, self._decoded.popleft()
                if frame.pts != slot:
                    return
                self.next_slot = slot + 1
                yield slot, to_i420(frame, self._matrix)
            elif not self._decode_more(end):
                return

    def _decode_more(self, end: int | None) -> bool:
        """Have the decoder give more: all that it holds, where that is all there is before `end`. Whether it can."""
        if self._is_drained:
            return False
        if not self._units:
            if end is not None and self._inside.issuperset(range(self.next_slot, end)):
                self._is_drained = True
                return self._decode(None)
            units = self._ring.read(self._next_number, WAIT_S)
            if not units:
                return False
            self._next_number += len(units)
            self._units.extend(units)
        unit = self._units.popleft()
        self._inside.add(unit.pts)
        packet = av.Packet(unit.data)
        packet.pts, packet.dts, packet.time_base = unit.pts, unit.dts, 1 / self._ring.grid.rate
        return self._decode(packet)

    def _decode(self, packet: Packet[Any] | None) -> bool:
        try:
            frames = self._decoder.decode(packet)
        except (av.FFmpegError, EOFError, ValueError) as error:
            log.warning("what was sent cannot be decoded again", error=str(error))
            return False
        self._inside.difference_update(frame.pts for frame in frames if frame.pts is not None)
        self._decoded.extend(frames)
        return True
