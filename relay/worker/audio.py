"""T4: one AAC frame for every place on the sample grid: the camera's sound, or silence where there is none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Final

from relay import wire
from relay.encode import AudioEncoder, SampleGrid
from relay.model import MediaKind
from relay.packager import AudioPackager, SpanAudioPackager, make_audio_init
from relay.slots import Lateness
from relay.timeline import NS_PER_S, SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME, sample_at
from relay.worker.inbox import Inbox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.config import StreamSettings
    from relay.model import AccessUnit, Part
    from relay.packager import Span
    from relay.slots import SlotFiller
    from relay.timeline import Grid
    from relay.worker.board import Board, Clock
    from relay.worker.link import Link

    Chunk = tuple[int, NDArray[np.float32]]

WAIT_S: Final = 0.03
"""How exactly silence keeps step. More than an AAC frame (21 ms): sound that comes wakes the thread by itself."""

MAX_QUEUE_SAMPLES: Final = 5 * SAMPLE_RATE_HZ
FLOOR_NS: Final = 40_000_000
MAX_HOLE_FRAMES: Final = 30 * SAMPLE_RATE_HZ // SAMPLES_PER_AAC_FRAME
"""Beside copied pictures, sound that is further behind than this is not caught up with: three of their segments."""


class SoundLine(ABC):
    """Encodes AAC frame after frame, from `first_frame` on.

    `run` is the body of its thread: `open`, then `step` after `step`, then `close`.
    """

    def __init__(self, settings: StreamSettings, first_frame: int, clock: Clock, board: Board, link: Link) -> None:
        self._first_frame = first_frame
        self._bitrate_kbps = settings.audio_bitrate_kbps
        self._clock = clock
        self._board = board
        self._link = link
        self._stall_after_ns = int(settings.stall_after_s * NS_PER_S)
        self._lateness = Lateness(floor_ns=FLOOR_NS, ceiling_ns=int(settings.max_jitter_s * NS_PER_S))
        self._last_sound_ns: int | None = None
        self._inbox: Inbox[Chunk] = Inbox(_samples_of, MAX_QUEUE_SAMPLES, drops="oldest")

    def put(self, first_sample: int, samples: NDArray[np.float32]) -> None:
        """Hand over sound that begins at `first_sample` (48 kHz, from the epoch).

        Never blocks; the oldest makes room.
        """
        if dropped := self._inbox.put((first_sample, samples)):
            self._board.count("dropped_audio_samples", sum(map(_samples_of, dropped)))

    def stop(self) -> None:
        """End the thread after the frame in hand."""
        self._inbox.close()

    def run(self) -> None:
        """Thread body."""
        self.open()
        try:
            while not self._inbox.is_closed:
                self.step(self._inbox.take(WAIT_S).items)
        finally:
            self.close()

    def open(self) -> None:
        """Make the encoder, in the thread that uses it, and describe what it will send."""
        self._begin(self._first_frame)
        encoder = self._encoder
        bandwidth_bps, average_bps = encoder.bandwidth_bps, encoder.average_bandwidth_bps
        self._link.send(wire.InitReady(make_audio_init("audio", self._bitrate_kbps, bandwidth_bps, average_bps)))

    def close(self) -> None:
        """Give it back."""
        self._encoder.close()

    def _begin(self, first_frame: int) -> None:
        """Encode from `first_frame` on, with an encoder that has heard nothing before."""
        self._samples = SampleGrid(first_frame)
        self._encoder = AudioEncoder(self._bitrate_kbps, first_frame)

    def step(self, chunks: list[Chunk]) -> None:
        """Lay down `chunks`, and encode every frame that is complete or whose deadline has passed."""
        limit_frame = self._limit_frame()
        if (first_frame := self._restart_frame()) is not None:
            self._encoder.close()
            self._begin(first_frame)
        for first_sample, samples in chunks:
            self._note_lateness(first_sample + samples.shape[1])
            self._samples.add(first_sample, samples)
        now_ns = self._clock.unix_ns()
        is_silent = self._last_sound_ns is None or now_ns - self._last_sound_ns >= self._stall_after_ns
        deadline_ns = FLOOR_NS if is_silent else self._lateness.deadline_ns
        due_frame = sample_at(now_ns - deadline_ns) // SAMPLES_PER_AAC_FRAME
        for _, frame in self._samples.take(min(due_frame, limit_frame)):
            for unit in self._encoder.encode(frame):
                self._send(self._pack(unit))
        self._send(self._pack(None))
        self._board.gauges["audio_deadline_ms"] = deadline_ns / 1e6
        self._board.gauges["silent_samples"] = self._samples.silence_samples
        self._board.gauges["overlapping_samples"] = self._samples.dropped_samples

    @abstractmethod
    def _limit_frame(self) -> int:
        """The frame before which the pictures allow sound now."""

    @abstractmethod
    def _restart_frame(self) -> int | None:
        """The frame to go on with instead of the next one, where there is a hole in time."""

    @abstractmethod
    def _pack(self, unit: AccessUnit | None) -> list[Part]:
        """The parts that are complete now that `unit` came, or with `None`, that time has passed."""

    def _send(self, parts: list[Part]) -> None:
        for part in parts:
            self._link.send(wire.PartReady(part))

    def _note_lateness(self, end_sample: int) -> None:
        now_ns = self._clock.unix_ns()
        self._last_sound_ns = now_ns
        self._lateness.add(now_ns, now_ns - end_sample * NS_PER_S // SAMPLE_RATE_HZ)


class AudioLine(SoundLine):
    """Sound beside the video slots, from its own first of them on.

    `video` is where the pictures are: the sound skips with them, and is never more than a segment ahead of them.
    """

    def __init__(
        self,
        settings: StreamSettings,
        start: wire.Start,
        grid: Grid,
        clock: Clock,
        board: Board,
        link: Link,
        video: SlotFiller,
    ) -> None:
        super().__init__(settings, grid.audio_frames_before(start.next_slots[MediaKind.AUDIO]), clock, board, link)
        self._grid = grid
        self._video = video
        self._skip_done: int | None = None
        self._packager = AudioPackager(grid)

    def _limit_frame(self) -> int:
        # When the clock is set forward, the video skips, a moment later: until then this is as far as there is sound.
        return self._grid.audio_frames_before(self._video.next_slot + self._grid.slots_per_segment)

    def _restart_frame(self) -> int | None:
        """Where the video began again after a hole, there begins the audio, or the renditions would part."""
        slot = self._video.skipped_to
        if slot is None or slot == self._skip_done:
            return None
        self._skip_done = slot
        return self._grid.audio_frames_before(slot)

    def _pack(self, unit: AccessUnit | None) -> list[Part]:
        part = None if unit is None else self._packager.add(unit)
        return [] if part is None else [part]


class SpanAudioLine(SoundLine):
    """Sound beside pictures that are copied: it keeps step with the clock, and is cut where they are."""

    LEAD_NS: Final = 3 * NS_PER_S
    """The pictures' first segment may begin this long before the worker was told to."""

    def __init__(self, settings: StreamSettings, clock: Clock, board: Board, link: Link) -> None:
        first_frame = sample_at(clock.unix_ns() - self.LEAD_NS) // SAMPLES_PER_AAC_FRAME
        super().__init__(settings, first_frame, clock, board, link)
        self._packager = SpanAudioPackager()
        self._spans: deque[Span] = deque()

    def cut(self, span: Span) -> None:
        """There is a segment of video. Called by its thread."""
        self._spans.append(span)

    def _limit_frame(self) -> int:
        return sample_at(self._clock.unix_ns()) // SAMPLES_PER_AAC_FRAME

    def _restart_frame(self) -> int | None:
        """Where the clock was set forward: what was missed is not filled."""
        now_frame = self._limit_frame()
        return now_frame if now_frame - self._samples.next_frame > MAX_HOLE_FRAMES else None

    def _pack(self, unit: AccessUnit | None) -> list[Part]:
        parts = [] if unit is None else self._packager.add(unit)
        while self._spans:
            parts += self._packager.cut(self._spans.popleft())
        return parts


def _samples_of(chunk: Chunk) -> int:
    return int(chunk[1].shape[1])
