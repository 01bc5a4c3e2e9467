"""One movie fragment of one track (ISO/IEC 14496-12 §8.8): `moof` and `mdat`, as in CMAF (ISO/IEC 23000-19 §7.3.2).

moof
    mfhd     sequence number
    traf
        tfhd     track 1, data offsets from this moof; duration and flags of every sample, where all are alike
        tfdt     decode time of the first sample, 64 bits: the epoch's ticks need 47
        trun     size (and, if they differ, duration, flags and composition offset) of each sample
mdat         the samples
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

TRACK_ID: Final = 1
_BOX_HEADER_BYTES: Final = 8
_TRUN_HEAD_BYTES: Final = 20
"""Header, version and flags, sample_count, data_offset."""

_TFHD_DEFAULT_BASE_IS_MOOF: Final = 0x02_0000
_TFHD_SAMPLE_DURATION: Final = 0x00_0008
_TFHD_SAMPLE_FLAGS: Final = 0x00_0020
_TRUN_DATA_OFFSET: Final = 0x001
_TRUN_SAMPLE_DURATION: Final = 0x100
_TRUN_SAMPLE_SIZE: Final = 0x200
_TRUN_SAMPLE_FLAGS: Final = 0x400
_TRUN_COMPOSITION_OFFSET: Final = 0x800

_SYNC: Final = 0x0200_0000
"""sample_depends_on = 2: on no other sample."""

_NON_SYNC: Final = 0x0101_0000
"""sample_depends_on = 1, sample_is_non_sync_sample = 1."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: its bytes, whether decoding can start at it, and how many ticks after its decode time it is shown.

    `duration_ticks` is 0 where it lasts as long as the fragment says of all.
    """

    data: bytes
    is_sync: bool
    composition_offset_ticks: int = 0
    duration_ticks: int = 0

    @property
    def flags(self) -> int:
        """`sample_flags` (ISO/IEC 14496-12 §8.8.3.1)."""
        return _SYNC if self.is_sync else _NON_SYNC


def fragment(sequence_number: int, decode_time_ticks: int, sample_ticks: int, samples: Sequence[Sample]) -> bytes:
    """`moof` and `mdat` with `samples`, each `sample_ticks` long if it does not say otherwise itself.

    The first is decoded at `decode_time_ticks`.
    """
    payload = b"".join(sample.data for sample in samples)
    shared_flags = samples[0].flags if len({sample.flags for sample in samples}) == 1 else None
    mfhd = full_box(b"mfhd", 0, 0, struct.pack(">I", sequence_number))
    tfhd = _tfhd(sample_ticks, shared_flags)
    tfdt = full_box(b"tfdt", 1, 0, struct.pack(">Q", decode_time_ticks))
    flags, rows = _rows(samples, sample_ticks, has_flags=shared_flags is None)
    # From the start of moof to behind the header of mdat; traf has a header too.
    data_offset = 3 * _BOX_HEADER_BYTES + len(mfhd) + len(tfhd) + len(tfdt) + _TRUN_HEAD_BYTES + len(rows)
    # Version 1, because its composition offsets are signed: a picture may be shown before its nominal decode time.
    trun = full_box(b"trun", 1, flags, struct.pack(">Ii", len(samples), data_offset), rows)
    return box(b"moof", mfhd, box(b"traf", tfhd, tfdt, trun)) + box(b"mdat", payload)


def _tfhd(sample_ticks: int, shared_flags: int | None) -> bytes:
    flags = _TFHD_DEFAULT_BASE_IS_MOOF | _TFHD_SAMPLE_DURATION
    defaults = struct.pack(">II", TRACK_ID, sample_ticks)
    if shared_flags is not None:
        flags |= _TFHD_SAMPLE_FLAGS
        defaults += shared_flags.to_bytes(4, "big")
    return full_box(b"tfhd", 0, flags, defaults)


def _rows(samples: Sequence[Sample], sample_ticks: int, *, has_flags: bool) -> tuple[int, bytes]:
    """The flags of `trun` that say what is in its rows, and these: one for each sample."""
    has_durations = any(sample.duration_ticks not in {0, sample_ticks} for sample in samples)
    has_offsets = any(sample.composition_offset_ticks for sample in samples)
    flags = _TRUN_DATA_OFFSET | _TRUN_SAMPLE_SIZE
    flags |= _TRUN_SAMPLE_DURATION if has_durations else 0
    flags |= _TRUN_SAMPLE_FLAGS if has_flags else 0
    flags |= _TRUN_COMPOSITION_OFFSET if has_offsets else 0
    rows = bytearray()
    for sample in samples:
        if has_durations:
            rows += struct.pack(">I", sample.duration_ticks or sample_ticks)
        rows += struct.pack(">I", len(sample.data))
        if has_flags:
            rows += struct.pack(">I", sample.flags)
        if has_offsets:
            rows += struct.pack(">i", sample.composition_offset_ticks)
    return flags, bytes(rows)


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """A box that begins with its version and flags (ISO/IEC 14496-12 §4.2)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box: its length, its kind, and what is in it."""
    return struct.pack(">I4s", _BOX_HEADER_BYTES + sum(map(len, payload)), kind) + b"".join(payload)
