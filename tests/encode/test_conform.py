from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from relay.encode import AudioChunk, AudioConformer
from relay.errors import EncodeError
from relay.timeline import NS_PER_S, SAMPLE_RATE_HZ, sample_at

T0_NS = 1_790_000_000_123_456_789
BEEP_EVERY_S = 10
MS = SAMPLE_RATE_HZ // 1000

Signal = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def sine(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * 440 * seconds)


def beeps(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """A hum, with a beep of 50 ms at every tenth second."""
    phase = seconds % BEEP_EVERY_S
    return np.where(phase < 0.05, 0.5 * np.sin(2 * np.pi * 1000 * phase), 0.02 * np.sin(2 * np.pi * 100 * seconds))


@dataclass(frozen=True)
class Microphone:
    """A source of sound whose crystal is off by `ppm`."""

    sample_rate: int = 48_000
    layout: str = "stereo"
    sample_format: str = "fltp"
    ppm: int = 0
    frame_samples: int = 1024

    @property
    def true_rate(self) -> float:
        return self.sample_rate * (1 + self.ppm / 1e6)

    def frame(self, first: int, signal: Signal = sine) -> tuple[av.AudioFrame, int]:
        """The frame from sample `first` on, and when its first sample was captured."""
        channels = av.AudioLayout(self.layout).nb_channels
        level = signal((first + np.arange(self.frame_samples)) / self.true_rate).astype(np.float32)
        planes = np.tile(level, (channels, 1))
        if not self.sample_format.endswith("p"):
            planes = planes.T.reshape(1, -1)
        if self.sample_format.startswith("s16"):
            planes = (planes * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), self.sample_format, self.layout)
        frame.sample_rate = self.sample_rate
        return frame, T0_NS + round(first / self.true_rate * NS_PER_S)

    def play(
        self, conformer: AudioConformer, seconds: float, signal: Signal = sine, start: int = 0
    ) -> list[AudioChunk]:
        chunks = []
        for first in range(start, start + int(seconds * self.true_rate), self.frame_samples):
            chunks += conformer.conform(*self.frame(first, signal))
        return chunks


def gaps(chunks: list[AudioChunk]) -> list[int]:
    """By how many samples each chunk misses the end of the one before: 0 where they join."""
    ends = [chunk.start_sample + chunk.samples.shape[1] for chunk in chunks]
    return [after.start_sample - end for end, after in zip(ends, chunks[1:], strict=False)]


def joined(chunks: list[AudioChunk]) -> NDArray[np.float32]:
    assert not any(gaps(chunks))
    return cast("NDArray[np.float32]", np.hstack([chunk.samples for chunk in chunks]))


@pytest.fixture
def conformer() -> AudioConformer:
    return AudioConformer()


@pytest.mark.parametrize(
    "microphone",
    [
        Microphone(8_000, "mono", "s16", frame_samples=160),
        Microphone(16_000, "mono", "fltp"),
        Microphone(22_050, "stereo", "s16p"),
        Microphone(44_100, "5.1", "fltp"),
        Microphone(48_000, "stereo", "fltp"),
        Microphone(48_000, "1 channels", "s16"),
    ],
    ids=str,
)
def test_any_format_becomes_48_khz_stereo_in_its_place_on_the_epoch(
    conformer: AudioConformer, microphone: Microphone
) -> None:
    chunks = microphone.play(conformer, 1)
    sound = joined(chunks)
    assert sound.dtype == np.float32
    assert sound.shape[0] == 2
    start = chunks[0].start_sample
    assert abs(start - sample_at(T0_NS)) <= 3 + SAMPLE_RATE_HZ // microphone.sample_rate
    seconds = (start + np.arange(sound.shape[1])) / SAMPLE_RATE_HZ - T0_NS / NS_PER_S
    settled = slice(100, -100)
    for channel in sound:
        assert np.abs(channel - sine(seconds))[settled].max() < 0.03
    assert conformer.resyncs == 0


@pytest.mark.parametrize("ppm", [200, -200])
def test_ten_minutes_of_a_drifting_clock_stay_in_sync_without_a_cut(conformer: AudioConformer, ppm: int) -> None:
    seconds = 600
    chunks = Microphone(8_000, "mono", "s16", ppm=ppm, frame_samples=4000).play(conformer, seconds, beeps)
    sound, start = joined(chunks)[0], chunks[0].start_sample

    lateness = []
    for beep in range(BEEP_EVERY_S, seconds - 1, BEEP_EVERY_S):
        due = sample_at(T0_NS + beep * NS_PER_S) - start
        first_loud = np.flatnonzero(np.abs(sound[due - 100 * MS : due + 100 * MS]) > 0.25)[0] - 100 * MS
        lateness.append(int(first_loud))
    assert len(lateness) == 59
    assert max(map(abs, lateness)) < 3 * MS  # 120 ms, had nothing been done
    # No jump: the steepest step is the beep's own, 0.5 * 2 pi * 1000 / 48000, and a little for the resampler's ringing.
    assert np.abs(np.diff(sound)).max() < 0.1
    assert conformer.resyncs == 0


def test_a_clock_that_is_a_little_off_is_pulled_back_without_a_gap(conformer: AudioConformer) -> None:
    microphone, late_ns = Microphone(), 20_000_000
    chunks, due_ns = microphone.play(conformer, 0.5), 0
    for first in range(24_576, 24_576 + 6 * 48_000, 1024):
        frame, time_ns = microphone.frame(first)
        chunks += conformer.conform(frame, time_ns + late_ns)
        due_ns = time_ns + late_ns + 1024 * NS_PER_S // SAMPLE_RATE_HZ
    end = chunks[-1].start_sample + chunks[-1].samples.shape[1]
    assert not any(gaps(chunks))
    assert abs(end - sample_at(due_ns)) < 3 * MS


@pytest.mark.parametrize("jump_ms", [-400, 150, 5000])
def test_a_jump_is_followed_at_once_and_left_to_the_grid(conformer: AudioConformer, jump_ms: int) -> None:
    microphone = Microphone()
    chunks = microphone.play(conformer, 0.5)
    frame, time_ns = microphone.frame(24_576)
    chunks += conformer.conform(frame, time_ns + jump_ms * 1_000_000)
    (gap,) = filter(None, gaps(chunks))
    assert abs(gap - jump_ms * MS) < MS
    assert conformer.resyncs == 1


def test_a_source_that_changes_its_format_goes_on_in_its_place(conformer: AudioConformer) -> None:
    chunks = Microphone(8_000, "mono", "s16", frame_samples=400).play(conformer, 1)
    chunks += Microphone(44_100, "stereo", "fltp", frame_samples=441).play(conformer, 1, start=44_100)
    assert conformer.resyncs == 1
    assert sum(map(abs, gaps(chunks))) <= 2
    assert all(before.start_sample < after.start_sample for before, after in pairwise(chunks))


def test_sound_that_cannot_be_converted_says_so_and_the_next_frame_starts_anew(
    conformer: AudioConformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("relay.encode.conform._RESAMPLER", "48000:no_such_option=1")
        with pytest.raises(EncodeError, match="48000"):
            conformer.conform(*Microphone().frame(0))
    assert conformer.conform(*Microphone().frame(1024))
