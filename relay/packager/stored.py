"""Coded pictures as encoders give them -> as MP4 stores them, whatever the codec: pure.

| codec | an encoder gives | a sample has | sample entry |
|---|---|---|---|
| H.264 | NAL units behind start codes | the same behind lengths, without parameter sets | `avc1` |
| H.265 | the same | the same | `hvc1` |
| AV1 | a temporal unit | the same without its delimiter | `av01` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from relay.errors import EncodeError
from relay.packager import annexb, av1, nal

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.model import AccessUnit

T = TypeVar("T")


def sample_of(unit: AccessUnit) -> bytes:
    """The sample of a picture. Raises `EncodeError` where it cannot be read."""
    if unit.codec == "hevc":
        units = nal.split_units(unit.data, 0)
        return nal.length_prefixed(nal.media_units(units, "hevc", nal.parameter_sets(units, "hevc")))
    if unit.codec == "av1":
        return _av1(unit, av1.sample)
    return annexb.to_length_prefixed(unit.data)


def sets_of(unit: AccessUnit) -> tuple[bytes, ...]:
    """What decoders have to know before a picture can be decoded, as far as it stands in front of this one."""
    if unit.codec == "hevc":
        return nal.parameter_sets(nal.split_units(unit.data, 0), "hevc")
    if unit.codec == "av1":
        return _av1(unit, av1.sequence_headers)
    return annexb.parameter_sets(unit.data)


def _av1(unit: AccessUnit, take_apart: Callable[[bytes], T]) -> T:
    try:
        return take_apart(unit.data)
    except ValueError as error:
        raise EncodeError(f"the picture of slot {unit.pts} is no AV1 that can be read: {error}") from error
