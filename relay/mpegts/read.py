"""Samples out of the fragments that `packager.boxes` writes, and parameter sets out of `avcC` (ISO/IEC 14496-12, -15).

No general reader: one track, all offsets from the `moof`, durations in `tfhd` or `trun`, and a `trun` that says every
size. `check.boxes` is the one that believes nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOX_HEADER_BYTES: Final = 8
_FULL_BOX_HEADER_BYTES: Final = 12
_TFHD_SAMPLE_FLAGS: Final = 0x00_0020
_TRUN_SAMPLE_DURATION: Final = 0x100
_TRUN_SAMPLE_FLAGS: Final = 0x400
_TRUN_COMPOSITION_OFFSET: Final = 0x800
_NON_SYNC: Final = 0x0001_0000
_AVCC_SETS_AT: Final = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample. Its times are ticks of its rendition's timescale, `decoded` and so `shown` since the epoch."""

    decoded: int
    shown: int
    duration: int
    is_sync: bool
    data: bytes


def samples(segment: bytes) -> Iterator[Sample]:
    """The samples of a segment in decoding order."""
    for kind, at, end in _boxes(segment, 0, len(segment)):
        if kind == b"moof":
            yield from (sample for sample, _ in _samples(segment, at, end))


def leading_keyframe_bytes(segment: bytes) -> int:
    """How many bytes of a segment, from its first, hold its first sample with its `moof`, if that is a keyframe.

    0 where it is none, and where it cannot be read: who asks for this serves others as well.
    """
    try:
        at, end = next((at, end) for kind, at, end in _boxes(segment, 0, len(segment)) if kind == b"moof")
        first, ends_at = next(_samples(segment, at, end))
    except (KeyError, StopIteration, struct.error):
        return 0
    return ends_at if first.is_sync and ends_at <= len(segment) else 0


def parameter_sets(init: bytes) -> tuple[bytes, ...]:
    """The sequence and picture parameter sets in `avcC` of an init segment. Raises `ValueError` if it has none."""
    at = init.find(b"avcC") + 4
    if at < _BOX_HEADER_BYTES:
        raise ValueError("the init segment has no avcC")
    at += _AVCC_SETS_AT
    sets: list[bytes] = []
    for mask in (0x1F, 0xFF):  # numOfSequenceParameterSets has five bits
        count, at = init[at] & mask, at + 1
        for _ in range(count):
            (size,) = struct.unpack_from(">H", init, at)
            sets.append(init[at + 2 : at + 2 + size])
            at += 2 + size
    if not sets:
        raise ValueError("avcC holds no parameter sets")
    return tuple(sets)


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each box in `data[at:end]`."""
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + size
        at += max(size, _BOX_HEADER_BYTES)  # what claims none would never end


def _samples(data: bytes, moof_at: int, moof_end: int) -> Iterator[tuple[Sample, int]]:
    """The samples of a fragment, and where in `data` each ends."""
    inner = {kind: at for kind, at, _ in _inner_boxes(data, moof_at, moof_end)}
    (tfhd_flags,) = struct.unpack_from(">I", data, inner[b"tfhd"] + _BOX_HEADER_BYTES)
    _, shared_duration = struct.unpack_from(">II", data, inner[b"tfhd"] + _FULL_BOX_HEADER_BYTES)
    has_shared_flags = bool(tfhd_flags & _TFHD_SAMPLE_FLAGS)
    shared_flags_at = inner[b"tfhd"] + _FULL_BOX_HEADER_BYTES + 8
    shared_flags = struct.unpack_from(">I", data, shared_flags_at)[0] if has_shared_flags else 0
    (decoded,) = struct.unpack_from(">Q", data, inner[b"tfdt"] + _FULL_BOX_HEADER_BYTES)
    flags, count, data_offset = struct.unpack_from(">IIi", data, inner[b"trun"] + _BOX_HEADER_BYTES)
    row = struct.Struct(
        f">{'I' if flags & _TRUN_SAMPLE_DURATION else ''}I{'I' if flags & _TRUN_SAMPLE_FLAGS else ''}"
        f"{'i' if flags & _TRUN_COMPOSITION_OFFSET else ''}"
    )
    rows_at, media_at = inner[b"trun"] + _FULL_BOX_HEADER_BYTES + 8, moof_at + data_offset
    for number in range(count):
        fields = iter(row.unpack_from(data, rows_at + number * row.size))
        duration = next(fields) if flags & _TRUN_SAMPLE_DURATION else shared_duration
        size = next(fields)
        sample_flags = next(fields) if flags & _TRUN_SAMPLE_FLAGS else shared_flags
        offset = next(fields) if flags & _TRUN_COMPOSITION_OFFSET else 0
        is_sync = not sample_flags & _NON_SYNC
        sample = Sample(decoded, decoded + offset, duration, is_sync, data[media_at : media_at + size])
        yield sample, media_at + size
        decoded, media_at = decoded + duration, media_at + size


def _inner_boxes(data: bytes, moof_at: int, moof_end: int) -> Iterator[tuple[bytes, int, int]]:
    for kind, at, end in _boxes(data, moof_at + _BOX_HEADER_BYTES, moof_end):
        if kind == b"traf":
            yield from _boxes(data, at + _BOX_HEADER_BYTES, end)
