"""Samples of H.264 as MP4 holds them: NAL units behind their lengths (ISO/IEC 14496-15)."""

from __future__ import annotations

from typing import Final

NAL_IDR: Final = 5


def nal_types(sample: bytes, length_bytes: int) -> list[int] | None:
    """The types of a sample's NAL units in order; `None` when their lengths do not end where the sample does."""
    types: list[int] = []
    at = 0
    while at < len(sample):
        body = at + length_bytes
        size = int.from_bytes(sample[at:body], "big")
        if size == 0 or body + size > len(sample):
            return None
        types.append(sample[body] & 0x1F)
        at = body + size
    return types
