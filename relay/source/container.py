"""A source that FFmpeg opens: file, RTSP, HTTP(S), webcam. One thread opens, reads and closes it."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
import av.error

from relay.errors import SourceEndedError, SourceNotFoundError
from relay.model import SourceInfo
from relay.source.address import SourceKind
from relay.source.faults import explain_opening, explain_reading, stalled
from relay.source.options import open_options, read_timeout_s
from relay.source.pacing import Pacer
from relay.source.streams import choose_audio, choose_video, leave_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from relay.config import StreamSettings
    from relay.model import Matrix
    from relay.source.address import Address

_NS_PER_S: Final = 1_000_000_000
BREATH_S: Final = 0.1
"""The longest a paced source sleeps before it hands over `None`, so that its reader can look whether to stop."""

_EAGAIN_PAUSE_S: Final = 0.01
_REWIND_MARGIN_US: Final = 1_000_000
"""In MPEG-TS a seek to the very first timestamp lands behind the first keyframe."""

_UNTIMED: Final = frozenset({"mpjpeg", "h264", "hevc", "mjpeg", "m4v"})
"""Formats without timestamps: FFmpeg makes up 25 frames a second, whatever the camera sends."""

_MATRICES: Final[dict[int, Matrix]] = {1: "bt709", 5: "smpte170m", 6: "smpte170m"}


class ContainerSource:
    """Packets of one video and at most one audio stream, paced as live where they come faster than that."""

    def __init__(
        self,
        address: Address,
        settings: StreamSettings,
        container: InputContainer,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address
        self._settings = settings
        self._container = container
        self._monotonic_ns = monotonic_ns
        self._sleep = sleep
        self._video = choose_video(address, container, settings.video_stream)
        self._audio = (
            choose_audio(address, container, settings.audio_stream, self._video) if _wants_sound(settings) else None
        )
        leave_out(container, self._video, self._audio)
        is_hls = container.format.name.split(",")[0] in {"hls", "dash"}
        is_finite = address.kind is SourceKind.FILE or (address.kind is SourceKind.HTTP and bool(container.duration))
        self.is_live = not is_finite
        self._is_untimed = container.format.name in _UNTIMED
        self._pacer = Pacer() if is_finite or is_hls else None
        self._span = _Span()
        self.info = _describe(self._video, self._audio, is_rate_known=not self._is_untimed)

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a sample over its height, as the container has it; 1 if it does not say."""
        return Fraction(self._video.sample_aspect_ratio or 1)

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
        self._container.close()

    def _until_end(self) -> Iterator[Packet[Any] | None]:
        streams = [self._video] if self._audio is None else [self._video, self._audio]
        quiet_since_ns = self._monotonic_ns()
        while True:
            try:
                for packet in self._container.demux(*streams):
                    if packet.size:
                        yield from self._wait_for(packet)
                        self._retime(packet)
                    yield packet
                    quiet_since_ns = self._monotonic_ns()
            except av.error.BlockingIOError:
                # V4L2 has no frame ready: the generator is spent, the device is not.
                if self._monotonic_ns() - quiet_since_ns > self._settings.read_timeout_s * _NS_PER_S:
                    raise stalled(self._address, self._settings.read_timeout_s) from None
                self._sleep(_EAGAIN_PAUSE_S)
                yield None
            except av.FFmpegError as error:
                raise explain_reading(error, self._address, self._settings.read_timeout_s) from None
            else:
                return

    def _wait_for(self, packet: Packet[Any]) -> Iterator[None]:
        if self._pacer is None:
            return
        media_ns = self._span.start_of(packet)
        while (wait_ns := self._pacer.wait_ns(media_ns, self._monotonic_ns())) > 0:
            self._sleep(min(wait_ns / _NS_PER_S, BREATH_S))
            yield None

    def _retime(self, packet: Packet[Any]) -> None:
        """Timestamps that go on from one round of a loop to the next; none where they would be made up."""
        if self._is_untimed:
            packet.pts = packet.dts = None
        elif self._span.offset_ns:
            offset = round(self._span.offset_ns / (packet.time_base * _NS_PER_S))
            packet.pts = None if packet.pts is None else packet.pts + offset
            packet.dts = None if packet.dts is None else packet.dts + offset

    def _rewind(self) -> None:
        try:
            # Also flushes the decoders, which after their drain would accept nothing more.
            self._container.seek((self._container.start_time or 0) - _REWIND_MARGIN_US)
        except av.FFmpegError:
            raise SourceEndedError(f"{self._address.label}: is at its end, and this format cannot be rewound") from None
        self._span.next_round()


class _Span:
    """Media time of a file: where each packet lies, and how long one round of a loop is."""

    def __init__(self) -> None:
        self.offset_ns = 0
        self._first_ns: int | None = None
        self._end_ns = 0
        self._last_ns: dict[int, int] = {}
        self._length_ns: dict[int, int] = {}

    def start_of(self, packet: Packet[Any]) -> int:
        """When `packet` is due, in nanoseconds of media time that go on from round to round.

        That is its decoding time; where it has none (raw H.264), one packet's duration after the one before.
        """
        stream, time_base = packet.stream_index, packet.time_base
        stamp = packet.dts if packet.dts is not None else packet.pts
        if packet.duration:
            self._length_ns[stream] = int(packet.duration * time_base * _NS_PER_S)
        length_ns = self._length_ns.get(stream, _NS_PER_S // 25)
        if stamp is None:
            here_ns = self._last_ns.get(stream, -length_ns) + length_ns
        else:
            here_ns = int(stamp * time_base * _NS_PER_S)
        self._last_ns[stream] = here_ns
        self._first_ns = here_ns if self._first_ns is None else min(self._first_ns, here_ns)
        self._end_ns = max(self._end_ns, here_ns + length_ns)
        return here_ns + self.offset_ns

    def next_round(self) -> None:
        """From here on the file starts again, right behind its own end."""
        self.offset_ns += self._end_ns - (self._first_ns or 0)
        self._last_ns.clear()


def open_container(address: Address, settings: StreamSettings) -> ContainerSource:
    """Open `address` within twice the open timeout. Raises the leaf of `SourceError` that says what is wrong."""
    started_ns = time.monotonic_ns()
    ways = open_options(address, settings)
    failure: Exception | None = None
    for way in ways:
        try:
            container = av.open(
                address.url,
                "r",
                format=way.format,
                options=way.options,
                timeout=(settings.open_timeout_s, read_timeout_s(address, settings)),
            )
        except (av.FFmpegError, ValueError) as error:
            # ValueError: PyAV's word for a demuxer (avfoundation) that this build does not have.
            failure = error
            if not isinstance(error, av.error.ArgumentError | ValueError):
                break
            continue
        return _wrapped(address, settings, container)
    elapsed_s = (time.monotonic_ns() - started_ns) / _NS_PER_S
    timeout_s = min(settings.open_timeout_s, settings.read_timeout_s)
    failure = failure or SourceNotFoundError(address.label)
    raise explain_opening(failure, address, elapsed_s, timeout_s, tls_verify=settings.tls_verify) from None


def _wrapped(address: Address, settings: StreamSettings, container: InputContainer) -> ContainerSource:
    try:
        return ContainerSource(address, settings, container)
    except BaseException:
        container.close()
        raise


def _wants_sound(settings: StreamSettings) -> bool:
    return settings.audio and settings.microphone is None


def _describe(video: VideoStream, audio: AudioStream | None, *, is_rate_known: bool) -> SourceInfo:
    codec = video.codec_context
    rate = video.average_rate or video.guessed_rate if is_rate_known else None
    return SourceInfo(
        width=codec.width,
        height=codec.height,
        rate=Fraction(rate) if rate and 1 <= rate <= 120 else None,
        video_codec=codec.name,
        pixel_format=codec.pix_fmt or "",
        matrix=_MATRICES.get(int(codec.colorspace)),
        audio_codec=audio.codec_context.name if audio else None,
        audio_sample_rate=audio.codec_context.sample_rate if audio else 0,
        audio_channels=len(audio.codec_context.layout.channels) if audio else 0,
    )
