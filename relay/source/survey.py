"""Listens to a source for a while, for `relay probe`: opens, reads, decodes, measures and closes it."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av

from relay.errors import SourceEndedError, SourceStalledError
from relay.source import open_source
from relay.source.measure import Measured, Meter

if TYPE_CHECKING:
    from av.packet import Packet

    from relay.config import StreamSettings
    from relay.model import SourceInfo

_NS_PER_S: Final = 1_000_000_000


def survey(
    settings: StreamSettings, seconds: float
) -> tuple[SourceInfo, Measured, SourceEndedError | SourceStalledError | None]:
    """What `settings.source` says of itself, what it sent within `seconds`, and what ended it before that, if anything.

    Raises a leaf of `SourceError` where it cannot be opened.
    """
    source = open_source(settings, "probe")
    try:
        listener = _Listener(source.info)
        end = None
        try:
            for item in source.media():
                listener.take(item)
                if listener.elapsed_s > seconds:
                    break
        except (SourceEndedError, SourceStalledError) as error:
            end = error
        return listener.info, listener.meter.measured(time.monotonic_ns()), end
    finally:
        source.close()


class _Listener:
    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self._started_ns = time.monotonic_ns()
        self.meter = Meter(self._started_ns)
        self._has_keyframe = False

    @property
    def elapsed_s(self) -> float:
        return (time.monotonic_ns() - self._started_ns) / _NS_PER_S

    def take(self, item: Packet[Any] | av.VideoFrame | av.AudioFrame | None) -> None:
        now_ns = time.monotonic_ns()
        match item:
            case av.AudioFrame():
                self.meter.add_audio(now_ns)
            case av.VideoFrame():
                pts_ns = _ns(item.pts, item)
                size = sum(plane.buffer_size for plane in item.planes)
                self.meter.add_video(pts_ns, pts_ns, now_ns, size, is_keyframe=True)
            case av.Packet() if item.size and item.stream.type == "audio":
                self.meter.add_audio(now_ns)
            case av.Packet() if item.size:
                pts_ns, dts_ns = _ns(item.pts, item), _ns(item.dts, item)
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
            self.info = replace(self.info, width=frame.width, height=frame.height, pixel_format=frame.format.name)


def _ns(stamp: int | None, item: Packet[Any] | av.VideoFrame) -> int | None:
    return None if stamp is None else int(stamp * Fraction(item.time_base or 0) * _NS_PER_S)
