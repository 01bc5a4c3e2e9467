"""Every AAC frame on the sample grid is sent once: sound where there is some, else silence, in step with the video."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import pytest

from fixtures.media import tone
from fixtures.worker import FIRST, GRID, SMALL, Outbox, SteppedClock, findings, places, run_of_places
from relay import wire
from relay.config import StreamSettings
from relay.model import MediaKind
from relay.slots import SlotFiller
from relay.timeline import NS_PER_S, SAMPLE_RATE_HZ, ClockLine, sample_at
from relay.worker import audio
from relay.worker.audio import AudioLine
from relay.worker.board import Board

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from relay.model import Part

SEGMENT = GRID.slots_per_segment
STEP_S = 0.02


class Stage:
    """An audio line with a scripted clock, beside a video that has filled whatever is due."""

    def __init__(self, next_audio_slot: int = FIRST) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        self.outbox = Outbox()
        self.video = SlotFiller(GRID, FIRST, 2 * NS_PER_S, has_picture=False)
        start = wire.Start(SMALL, {"video": FIRST, "audio": next_audio_slot})
        link = self.outbox.as_link()
        self.line = AudioLine(StreamSettings(), start, GRID, self.clock, self.board, link, self.video)
        self.line.open()

    def pass_time(self, seconds: float, *, sound_late_s: float | None = None) -> None:
        """Let time pass in steps of 20 ms, with the tone of each step coming `sound_late_s` after its end, or none."""
        for _ in range(round(seconds / STEP_S)):
            self.clock.advance(STEP_S)
            now_ns = self.clock.unix_ns()
            while self.video.next_slot <= GRID.slot_at(now_ns):
                self.video.take()
            chunks = []
            if sound_late_s is not None:
                first = sample_at(now_ns) - round((sound_late_s + STEP_S) * SAMPLE_RATE_HZ)
                chunks.append((first, samples(first, round(STEP_S * SAMPLE_RATE_HZ))))
            self.line.step(chunks)

    @property
    def parts(self) -> list[Part]:
        return self.outbox.parts(MediaKind.AUDIO)

    def sound(self) -> tuple[int, NDArray[np.float32]]:
        """The first sample of what was published, and the sound as a player decodes it."""
        media = io.BytesIO(self.outbox.init(MediaKind.AUDIO).data + b"".join(part.data for part in self.parts))
        with av.open(media, "r") as container:
            frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return self.parts[0].start_ticks, np.hstack(frames).astype(np.float32)

    def check(self) -> None:
        assert places(self.parts) == run_of_places(self.parts)
        assert findings(self.outbox.init(MediaKind.AUDIO), self.parts) == []


def samples(first: int, count: int) -> NDArray[np.float32]:
    return cast("NDArray[np.float32]", tone(first, count).to_ndarray())


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.line.close()


def test_silence_where_there_is_no_source(stage: Stage) -> None:
    stage.pass_time(2.2)
    assert len(stage.parts) >= GRID.parts_per_segment
    assert places(stage.parts)[0] == (GRID.msn(FIRST), 0)
    stage.check()
    _, sound = stage.sound()
    assert np.abs(sound).max() < 0.001
    assert stage.board.gauges["silent_samples"] > 2 * SAMPLE_RATE_HZ


def test_sound_comes_out_where_it_was_captured(stage: Stage) -> None:
    stage.pass_time(2.4, sound_late_s=0.03)
    stage.check()
    first, sound = stage.sound()
    difference = sound - samples(first, sound.shape[1])
    assert np.abs(difference)[:, SAMPLE_RATE_HZ // 2 :].max() < 0.02
    assert stage.board.gauges["overlapping_samples"] < 0.1 * SAMPLE_RATE_HZ


def test_sound_that_comes_when_its_frames_are_gone_is_dropped_and_counted(stage: Stage) -> None:
    stage.pass_time(1)
    late = sample_at(stage.clock.unix_ns()) - SAMPLE_RATE_HZ // 2
    stage.line.step([(late, samples(late, 4800))])
    assert stage.board.gauges["overlapping_samples"] == 4800
    stage.pass_time(0.5)
    stage.check()


def test_sound_that_is_always_late_is_waited_for(stage: Stage) -> None:
    stage.pass_time(2, sound_late_s=0.2)
    dropped = stage.board.gauges["overlapping_samples"]
    stage.pass_time(2, sound_late_s=0.2)
    assert stage.board.gauges["overlapping_samples"] == dropped
    assert 200 <= stage.board.gauges["audio_deadline_ms"] <= 300


def test_silence_goes_on_in_step_with_the_clock_when_sound_ends(stage: Stage) -> None:
    stage.pass_time(1, sound_late_s=0.2)
    stage.pass_time(2.5)
    assert stage.board.gauges["audio_deadline_ms"] == 40
    behind_s = (sample_at(stage.clock.unix_ns()) - stage.parts[-1].start_ticks) / SAMPLE_RATE_HZ
    assert behind_s < 0.4 + 0.1
    stage.check()


def test_a_worker_that_takes_over_begins_with_the_part_that_was_not_published() -> None:
    stage = Stage(FIRST - 2 * GRID.slots_per_part)
    stage.pass_time(0.5)
    assert places(stage.parts)[0] == (GRID.msn(FIRST) - 1, GRID.parts_per_segment - 2)
    stage.check()
    stage.line.close()


def test_it_skips_with_the_video(stage: Stage) -> None:
    stage.pass_time(1)
    now_ns = stage.clock.unix_ns() + 3600 * NS_PER_S
    stage.clock.line = ClockLine(stage.clock.monotonic_ns, now_ns)
    published = len(stage.parts)
    stage.line.step([])
    assert len(stage.parts) - published <= GRID.parts_per_segment + 1  # not an hour of silence
    stage.video.skip(now_ns)
    stage.line.step([])
    stage.pass_time(4)
    resumed = next(n for n, part in enumerate(stage.parts) if part.msn >= GRID.msn(GRID.slot_at(now_ns)))
    after = stage.parts[resumed:]
    assert places(after)[0] == (GRID.msn(stage.video.skipped_to or 0), 0)
    assert places(after) == run_of_places(after)
    assert findings(stage.outbox.init(MediaKind.AUDIO), after) == []
    assert places(stage.parts[:resumed]) == run_of_places(stage.parts[:resumed])


def test_it_never_runs_more_than_a_segment_ahead_of_the_video(stage: Stage) -> None:
    for _ in range(250):
        stage.clock.advance(STEP_S)
        stage.line.step([])
    assert places(stage.parts)[-1] < (GRID.msn(FIRST) + 1, 1)


def test_sound_beyond_what_can_wait_makes_room_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MAX_QUEUE_SAMPLES", 2000)
    stage = Stage()
    for n in range(3):
        stage.line.put(n * 1000, np.zeros((2, 1000), np.float32))
    assert stage.board.counters["dropped_audio_samples"] == 1000
    assert [first for first, _ in stage.line._inbox.take(0).items] == [1000, 2000]
    stage.line.close()


def test_the_thread_ends_when_it_is_told(stage: Stage) -> None:
    stage.line.stop()
    stage.line.put(0, np.zeros((2, 1000), np.float32))
    stage.line.run()
    assert stage.parts == []
