"""Sound of any format, on a clock that drifts, becomes 48 kHz stereo on the epoch's sample clock.

A camera's 8000 samples a second are 7998 by our clock, so the resampler is stretched, never so much that it is heard,
until its output stands where the timestamps say. Only a jump is followed at once, which leaves a gap or an overlap for
`grid` to fill or drop.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple, cast

import av
import numpy as np
from av.filter import Graph

from relay.encode.grid import CHANNELS, AudioChunk
from relay.errors import EncodeError
from relay.timeline import NS_PER_S, SAMPLE_RATE_HZ, sample_at

HARD_JUMP_SAMPLES: Final = SAMPLE_RATE_HZ // 10
"""Beyond 0.1 s the timestamps jumped: stretching that away would take 20 s, all of them visibly out of lip sync."""

_RESAMPLER: Final = ":".join(
    (
        f"{SAMPLE_RATE_HZ}",
        "min_comp=0.001",
        # 0.5 % is a twelfth of a semitone: nobody hears it, and it is 25 times what crystals drift.
        "max_soft_comp=0.005",
        # The resampler's own silence and cuts are never wanted: what is inserted or dropped must be counted.
        "min_hard_comp=10",
        # A 48 kHz source must not switch the resampler on in mid-stream, when the first compensation is due.
        "flags=+res",
        # Without it six loud channels, mixed to two, clip.
        "rematrix_maxval=1.0",
    )
)


_TIME_BASE: Final = Fraction(1, NS_PER_S)


class _Format(NamedTuple):
    sample_format: str
    sample_rate: int
    layout: str


class AudioConformer:
    """One source's sound. It is made, used and dropped in one thread; `resyncs` counts jumps and changes of format."""

    def __init__(self) -> None:
        self.resyncs = 0
        self._format: _Format | None = None
        self._graph: Graph | None = None
        self._base_s = 0
        self._next_sample: int | None = None
        self._clock_jumps = 0

    def conform(self, frame: av.AudioFrame, time_ns: int, clock_jumps: int = 0) -> list[AudioChunk]:
        """What `frame`, whose first sample was captured at `time_ns`, gives: chunks that join without a gap.

        Where `clock_jumps` has changed, the picture's clock has jumped, and the sound jumps with it, however little: to
        stretch 50 ms away takes ten seconds. The frame's own timestamp is overwritten. Raises `EncodeError` for sound
        that cannot be converted; the next frame is then a new start.
        """
        chunks: list[AudioChunk] = []
        try:
            has_jumped, self._clock_jumps = clock_jumps != self._clock_jumps, clock_jumps
            if self._graph is None or has_jumped or self._must_restart(frame, time_ns):
                chunks += self._convert(None)  # what the resampler still holds: up to 2 ms
                self._start(frame, time_ns)
            frame.pts, frame.time_base = time_ns - self._base_s * NS_PER_S, _TIME_BASE
            return chunks + self._convert(frame)
        except (av.FFmpegError, ValueError) as error:
            self._graph = None
            raise EncodeError(f"sound ({_format_of(frame)}) cannot be converted: {error}") from error

    def _must_restart(self, frame: av.AudioFrame, time_ns: int) -> bool:
        if _format_of(frame) != self._format:
            return True
        return self._next_sample is not None and abs(sample_at(time_ns) - self._next_sample) > HARD_JUMP_SAMPLES

    def _start(self, frame: av.AudioFrame, time_ns: int) -> None:
        if self._format is not None:
            self.resyncs += 1
        self._format = _format_of(frame)
        self._next_sample = None
        # Counted from a second nearby, since swresample multiplies timestamps by both sample rates in 64 bits.
        self._base_s = time_ns // NS_PER_S
        # One channel is written to both below, since FFmpeg's own mix of one to two takes 3 dB from it.
        layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
        self._graph = Graph()
        self._graph.link_nodes(
            self._graph.add_abuffer(
                format=frame.format.name,
                sample_rate=frame.sample_rate,
                layout=frame.layout.name,
                time_base=_TIME_BASE,
            ),
            self._graph.add("aresample", _RESAMPLER),
            self._graph.add("aformat", f"sample_fmts=fltp:sample_rates={SAMPLE_RATE_HZ}:channel_layouts={layout}"),
            self._graph.add("abuffersink"),
        ).configure()

    def _convert(self, frame: av.AudioFrame | None) -> list[AudioChunk]:
        chunks: list[AudioChunk] = []
        if self._graph is None:
            return chunks
        self._graph.push(frame)
        while True:
            try:
                chunks.append(self._chunk(cast("av.AudioFrame", self._graph.pull())))
            except (av.BlockingIOError, av.EOFError):
                return chunks

    def _chunk(self, converted: av.AudioFrame) -> AudioChunk:
        start_sample = self._next_sample
        if start_sample is None:
            start_sample = self._base_s * SAMPLE_RATE_HZ + (converted.pts or 0)
        self._next_sample = start_sample + converted.samples
        samples = np.empty((CHANNELS, converted.samples), np.float32)
        samples[:] = [np.frombuffer(memoryview(plane), np.float32, converted.samples) for plane in converted.planes]
        return AudioChunk(start_sample, samples)


def _format_of(frame: av.AudioFrame) -> _Format:
    return _Format(frame.format.name, frame.sample_rate, frame.layout.name)
