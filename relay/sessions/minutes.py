"""One session's minute, rendition by rendition, until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.sessions.middle import Middle
from relay.sessions.model import MinuteRow

if TYPE_CHECKING:
    from relay.sessions.model import Access

NS_PER_MINUTE: Final = 60_000_000_000
MS_PER_MINUTE: Final = 60_000
MAX_RENDITIONS: Final = 17
"""A request of still another one counts for the one without a name."""


class Slot:
    """One rendition in the minute."""

    __slots__ = ("buffer_ms_min", "bytes_sent", "http_errors", "latency", "media_ns", "requests", "throughput")

    def __init__(self) -> None:
        self.bytes_sent = self.requests = self.http_errors = self.media_ns = 0
        self.buffer_ms_min: int | None = None
        self.throughput, self.latency = Middle(), Middle()


class Minute:
    """What one session did in the minute that it is in. A late request counts for the minute in which it is noted."""

    __slots__ = ("_slots", "_stall_ms", "_stalls", "_watched_ns", "number", "until_ns")

    def __init__(self) -> None:
        self.number = self.until_ns = 0
        self._slots: dict[str, Slot] = {}
        self._stalls = self._stall_ms = self._watched_ns = 0

    def begin(self, at_ns: int) -> None:
        """It is another minute, that of `at_ns`."""
        self.number = at_ns // NS_PER_MINUTE
        self.until_ns = (self.number + 1) * NS_PER_MINUTE

    def skip(self, watched_ns: int, stalls: int, stall_ms: int) -> None:
        """So much was accounted for by an earlier process."""
        self._watched_ns, self._stalls, self._stall_ms = watched_ns, stalls, stall_ms

    def take(self, access: Access, media_ns: int) -> None:
        """Enter a request that brought `media_ns` of new main media."""
        name = access.rendition or ""
        slot = self._slots.get(name)
        if slot is None:
            if len(self._slots) >= MAX_RENDITIONS - 1:
                name = ""
            slot = self._slots.setdefault(name, Slot())
        slot.requests += 1
        slot.bytes_sent += access.bytes_sent
        slot.media_ns += media_ns
        if access.status >= 400:
            slot.http_errors += 1
        cmcd = access.cmcd
        if cmcd is None:
            return
        buffer_ms = cmcd.bl_ms
        if buffer_ms is not None:
            if slot.buffer_ms_min is None or buffer_ms < slot.buffer_ms_min:
                slot.buffer_ms_min = buffer_ms
            if access.media_at_ms is not None:
                slot.latency.add(max(0, access.at_ns // 1_000_000 - access.took_ms - access.media_at_ms + buffer_ms))
        if cmcd.mtp_kbps is not None:
            slot.throughput.add(cmcd.mtp_kbps)

    def finish(self, stream: str, session_id: str, watched_ns: int, stalls: int, stall_ms: int) -> list[MinuteRow]:
        """The rows of the minute, given the session's sums so far: each has its share of what they grew by.

        Stalls count for the rendition of which most was fetched.
        """
        grown_ns = max(0, watched_ns - self._watched_ns)
        new_stalls, new_stall_ms = max(0, stalls - self._stalls), max(0, stall_ms - self._stall_ms)
        self.skip(max(watched_ns, self._watched_ns), max(stalls, self._stalls), max(stall_ms, self._stall_ms))
        slots, self._slots = self._slots, {}
        if not slots:
            return []
        media_ns = sum(slot.media_ns for slot in slots.values())
        main = max(slots, key=lambda name: slots[name].media_ns)
        return [
            MinuteRow(
                minute_ms=self.number * MS_PER_MINUTE,
                stream_id=stream,
                session_id=session_id,
                rendition_id=name,
                watched_ms=_share(grown_ns, slot.media_ns, media_ns, is_main=name == main) // 1_000_000,
                bytes_sent=slot.bytes_sent,
                requests=slot.requests,
                http_errors=slot.http_errors,
                stall_count=new_stalls if name == main else 0,
                stall_ms=new_stall_ms if name == main else 0,
                buffer_ms_min=slot.buffer_ms_min,
                throughput_kbps=slot.throughput.value,
                latency_ms=slot.latency.value,
            )
            for name, slot in slots.items()
        ]


def _share(whole_ns: int, part_ns: int, parts_ns: int, *, is_main: bool) -> int:
    """A minute in which nothing new was fetched was watched from the buffer: of the main rendition."""
    if not parts_ns:
        return whole_ns if is_main else 0
    return whole_ns * part_ns // parts_ns
