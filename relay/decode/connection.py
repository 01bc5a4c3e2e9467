"""One connection to a source, from first packet to end: decode, guard the timestamps, put them on the wall clock."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import av
from av.codec.context import Flags

from relay.decode.clock import SourceClock
from relay.decode.copying import PacketCopier
from relay.decode.deinterlace import Deinterlacer
from relay.decode.drift import AudioDrift
from relay.decode.guard import AudioGuard, TimestampGuard
from relay.decode.picture import display_size
from relay.decode.ports import DecodedAudio, DecodedVideo
from relay.decode.sender import capture_offset_ns
from relay.decode.still import first_picture
from relay.errors import SourceStalledError, SourceUnsupportedError
from relay.model import MATRICES
from relay.timeline import NS_PER_S, timestamp_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.packet import Packet

    from relay.decode.ports import CopyTaker, Source
    from relay.model import SourceInfo

_NS_PER_MS: Final = 1_000_000
_SMOOTHING: Final = 20
"""Gauges follow what they measure over about so many frames."""

MAX_BLIND_S: Final = 30.0
"""Packets that never become a picture (no keyframe, another codec than announced) are no stream; GOPs of 20 s exist."""

BURST_OVER_NS: Final = 100 * _NS_PER_MS
"""What comes so much later did not come at once: the newest picture of a burst waits no longer to be shown."""
BURST_NS: Final = 20 * _NS_PER_MS
BURST_WITHIN_S: Final = 5.0
"""What a source sent while it was probed comes at once when it is read, and cannot be placed before its last frame.

By the first of a second's frames, all of them would be placed a second late, and the sound with them.
"""

STALL_FRAMES: Final = 3
RHYTHM_FRAMES: Final = 5
"""A camera of a frame a second has not stalled after two: how far its last ones lay apart says what to expect."""

RATE_FRAMES: Final = 20
RATE_WAIT_S: Final = 2.0
"""A source that does not say its rate is watched this long before it is announced."""


class _Placed(NamedTuple):
    """A picture, when it was captured and when it came by the wall clock, and its own time."""

    frame: av.VideoFrame
    time_ns: int
    arrival_ns: int
    pts_ns: int


class Connection:
    """State that dies with the connection: decoders, guards, the clock. One thread."""

    def __init__(
        self,
        source: Source,
        counters: dict[str, int],
        on_found: Callable[[SourceInfo], None],
        on_video: Callable[[DecodedVideo], None],
        on_audio: Callable[[DecodedAudio], None],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._source = source
        self._counters = counters
        self._monotonic_s = monotonic_s
        self._on_found, self._on_video, self._on_audio = on_found, on_video, on_audio
        self._guard, self._audio_guard, self._clock = TimestampGuard(), AudioGuard(), SourceClock(source.delayed_ns)
        self._drift, self._deinterlacer = AudioDrift(), Deinterlacer()
        self._has_keyframe = False
        self._sender_offset_ns: int | None = None
        self._rate = _RateMeter(source.info.rate)
        self._opened_s = self._packet_s = self._frame_s = monotonic_s()
        self._steps_s: deque[float] = deque([0.0], maxlen=RHYTHM_FRAMES)
        self._delay_ns = 0
        self._is_burst = False
        self._is_first = True
        self._newest: _Placed | None = None
        """Of a burst that may go on."""
        self.shown_since_s: float | None = None
        self._copy_to: CopyTaker | None = None
        self._is_seen = False
        self._copier = PacketCopier(self._guard, self._clock, source.info.rate)

    def offer_to(self, taker: CopyTaker) -> None:
        """Give `taker` the packets as they are, if it wants them. Raises `SourceUnsupportedError`."""
        self._copy_to = taker if taker.wants(self._source.info) else None
        self._is_seen = not taker.has_to_see

    @property
    def healthy_s(self) -> float:
        """For how long it has shown pictures."""
        return 0.0 if self.shown_since_s is None else self._frame_s - self.shown_since_s

    def gauges(self) -> dict[str, float]:
        """How capture times are told from timestamps, and with what result; see `SourceClock`. Any thread may ask."""
        clock = self._clock
        told = {"capture_by_sender": float(clock.is_by_sender), "audio_drift_ms": self._drift.drift_ns / _NS_PER_MS}
        if clock.offset_ns is not None:
            told["capture_delay_ms"] = self._delay_ns / _NS_PER_MS
        if (delay_ns := clock.delay_ns) is not None:
            told["sender_delay_ms"] = delay_ns / _NS_PER_MS
        return told

    def take(self, item: Packet[Any] | av.VideoFrame | av.AudioFrame | None, arrival_ns: int) -> None:
        """Take what the source gave at `arrival_ns`; calls `on_found` once, then `on_video` and `on_audio`."""
        if self._newest is not None and arrival_ns - self._newest.arrival_ns > BURST_OVER_NS:
            self.end_burst()
        self._clock.fall_behind(self._source.delayed_ns)
        if isinstance(item, av.VideoFrame):
            self._packet_s = self._monotonic_s()
            self._show(item, arrival_ns)
        elif isinstance(item, av.AudioFrame):
            self._sound(item, arrival_ns)
        elif item is not None:
            self._decode(item, arrival_ns)

    def check_alive(self, read_timeout_s: float) -> None:
        """Raises `SourceStalledError` when nothing new can be shown, found by the clock whatever the socket does.

        Before the first picture: no packet for `read_timeout_s`, or no picture for `MAX_BLIND_S`. After it: no new
        picture for the source's `stall_after_s`, or for three times as long as its last ones lay apart.
        """
        now_s = self._monotonic_s()
        if self.shown_since_s is not None:
            limit_s = max(self._source.stall_after_s, STALL_FRAMES * max(self._steps_s))
            if self._source.is_live and now_s - self._frame_s > limit_s:
                what = "no video came" if now_s - self._packet_s > limit_s else "video comes, but no new picture"
                raise SourceStalledError(f"{what} for {limit_s:.3g} s")
            return
        if now_s - self._packet_s > read_timeout_s:
            raise SourceStalledError(f"no video came for {read_timeout_s:g} s")
        blind_s = max(MAX_BLIND_S, read_timeout_s)
        if now_s - self._opened_s > blind_s:
            raise SourceStalledError(
                f"video comes, but no picture for {blind_s:g} s: set a shorter keyframe interval (2 s) in the camera"
            )

    def _decode(self, packet: Packet[Any], arrival_ns: int) -> None:
        is_video = packet.stream.type == "video"
        if is_video and packet.size:
            self._counters["packets"] += 1
            self._packet_s = self._monotonic_s()
            self._has_keyframe = self._has_keyframe or packet.is_keyframe
            self._sender_offset_ns = capture_offset_ns(packet) or self._sender_offset_ns
        if is_video and self._copy_to is not None and self._copies(packet, arrival_ns, self._copy_to):
            return
        if is_video and not self._has_keyframe:
            return
        self._prepare(packet)
        try:
            frames = packet.decode()
        except (av.FFmpegError, EOFError):
            # A lost or damaged packet: the decoder goes on with the next, and hides what it can.
            self._counters["decode_errors"] += 1
            return
        for frame in frames:
            self.take(frame, arrival_ns)

    def _copies(self, packet: Packet[Any], arrival_ns: int, taker: CopyTaker) -> bool:
        """Pass `packet` on as it is. `False`: it is to be decoded, as those behind it are."""
        if not self._is_seen and packet.size and packet.is_keyframe and not self._is_wanted_as_seen(packet, taker):
            self._copy_to, self.shown_since_s = None, None
            return False
        for copied in self._copier.take(packet, arrival_ns) if packet.size else ():
            self._counters["frames"] += 1
            self._note_rhythm()
            if self.shown_since_s is None:
                self._on_found(self._source.info)
                self.shown_since_s = self._frame_s
            if not taker.take(copied):
                # From the next keyframe on they are decoded, and found again with what decoding shows of them.
                self._copy_to, self._has_keyframe, self.shown_since_s = None, False, None
                break
        return True

    def _is_wanted_as_seen(self, keyframe: Packet[Any], taker: CopyTaker) -> bool:
        """Show `taker` what only the decoder knows. Of a picture that cannot be decoded nothing is known yet."""
        self._prepare(keyframe)
        frame = first_picture(keyframe)
        if frame is None:
            return True
        self._is_seen = True
        info = replace(self._source.info, rotation=frame.rotation, is_interlaced=frame.interlaced_frame)
        return taker.sees(info)

    def _prepare(self, packet: Packet[Any]) -> None:
        """Set the decoder up before its first packet: options of the container do not reach it."""
        codec = packet.stream.codec_context
        if packet.stream.type == "video" and not codec.is_open:
            # Frame threads hold back a frame each; slices do not. Low delay is only for streams without B-frames.
            codec.thread_type, codec.thread_count = "SLICE", 2
            if not codec.has_b_frames:
                codec.flags |= Flags.low_delay

    def _show(self, frame: av.VideoFrame, arrival_ns: int) -> None:
        self._counters["frames"] += 1
        own_ns = timestamp_ns(frame.pts, frame.time_base)
        jumps_before = self._guard.jumps
        pts_ns = self._guard.check(own_ns, arrival_ns)
        self._counters["timestamp_jumps"] += self._guard.jumps - jumps_before
        if pts_ns is None:
            self._counters["discarded_timestamps"] += 1
            return
        self._note_rhythm()
        sender_ns = None
        if own_ns is not None:
            self._drift.see_video(own_ns, arrival_ns)
            sender_ns = None if self._sender_offset_ns is None else own_ns + self._sender_offset_ns
        time_ns = self._clock.time_ns(pts_ns, arrival_ns, sender_ns)
        self._delay_ns += (arrival_ns - time_ns - self._delay_ns) // _SMOOTHING
        placed = _Placed(frame, time_ns, arrival_ns, pts_ns)
        if self._is_in_burst():
            self._counters["burst_frames"] += self._newest is not None
            self._newest = placed
            return
        self.end_burst()
        self._pass_on(placed)

    def end_burst(self) -> None:
        """Show the newest of a burst, if there was one: nothing more came at once."""
        placed, self._newest = self._newest, None
        if placed is not None:
            self._is_burst = False
            self._pass_on(placed)

    def _pass_on(self, placed: _Placed) -> None:
        try:
            whole = list(self._deinterlacer.pass_on(placed.frame, placed.time_ns))
        except (av.FFmpegError, ValueError) as error:
            name = placed.frame.format.name
            raise SourceUnsupportedError(f"interlaced pictures of {name} cannot be read here: {error}") from error
        for whole_ns, picture in whole:
            self._give(placed._replace(frame=picture, time_ns=whole_ns))

    def _is_in_burst(self) -> bool:
        """Whether frames come faster than they were captured, as they do right after a live source was opened.

        The first may be the first of such a burst, and have waited for a second: only the next one will tell.
        """
        is_first, self._is_first = self._is_first, False
        is_early = self._frame_s - self._opened_s < BURST_WITHIN_S
        self._is_burst = self._source.is_live and is_early and (is_first or self._clock.fell_ns > BURST_NS)
        return self._is_burst

    def _note_rhythm(self) -> None:
        now_s = self._monotonic_s()
        if self.shown_since_s is not None:
            self._steps_s.append(now_s - self._frame_s)
        self._frame_s = now_s

    def _give(self, placed: _Placed) -> None:
        frame, time_ns, arrival_ns, pts_ns = placed
        if self.shown_since_s is None:
            if not self._rate.is_known(pts_ns):
                return
            self._on_found(self._found(frame))
            self.shown_since_s = self._frame_s
        self._on_video(DecodedVideo(time_ns, arrival_ns, frame, self._source.sample_aspect, self._clock.jumps))

    def _sound(self, frame: av.AudioFrame, arrival_ns: int) -> None:
        offset_ns = self._clock.offset_ns if self._copy_to is None else self._copier.offset_ns
        if self.shown_since_s is None or offset_ns is None or self._is_burst:
            return
        own_ns = timestamp_ns(frame.pts, frame.time_base)
        time_ns = self._audio_guard.check(own_ns, arrival_ns, self._guard, offset_ns)
        if time_ns is None:
            self._counters["discarded_timestamps"] += 1
            return
        if own_ns is not None:
            self._drift.see_audio(own_ns, arrival_ns)
            time_ns += self._drift.drift_ns
        self._on_audio(DecodedAudio(time_ns, frame, self._clock.jumps))

    def _found(self, frame: av.VideoFrame) -> SourceInfo:
        """What the first picture shows is surer than what the container announced."""
        info = self._source.info
        width, height = display_size(frame.width, frame.height, self._source.sample_aspect, frame.rotation)
        return replace(
            info,
            width=width,
            height=height,
            rate=self._rate.rate,
            pixel_format=frame.format.name,
            matrix=MATRICES.get(int(frame.colorspace), info.matrix),
        )


class _RateMeter:
    """The frame rate of a source that does not say: the median distance of its first frames."""

    def __init__(self, rate: Fraction | None) -> None:
        self.rate = rate
        self._seen: list[int] = []

    def is_known(self, pts_ns: int) -> bool:
        """Whether `rate` can be relied on, now that a frame came at `pts_ns`."""
        if self.rate is None:
            self._seen.append(pts_ns)
            is_enough = len(self._seen) > RATE_FRAMES or pts_ns - self._seen[0] > RATE_WAIT_S * NS_PER_S
            if is_enough and len(self._seen) > 1:
                step_ns = median(after - before for before, after in pairwise(self._seen))
                self.rate = Fraction(NS_PER_S, max(1, int(step_ns))).limit_denominator(1001)
        return self.rate is not None
