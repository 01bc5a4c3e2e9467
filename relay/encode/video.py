"""Pictures on the grid become coded ones: one access unit a slot, and an IDR picture exactly where it is asked for.

How soon they come out is the stream's latency profile: at once (`low`), or when the encoder has seen what comes next,
and spent its bits accordingly (`balanced`), which then may be shown first (`quality`: B-frames, in closed GOPs).

The encoder knows nothing of segments but their length, which it needs for one promise: no segment is larger than
`bandwidth_bps` says. x264's buffer model (VBV) keeps it: a run of pictures is at most `maxrate * time + bufsize` bits.
x265 does so too; hardware is told the same, and keeps to it nearly. SVT-AV1 does not, and is given the last picture
again, an IDR picture's slot excepted, as long as there is no room for another in a buffer of ours (`bucket.py`).
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import av

from relay.encode.bucket import Bucket
from relay.encode.choice import Choice
from relay.encode.coder import Coder
from relay.encode.encoders import buffer_bits
from relay.errors import EncodeError
from relay.timeline import Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.model import AccessUnit, Rung, StreamFormat

PART_OVERHEAD_BYTES: Final = 128
"""`moof` and `mdat` without what each picture adds: 104 bytes as the packager writes them, and some to spare."""

PICTURE_OVERHEAD_BYTES: Final = 20
"""A picture's row in `trun` (12) and the bytes by which lengths exceed start codes (one a slice)."""

_CHOICE: Final = Choice()
"""One for the process: what works is found out once."""


class VideoEncoder:
    """One rendition's encoder. It is made, used and closed in one thread. `name` is FFmpeg's of what encodes.

    The same rung gives byte-identical parameter sets at every start, so that a worker that takes over goes on with the
    init segment that players already have. Slots are the rung's own. `repeats` counts those in which the last picture
    was encoded again, for the rate's sake.
    """

    def __init__(self, stream: StreamFormat, rung: Rung, choice: Choice = _CHOICE) -> None:
        self._rendition = rung.name
        self._shape = (rung.height * 3 // 2, rung.width)
        self._last_slot: int | None = None
        grid = Grid.of(stream).at(rung.rate)
        self.average_bandwidth_bps = rung.bitrate_kbps * 1000 + _overhead_bps(grid)
        self.bandwidth_bps = self.average_bandwidth_bps + math.ceil(buffer_bits(rung) / grid.segment_s)
        encoder, coder = choice.open(stream, rung)
        self.name = encoder.name
        self.repeats = 0
        self._slot_s = float(1 / rung.rate)
        self._bucket = None if encoder.keeps_buffer else Bucket(rung.bitrate_kbps * 1000, buffer_bits(rung))
        self._again: NDArray[np.uint8] | None = None
        self._holds_back = encoder.holds_back
        self._coder: Coder | None = coder
        self._open_again = partial(Coder, encoder, stream, rung)
        self._is_closed = False

    def encode(self, i420: NDArray[np.uint8], slot: int, *, is_idr: bool) -> list[AccessUnit]:
        """The access units that are ready now that `slot` came: its own, or, in decoding order, of some before it.

        `i420` is as in `model.Picture` and may be reused as soon as this returns. Slots rise, and may skip: what is
        held back then comes at once, and the picture behind the hole is an IDR picture. Raises `EncodeError`.
        """
        if self._is_closed:
            raise EncodeError(f"the encoder of {self._rendition} is closed")
        if i420.shape != self._shape:
            raise EncodeError(f"a picture of shape {i420.shape} came where {self._shape} is sent")
        if self._last_slot is not None and slot <= self._last_slot:
            raise EncodeError(f"slot {slot} came after slot {self._last_slot}")
        held: list[AccessUnit] = []
        if self._last_slot is not None and slot != self._last_slot + 1:
            held = self.flush()
            self._pass_over(slot - self._last_slot - 1)
        self._last_slot = slot
        given = i420 if is_idr or self._again is None else self._again
        try:
            self._coder = self._coder or self._open_again()
            units = self._coder.encode(given, slot, is_idr=is_idr)
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"slot {slot} cannot be encoded: {error}") from error
        self._account(units, given, is_idr=is_idr)
        return held + units

    def _pass_over(self, slots: int) -> None:
        """Nothing was sent in `slots`, and what was shown before them is not shown again."""
        self._again = None
        if self._bucket is not None:
            self._bucket.drain(slots * self._slot_s)

    def _account(self, units: list[AccessUnit], given: NDArray[np.uint8], *, is_idr: bool) -> None:
        """Put what a slot gave into the bucket, and keep the picture of it where there is room for no other."""
        if self._bucket is None:
            return
        is_repeat = given is self._again
        for unit in units:
            self._bucket.fill(len(unit.data))
            # An IDR picture says nothing of the next, which has it to go by, and a repeat is next to nothing.
            if not is_idr and not is_repeat:
                self._bucket.expect(len(unit.data))
        self._bucket.drain(self._slot_s)
        if is_repeat:
            self.repeats += 1
        if self._bucket.has_room:
            self._again = None
        elif not is_repeat:
            # Its own bytes: the caller may paint over them.
            self._again = given.copy()

    def flush(self) -> list[AccessUnit]:
        """All that is held back; what comes after it begins anew. Raises `EncodeError`."""
        if self._coder is None or not self._holds_back:
            return []
        coder, self._coder = self._coder, None
        try:
            return coder.flush()
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"what is held back before slot {self._last_slot} cannot be had: {error}") from error

    def close(self) -> None:
        """Give the encoder's memory back. Idempotent; what was not flushed is lost."""
        self._is_closed = True
        if self._coder is not None:
            self._coder.close()
        self._coder = None


def _overhead_bps(grid: Grid) -> int:
    """What the container adds to each segment, as a bit rate."""
    segment_bytes = grid.parts_per_segment * PART_OVERHEAD_BYTES + grid.slots_per_segment * PICTURE_OVERHEAD_BYTES
    return math.ceil(segment_bytes * 8 / grid.segment_s)
