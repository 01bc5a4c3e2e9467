"""H.264 byte streams (Rec. ITU-T H.264 Annex B) into the form that `avc1` samples have (ISO/IEC 14496-15 §5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_CODE: Final = b"\x00\x00\x01"
_NAL_TYPE_MASK: Final = 0x1F
_SPS: Final = 7
_PPS: Final = 8
_ACCESS_UNIT_DELIMITER: Final = 9
_LEFT_OUT: Final = frozenset({_SPS, _PPS, _ACCESS_UNIT_DELIMITER})
"""`avc1` forbids parameter sets in samples (they are in the init segment), and says delimiters should be left out."""


def nal_units(stream: bytes) -> Iterator[bytes]:
    """The NAL units of `stream`, without start codes and without the zeros that may stand before them."""
    start = stream.find(_START_CODE)
    while start >= 0:
        start += len(_START_CODE)
        end = stream.find(_START_CODE, start)
        # A NAL unit never ends in a zero byte, so these are the next start code's or trailing_zero_8bits.
        unit = (stream[start:] if end < 0 else stream[start:end]).rstrip(b"\x00")
        if unit:
            yield unit
        start = end


def to_length_prefixed(stream: bytes) -> bytes:
    """`stream` with a four-byte length before each NAL unit, and without parameter sets and delimiters."""
    return b"".join(
        len(unit).to_bytes(4, "big") + unit for unit in nal_units(stream) if unit[0] & _NAL_TYPE_MASK not in _LEFT_OUT
    )


def parameter_sets(stream: bytes) -> tuple[bytes, ...]:
    """The sequence and picture parameter sets of `stream`, in order."""
    return tuple(unit for unit in nal_units(stream) if unit[0] & _NAL_TYPE_MASK in {_SPS, _PPS})
