"""One connection to a source, from first packet to end: decode, guard the timestamps, put them on the wall clock."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import av
from av.codec.context import Flags

from relay.decode.copying import PacketCopier
from relay.decode.guard import AudioGuard, TimestampGuard
from relay.decode.picture import display_size
from relay.decode.ports import DecodedAudio, DecodedVideo
from relay.errors import SourceStalledError
from relay.timeline import SourceClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.packet import Packet

    from relay.decode.ports import CopyTaker, Source
    from relay.model import Matrix, SourceInfo

_NS_PER_S: Final = 1_000_000_000
_MATRICES: Final[dict[int, Matrix]] = {1: "bt709", 5: "smpte170m", 6: "smpte170m"}
MAX_BLIND_S: Final = 30.0
"""Packets that never become a picture (no keyframe, another codec than announced) are no stream; GOPs of 20 s exist."""

RATE_FRAMES: Final = 20
RATE_WAIT_S: Final = 2.0
"""A source that does not say its rate is watched this long before it is announced."""


class Connection:
    """State that dies with the connection: decoders, guards, the clock. One thread."""

    def __init__(
        self,
        source: Source,
        counters: dict[str, int],
        on_found: Callable[[SourceInfo], None],
        on_video: Callable[[DecodedVideo], None],
        on_audio: Callable[[DecodedAudio], None],
    ) -> None:
        self._source = source
        self._counters = counters
        self._on_found, self._on_video, self._on_audio = on_found, on_video, on_audio
        self._guard, self._audio_guard, self._clock = TimestampGuard(), AudioGuard(), SourceClock()
        self._prepared: set[int] = set()
        self._has_keyframe = False
        self._rate = _RateMeter(source.info.rate)
        self._opened_s = self._packet_s = time.monotonic()
        self.shown_since_s: float | None = None
        self._copy_to: CopyTaker | None = None
        self._copier = PacketCopier(self._guard, self._clock, source.info.rate)

    def offer_to(self, taker: CopyTaker) -> None:
        """Give `taker` the packets as they are, if it wants them. Raises `SourceUnsupportedError`."""
        self._copy_to = taker if taker.wants(self._source.info) else None

    @property
    def healthy_s(self) -> float:
        """For how long it has shown pictures."""
        return 0.0 if self.shown_since_s is None else time.monotonic() - self.shown_since_s

    def take(self, item: Packet[Any] | av.VideoFrame | av.AudioFrame | None, arrival_ns: int) -> None:
        """Take what the source gave at `arrival_ns`; calls `on_found` once, then `on_video` and `on_audio`."""
        if isinstance(item, av.VideoFrame):
            self._packet_s = time.monotonic()
            self._show(item, arrival_ns)
        elif isinstance(item, av.AudioFrame):
            self._sound(item, arrival_ns)
        elif item is not None:
            self._decode(item, arrival_ns)

    def check_alive(self, read_timeout_s: float) -> None:
        """Raises `SourceStalledError` when nothing has come for `read_timeout_s`, or no picture for `MAX_BLIND_S`."""
        now_s = time.monotonic()
        if now_s - self._packet_s > read_timeout_s:
            raise SourceStalledError(f"no video came for {read_timeout_s:g} s")
        blind_s = max(MAX_BLIND_S, read_timeout_s)
        if self.shown_since_s is None and now_s - self._opened_s > blind_s:
            raise SourceStalledError(
                f"video comes, but no picture for {blind_s:g} s: set a shorter keyframe interval (2 s) in the camera"
            )

    def _decode(self, packet: Packet[Any], arrival_ns: int) -> None:
        is_video = packet.stream.type == "video"
        if is_video and packet.size:
            self._counters["packets"] += 1
            self._packet_s = time.monotonic()
            self._has_keyframe = self._has_keyframe or packet.is_keyframe
        if is_video and self._copy_to is not None:
            self._copy(packet, arrival_ns, self._copy_to)
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

    def _copy(self, packet: Packet[Any], arrival_ns: int, taker: CopyTaker) -> None:
        for copied in self._copier.take(packet, arrival_ns) if packet.size else ():
            self._counters["frames"] += 1
            if self.shown_since_s is None:
                self._on_found(self._source.info)
                self.shown_since_s = time.monotonic()
            if not taker.take(copied):
                # From the next keyframe on they are decoded, and found again with what decoding shows of them.
                self._copy_to, self._has_keyframe, self.shown_since_s = None, False, None
                return

    def _prepare(self, packet: Packet[Any]) -> None:
        """Set the decoder up before its first packet: options of the container do not reach it."""
        if packet.stream_index in self._prepared:
            return
        self._prepared.add(packet.stream_index)
        if packet.stream.type == "video":
            codec = packet.stream.codec_context
            # Frame threads hold back a frame each; slices do not. Low delay is only for streams without B-frames.
            codec.thread_type, codec.thread_count = "SLICE", 2
            if not codec.has_b_frames:
                codec.flags |= Flags.low_delay

    def _show(self, frame: av.VideoFrame, arrival_ns: int) -> None:
        self._counters["frames"] += 1
        pts_ns = self._guard.check(_pts_ns(frame), arrival_ns)
        if pts_ns is None:
            self._counters["discarded_timestamps"] += 1
            return
        time_ns = self._clock.time_ns(pts_ns, arrival_ns)
        if self.shown_since_s is None:
            if not self._rate.is_known(pts_ns):
                return
            self._on_found(self._found(frame))
            self.shown_since_s = time.monotonic()
        self._on_video(DecodedVideo(time_ns, arrival_ns, frame, self._source.sample_aspect))

    def _sound(self, frame: av.AudioFrame, arrival_ns: int) -> None:
        offset_ns = self._clock.offset_ns if self._copy_to is None else self._copier.offset_ns
        if self.shown_since_s is None or offset_ns is None:
            return
        time_ns = self._audio_guard.check(_pts_ns(frame), arrival_ns, self._guard, offset_ns)
        if time_ns is None:
            self._counters["discarded_timestamps"] += 1
        else:
            self._on_audio(DecodedAudio(time_ns, frame))

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
            matrix=_MATRICES.get(int(frame.colorspace), info.matrix),
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
            is_enough = len(self._seen) > RATE_FRAMES or pts_ns - self._seen[0] > RATE_WAIT_S * _NS_PER_S
            if is_enough and len(self._seen) > 1:
                step_ns = median(after - before for before, after in pairwise(self._seen))
                self.rate = Fraction(_NS_PER_S, max(1, int(step_ns))).limit_denominator(1001)
        return self.rate is not None


def _pts_ns(frame: av.VideoFrame | av.AudioFrame) -> int | None:
    if frame.pts is None or not frame.time_base:
        return None
    return int(frame.pts * Fraction(frame.time_base) * _NS_PER_S)
