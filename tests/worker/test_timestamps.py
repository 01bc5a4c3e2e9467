"""From a camera's timestamps to the playlist: whatever they are, and whenever they come, the rules hold.

Guard, clock, slots, slot line, packager, window and playlist are the real ones; the encoder alone is played.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.published import VIDEO_INIT
from fixtures.worker import FIRST, GRID, SMALL, Outbox, SteppedClock, flat
from relay import slate, wire
from relay.check.epoch import check_epoch
from relay.check.finding import Finding, faults
from relay.check.history import check_update
from relay.check.media_playlist import check_media_playlist
from relay.check.parsed import parse
from relay.config import StreamSettings
from relay.decode import TimestampGuard
from relay.decode.clock import SourceClock
from relay.model import AccessUnit, MediaKind, Picture
from relay.playlist import Answer, Directives, Window, WindowSettings, decide, render_media
from relay.slots import SlotAssigner
from relay.timeline import NS_PER_S, ClockLine
from relay.worker import rungs
from relay.worker.board import Board
from relay.worker.handoff import Handoff
from relay.worker.video import MAX_WAIT_S, VideoLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from relay.check.listing import MediaPlaylist

IDR, P = b"\x00\x00\x00\x01\x65\x88\x84", b"\x00\x00\x00\x01\x41\x9a\x02"
MS = 1_000_000
HOLE_RULES = {"P9", "L9"}
"""After a hole that is too long to fill the window begins again by design: few segments, a hint that was not kept."""


class Encoder:
    """Stands for the real one: an access unit at once, of the right kind."""

    name = "played"
    bandwidth_bps = average_bandwidth_bps = repeats = 0

    def __init__(self, *_: object) -> None:
        """It needs to know nothing."""

    def encode(self, _i420: NDArray[np.uint8], slot: int, *, is_idr: bool) -> list[AccessUnit]:
        return [AccessUnit("video", slot, slot, is_idr, IDR if is_idr else P)]

    def flush(self) -> list[AccessUnit]:
        return []

    def close(self) -> None:
        """Nothing is held."""


class Camera:
    """A camera, the slot line behind it, and who reads the playlist whenever a part is added to it."""

    def __init__(self, seed: int) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        self.outbox = Outbox()
        link, start = self.outbox.as_link(), wire.Start(SMALL, {"video": FIRST, "audio": FIRST})
        self.line = VideoLine("cam", StreamSettings(), start, self.clock, self.board, link, Handoff(1 / 15))
        self.line.open()
        self.guard, self.source_clock, self.assigner = TimestampGuard(), SourceClock(), SlotAssigner(GRID)
        self.window = Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=7, has_audio=False))
        self.findings: list[Finding] = []
        self._last: MediaPlaylist | None = None
        self._read = 0
        self._late_s = 0.0
        self._random = random.Random(seed)
        self._pts_ns = self._random.randrange(10 * NS_PER_S)

    def play(self, frames: int, period_ms: int = 67, *, is_timed: bool = True) -> None:
        """Frames come in their rhythm, each up to a quarter of a period late."""
        for _ in range(frames):
            self._pts_ns += period_ms * MS
            late_s = self._random.uniform(0, period_ms / 4000)
            self.pass_by(period_ms / 1000 + late_s - self._late_s)
            self._late_s = late_s
            self.come(self._pts_ns if is_timed else None)

    def come(self, pts_ns: int | None) -> None:
        """A frame with that timestamp comes now, and goes the way that `worker.camera` takes it."""
        now_ns = self.clock.unix_ns()
        checked_ns = self.guard.check(pts_ns, now_ns)
        if checked_ns is None:
            return
        time_ns = self.source_clock.time_ns(checked_ns, now_ns)
        slot: int | None = GRID.slot_at(time_ns)
        if slot is not None and slot >= self.line.slots.first_slot:
            slot = self.assigner.assign(time_ns)
        if slot is not None:
            self.step(Picture(slot, time_ns, flat(100)))

    def pass_by(self, seconds: float) -> None:
        """Time passes; the slot line wakes as often as it does."""
        while seconds > 0:
            self.clock.advance(min(seconds, MAX_WAIT_S))
            seconds -= MAX_WAIT_S
            self.step(None)

    def starve(self, seconds: float) -> None:
        """Time passes, and this machine does nothing."""
        self.clock.advance(seconds)
        self.step(None)

    def jump(self, seconds: float) -> None:
        """The camera's own clock is set."""
        self._pts_ns += round(seconds * NS_PER_S)

    def set_clock(self, seconds: float) -> None:
        """The relay's clock is set forward."""
        self.clock.line = ClockLine(self.clock.monotonic_ns, self.clock.unix_ns() + round(seconds * NS_PER_S))
        self.step(None)

    def step(self, picture: Picture | None) -> None:
        self.line.step(picture)
        parts = self.outbox.parts(MediaKind.VIDEO)
        for part in parts[self._read :]:
            assert self.window.append(part, "init-1.mp4", self.clock.unix_ns()) is not None
            self._judge()
        self._read = len(parts)

    def _judge(self) -> None:
        if decide(self.window, Directives()) is not Answer.NOW:
            return
        text = render_media(self.window, [])
        playlist = parse(text)
        self.findings += [*check_media_playlist(text), *check_epoch(playlist, GRID, MediaKind.VIDEO)]
        if self._last is not None:
            self.findings += check_update(self._last, playlist)
        self._last = playlist


@pytest.fixture(scope="module", autouse=True)
def _played() -> Iterator[None]:
    """What costs time and says nothing here: the encoder, its init segment and the slate's picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rungs, "VideoEncoder", Encoder)
        patch.setattr(rungs, "make_video_init", lambda *_: VIDEO_INIT)
        patch.setattr(slate, "render", lambda *_, **__: flat(0))
        yield


EVENTS: dict[str, Callable[[Camera, float], None]] = {
    "a while": lambda camera, share: camera.play(1 + int(90 * share)),
    "low light": lambda camera, share: camera.play(1 + int(20 * share), 200),
    "too fast": lambda camera, share: camera.play(1 + int(60 * share), 20),
    "no timestamps": lambda camera, share: camera.play(1 + int(30 * share), is_timed=False),
    "the same again": lambda camera, share: camera.jump(-0.067 * (1 + int(3 * share))),
    "a gap": lambda camera, share: camera.pass_by(12 * share),
    "an hour on": lambda camera, _: camera.jump(3600),
    "a day back": lambda camera, _: camera.jump(-86_400),
    "a jump": lambda camera, share: camera.jump(20 * share - 10),
    "a busy machine": lambda camera, share: camera.starve(10 * share),
    "the relay's clock": lambda camera, share: camera.set_clock(7200 * share),
}


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    events=st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.floats(0, 1)), min_size=1, max_size=10),
)
def test_any_sequence_of_source_times_gives_playlists_that_obey_the_rules(
    seed: int, events: list[tuple[str, float]]
) -> None:
    camera = Camera(seed)
    for name, share in events:
        EVENTS[name](camera, share)
        camera.play(5)
    camera.play(2 * GRID.slots_per_segment)
    camera.line.close()
    has_hole = camera.board.counters["skipped_slots"] > 0
    assert [one for one in faults(camera.findings) if not (has_hole and one.rule in HOLE_RULES)] == []
    assert camera._last is not None, "there was something to read"
    slots = camera.board.counters["slots"] + camera.board.counters["skipped_slots"]
    assert camera.line.slots.next_slot - FIRST == slots


def test_an_even_camera_repeats_and_drops_nothing() -> None:
    camera = Camera(1)
    camera.play(600)
    camera.line.close()
    assert faults(camera.findings) == []
    # 67 ms for 66.7: in 40 s the camera falls three slots behind, and those repeat a picture.
    assert camera.board.counters["repeated_slots"] + camera.board.counters["slate_slots"] <= 8
