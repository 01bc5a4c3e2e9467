"""Byte ranges of segments and parts (RFC 8216bis §4.4.4.2), as what to ask HTTP for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BYTERANGE: Final = re.compile(r"(?P<length>[0-9]{1,20})(?:@(?P<offset>[0-9]{1,20}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` bytes from `offset` of a resource."""

    length: int
    offset: int

    @property
    def header(self) -> str:
        """The value of `Range`."""
        return f"bytes={self.offset}-{self.offset + self.length - 1}"


def read_range(text: str, follows: int = 0) -> ByteRange | None:
    """`text` as `n[@o]`, without an offset from where the one before it ended; `None` where it cannot be read."""
    match = _BYTERANGE.fullmatch(text)
    if match is None or int(match["length"]) == 0:
        return None
    return ByteRange(int(match["length"]), follows if match["offset"] is None else int(match["offset"]))


def resolve_ranges(listed: Iterable[tuple[str, str | None]]) -> list[ByteRange | None]:
    """The ranges of a playlist's resources in order, each a URI and what its BYTERANGE says."""
    ends: dict[str, int] = {}
    ranges: list[ByteRange | None] = []
    for uri, text in listed:
        found = None if text is None else read_range(text, ends.get(uri, 0))
        if found is not None:
            ends[uri] = found.offset + found.length
        ranges.append(found)
    return ranges
