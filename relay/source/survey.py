"""Listens to a source for a while, for `relay probe`: opens, reads, decodes, measures and closes it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import av

from relay.errors import SourceEndedError, SourceStalledError
from relay.source import open_source
from relay.source.measure import SETTLE_NS, Measured, Meter
from relay.timeline import NS_PER_S, timestamp_ns

if TYPE_CHECKING:
    from av.packet import Packet

    from relay.config import StreamSettings
    from relay.model import SourceInfo


@dataclass(frozen=True, slots=True)
class Survey:
    """What a source says of itself, how long it took to open, what it sent, and what ended it early, if anything."""

    info: SourceInfo
    opened_s: float
    measured: Measured
    end: SourceEndedError | SourceStalledError | None


def survey(settings: StreamSettings, seconds: float) -> Survey:
    """Listen to `settings.source` for `seconds`. Raises a leaf of `SourceError` where it cannot be opened."""
    started_s = time.monotonic()
    source = open_source(settings, "probe")
    opened_s = time.monotonic() - started_s
    try:
        listener = _Listener(source.info, SETTLE_NS if source.is_live else 0)
        end = None
        try:
            for item in source.media():
                listener.take(item)
                if listener.elapsed_s > seconds:
                    break
        except (SourceEndedError, SourceStalledError) as error:
            end = error
        return Survey(listener.info, opened_s, listener.meter.measured(time.monotonic_ns()), end)
    finally:
        source.close()


class _Listener:
    def __init__(self, info: SourceInfo, settle_ns: int) -> None:
        self.info = info
        self._counts_from_ns = time.monotonic_ns() + settle_ns
        self.meter = Meter(self._counts_from_ns - settle_ns, settle_ns)
        self._has_keyframe = False

    @property
    def elapsed_s(self) -> float:
        return (time.monotonic_ns() - self._counts_from_ns) / NS_PER_S

    def take(self, item: Packet[Any] | av.VideoFrame | av.AudioFrame | None) -> None:
        now_ns = time.monotonic_ns()
        match item:
            case av.AudioFrame():
                self.meter.add_audio(now_ns)
            case av.VideoFrame():
                pts_ns = timestamp_ns(item.pts, item.time_base)
                size = sum(plane.buffer_size for plane in item.planes)
                self.meter.add_video(pts_ns, pts_ns, now_ns, size, is_keyframe=True)
            case av.Packet() if item.size and item.stream.type == "audio":
                self.meter.add_audio(now_ns)
            case av.Packet() if item.size:
                pts_ns, dts_ns = timestamp_ns(item.pts, item.time_base), timestamp_ns(item.dts, item.time_base)
                self.meter.add_video(pts_ns, dts_ns, now_ns, item.size, is_keyframe=item.is_keyframe)
                self._decode(item)

    def _decode(self, packet: Packet[Any]) -> None:
        self._has_keyframe = self._has_keyframe or packet.is_keyframe
        if not self._has_keyframe:
            return
        # One thread, so that this thread's processor time is the whole cost.
        if not packet.stream.codec_context.is_open:
            packet.stream.codec_context.thread_count = 1
        started_ns = time.thread_time_ns()
        try:
            frames = packet.decode()
        except (av.FFmpegError, EOFError):
            self.meter.decode_errors += 1
            return
        self.meter.add_decoding(time.thread_time_ns() - started_ns)
        for frame in frames:
            self.info = replace(
                self.info,
                width=frame.width,
                height=frame.height,
                pixel_format=frame.format.name,
                rotation=frame.rotation,
                is_interlaced=self.info.is_interlaced or frame.interlaced_frame,
            )
