"""H.264 and H.265 as cameras send them, taken apart into NAL units: pure.

Network formats carry byte streams (Rec. ITU-T H.264 and H.265, Annex B), files and RTMP lengths in the place of start
codes (ISO/IEC 14496-15). Parameter sets stand beside the pictures (`avcC`, `hvcC`, or SDP as FFmpeg hands it over), in
front of keyframes, or both.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.packager.annexb import nal_units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from relay.model import VideoCodec

_START_CODE: Final = b"\x00\x00\x00\x01"
_AVCC_HEADER_BYTES: Final = 5
_HVCC_HEADER_BYTES: Final = 22
_CONFIGURATION_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class _Types:
    """NAL unit types of one codec: Table 7-1 of either Recommendation."""

    shift: int
    mask: int
    keyframes: frozenset[int]
    parameter_sets: tuple[int, ...]
    left_out: frozenset[int]

    def of(self, unit: bytes) -> int:
        return unit[0] >> self.shift & self.mask


_TYPES: Final[dict[VideoCodec, _Types]] = {
    # Of I pictures with a recovery point, browsers start at none, and `avc1` calls none a sync sample: IDR (5) alone.
    # Left out: delimiter, ends of sequence and stream, filler.
    "h264": _Types(0, 0x1F, frozenset({5}), (7, 8), frozenset({9, 10, 11, 12})),
    # IRAP pictures: BLA, IDR, CRA and the two that are reserved.
    "hevc": _Types(1, 0x3F, frozenset(range(16, 24)), (32, 33, 34), frozenset({35, 36, 37, 38})),
}


def split_units(data: bytes, length_bytes: int) -> tuple[bytes, ...]:
    """The NAL units of an access unit: behind lengths of `length_bytes`, or, where that is 0, behind start codes.

    What is cut off in the middle ends where the data does.
    """
    if not length_bytes:
        return tuple(nal_units(data))
    return tuple(_behind_lengths(data, 0, length_bytes))


def configuration(extradata: bytes, codec: VideoCodec) -> tuple[tuple[bytes, ...], int]:
    """The parameter sets that a container has beside the pictures, and how long the lengths in these are (0: none).

    Raises `ValueError` for an `avcC` or `hvcC` that ends too early.
    """
    if not extradata or extradata[0] != _CONFIGURATION_VERSION:
        return tuple(nal_units(extradata)), 0
    try:
        return _avcc(extradata) if codec == "h264" else _hvcc(extradata)
    except (IndexError, struct.error) as error:
        raise ValueError(f"the {codec} configuration ends too early: {extradata[:32].hex()}") from error


def is_keyframe(units: Iterable[bytes], codec: VideoCodec) -> bool:
    """Whether decoding can start at the access unit of `units`."""
    types = _TYPES[codec]
    return any(types.of(unit) in types.keyframes for unit in units)


def media_units(units: Iterable[bytes], codec: VideoCodec, known: Sequence[bytes]) -> tuple[bytes, ...]:
    """`units` less those of `known`, which the init segment has, and less what a sample does not carry."""
    types = _TYPES[codec]
    return tuple(unit for unit in units if types.of(unit) not in types.left_out and unit not in known)


def sample_units(units: Sequence[bytes], codec: VideoCodec, sets: Sequence[bytes]) -> tuple[bytes, ...]:
    """What a sample of the access unit `units` holds, where `sets` are those of the init segment: the media units.

    In front of a keyframe stand the sets once more. For `avc1` and `hvc1` the sample entry is their place; but FFmpeg's
    reader of HLS, and what is built on it, keeps the first init segment that it has read, whatever EXT-X-MAP says
    behind a discontinuity: it would decode the slate with the camera's sets, and its errors are what would be seen.
    """
    media = media_units(units, codec, sets)
    return (*sets, *media) if is_keyframe(media, codec) else media


def parameter_sets(units: Iterable[bytes], codec: VideoCodec, before: Sequence[bytes] = ()) -> tuple[bytes, ...]:
    """The parameter sets that hold from `units` on: theirs, and of each kind that they do not have, those `before`.

    In the order in which decoders need them: video, sequence, picture.
    """
    types = _TYPES[codec]
    units = tuple(units)
    sets: list[bytes] = []
    for kind in types.parameter_sets:
        new = [unit for unit in units if types.of(unit) == kind]
        sets += dict.fromkeys(new or [unit for unit in before if types.of(unit) == kind])
    return tuple(sets)


def has_all_sets(sets: Sequence[bytes], codec: VideoCodec) -> bool:
    """Whether a decoder can be set up with `sets`."""
    types = _TYPES[codec]
    return {types.of(unit) for unit in sets} >= set(types.parameter_sets)


def byte_stream(units: Iterable[bytes]) -> bytes:
    """`units` behind start codes."""
    return b"".join(_START_CODE + unit for unit in units)


def length_prefixed(units: Iterable[bytes]) -> bytes:
    """`units` behind lengths of four bytes."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def _behind_lengths(data: bytes, at: int, length_bytes: int) -> Iterator[bytes]:
    while at + length_bytes < len(data):
        end = at + length_bytes + int.from_bytes(data[at : at + length_bytes], "big")
        if unit := data[at + length_bytes : end]:
            yield unit
        at = end


def _avcc(data: bytes) -> tuple[tuple[bytes, ...], int]:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1)."""
    sequence_sets, at = _counted(data, _AVCC_HEADER_BYTES + 1, data[_AVCC_HEADER_BYTES] & 0x1F)
    picture_sets, _ = _counted(data, at + 1, data[at])
    return (*sequence_sets, *picture_sets), (data[4] & 3) + 1


def _hvcc(data: bytes) -> tuple[tuple[bytes, ...], int]:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1)."""
    units: list[bytes] = []
    at = _HVCC_HEADER_BYTES + 1
    for _ in range(data[_HVCC_HEADER_BYTES]):
        (count,) = struct.unpack_from(">H", data, at + 1)
        found, at = _counted(data, at + 3, count)
        units += found
    return parameter_sets(units, "hevc"), (data[21] & 3) + 1


def _counted(data: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    """`count` units behind lengths of two bytes, and where they end."""
    units = []
    for _ in range(count):
        (length,) = struct.unpack_from(">H", data, at)
        units.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return units, at
