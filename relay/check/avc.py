"""Samples of H.264 and H.265 as MP4 holds them: NAL units behind their lengths (ISO/IEC 14496-15)."""

from __future__ import annotations

from typing import Final

NAL_IDR: Final = 5


IRAP: Final = frozenset(range(16, 24))
"""H.265: where decoding can start (Rec. ITU-T H.265, Table 7-1)."""


def nal_types(sample: bytes, length_bytes: int, *, is_hevc: bool = False) -> list[int] | None:
    """The types of a sample's NAL units in order; `None` when their lengths do not end where the sample does."""
    types: list[int] = []
    at = 0
    while at < len(sample):
        body = at + length_bytes
        size = int.from_bytes(sample[at:body], "big")
        if size == 0 or body + size > len(sample):
            return None
        types.append(sample[body] >> 1 & 0x3F if is_hevc else sample[body] & 0x1F)
        at = body + size
    return types
