"""T3, where pictures are copied: the camera's own between its keyframes, or a slate of the same kind in an outage.

    T1 ──put──> camera's pictures ─┐
                                   ├─> KeyframeCut ─> CopiedPackager ─> link, and the time of each segment to the sound
         slate, pictures of ours ──┘

Camera and slate differ in their parameter sets. So where one follows the other, and where one connection follows
another, there is a seam: what came before is closed there, and what comes begins with a keyframe, behind a
discontinuity and with an initialization segment of its own. Between two seams nothing is ever touched.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from relay import wire
from relay.model import MediaKind
from relay.packager import CopiedPackager, KeyframeCut, make_copied_init
from relay.timeline import NS_PER_S, SKIP_AFTER_SEGMENTS, Grid, copied_shortest_s
from relay.worker.inbox import Inbox
from relay.worker.painter import SlatePainter
from relay.worker.stills import SLATE, CameraView, SlateSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config import StreamSettings
    from relay.model import CodedPicture, Copied, Init
    from relay.packager import Run, Span
    from relay.worker.board import Board, Clock
    from relay.worker.link import Link
    from relay.worker.stills import CameraPicture, Origin

MAX_WAIT_S: Final = 0.25
MAX_QUEUE: Final = 2048
"""Pictures that wait to be cut: the thread only sorts bytes, so they wait while the processor is elsewhere."""

MAX_QUEUE_BYTES: Final = 32_000_000
_HEADROOM: Final = 1.25
"""How far over what was seen BANDWIDTH is said to be: the camera is not ours to bound."""
_AVERAGED_SEGMENTS: Final = 15
"""Half a minute: a quiet night must not hide from AVERAGE-BANDWIDTH what a day takes."""


class CopyLine:
    """Publishes segment after segment from `start` on. `run` is the body of its thread: `step` after `step`.

    `on_span` hears the time of every segment; `on_longer_gop` of a distance of keyframes that the format leaves no room
    for, in seconds. Both are called in that thread.
    """

    def __init__(
        self,
        name: str,
        settings: StreamSettings,
        start: wire.Start,
        copied: Copied,
        clock: Clock,
        board: Board,
        link: Link,
    ) -> None:
        self.on_span: Callable[[Span], None] = lambda _: None
        self.on_longer_gop: Callable[[float], None] = lambda _: None
        self._copied = copied
        self._clock = clock
        self._board = board
        self._link = link
        self._stall_after_ns = int(settings.stall_after_s * NS_PER_S)
        self._margin_ns = int(settings.max_jitter_s * NS_PER_S)
        shortest_ns = int(copied_shortest_s(start.format, copied.target_duration_s) * NS_PER_S)
        longest_ns = copied.target_duration_s * NS_PER_S
        self._skip_after_ns = SKIP_AFTER_SEGMENTS * longest_ns
        self._cut = KeyframeCut(shortest_ns, longest_ns)
        self._packager = CopiedPackager("video", Grid.of(start.format).msn(start.next_slots[MediaKind.VIDEO]))
        self._camera = CameraView(start.format, link)
        self._slate = SlateSource(start, SlatePainter(name, settings, start.format), copied.codec, shortest_ns)
        self._origin: Origin | None = None
        self._described: Origin | None = None
        self._codecs, self._video_range = copied.codecs, copied.video_range
        self._rate = RateMeter()
        self._init: Init | None = None
        self._began_ns = self._heard_ns = clock.unix_ns()
        self._inbox: Inbox[CameraPicture] = Inbox(_bytes_of, MAX_QUEUE_BYTES, MAX_QUEUE, drops="all")

    def put(self, item: CameraPicture) -> None:
        """Hand over a picture of the camera. Never blocks; over the bound all that waits is dropped."""
        if dropped := self._inbox.put(item):
            self._board.count("dropped_frames", len(dropped))

    def stop(self) -> None:
        """End the thread after what is in hand."""
        self._inbox.close()

    def run(self) -> None:
        """Thread body."""
        while not self._inbox.is_closed:
            items, has_hole = self._inbox.take(MAX_WAIT_S)
            self.step(items, has_hole=has_hole)

    def step(self, items: list[CameraPicture], *, has_hole: bool = False) -> None:
        """Publish what can be told now: all that is complete by `items`, and slate where the camera has stalled.

        With `has_hole` there are pictures missing before `items`.
        """
        if has_hole:
            self._emit(self._cut.break_off())
            self._origin = None
        for item in items:
            self._take(item)
        now_ns = self._clock.unix_ns()
        if now_ns - self._heard_ns >= self._stall_after_ns:
            self._show_slate(now_ns)

    def _take(self, item: CameraPicture) -> None:
        if item.origin != self._origin and not self._change_to(item):
            self._board.count("dropped_frames")
            return
        if not self._lay_down(item.picture):
            self._board.count("dropped_frames")
            return
        self._heard_ns = self._board.last_frame_ns = self._clock.unix_ns()
        if item.picture.is_keyframe:
            self._camera.look(item, self._heard_ns)

    def _change_to(self, item: CameraPicture) -> bool:
        """Make a seam before `item`, if there can be one."""
        at_ns = item.picture.time_ns
        ended_ns = self._cut.ended_ns
        if not item.picture.is_keyframe or (ended_ns is not None and at_ns < ended_ns):
            return False
        if self._origin == SLATE:
            self._fill_slate(at_ns)
            runs = self._cut.break_off(at_ns)
        else:
            runs = self._cut.break_off(at_ns if self._cut.can_last_until(at_ns) else None)
        self._emit(runs)
        self._origin = item.origin
        return True

    def _show_slate(self, now_ns: int) -> None:
        if self._slate.has_failed:
            return
        if self._origin != SLATE:
            self._emit(self._cut.break_off())
            self._origin = SLATE
            began_ns = self._began_ns if self._cut.ended_ns is None else self._cut.ended_ns
            self._slate.begin(began_ns, self._camera, self._codecs)
        if now_ns - self._slate.next_ns > self._skip_after_ns:
            self._emit(self._cut.break_off())
            self._slate.skip(now_ns - self._margin_ns)
        self._fill_slate(now_ns - self._margin_ns)

    def _fill_slate(self, until_ns: int) -> None:
        health = self._board.health()
        while self._slate.next_ns < until_ns and not self._inbox.is_closed and not self._slate.has_failed:
            picture = self._slate.next_picture(health)
            if picture is not None and self._lay_down(picture):
                self._board.count("slate_slots")

    def _lay_down(self, picture: CodedPicture) -> bool:
        """Put `picture` behind those before it. Whether it goes out: the cut drops what could not be decoded."""
        dropped = self._cut.dropped
        self._emit(self._cut.add(picture))
        if self._cut.dropped > dropped:
            return False
        # Not as segments are complete: those may be longer than the time over which frames a second are reckoned.
        self._board.count("slots")
        return True

    def _emit(self, runs: list[Run]) -> None:
        for run in runs:
            part, span = self._packager.add(run)
            self._describe(run, len(part.data) * 8 * NS_PER_S // (run.end_ns - run.start_ns))
            self._link.send(wire.PartReady(part))
            self.on_span(span)
            self._board.count("segments")
            if self._copied.is_independent and not run.is_independent:
                # Twice what was seen of it: it has not ended yet, and each change of format costs viewers a moment.
                self.on_longer_gop(2 * (run.end_ns - run.start_ns) / NS_PER_S)

    def _describe(self, run: Run, bits_per_s: int) -> None:
        """Send the init segment before the first of its segments, and again where one is larger than it says."""
        is_other, self._described = self._origin != self._described, self._origin
        if is_other:
            self._rate = RateMeter()
            self._init = None
        if not self._rate.add(bits_per_s) and self._init is not None:
            return
        if self._init is None:
            if self._origin is None or self._origin == SLATE:
                # A variant that has pictures in HDR and in SDR is declared for the first (RFC 8216bis §4.4.6.2).
                shape, keyframe = replace(self._slate.shape, video_range=self._video_range), self._slate.keyframe
            else:
                shape, keyframe = self._camera.describe(run.pictures[0])
            self._init = make_copied_init("video", shape, keyframe, 1, 1)
            self._codecs, self._video_range = self._init.codecs, self._init.video_range
        bandwidth_bps, average_bps = self._rate.bandwidth_bps, self._rate.average_bps
        self._init = replace(self._init, bandwidth=bandwidth_bps, average_bandwidth=average_bps)
        self._link.send(wire.InitReady(self._init))


class RateMeter:
    """What BANDWIDTH and AVERAGE-BANDWIDTH have to be, in bits a second."""

    def __init__(self) -> None:
        self.bandwidth_bps = 0
        self.average_bps = 0
        self._newest = deque[int](maxlen=_AVERAGED_SEGMENTS)

    def add(self, bits_per_s: int) -> bool:
        """Take note of a segment. Whether it, or the average with it, is over what was said of all before."""
        self._newest.append(bits_per_s)
        mean_bps = sum(self._newest) / len(self._newest)
        if bits_per_s <= self.bandwidth_bps and mean_bps <= self.average_bps:
            return False
        if bits_per_s > self.bandwidth_bps:
            self.bandwidth_bps = round(bits_per_s * _HEADROOM)
        self.average_bps = min(self.bandwidth_bps, max(self.average_bps, round(mean_bps * _HEADROOM)))
        return True


def _bytes_of(item: CameraPicture) -> int:
    return sum(map(len, item.picture.units))
