"""Samples of AV1 as MP4 holds them: OBUs ("AV1 Codec ISO Media File Format Binding" §2.4)."""

from __future__ import annotations

from typing import Final

SEQUENCE_HEADER: Final = 1
_FRAME_HEADERS: Final = {3, 6}
"""A frame's header alone, and with its tiles behind it."""

LEFT_OUT: Final = {2: "a temporal delimiter", 15: "padding"}
_KEY_AND_SHOWN: Final = 0b0001
"""The first bits of a frame's header: that it shows no earlier one, its type (0: key frame), that it is shown."""


def obus(sample: bytes) -> list[tuple[int, bytes]] | None:
    """Type and payload of each OBU; `None` where their sizes do not end where the sample does."""
    found = []
    at = 0
    while at < len(sample):
        head = sample[at]
        at += 2 if head & 0x04 else 1
        size = len(sample) - at
        if head & 0x02:
            size = shift = 0
            more = True
            while more and at < len(sample):
                size |= (sample[at] & 0x7F) << shift
                more, at, shift = bool(sample[at] & 0x80), at + 1, shift + 7
            if more:
                return None
        if head & 0x80 or size < 0 or at + size > len(sample):
            return None
        found.append((head >> 3 & 0x0F, sample[at : at + size]))
        at += size
    return found


def is_sync(units: list[tuple[int, bytes]]) -> bool:
    """Whether decoding can start: a sequence header comes before the first frame, which is a key frame and shown."""
    has_header = False
    for kind, payload in units:
        has_header |= kind == SEQUENCE_HEADER
        if kind in _FRAME_HEADERS:
            return has_header and bool(payload) and payload[0] >> 4 == _KEY_AND_SHOWN
    return False
