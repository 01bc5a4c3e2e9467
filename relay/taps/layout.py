"""Where each of several pictures stands in a larger one: pure."""

from __future__ import annotations

import math
from typing import NamedTuple


class Cell(NamedTuple):
    """A rectangle in pixels, all of it even, as chroma needs."""

    x: int
    y: int
    width: int
    height: int


def cells(count: int, width: int, height: int, columns: int | None = None) -> list[Cell]:
    """Rectangles for `count` pictures in one of `width` x `height`, row by row from the top left.

    Without `columns` their shape is as near to the whole picture's as can be: as many rows as columns, or nearly. Of
    two ways that are as near, the one that leaves less empty; else a wide picture has more columns, a tall one more
    rows. All cover the picture, but for places that are left over at the end.
    """
    across = min(columns or _columns(count, is_wide=width >= height), count)
    down = math.ceil(count / across)
    lefts, tops = _edges(width, across), _edges(height, down)
    places = [(column, row) for row in range(down) for column in range(across)]
    return [Cell(lefts[x], tops[y], lefts[x + 1] - lefts[x], tops[y + 1] - tops[y]) for x, y in places[:count]]


def _columns(count: int, *, is_wide: bool) -> int:
    def cost(columns: int) -> tuple[float, int, int]:
        rows = math.ceil(count / columns)
        return round(abs(math.log(rows / columns)), 9), rows * columns - count, -columns if is_wide else columns

    return min(range(1, count + 1), key=cost)


def _edges(side: int, parts: int) -> list[int]:
    """Where each of `parts` begins, and where the last ends; even."""
    return [side * part // parts // 2 * 2 for part in range(parts)] + [side]
