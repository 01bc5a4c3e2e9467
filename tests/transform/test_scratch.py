"""Arrays to work in are made once for each name and shape, and never pile up."""

from __future__ import annotations

import numpy as np

from relay.transform.scratch import Scratch


def test_the_same_array_comes_back_with_what_was_in_it() -> None:
    scratch = Scratch()
    scratch.uint8("small", 3, 4)[:] = 7
    again = scratch.uint8("small", 3, 4)
    assert again.shape == (3, 4)
    assert again.dtype == np.uint8
    assert again.min() == 7
    assert scratch.uint8("small", 3, 4) is again


def test_names_and_kinds_are_kept_apart() -> None:
    scratch = Scratch()
    small, other, number = scratch.uint8("a", 2, 2), scratch.uint8("b", 2, 2), scratch.float32("a", 2, 2)
    assert not np.shares_memory(small, other)
    assert number.dtype == np.float32
    assert scratch.uint8("a", 2, 2) is small


def test_another_shape_takes_the_place_of_the_one_before() -> None:
    scratch = Scratch()
    for side in range(2, 50):
        assert scratch.uint8("a", side, side).shape == (side, side)
        assert scratch.float32("a", side).shape == (side,)
    assert (len(scratch._uint8), len(scratch._float32)) == (1, 1)
