"""Packets that are passed on without being decoded: when each is to be shown, on the relay's clock.

Of a connection's packets the first moments are held back, since what a server sends at once after connecting says
nothing of the camera's own rhythm. From then on all of a keyframe's packets get one offset, and from one keyframe to
the next it follows the clock by no more than a hundredth of a second: motion stays as even as the camera made it. Only
what the source says that it is late by is followed at once, since nothing came in that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from relay.timeline import NS_PER_S, timestamp_ns

if TYPE_CHECKING:
    from av.packet import Packet

    from relay.decode.clock import SourceClock
    from relay.decode.guard import TimestampGuard

SETTLE_NS: Final = 700_000_000
"""How long the fastest packet is looked for before the first is let go."""

MAX_STEP_NS: Final = 10_000_000
"""A third of a frame at 30 a second: what nobody sees. Over a GOP of two seconds it follows 5000 ppm."""

BROKEN_NS: Final = NS_PER_S
"""An offset this far from the clock's own is another clock, or another line of timestamps."""

_USUAL_RATE: Final = Fraction(25)


@dataclass(frozen=True, slots=True)
class CopiedVideo:
    """One packet: to be shown at `time_ns`, as `data` in the form that `extradata` says.

    `line` counts the lines of time: two packets of different ones do not follow each other.
    """

    time_ns: int
    line: int
    data: bytes
    codec: str
    extradata: bytes


class _Waiting(NamedTuple):
    packet: Packet[Any]
    pts_ns: int | None


class PacketCopier:
    """Of one connection. `guard` and `clock` are the connection's, by which its sound is placed too.

    `offset_ns` is what lies between the guarded timestamps and the relay's clock; `None` until it has settled.
    """

    def __init__(self, guard: TimestampGuard, clock: SourceClock, rate: Fraction | None) -> None:
        self.offset_ns: int | None = None
        self._guard = guard
        self._clock = clock
        self._period_ns = int(NS_PER_S / (rate or _USUAL_RATE))
        self._waiting: list[_Waiting] = []
        self._first_arrival_ns: int | None = None
        self._last_pts_ns = 0
        self._line = 0
        self._behind_ns = clock.behind_ns

    def take(self, packet: Packet[Any], arrival_ns: int) -> list[CopiedVideo]:
        """What can be passed on now that `packet` came."""
        pts_ns = self._checked(packet, arrival_ns)
        if pts_ns is not None:
            self._clock.time_ns(pts_ns, arrival_ns)
        if self.offset_ns is not None:
            return [self._copied(packet, pts_ns, self.offset_ns)]
        self._waiting.append(_Waiting(packet, pts_ns))
        if self._first_arrival_ns is None:
            self._first_arrival_ns = arrival_ns
        if arrival_ns - self._first_arrival_ns < SETTLE_NS or self._clock.offset_ns is None:
            return []
        self.offset_ns = offset_ns = self._clock.offset_ns
        waiting, self._waiting = self._waiting, []
        # Packets without a time at the start (RTSP, before the first report) lie one after the other before the rest.
        known = [one.pts_ns for one in waiting if one.pts_ns is not None]
        self._last_pts_ns = min(known) - (len(waiting) - len(known) + 1) * self._period_ns
        return [self._copied(one.packet, one.pts_ns, offset_ns) for one in waiting]

    def _checked(self, packet: Packet[Any], arrival_ns: int) -> int | None:
        """The packet's presentation time on the guarded line of timestamps, if it has one.

        The guard hears the decoding time, which rises. A packet is never left out for its time: others may need it.
        """
        pts_ns, dts_ns = timestamp_ns(packet.pts, packet.time_base), timestamp_ns(packet.dts, packet.time_base)
        checked_ns = self._guard.check(pts_ns if dts_ns is None else dts_ns, arrival_ns)
        return checked_ns if pts_ns is None else pts_ns + self._guard.shift_ns

    def _copied(self, packet: Packet[Any], pts_ns: int | None, offset_ns: int) -> CopiedVideo:
        if packet.is_keyframe:
            offset_ns = self._follow_the_clock(offset_ns)
        self._last_pts_ns = self._last_pts_ns + self._period_ns if pts_ns is None else pts_ns
        codec = packet.stream.codec_context
        time_ns = self._last_pts_ns + offset_ns
        return CopiedVideo(time_ns, self._line, bytes(packet), codec.name, codec.extradata or b"")

    def _follow_the_clock(self, offset_ns: int) -> int:
        error_ns = (offset_ns if self._clock.offset_ns is None else self._clock.offset_ns) - offset_ns
        is_told, self._behind_ns = self._clock.behind_ns != self._behind_ns, self._clock.behind_ns
        if abs(error_ns) > BROKEN_NS:
            self._line += 1
        elif not is_told:
            error_ns = max(-MAX_STEP_NS, min(MAX_STEP_NS, error_ns))
        self.offset_ns = offset_ns + error_ns
        return self.offset_ns
