"""A source that FFmpeg opens: file, RTSP, HTTP(S), webcam. One thread opens, reads and closes it."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, cast

import av
import av.error

from relay.errors import SourceEndedError, SourceNotFoundError, SourceUnsupportedError
from relay.model import MATRICES, SourceInfo
from relay.source.address import SourceKind
from relay.source.ahead import ReadAhead
from relay.source.faults import explain_opening, explain_reading, stalled
from relay.source.options import HLS_READ_TIMEOUT_S, open_options, read_timeout_s, what_to_open
from relay.source.pacing import BREATH_S
from relay.source.patience import Patience
from relay.source.playhead import Playhead
from relay.source.streams import as_fraction, choose_audio, choose_video, leave_out
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from relay.config import StreamSettings
    from relay.source.address import Address

_EAGAIN_PAUSE_S: Final = 0.01
_REWIND_MARGIN_US: Final = 1_000_000
"""In MPEG-TS a seek to a keyframe's timestamp lands behind that keyframe."""
_HLS_MARGINS_US: Final = (50_000, 200_000, 500_000)
"""HLS refuses what lies before its first packet, and a sound may begin before that, though it comes behind it."""

_UNTIMED: Final = frozenset({"mpjpeg", "h264", "hevc", "mjpeg", "m4v"})
"""Formats without timestamps: FFmpeg makes up 25 frames a second, whatever the camera sends."""


class ContainerSource:
    """Packets of one video and at most one audio stream, paced as live where they come faster than that."""

    def __init__(
        self,
        address: Address,
        settings: StreamSettings,
        container: InputContainer,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
        patience: Patience | None = None,
        previous: ContainerSource | None = None,
        read_ahead: Callable[[InputContainer, Callable[[], int]], ReadAhead] = ReadAhead,
    ) -> None:
        self._address = address
        self._settings = settings
        self._container = container
        self._patience = patience or Patience(settings.read_timeout_s, settings.stall_after_s)
        self._monotonic_ns = monotonic_ns
        self._sleep = sleep
        self._read_ahead = read_ahead
        self._video = choose_video(address, container, settings.video_stream)
        self._audio = (
            choose_audio(address, container, settings.audio_stream, self._video) if _wants_sound(settings) else None
        )
        is_hls = container.format.name.split(",")[0] in {"hls", "dash"}
        if is_hls:
            leave_out(container, self._video, self._audio)
        is_finite = address.kind is SourceKind.FILE or (address.kind is SourceKind.HTTP and bool(container.duration))
        self.is_live = not is_finite
        self._is_untimed = container.format.name in _UNTIMED
        self.stall_after_s = max(settings.stall_after_s, HLS_READ_TIMEOUT_S if is_hls else 0.0)
        self._announced_aspect = as_fraction(self._video.codec_context.sample_aspect_ratio)
        self._is_paced = is_finite or is_hls
        self._is_read_ahead = is_hls and not is_finite
        self._ahead: ReadAhead | None = None
        self.playhead: Playhead = Playhead() if previous is None else previous.playhead
        if previous is not None:
            self.playhead.next_file(self._start_ns)
        if settings.start_s:
            self._start_at(settings.start_s)
        self.info = _describe(self._video, self._audio, is_rate_known=not self._is_untimed)

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a sample over its height: the container's, until the camera changes its own; 1 if none says."""
        own = as_fraction(self._video.codec_context.sample_aspect_ratio)
        if own is not None and own != self._announced_aspect:
            return own
        return as_fraction(self._video.sample_aspect_ratio) or Fraction(1)

    @property
    def delayed_ns(self) -> int:
        """By how much it has fallen behind its own pace by now."""
        return self.playhead.delayed_ns

    def media(self) -> Iterator[Packet[Any] | None]:
        """Packets in the order they come; `None` when nothing came for a breath.

        Packets of size 0 say that a stream was read to its end: decoders give out what they hold. Raises
        `SourceEndedError` at the end, `SourceStalledError` when nothing comes for the read timeout.
        """
        while True:
            yield from self._until_end()
            if not self._settings.loop or self.is_live:
                end = "the camera closed the connection" if self.is_live else "the file is at its end"
                raise SourceEndedError(f"{self._address.label}: {end}")
            self._rewind()

    def close(self) -> None:
        """Let go of it, in the thread that reads it: closed by another, FFmpeg ends in a segmentation fault."""
        if self._ahead is None:
            self._container.close()
        else:
            self._ahead.close()

    def _until_end(self) -> Iterator[Packet[Any] | None]:
        wanted = {self._video.index} if self._audio is None else {self._video.index, self._audio.index}
        quiet_since_ns = self._monotonic_ns()
        while True:
            try:
                # All streams are asked for: while only others send, PyAV would else never come back.
                for packet in self._packets():
                    if packet is None or packet.stream_index not in wanted:
                        yield None
                        continue
                    if packet.size:
                        yield from self._wait_for(packet)
                        self._retime(packet)
                    yield packet
                    quiet_since_ns = self._monotonic_ns()
                    # Files and HLS have their own pace, not a camera's rhythm.
                    if not self._is_paced and packet.stream_index == self._video.index:
                        self._patience.note(quiet_since_ns)
                        if self._patience.is_outdated:
                            break
                else:
                    return
            except av.error.BlockingIOError:
                # V4L2 has no frame ready: the generator is spent, the device is not.
                if self._monotonic_ns() - quiet_since_ns > self._patience.seconds * NS_PER_S:
                    raise stalled(self._address, self._patience.seconds) from None
                self._sleep(_EAGAIN_PAUSE_S)
                yield None
            except av.FFmpegError as error:
                raise explain_reading(error, self._address, self._patience.seconds) from None

    def _packets(self) -> Iterator[Packet[Any] | None]:
        if not self._is_read_ahead:
            return self._container.demux()
        if self._ahead is None:
            self._ahead = self._read_ahead(self._container, self._monotonic_ns)
        return self._ahead.packets()

    def _wait_for(self, packet: Packet[Any]) -> Iterator[None]:
        if not self._is_paced:
            return
        has_run_dry = self._ahead is not None and self._ahead.has_run_dry
        release_ns = self.playhead.release_ns(packet, self._monotonic_ns(), has_run_dry=has_run_dry)
        while (wait_ns := release_ns - self._monotonic_ns()) > 0:
            self._sleep(min(wait_ns / NS_PER_S, BREATH_S))
            yield None

    def _retime(self, packet: Packet[Any]) -> None:
        """Timestamps that go on from one round of a loop to the next; none where they would be made up."""
        if self._is_untimed:
            packet.pts = packet.dts = None
        elif self.playhead.offset_ns:
            offset = round(self.playhead.offset_ns / (packet.time_base * NS_PER_S))
            packet.pts = None if packet.pts is None else packet.pts + offset
            packet.dts = None if packet.dts is None else packet.dts + offset

    @property
    def _start_ns(self) -> int:
        return (self._container.start_time or 0) * (NS_PER_S // av.time_base)

    def _start_at(self, start_s: float) -> None:
        """Begin at a keyframe close to `start_s`. Raises `SourceUnsupportedError` where nothing is there."""
        label, length_s = self._address.label, (self._container.duration or 0) / av.time_base
        if self.is_live:
            raise SourceUnsupportedError(f"{label}: start_s = {start_s:g} is for files, and this goes on for ever")
        if length_s and start_s >= length_s:
            raise SourceUnsupportedError(f"{label}: start_s = {start_s:g} lies behind its end, at {length_s:.1f} s")
        margin_us = _REWIND_MARGIN_US if self._container.format.name == "mpegts" else 0
        try:
            self._container.seek((self._container.start_time or 0) + round(start_s * av.time_base) - margin_us)
        except av.FFmpegError:
            raise SourceUnsupportedError(f"{label}: start_s = {start_s:g}: this format cannot be sought in") from None
        self.playhead.begins_at(self._start_ns)

    def _rewind(self) -> None:
        start_us = self._container.start_time or 0
        for margin_us in (-_REWIND_MARGIN_US, 0, *_HLS_MARGINS_US):
            try:
                # Also flushes the decoders, which after their drain would accept nothing more.
                self._container.seek(start_us + margin_us)
            except av.FFmpegError:
                continue
            self.playhead.next_round()
            return
        raise SourceEndedError(f"{self._address.label}: is at its end, and this format cannot be rewound")


def open_container(
    address: Address, settings: StreamSettings, previous: ContainerSource | None = None
) -> ContainerSource:
    """Open `address` within twice the open timeout. Raises the leaf of `SourceError` that says what is wrong.

    It goes on in time from the end of `previous`, if that is given.
    """
    started_ns = time.monotonic_ns()
    ways, name = open_options(address, settings), what_to_open(address)
    failure: Exception | None = None
    for way in ways:
        patience = Patience(read_timeout_s(address, settings), settings.stall_after_s)
        try:
            container = av.open(
                name,
                "r",
                format=way.format,
                options=way.options,
                timeout=(settings.open_timeout_s, cast("float", patience)),
            )
        except (av.FFmpegError, ValueError) as error:
            # ValueError: PyAV's word for a demuxer (avfoundation) that this build does not have.
            failure = error
            if not isinstance(error, av.error.ArgumentError | ValueError):
                break
            continue
        return _wrapped(address, settings, container, patience, previous)
    elapsed_s = (time.monotonic_ns() - started_ns) / NS_PER_S
    timeout_s = min(settings.open_timeout_s, settings.read_timeout_s)
    failure = failure or SourceNotFoundError(address.label)
    raise explain_opening(failure, address, elapsed_s, timeout_s, tls_verify=settings.tls_verify) from None


def _wrapped(
    address: Address,
    settings: StreamSettings,
    container: InputContainer,
    patience: Patience,
    previous: ContainerSource | None,
) -> ContainerSource:
    try:
        return ContainerSource(address, settings, container, patience=patience, previous=previous)
    except BaseException:
        container.close()
        raise


def _wants_sound(settings: StreamSettings) -> bool:
    return settings.audio and settings.microphone is None


def _describe(video: VideoStream, audio: AudioStream | None, *, is_rate_known: bool) -> SourceInfo:
    codec = video.codec_context
    rate = as_fraction(video.average_rate or video.guessed_rate) if is_rate_known else None
    return SourceInfo(
        width=codec.width,
        height=codec.height,
        rate=rate if rate and 1 <= rate <= 120 else None,
        video_codec=codec.name,
        pixel_format=codec.pix_fmt or "",
        matrix=MATRICES.get(int(codec.colorspace)),
        audio_codec=audio.codec_context.name if audio else None,
        audio_sample_rate=audio.codec_context.sample_rate if audio else 0,
        audio_channels=len(audio.codec_context.layout.channels) if audio else 0,
    )
