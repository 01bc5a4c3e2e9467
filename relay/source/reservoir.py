"""What was read before it is due, and how much of it there has to be before it is given out again: pure.

Segments come whole, and not one exactly as long after the other as they last: FFmpeg looks for the next one every few
hundred milliseconds at best. Who plays the newest as soon as it is there runs dry again with the next. So once this has
run dry, what comes is held back until there is more than one segment of it; or, where no more is to be had, for as long
as lies between two of them.
"""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Final, Generic, NamedTuple, TypeVar

from relay.timeline import NS_PER_S

T = TypeVar("T")


class _Read(NamedTuple, Generic[T]):
    item: T
    size_bytes: int
    media_ns: int
    came_ns: int


class Reservoir(Generic[T]):
    """A queue of what was read. All times are nanoseconds: `media_ns` of the media, the others of one clock.

    It drops nothing. When it `is_full` its reader has to wait; what leaves the playlist meanwhile is lost.
    """

    MAX_BYTES: Final = 64 * 2**20
    MAX_AGE_NS: Final = 60 * NS_PER_S
    """Three segments of ten seconds may come at once, and a pause of the origin adds its own length, up to 15 s."""

    LATE_NS: Final = 40_000_000
    """What is less late than this is waited for downstream, as a camera's frames are."""

    GAP_NS: Final = NS_PER_S // 5
    """The packets of one segment come faster one behind the other."""
    USUAL_GAPS: Final = 5
    REFILL_GAPS: Final = 1.5
    MAX_REFILL_NS: Final = 2 * NS_PER_S
    """A viewer waits no longer for pictures that are there."""

    def __init__(self) -> None:
        self.has_run_dry = False
        """Whether what was given last had been waited for, and came too late."""
        self._reads: deque[_Read[T]] = deque()
        self._size_bytes = 0
        self._is_finished = False
        self._gaps_ns: deque[int] = deque(maxlen=self.USUAL_GAPS)
        self._newest_media_ns = 0
        self._newest_came_ns: int | None = None
        self._given_media_ns: int | None = None
        self._asked_ns: int | None = None

    @property
    def is_spent(self) -> bool:
        """Whether all was given, and no more comes."""
        return self._is_finished and not self._reads

    def is_full(self, now_ns: int) -> bool:
        """Whether no more is to be read for now."""
        is_old = bool(self._reads) and now_ns - self._reads[0].came_ns >= self.MAX_AGE_NS
        return is_old or self._size_bytes >= self.MAX_BYTES

    def put(self, item: T, size_bytes: int, media_ns: int | None, now_ns: int) -> None:
        """`item` was read just now. `media_ns`: its decoding time; `None`: that of the one before."""
        if self._newest_came_ns is not None and now_ns - self._newest_came_ns > self.GAP_NS:
            self._gaps_ns.append(now_ns - self._newest_came_ns)
        self._newest_media_ns = self._newest_media_ns if media_ns is None else media_ns
        self._newest_came_ns = now_ns
        self._reads.append(_Read(item, size_bytes, self._newest_media_ns, now_ns))
        self._size_bytes += size_bytes

    def take(self, now_ns: int) -> T | None:
        """The oldest, asked for as soon as the one before it was shown; `None`: there is none that is to be shown."""
        if not self._reads:
            self._asked_ns = now_ns if self._asked_ns is None else self._asked_ns
            return None
        read = self._reads[0]
        is_late = self._is_late(read)
        if is_late and not self._is_refilled(read, now_ns):
            return None
        self._reads.popleft()
        self._size_bytes -= read.size_bytes
        self._given_media_ns, self._asked_ns, self.has_run_dry = read.media_ns, None, is_late
        return read.item

    def finish(self) -> None:
        """No more comes."""
        self._is_finished = True

    def _is_late(self, read: _Read[T]) -> bool:
        """Whether `read` came after it should have been shown: as long after the one before it as it lies behind it."""
        if self._asked_ns is None or self._given_media_ns is None:
            return False
        due_ns = self._asked_ns + max(0, read.media_ns - self._given_media_ns)
        return read.came_ns - due_ns > self.LATE_NS

    def _is_refilled(self, oldest: _Read[T], now_ns: int) -> bool:
        usual_gap_ns = median(self._gaps_ns) if self._gaps_ns else 0
        is_enough = self._newest_media_ns - oldest.media_ns >= self.REFILL_GAPS * usual_gap_ns
        has_waited = now_ns - oldest.came_ns >= min(usual_gap_ns, self.MAX_REFILL_NS)
        return is_enough or has_waited or self._is_finished
