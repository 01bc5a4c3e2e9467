"""Boxes of ISO base media files (ISO/IEC 14496-12 §4.2): where they are, not what they mean."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINERS: Final = frozenset({"moov", "trak", "mdia", "minf", "stbl", "mvex", "moof", "traf", "edts", "dinf", "udta"})
MAX_DEPTH: Final = 8
"""Real files nest six deep; a limit keeps a hostile one from exhausting the stack."""


class BoxError(ValueError):
    """Bytes that cannot be read as boxes."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: `[start, end)` with its header, `body` where its payload begins. `children` only in containers."""

    kind: str
    start: int
    body: int
    end: int
    children: tuple[Box, ...] = ()

    def all(self, *path: str) -> Iterator[Box]:
        """Every box at `path` below this one."""
        for child in self.children:
            if child.kind == path[0]:
                if len(path) == 1:
                    yield child
                else:
                    yield from child.all(*path[1:])

    def first(self, *path: str) -> Box | None:
        """The first box at `path`, if there is one."""
        return next(self.all(*path), None)


def parse_boxes(data: bytes, start: int = 0, end: int | None = None, *, depth: int = 0) -> tuple[Box, ...]:
    """The boxes in `data[start:end]`, containers with what is in them. Raises `BoxError`."""
    if depth > MAX_DEPTH:
        raise BoxError(f"boxes are nested more than {MAX_DEPTH} deep at {start}")
    limit = len(data) if end is None else end
    boxes = []
    while start < limit:
        box = parse_box(data, start, limit, depth=depth)
        boxes.append(box)
        start = box.end
    return tuple(boxes)


def parse_box(data: bytes, start: int, limit: int, *, depth: int = 0) -> Box:
    """The box that begins at `start` and must end by `limit`. Raises `BoxError`."""
    if limit - start < 8:
        raise BoxError(f"{limit - start} stray bytes at {start}, too few for a box")
    size = u32(data, start)
    kind = data[start + 4 : start + 8].decode("latin-1")
    body = start + 8
    if size == 1:
        if limit - start < 16:
            raise BoxError(f"box {kind!r} at {start} is cut in its 64-bit size")
        size, body = u64(data, start + 8), start + 16
    elif size == 0:
        size = limit - start
    if size < body - start or start + size > limit:
        raise BoxError(f"box {kind!r} at {start} claims {size} bytes, and {limit - start} are there")
    children = parse_boxes(data, body, start + size, depth=depth + 1) if kind in CONTAINERS else ()
    return Box(kind, start, body, start + size, children)


def needed(box: Box, *path: str) -> Box:
    """The first box at `path`. Raises `BoxError` when there is none."""
    found = box.first(*path)
    if found is None:
        raise BoxError(f"there is no {'/'.join(path)} in the {box.kind} at {box.start}")
    return found


def u32(data: bytes, at: int) -> int:
    """The big-endian 32 bits at `at`. Raises `struct.error` behind the end."""
    return int(struct.unpack_from(">I", data, at)[0])


def u64(data: bytes, at: int) -> int:
    """As `u32`, 64 bits."""
    return int(struct.unpack_from(">Q", data, at)[0])
