"""Pictures that are drawn here and not captured: when it is time for the next one, and as which frame it goes on."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.pixels import video_frame
from relay.source.pacing import BREATH_S
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import av

    from relay.pixels import I420
    from relay.timeline import Grid

_LATE_NS: Final = NS_PER_S // 2
"""Further behind than this, pictures are left out: the machine is too slow, or its clock was set."""

_ITU709: Final = 1
_LIMITED_RANGE: Final = 1


def ticks(grid: Grid, unix_ns: Callable[[], int], sleep: Callable[[float], None]) -> Iterator[int | None]:
    """Slot after slot, each when it begins, and `None` after every breath in between. Without end."""
    slot = grid.slot_at(unix_ns()) + 1
    while True:
        while (wait_ns := grid.start_ns(slot) - unix_ns()) > 0:
            sleep(min(wait_ns / NS_PER_S, BREATH_S))
            yield None
        if -wait_ns > _LATE_NS:
            slot = grid.slot_at(unix_ns())
        yield slot
        slot += 1


def drawn_frame(i420: I420, time_ns: int) -> av.VideoFrame:
    """`i420`, which is not copied, as a frame of that time in BT.709 and limited range."""
    frame = video_frame(i420)
    frame.pts, frame.time_base = time_ns, Fraction(1, NS_PER_S)
    frame.colorspace, frame.color_range = _ITU709, _LIMITED_RANGE
    return frame
