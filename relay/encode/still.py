"""A still picture as a stream that stands in for a camera whose pictures are copied: same codec, profile and size."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from relay.errors import EncodeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.model import VideoCodec

STILL_RATE: Final = 10
"""Pictures a second: nothing moves, and a slow machine must keep up with H.265 at 4K."""

_ENCODERS: Final[dict[VideoCodec, str]] = {"h264": "libx264", "hevc": "libx265"}
_PROFILES: Final[dict[VideoCodec, dict[int, str]]] = {
    "h264": {66: "baseline", 77: "main", 100: "high"},
    "hevc": {1: "main", 2: "main10"},
}
_USUAL_PROFILE: Final[dict[VideoCodec, str]] = {"h264": "high", "hevc": "main"}
_PARAMETERS: Final[dict[VideoCodec, dict[str, str]]] = {
    "h264": {"forced-idr": "1", "x264-params": "scenecut=0:keyint=infinite:open-gop=0:bframes=0"},
    "hevc": {
        "forced-idr": "1",
        "x265-params": "log-level=error:scenecut=0:keyint=-1:open-gop=0:bframes=0:repeat-headers=1:pools=1:info=0",
    },
}


def can_encode(codec: VideoCodec) -> bool:
    """Whether FFmpeg's libraries here have an encoder for `codec`."""
    return _ENCODERS[codec] in av.codecs_available


class StillEncoder:
    """Made, used and dropped in one thread. `profile_idc` is that of the camera's sequence parameter set, or 0."""

    def __init__(self, codec: VideoCodec, width: int, height: int, profile_idc: int = 0) -> None:
        self._count = 0
        profile = _PROFILES[codec].get(profile_idc, _USUAL_PROFILE[codec])
        self._pixel_format = "yuv420p10le" if profile == "main10" else "yuv420p"
        try:
            context = cast("av.VideoCodecContext", av.CodecContext.create(_ENCODERS[codec], "w"))
            context.width, context.height, context.pix_fmt = width, height, self._pixel_format
            context.time_base, context.framerate = Fraction(1, STILL_RATE), Fraction(STILL_RATE)
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
            context.thread_count = 1
            options = {"preset": "superfast", "tune": "zerolatency", "crf": "23", "profile": profile}
            context.options = {**options, **_PARAMETERS[codec]}
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"no slate can be encoded in {codec}, {width}x{height}, {profile}: {error}") from error
        self._context = context

    def encode(self, i420: NDArray[np.uint8], *, is_keyframe: bool) -> bytes:
        """The next picture (Annex B; a keyframe has its parameter sets in front). Raises `EncodeError`."""
        try:
            frame = av.VideoFrame.from_numpy_buffer(i420, "yuv420p")
            if self._pixel_format != "yuv420p":
                frame = frame.reformat(format=self._pixel_format)
            frame.pts, frame.time_base = self._count, Fraction(1, STILL_RATE)
            frame.pict_type = PictureType.I if is_keyframe else PictureType.NONE
            self._count += 1
            return b"".join(bytes(packet) for packet in self._context.encode(frame))
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"the slate cannot be encoded: {error}") from error
