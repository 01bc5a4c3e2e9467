"""Reads ISO base media files: boxes, initialization segments, fragments (ISO/IEC 14496-12). Pure, and judges nothing.

`BoxError` is raised for bytes that are not what their own lengths say; all else is a value for `media` to judge.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.check.isobmff import Box, BoxError, needed, parse_boxes, u32, u64
from relay.check.sample_entry import read_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Box",
    "BoxError",
    "Fragment",
    "InitInfo",
    "Sample",
    "Track",
    "TrackFragment",
    "parse_boxes",
    "read_fragments",
    "read_init",
]

# tfhd and trun flags, ISO/IEC 14496-12 §8.8.7, §8.8.8.
BASE_DATA_OFFSET: Final = 0x1
DESCRIPTION_INDEX: Final = 0x2
DEFAULT_DURATION: Final = 0x8
DEFAULT_SIZE: Final = 0x10
DEFAULT_FLAGS: Final = 0x20
DEFAULT_BASE_IS_MOOF: Final = 0x20000
DATA_OFFSET: Final = 0x1
FIRST_SAMPLE_FLAGS: Final = 0x4
SAMPLE_DURATION: Final = 0x100
SAMPLE_SIZE: Final = 0x200
SAMPLE_FLAGS: Final = 0x400
SAMPLE_COMPOSITION: Final = 0x800
IS_NON_SYNC: Final = 0x10000
"""`sample_is_non_sync_sample` in a sample's flags, §8.8.3.1."""


@dataclass(frozen=True, slots=True)
class Track:
    """A `trak` with its `trex`. `width`, `height` are 0 for audio, `sample_rate_hz` and `channels` 0 for video.

    `entry` is the sample entry's four characters, `codecs` the RFC 6381 name. `table_samples` counts samples described
    in the `moov` itself, `duration` is the longest that `tkhd` and `mdhd` claim; both are 0 in a fragmented file.
    """

    track_id: int
    handler: str
    timescale: int
    entry: str
    codecs: str
    duration: int
    table_samples: int
    width: int = 0
    height: int = 0
    sample_rate_hz: int = 0
    channels: int = 0
    nal_length_bytes: int = 0
    has_edit_list: bool = False
    has_defaults: bool = False
    default_duration: int = 0
    default_size: int = 0
    default_flags: int = 0


@dataclass(frozen=True, slots=True)
class InitInfo:
    """An initialization segment. `boxes` are the kinds at the top, in order; `brands` begin with the major brand."""

    boxes: tuple[str, ...]
    brands: tuple[str, ...]
    duration: int
    has_mvex: bool
    tracks: tuple[Track, ...]

    def track(self, track_id: int) -> Track | None:
        """The track of that number."""
        return next((track for track in self.tracks if track.track_id == track_id), None)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: `offset` in the data given, times in the track's ticks."""

    offset: int
    size: int
    duration: int
    flags: int
    composition_offset: int

    @property
    def is_sync(self) -> bool:
        """Whether decoding can start here, as its flags say."""
        return not self.flags & IS_NON_SYNC


@dataclass(frozen=True, slots=True)
class TrackFragment:
    """A `traf`. `decode_time` is `tfdt`'s, `None` without one; `tfdt_version` 1 has 64 bits."""

    track_id: int
    flags: int
    decode_time: int | None
    tfdt_version: int
    samples: tuple[Sample, ...]

    @property
    def duration(self) -> int:
        """Sum of the samples' durations."""
        return sum(sample.duration for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A `moof` and the payload `[data_start, data_end)` of the `mdat` behind it (both 0 when there is none)."""

    sequence_number: int
    start: int
    end: int
    data_start: int
    data_end: int
    tracks: tuple[TrackFragment, ...]


def read_init(data: bytes) -> InitInfo:
    """What an initialization segment says. Raises `BoxError` when it has no `moov` or a box in it is cut."""
    boxes = parse_boxes(data)
    top = Box("", 0, 0, len(data), boxes)
    moov = top.first("moov")
    if moov is None:
        raise BoxError("there is no moov")
    ftyp = top.first("ftyp")
    brands: tuple[str, ...] = ()
    if ftyp is not None:
        text = data[ftyp.body : ftyp.end].decode("latin-1")
        brands = tuple(text[at : at + 4] for at in range(0, len(text), 4) if at != 4)
    mvhd = moov.first("mvhd")
    try:
        return InitInfo(
            boxes=tuple(box.kind for box in boxes),
            brands=brands,
            duration=0 if mvhd is None else _header_times(data, mvhd)[1],
            has_mvex=moov.first("mvex") is not None,
            tracks=tuple(_read_track(data, moov, trak) for trak in moov.all("trak")),
        )
    except (struct.error, IndexError) as error:
        raise BoxError(f"a box of the moov is cut: {error}") from error


def _read_track(data: bytes, moov: Box, trak: Box) -> Track:
    tkhd, mdhd, hdlr = (needed(trak, *path) for path in (("tkhd",), ("mdia", "mdhd"), ("mdia", "hdlr")))
    stbl = needed(trak, "mdia", "minf", "stbl")
    stsd = needed(stbl, "stsd")
    timescale, duration = _header_times(data, mdhd)
    wide = data[tkhd.body] == 1
    track_id = u32(data, tkhd.body + (20 if wide else 12))
    tkhd_duration = u64(data, tkhd.body + 28) if wide else u32(data, tkhd.body + 20)
    trex = next((box for box in moov.all("mvex", "trex") if u32(data, box.body + 4) == track_id), None)
    # stts, stsc and stco count their entries after version and flags, stsz after the common size.
    counts = [u32(data, box.body + 4) for kind in ("stts", "stsc", "stco") for box in stbl.all(kind)]
    counts += [u32(data, box.body + 8) for box in stbl.all("stsz")]
    defaults = (0, 0, 0) if trex is None else struct.unpack_from(">III", data, trex.body + 12)
    entry = read_entry(data, stsd)
    return Track(
        track_id=track_id,
        handler=data[hdlr.body + 8 : hdlr.body + 12].decode("latin-1"),
        timescale=timescale,
        entry=entry.kind,
        codecs=entry.codecs,
        duration=max(duration, tkhd_duration),
        table_samples=max(counts, default=0),
        width=entry.width,
        height=entry.height,
        sample_rate_hz=entry.sample_rate_hz,
        channels=entry.channels,
        nal_length_bytes=entry.nal_length_bytes,
        has_edit_list=trak.first("edts", "elst") is not None,
        has_defaults=trex is not None,
        default_duration=defaults[0],
        default_size=defaults[1],
        default_flags=defaults[2],
    )


def read_fragments(data: bytes, init: InitInfo | None = None) -> list[Fragment]:
    """The fragments in `data`, samples with their defaults from `init`'s `trex` filled in. Raises `BoxError`."""
    boxes = parse_boxes(data)
    fragments = []
    for index, moof in enumerate(boxes):
        if moof.kind != "moof":
            continue
        follower = boxes[index + 1] if index + 1 < len(boxes) else None
        mdat = follower if follower is not None and follower.kind == "mdat" else Box("mdat", 0, 0, 0)
        try:
            mfhd = needed(moof, "mfhd")
            tracks = tuple(_read_track_fragment(data, moof, traf, init) for traf in moof.all("traf"))
            sequence_number = u32(data, mfhd.body + 4)
        except (struct.error, IndexError) as error:
            raise BoxError(f"a box of the moof at {moof.start} is cut: {error}") from error
        fragments.append(Fragment(sequence_number, moof.start, moof.end, mdat.body, mdat.end, tracks))
    return fragments


def _read_track_fragment(data: bytes, moof: Box, traf: Box, init: InitInfo | None) -> TrackFragment:
    tfhd = needed(traf, "tfhd")
    flags = u32(data, tfhd.body) & 0xFFFFFF
    track_id = u32(data, tfhd.body + 4)
    at = tfhd.body + 8
    base = moof.start
    if flags & BASE_DATA_OFFSET:
        base, at = u64(data, at), at + 8
    at += 4 if flags & DESCRIPTION_INDEX else 0
    track = None if init is None else init.track(track_id)
    defaults = [0, 0, 0] if track is None else [track.default_duration, track.default_size, track.default_flags]
    for index, flag in enumerate((DEFAULT_DURATION, DEFAULT_SIZE, DEFAULT_FLAGS)):
        if flags & flag:
            defaults[index], at = u32(data, at), at + 4
    samples: list[Sample] = []
    for trun in traf.all("trun"):
        following = samples[-1].offset + samples[-1].size if samples else base
        samples += _read_run(data, trun, base, following, defaults)
    tfdt = traf.first("tfdt")
    if tfdt is None:
        return TrackFragment(track_id, flags, None, 0, tuple(samples))
    version = data[tfdt.body]
    time = u64(data, tfdt.body + 4) if version == 1 else u32(data, tfdt.body + 4)
    return TrackFragment(track_id, flags, time, version, tuple(samples))


def _read_run(data: bytes, trun: Box, base: int, following: int, defaults: Sequence[int]) -> list[Sample]:
    """A `trun`'s samples. Without a data offset of its own a run follows the one before it (§8.8.8)."""
    version_and_flags, count = struct.unpack_from(">II", data, trun.body)
    version, flags = version_and_flags >> 24, version_and_flags & 0xFFFFFF
    at, offset, first_flags = trun.body + 8, following, None
    if flags & DATA_OFFSET:
        offset, at = base + struct.unpack_from(">i", data, at)[0], at + 4
    if flags & FIRST_SAMPLE_FLAGS:
        first_flags, at = u32(data, at), at + 4
    present = [flag for flag in (SAMPLE_DURATION, SAMPLE_SIZE, SAMPLE_FLAGS, SAMPLE_COMPOSITION) if flags & flag]
    if at + 4 * len(present) * count > trun.end or (not present and count > len(data)):
        raise BoxError(f"trun at {trun.start} lists {count} samples, more than it has room for")
    samples = []
    for index in range(count):
        values = dict(zip(present, struct.unpack_from(f">{len(present)}I", data, at), strict=True))
        at += 4 * len(present)
        composition = values.get(SAMPLE_COMPOSITION, 0)
        if version == 1 and composition >= 1 << 31:
            composition -= 1 << 32
        default_flags = first_flags if index == 0 and first_flags is not None else defaults[2]
        sample = Sample(
            offset,
            values.get(SAMPLE_SIZE, defaults[1]),
            values.get(SAMPLE_DURATION, defaults[0]),
            values.get(SAMPLE_FLAGS, default_flags),
            composition,
        )
        samples.append(sample)
        offset += sample.size
    return samples


def _header_times(data: bytes, header: Box) -> tuple[int, int]:
    """Timescale and duration of an `mvhd` or `mdhd`."""
    wide = data[header.body] == 1
    at = header.body + (20 if wide else 12)
    return u32(data, at), u64(data, at + 4) if wide else u32(data, at + 4)
