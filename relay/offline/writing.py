"""The third stage: pictures are encoded, sound is copied or encoded, and both are put into the container."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, cast

import av
from av.codec.context import Flags
from av.video.reformatter import ColorRange

from relay.errors import EncodeError, OutputError
from relay.offline.sound import AacTrack, CopiedTrack
from relay.pixels import SWSCALE_MATRIX, letterbox, video_frame

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.video.stream import VideoStream

    from relay.offline.containers import ContainerKind
    from relay.offline.encoding import Encoding
    from relay.offline.film import Film, Shown, Sound
    from relay.offline.sound import SoundTrack
    from relay.pixels import I420

_I420: Final = "yuv420p"


class FilmWriter:
    """One file. Made in one thread, since it looks at the streams that are read; then used and closed in another.

    The size of the first picture is the film's. `label` is what messages call the file. All methods raise `EncodeError`
    for what the encoder refuses, and `OutputError` for what the disk does.
    """

    def __init__(self, path: Path, label: str, kind: ContainerKind, encoding: Encoding, film: Film) -> None:
        self.pictures = 0
        self.size = (0, 0)
        self._label = label
        self._film = film
        self._encoding = encoding
        self._container = av.open(
            f"file:{path}", "w", format=kind.muxer, container_options=kind.options(film.time_base)
        )
        if film.created:
            self._container.metadata["creation_time"] = film.created
        self._video = self._video_stream(kind)
        self._track: SoundTrack | None = None
        self._early: list[Sound] = []
        self._begin_pts = 0
        self._done_s = 0.0

    @property
    def done_s(self) -> float:
        """How much of the film has gone into the encoder. Any thread may ask."""
        return self._done_s

    def add_sound(self, source: AudioStream, *, is_copied: bool) -> None:
        """There will be sound beside the pictures: that of `source`. Before the first picture."""
        try:
            if is_copied:
                self._track = CopiedTrack(self._container, source)
            else:
                self._track = AacTrack(self._container, source)
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"{self._label}: its sound cannot be written: {_reason(error)}") from error

    def show(self, shown: Shown) -> None:
        """The next picture."""
        i420, moment = shown.i420, shown.moment
        if not self.pictures:
            self._begin(i420, moment.pts)
        frame = video_frame(letterbox(i420, *self.size))
        frame.pts, frame.duration, frame.time_base = moment.pts, moment.length, self._film.time_base
        self.pictures += 1
        self._mux(self._encode(frame))
        self._done_s = float((moment.pts - self._begin_pts) * self._film.time_base)

    def hear(self, sound: Sound) -> None:
        """The sound that comes next."""
        if self._track is None:
            return
        if not self.pictures:
            self._early.append(sound)  # nothing can be written while the pictures' size is not known
            return
        self._mux(self._track.take(sound))

    def finish(self) -> None:
        """All that is held back, and the container's end: then the file is whole."""
        self._mux(self._encode(None))
        if self._track is not None:
            self._mux(self._track.finish())
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._unwritable(error) from error

    def abandon(self) -> None:
        """Let go of a file that will not be whole."""
        with suppress(av.FFmpegError, OSError, ValueError):
            if self._encoding.codec == "av1" and self.pictures:
                self._video.encode(None)  # else SVT-AV1 complains on standard error
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()

    def _video_stream(self, kind: ContainerKind) -> VideoStream:
        film, encoding = self._film, self._encoding
        try:
            added = self._container.add_stream(encoding.encoder, rate=film.rate, options=encoding.options)
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"{self._label}: {encoding.encoder} is not to be had here: {_reason(error)}") from error
        video = cast("VideoStream", added)
        codec, colours = video.codec_context, film.colours
        codec.pix_fmt = _I420
        # The file's own ticks: no timestamp is rounded before the container's clock does.
        codec.time_base = video.time_base = film.time_base
        codec.sample_aspect_ratio = Fraction(1)
        codec.colorspace, codec.color_range = SWSCALE_MATRIX[colours.matrix], ColorRange.MPEG
        codec.color_primaries, codec.color_trc = colours.primaries, colours.transfer
        # As many threads as the encoder likes, each with pictures of its own: to share each one costs quality.
        codec.thread_type, codec.thread_count = "AUTO", 0
        codec.flags |= Flags.frame_duration
        if encoding.codec == "hevc" and kind.wants_hvc1:
            codec.codec_tag = "hvc1"
        return video

    def _begin(self, i420: I420, pts: int) -> None:
        self.size = width, height = i420.shape[1], i420.shape[0] * 2 // 3
        self._begin_pts = pts
        codec = self._video.codec_context
        codec.width, codec.height = width, height
        try:
            codec.open()
        except (av.FFmpegError, ValueError) as error:
            asked = f"{width}x{height}, {self._encoding.words}"
            raise EncodeError(f"{self._label}: cannot be encoded ({asked}): {_reason(error)}") from error
        early, self._early = self._early, []
        if self._track is not None:
            for sound in early:
                self._mux(self._track.take(sound))

    def _encode(self, frame: av.VideoFrame | None) -> list[Packet[Any]]:
        try:
            return self._video.encode(frame)
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"{self._label}: picture {self.pictures} cannot be encoded: {_reason(error)}") from error

    def _mux(self, packets: Iterable[Packet[Any]]) -> None:
        try:
            for packet in packets:
                self._container.mux_one(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> OutputError:
        return OutputError(f"{self._label}: cannot be written: {_reason(error)}")


def _reason(error: Exception) -> object:
    """FFmpeg's own words: PyAV's have all of the options in them, or the file's other name."""
    return getattr(error, "strerror", None) or error
