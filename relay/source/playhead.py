"""Where the packets of a file lie in time: on one line with its earlier rounds, and with the files before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from relay.source.pacing import Pacer
from relay.timeline import NS_PER_S, timestamp_ns

if TYPE_CHECKING:
    from av.packet import Packet

_UNKNOWN_LENGTH_NS: Final = NS_PER_S // 25
_BACK_NS: Final = NS_PER_S
"""Timestamps that step back by more have begun anew."""


class Playhead:
    """Media time that goes on, in nanoseconds; `offset_ns` is what a packet's own time has to be moved by."""

    def __init__(self) -> None:
        self.offset_ns = 0
        self._pacer = Pacer()
        self._first_ns: int | None = None
        self._end_ns = 0
        self._last_ns: dict[int, int] = {}
        self._length_ns: dict[int, int] = {}

    def due_ns(self, packet: Packet[Any]) -> int:
        """When `packet` is due: its decoding time; where it has none (raw H.264), behind the one before."""
        stream, time_base = packet.stream_index, packet.time_base
        if own_length_ns := timestamp_ns(packet.duration, time_base):
            self._length_ns[stream] = own_length_ns
        length_ns = self._length_ns.get(stream, _UNKNOWN_LENGTH_NS)
        here_ns = timestamp_ns(packet.pts if packet.dts is None else packet.dts, time_base)
        if here_ns is None:
            here_ns = self._last_ns.get(stream, -length_ns) + length_ns
        if here_ns < self._last_ns.get(stream, here_ns) - _BACK_NS:
            self._pacer.restart()
        self._last_ns[stream] = here_ns
        self._first_ns = here_ns if self._first_ns is None else min(self._first_ns, here_ns)
        self._end_ns = max(self._end_ns, here_ns + length_ns)
        return here_ns + self.offset_ns

    def release_ns(self, packet: Packet[Any], now_ns: int, *, has_run_dry: bool = False) -> int:
        """When `packet` is to be let go, see `Pacer.release_ns`."""
        return self._pacer.release_ns(self.due_ns(packet), now_ns, has_run_dry=has_run_dry)

    @property
    def delayed_ns(self) -> int:
        """See `Pacer`."""
        return self._pacer.delayed_ns

    def begins_at(self, first_ns: int) -> None:
        """The file's own beginning, for one of which the first round plays only the rest."""
        self._first_ns = first_ns

    def next_round(self) -> None:
        """From here on the file starts again, right behind its own end."""
        self.offset_ns += self._end_ns - (self._first_ns or 0)
        self._last_ns.clear()

    def next_file(self, first_ns: int) -> None:
        """From here on another file plays, whose own time begins at `first_ns`, right behind the end of this one."""
        self.offset_ns += self._end_ns - first_ns
        self._first_ns, self._end_ns = first_ns, first_ns
        self._last_ns.clear()
        self._length_ns.clear()
