"""When a camera says that it captured a packet: RTCP sender reports pair its RTP clock with its own wall clock.

FFmpeg hands that on, packet by packet, as a *producer reference time* (AVProducerReferenceTime: `int64` microseconds of
the Unix epoch, `int` flags), once the first report has come (RFC 3550 §6.4.1), which takes about five seconds.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from relay.timeline import timestamp_ns

if TYPE_CHECKING:
    from av.packet import Packet

_WALLCLOCK_US: Final = struct.Struct("=q")


def capture_offset_ns(packet: Packet[Any]) -> int | None:
    """What to add to the packet's timestamp for the camera's own Unix time in ns; `None` where it does not say."""
    told, pts_ns = packet.get_sidedata("prft"), timestamp_ns(packet.pts, packet.time_base)
    if pts_ns is None or told.data_size < _WALLCLOCK_US.size:
        return None
    (wallclock_us,) = _WALLCLOCK_US.unpack_from(told)
    return int(wallclock_us * 1000) - pts_ns
