"""Each size once for each picture, and small ones of the half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay.worker import sizes
from relay.worker.sizes import Sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """From which width to which size pictures were scaled."""
    scaled = []
    letterbox = sizes.letterbox

    def note(i420: NDArray[np.uint8], width: int, height: int, out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        scaled.append((i420.shape[1], width, height))
        return letterbox(i420, width, height, out)

    monkeypatch.setattr(sizes, "letterbox", note)
    return scaled


def noise(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(16, 235, (height * 3 // 2, width), np.uint8)


def test_a_picture_is_scaled_once_for_each_size_however_often_it_is_shown(scaled: list[tuple[int, int, int]]) -> None:
    made, first, second = Sizes(), noise(96, 64), noise(96, 64)
    assert made.of(first, 96, 64) is first
    assert made.of(first, 72, 48) is made.of(first, 72, 48)
    made.of(second, 72, 48)
    assert scaled == [(96, 72, 48), (96, 72, 48)]


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ((96, 64), [(72, 48), (48, 32), (30, 20), (24, 16), (18, 12)]),
        ((98, 66), [(72, 48), (48, 32), (30, 20), (24, 16), (18, 12)]),
    ],
)
def test_what_is_smaller_than_the_half_is_made_of_the_half_which_is_made_once(
    scaled: list[tuple[int, int, int]], size: tuple[int, int], made: list[tuple[int, int]]
) -> None:
    """Sizes that have no whole half are averaged over areas, which costs more."""
    whole = noise(*size)
    one_picture = Sizes()
    found = [one_picture.of(whole, *one) for one in made]
    assert [(one.shape[1], one.shape[0] * 2 // 3) for one in found] == made
    by_halves = [(96, 72, 48), (96, 48, 32), (48, 30, 20), (48, 24, 16), (24, 18, 12)]
    assert scaled == (by_halves if size == (96, 64) else [(98, *one) for one in made])
    assert np.ptp([plane.mean() for plane in (whole[: size[1]], *(one[: len(one) * 2 // 3] for one in found))]) < 3
