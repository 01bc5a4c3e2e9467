from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.encode.grid import SampleGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME = 1024
K = 83_906_250_000  # the frame that begins at 2026-09-21 15:06:40 UTC
START = K * FRAME


def ramp(start_sample: int, count: int) -> NDArray[np.float32]:
    """Samples that say which they are: 1, 2, 3 ... from `START` on, on the left; the negative on the right."""
    left = np.arange(start_sample - START + 1, start_sample - START + 1 + count, dtype=np.float32)
    return np.stack([left, -left])


def add(grid: SampleGrid, offset: int, count: int) -> None:
    grid.add(START + offset, ramp(START + offset, count))


def taken(grid: SampleGrid, due: int = 0) -> list[int]:
    """The frames that come out, counted from `K`."""
    return [frame - K for frame, _ in grid.take(K + due)]


@pytest.fixture
def grid() -> SampleGrid:
    return SampleGrid(K)


def test_chunks_of_any_length_make_whole_frames(grid: SampleGrid) -> None:
    for offset in range(0, 2100, 300):
        add(grid, offset, 300)
    frames = list(grid.take(0))
    assert [frame for frame, _ in frames] == [K, K + 1]
    assert np.array_equal(np.hstack([samples for _, samples in frames]), ramp(START, 2048))
    assert (grid.silence_samples, grid.dropped_samples) == (0, 0)


def test_an_unfinished_frame_waits_until_it_is_due(grid: SampleGrid) -> None:
    add(grid, 0, 1000)
    assert taken(grid) == []
    assert taken(grid, due=1) == [0]
    assert grid.silence_samples == 24


def test_a_gap_is_silence_and_counted(grid: SampleGrid) -> None:
    add(grid, 0, 500)
    add(grid, 600, 424)
    assert taken(grid) == []
    ((_, samples),) = grid.take(K + 1)
    assert not samples[:, 500:600].any()
    assert samples[0, 600] == 601
    assert grid.silence_samples == 100


def test_where_chunks_overlap_the_first_stays(grid: SampleGrid) -> None:
    add(grid, 0, 600)
    grid.add(START + 500, np.full((2, 524), 9.0, np.float32))
    ((_, samples),) = grid.take(0)
    assert samples[0, 599] == 600
    assert samples[0, 600] == 9
    assert grid.dropped_samples == 100


def test_what_comes_after_its_frame_went_out_is_dropped(grid: SampleGrid) -> None:
    assert taken(grid, due=2) == [0, 1]
    add(grid, 1000, 1100)
    assert grid.dropped_samples == 1048
    assert taken(grid, due=3) == [2]
    assert grid.silence_samples == 2 * FRAME + FRAME - 52


def test_what_was_captured_before_the_first_frame_is_not_counted(grid: SampleGrid) -> None:
    add(grid, -700, 600)
    add(grid, -100, 200)
    assert grid.dropped_samples == 0
    ((_, samples),) = grid.take(K + 1)
    assert samples[0, 99] == 100
    assert samples[0, 100] == 0


def test_what_lies_beyond_the_ring_is_dropped() -> None:
    grid = SampleGrid(K, capacity_frames=4)
    add(grid, 3 * FRAME, 3 * FRAME)
    assert grid.dropped_samples == 2 * FRAME
    add(grid, 100 * FRAME, 10)
    assert grid.dropped_samples == 2 * FRAME + 10
    assert taken(grid, due=3) == [0, 1, 2, 3]


def test_a_frame_that_went_out_is_the_caller_s_to_keep() -> None:
    grid = SampleGrid(K, capacity_frames=2)
    add(grid, 0, FRAME)
    ((_, first),) = grid.take(0)
    add(grid, 2 * FRAME, FRAME)
    assert first[0, 0] == 1


@dataclass
class Heard:
    """What a listener gets, and what was given from the first frame on."""

    frames: list[int] = field(default_factory=list)
    samples: list[NDArray[np.float32]] = field(default_factory=list)
    given: int = 0


steps = st.lists(
    st.tuples(
        st.integers(-3000, 12_000),  # where a chunk begins, from where the last one ended
        st.integers(1, 3000),  # its length
        st.integers(0, 12),  # how many frames later than the next one is due
    ),
    max_size=25,
)


@given(steps)
def test_whatever_is_added_frames_are_contiguous_and_every_sample_is_in_its_place_or_counted(
    chunks: list[tuple[int, int, int]],
) -> None:
    grid, heard, at = SampleGrid(K, capacity_frames=8), Heard(), 0
    for jump, count, due in chunks:
        begin = at + jump
        add(grid, begin, count)
        at = max(0, begin + count)
        heard.given += count - min(count, max(0, -begin))
        for frame, samples in grid.take(grid.next_frame + due - 6):
            heard.frames.append(frame)
            heard.samples.append(samples)
    for frame, samples in grid.take(grid.next_frame + 8):
        heard.frames.append(frame)
        heard.samples.append(samples)

    assert heard.frames == list(range(K, K + len(heard.frames)))
    sound = np.hstack(heard.samples)
    places = ramp(START, sound.shape[1])
    assert np.all((sound == places) | (sound == 0))
    assert np.count_nonzero(sound[0]) == heard.given - grid.dropped_samples
    assert np.count_nonzero(sound[0] == 0) == grid.silence_samples
