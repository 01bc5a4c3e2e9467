"""Samples on the epoch's clock, in chunks as they come, out as contiguous AAC frames: pure.

Every frame from the first on comes out exactly once and in order, whatever is added. What no chunk covers by the time a
frame is due is silence; what comes twice, too late or too far ahead is dropped. Both are counted; what was captured
before the first frame has no place and is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from relay.timeline import SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CHANNELS: Final = 2
CAPACITY_FRAMES: Final = 6 * SAMPLE_RATE_HZ // SAMPLES_PER_AAC_FRAME
"""Six seconds, which is more than the longest that a slow camera is waited for (`max_jitter_s`, at most 5)."""


class AudioChunk(NamedTuple):
    """Samples of 48 kHz stereo, `float32` of shape (2, n), and the place of the first on the epoch's sample clock."""

    start_sample: int
    samples: NDArray[np.float32]


class SampleGrid:
    """The frames that are being filled: a ring of `capacity_frames`, the oldest of which goes out next."""

    def __init__(self, first_frame: int, capacity_frames: int = CAPACITY_FRAMES) -> None:
        self.next_frame = first_frame
        self.silence_samples = 0
        self.dropped_samples = 0
        self._begin_sample = first_frame * SAMPLES_PER_AAC_FRAME
        self._capacity = capacity_frames
        self._samples = np.zeros((capacity_frames, CHANNELS, SAMPLES_PER_AAC_FRAME), np.float32)
        self._is_set = np.zeros((capacity_frames, SAMPLES_PER_AAC_FRAME), np.bool_)
        self._filled = [0] * capacity_frames

    def add(self, start_sample: int, samples: NDArray[np.float32]) -> None:
        """Lay down `samples` (shape (2, n)) from `start_sample` on. Where there are samples already, the first stay."""
        length = samples.shape[1]
        first = max(start_sample, self.next_frame * SAMPLES_PER_AAC_FRAME)
        end = min(start_sample + length, (self.next_frame + self._capacity) * SAMPLES_PER_AAC_FRAME)
        kept = 0
        while first < end:
            frame, offset = divmod(first, SAMPLES_PER_AAC_FRAME)
            until = min(end, (frame + 1) * SAMPLES_PER_AAC_FRAME)
            kept += self._lay(frame, offset, samples[:, first - start_sample : until - start_sample])
            first = until
        before = min(length, max(0, self._begin_sample - start_sample))
        self.dropped_samples += length - before - kept

    def take(self, due_frame: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Each next frame that is complete, or lies before `due_frame`: its index and its samples, shape (2, 1024).

        The samples are the caller's to keep.
        """
        while self.next_frame < due_frame or self._filled[self.next_frame % self._capacity] == SAMPLES_PER_AAC_FRAME:
            place = self.next_frame % self._capacity
            frame = self.next_frame, self._samples[place].copy()
            self.silence_samples += SAMPLES_PER_AAC_FRAME - self._filled[place]
            self._samples[place] = 0
            self._is_set[place] = False
            self._filled[place] = 0
            self.next_frame += 1
            yield frame

    def _lay(self, frame: int, offset: int, samples: NDArray[np.float32]) -> int:
        """Put `samples` into one frame's free places, and return how many found one."""
        place, span = frame % self._capacity, slice(offset, offset + samples.shape[1])
        is_free = ~self._is_set[place, span]
        np.copyto(self._samples[place, :, span], samples, where=is_free)
        self._is_set[place, span] = True
        kept = int(np.count_nonzero(is_free))
        self._filled[place] += kept
        return kept
