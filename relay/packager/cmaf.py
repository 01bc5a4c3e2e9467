"""Access units in decode order become parts on the grid: pure.

A video part is `slots_per_part` pictures. The audio part beside the slots `[a, b)` holds the frames that end within
them, `[audio_frames_before(a), audio_frames_before(b))`. Number, index, `tfdt` and PROGRAM-DATE-TIME follow from the
grid.

Pictures that refer to later ones (B-frames) are decoded in another order than they are shown in. Then the n-th picture
of a segment is decoded in its n-th slot less the lead, so many slots earlier as the encoder moves pictures: so none is
decoded after it is shown, and composition offsets are never negative, which FFmpeg's reader would show late. A
segment's pictures are its own slots all the same (GOPs are closed), and its PROGRAM-DATE-TIME is when the first is
shown.

A packager may begin at any part (a worker that takes over) and may skip forward to a segment's start (a hole in time).
Anything else that is out of order is the encoder's fault, and raises `EncodeError` before a player sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.errors import EncodeError
from relay.model import Part
from relay.packager.boxes import Sample, fragment
from relay.packager.stored import sample_of, sets_of
from relay.timeline import SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME, aac_frame_start_ns

if TYPE_CHECKING:
    from relay.model import AccessUnit
    from relay.timeline import Grid

_SEQUENCE_MODULUS: Final = 1 << 32


class VideoPackager:
    """Parts of one video rendition: all of its pictures have the parameter sets of the first, which are in the init."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._next_slot: int | None = None
        self._lead = 0
        self._samples: list[Sample] = []
        self._parameter_sets: tuple[bytes, ...] | None = None

    def add(self, unit: AccessUnit) -> Part | None:
        """Take the next picture; the part that it completes, if it does. Raises `EncodeError`."""
        if self._next_slot is None:
            self._lead = unit.pts - unit.dts
        slot = unit.dts + self._lead
        self._check_order(unit, slot)
        self._check_parameter_sets(unit)
        offset_ticks = (unit.pts - unit.dts) * self._grid.ticks_per_slot
        self._samples.append(Sample(sample_of(unit), unit.is_idr, offset_ticks))
        self._next_slot = slot + 1
        return self._part(unit.rendition, self._next_slot) if self._next_slot % self._grid.slots_per_part == 0 else None

    def _part(self, rendition: str, end_slot: int) -> Part:
        grid, samples = self._grid, self._samples
        self._samples = []
        slot = end_slot - grid.slots_per_part
        return Part(
            rendition,
            grid.msn(slot),
            grid.part_index(slot),
            start_ticks=grid.tfdt(slot - self._lead),
            duration_ticks=len(samples) * grid.ticks_per_slot,
            timescale=grid.timescale,
            pdt_ns=grid.start_ns(slot),
            is_independent=samples[0].is_sync,
            is_last=grid.starts_segment(end_slot),
            data=fragment(_sequence_number(grid, slot), grid.tfdt(slot - self._lead), grid.ticks_per_slot, samples),
        )

    def _check_order(self, unit: AccessUnit, slot: int) -> None:
        grid = self._grid
        starts_segment = grid.starts_segment(slot)
        if slot != self._next_slot:
            if self._next_slot is not None and (slot < self._next_slot or not starts_segment):
                raise EncodeError(f"the picture of slot {slot} came where slot {self._next_slot} was next")
            if slot % grid.slots_per_part:
                raise EncodeError(f"the first picture is slot {slot}, which begins no part")
            if not unit.is_idr:
                raise EncodeError(f"the first picture, slot {slot}, is no IDR picture")
            # What the part before the hole had so far is not sent: half a part is none.
            self._samples = []
        elif starts_segment and not unit.is_idr:
            raise EncodeError(f"slot {slot} begins a segment and is no IDR picture")
        if unit.is_idr and unit.pts != slot:
            raise EncodeError(f"the IDR picture of slot {unit.pts} came where slot {slot} was next to be decoded")

    def _check_parameter_sets(self, unit: AccessUnit) -> None:
        """The init segment has those of the first; what needs others would be decoded wrongly, or not at all."""
        found = sets_of(unit) if unit.is_idr else ()
        if self._parameter_sets is None:
            self._parameter_sets = found
        elif found and found != self._parameter_sets:
            raise EncodeError(f"the parameter sets changed at slot {unit.dts}")


class AudioPackager:
    """Parts of one audio rendition, on the grid of the video beside it. Every one of them is independent."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._next_frame: int | None = None
        self._end_slot = 0
        self._samples: list[Sample] = []

    def add(self, unit: AccessUnit) -> Part | None:
        """Take the next AAC frame; the part that it completes, if it does. Raises `EncodeError`."""
        frame = unit.dts
        if frame != self._next_frame:
            self._begin(frame)
        self._samples.append(Sample(unit.data, is_sync=True))
        self._next_frame = frame + 1
        if self._next_frame < self._grid.audio_frames_before(self._end_slot):
            return None
        return self._part(unit.rendition)

    def _begin(self, frame: int) -> None:
        """Start, or go on after a hole, with `frame`."""
        grid = self._grid
        end_slot = _end_slot_of_part_with(grid, frame)
        first_slot = end_slot - grid.slots_per_part
        begins_part = frame == grid.audio_frames_before(first_slot)
        if self._next_frame is not None:
            begins_segment = begins_part and grid.starts_segment(first_slot)
            if frame < self._next_frame or not begins_segment:
                raise EncodeError(f"AAC frame {frame} came where {self._next_frame} was next")
        if not begins_part:
            raise EncodeError(f"the first AAC frame is {frame}, which begins no part")
        self._end_slot = end_slot
        self._samples = []

    def _part(self, rendition: str) -> Part:
        grid, samples, end_slot = self._grid, self._samples, self._end_slot
        self._samples = []
        self._end_slot += grid.slots_per_part
        slot = end_slot - grid.slots_per_part
        frame = grid.audio_frames_before(slot)
        start_ticks = frame * SAMPLES_PER_AAC_FRAME
        return Part(
            rendition,
            grid.msn(slot),
            grid.part_index(slot),
            start_ticks=start_ticks,
            duration_ticks=len(samples) * SAMPLES_PER_AAC_FRAME,
            timescale=SAMPLE_RATE_HZ,
            pdt_ns=aac_frame_start_ns(frame),
            is_independent=True,
            is_last=grid.starts_segment(end_slot),
            data=fragment(_sequence_number(grid, slot), start_ticks, SAMPLES_PER_AAC_FRAME, samples),
        )


def _sequence_number(grid: Grid, slot: int) -> int:
    """`mfhd`'s running number: of parts since the epoch, as far as 32 bits go."""
    return slot // grid.slots_per_part % _SEQUENCE_MODULUS


def _end_slot_of_part_with(grid: Grid, frame: int) -> int:
    """The slot before which the part that holds AAC frame `frame` ends: the first part border at or after its end."""
    slots_to_end = (frame + 1) * SAMPLES_PER_AAC_FRAME * grid.rate / SAMPLE_RATE_HZ
    return -(-slots_to_end // grid.slots_per_part) * grid.slots_per_part
