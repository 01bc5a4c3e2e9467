"""Where pictures stand: as near the whole picture's shape as can be, on even pixels, and never over each other."""

from __future__ import annotations

import pytest

from relay.taps.layout import Cell, cells


@pytest.mark.parametrize(
    ("count", "size", "grid"),
    [
        (1, (1280, 720), (1, 1)),
        (2, (1280, 720), (2, 1)),
        (2, (720, 1280), (1, 2)),
        (3, (1280, 720), (2, 2)),
        (4, (1280, 720), (2, 2)),
        (5, (1280, 720), (3, 2)),
        (5, (720, 1280), (2, 3)),
        (7, (1280, 720), (3, 3)),
        (9, (1280, 720), (3, 3)),
        (16, (1280, 720), (4, 4)),
    ],
)
def test_there_are_as_many_rows_as_columns_or_nearly(count: int, size: tuple[int, int], grid: tuple[int, int]) -> None:
    placed = cells(count, *size)
    assert len(placed) == count
    assert (len({cell.x for cell in placed}), len({cell.y for cell in placed})) == grid


def test_three_of_four_places_are_taken_row_by_row() -> None:
    assert cells(3, 1280, 720) == [Cell(0, 0, 640, 360), Cell(640, 0, 640, 360), Cell(0, 360, 640, 360)]


@pytest.mark.parametrize("columns", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 3, 5, 16])
def test_what_is_asked_for_is_done_on_even_pixels_without_a_gap(count: int, columns: int) -> None:
    placed = cells(count, 1278, 722, columns)
    assert all(side % 2 == 0 and side >= 0 for cell in placed for side in cell)
    assert len({cell.x for cell in placed}) == min(count, columns)
    taken = {(x, y) for cell in placed for x in range(cell.x, cell.x + cell.width, 2) for y in (cell.y,)}
    assert len(taken) == sum(cell.width // 2 for cell in placed), "two of them share a pixel"
    rows = {cell.y: max(one.x + one.width for one in placed if one.y == cell.y) for cell in placed}
    assert next(iter(rows.values())) == 1278
    assert max(cell.y + cell.height for cell in placed) == 722
