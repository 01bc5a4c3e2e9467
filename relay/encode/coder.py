"""An open encoder of FFmpeg's: pictures in, access units out. Which one, and what it is told, is in `encoders`."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from relay.errors import EncodeError
from relay.model import AccessUnit
from relay.pixels import video_frame

if TYPE_CHECKING:
    import numpy as np
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from relay.encode.encoders import Encoder
    from relay.model import Matrix, Rung, StreamFormat

# SVT-AV1 writes its settings to standard error, past FFmpeg's log and ours, unless it is told to keep to errors.
os.environ.setdefault("SVT_LOG", "1")

_I420: Final = "yuv420p"
_COLOURS: Final[dict[Matrix, tuple[ColorPrimaries, ColorTrc, Colorspace]]] = {
    "bt709": (ColorPrimaries.BT709, ColorTrc.BT709, Colorspace.ITU709),
    "smpte170m": (ColorPrimaries.SMPTE170M, ColorTrc.SMPTE170M, Colorspace.SMPTE170M),
}


class Coder:
    """Made, used and dropped in one thread. All but the making raises what FFmpeg does."""

    def __init__(self, encoder: Encoder, stream: StreamFormat, rung: Rung) -> None:
        self._rung = rung
        self._time_base = 1 / rung.rate
        self._pixel_format = encoder.pixel_format
        self._wants_its_end = encoder.wants_its_end
        self._reformatter = VideoReformatter()
        try:
            self._context = _open(encoder, stream, rung)
        except (av.FFmpegError, ValueError) as error:
            asked = f"{rung.width}x{rung.height}, {rung.rate} a second, {rung.bitrate_kbps} kbit/s"
            # FFmpeg's own words: PyAV's have all of the options in them.
            words = getattr(error, "strerror", None) or error
            raise EncodeError(f"{encoder.name} cannot encode {asked}: {words}") from error

    def encode(self, i420: NDArray[np.uint8], slot: int, *, is_idr: bool) -> list[AccessUnit]:
        """What is ready now that `slot` came."""
        frame = video_frame(i420)
        if self._pixel_format != _I420:
            frame = self._reformatter.reformat(frame, format=self._pixel_format)
        frame.pts, frame.time_base = slot, self._time_base
        frame.pict_type = PictureType.I if is_idr else PictureType.NONE
        return [self._access_unit(packet) for packet in self._context.encode(frame)]

    def flush(self) -> list[AccessUnit]:
        """What is held back; nothing can follow."""
        return [self._access_unit(packet) for packet in self._context.encode(None)]

    def close(self) -> None:
        """Let go of it; what is held back is lost."""
        if self._wants_its_end:
            self._wants_its_end = False
            with suppress(av.FFmpegError):  # it has ended already, or has failed before
                self._context.encode(None)

    def _access_unit(self, packet: av.Packet[VideoStream]) -> AccessUnit:
        if packet.pts is None or packet.dts is None:
            raise EncodeError("the encoder gave a picture without a time")
        rung = self._rung
        # A temporal unit of AV1 is what is decoded to show one picture: they come in the order in which they are shown.
        dts = packet.pts if rung.codec == "av1" else packet.dts
        return AccessUnit(rung.name, packet.pts, dts, packet.is_keyframe, bytes(packet), rung.codec)


def _open(encoder: Encoder, stream: StreamFormat, rung: Rung) -> av.VideoCodecContext:
    context = av.CodecContext.create(encoder.name, "w")
    if not isinstance(context, av.VideoCodecContext):
        raise EncodeError(f"{encoder.name} encodes no pictures")
    context.width, context.height, context.pix_fmt = rung.width, rung.height, encoder.pixel_format
    context.time_base, context.framerate = 1 / rung.rate, rung.rate
    context.sample_aspect_ratio = Fraction(1)
    context.color_primaries, context.color_trc, context.colorspace = _COLOURS[stream.matrix]
    context.color_range = ColorRange.MPEG
    if encoder.threads:
        context.thread_count = encoder.threads
    context.options = dict(encoder.options)
    context.open()
    return context
