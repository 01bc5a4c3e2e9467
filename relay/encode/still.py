"""A still picture as a stream that stands in for a camera whose pictures are copied: same codec, profile and size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Self, cast

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from relay.errors import EncodeError
from relay.pixels import video_frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from relay.model import VideoCodec

STILL_RATE: Final = 10
"""Pictures a second: nothing moves, and a slow machine must keep up with H.265 at 4K."""

_ENCODERS: Final[dict[VideoCodec, str]] = {"h264": "libx264", "hevc": "libx265"}
_PARAMETERS: Final[dict[VideoCodec, dict[str, str]]] = {
    "h264": {"forced-idr": "1", "x264-params": "scenecut=0:keyint=infinite:open-gop=0:bframes=0"},
    "hevc": {
        "forced-idr": "1",
        "x265-params": "log-level=error:scenecut=0:keyint=-1:open-gop=0:bframes=0:repeat-headers=1:pools=1:info=0",
    },
}
_SEQUENCE_PARAMETER_SET: Final = b"\x00\x00\x01\x67"

# By profile_idc (Rec. ITU-T H.264 §A.2): the x264 profile whose pictures its decoders show, and those of the constraint
# flags (§7.4.2.1.1) that are true of these pictures, all of them progressive and without B slices.
_BASELINE: Final = ("baseline", 0b1110_1100)
_HIGH: Final = ("high", 0b0000_1100)
_H264_PROFILES: Final = {66: _BASELINE, 77: _BASELINE, 88: _BASELINE, 100: _HIGH, 110: _HIGH, 122: _HIGH, 244: _HIGH}


def can_encode(codec: VideoCodec) -> bool:
    """Whether FFmpeg's libraries here have an encoder for `codec`."""
    return _ENCODERS[codec] in av.codecs_available


@dataclass(frozen=True, slots=True)
class _Likeness:
    """How the slate gets the camera's name in CODECS, which holds for both (RFC 8216bis §4.4.6.2).

    `profile` is what the encoder is asked for. In H.264 the slate claims the camera's profile, constraint flags and
    level, three bytes in `claimed`, as far as that is true: what decodes the larger decodes the smaller.
    """

    profile: str
    claimed: bytes = b""
    true_flags: int = 0

    @classmethod
    def of(cls, codec: VideoCodec, name: str) -> Self:
        if codec == "hevc":
            return cls("main10" if re.match(r"hvc1\.2\.", name) else "main")
        named = re.fullmatch(r"avc1\.([0-9a-f]{6})", name)
        claimed = bytes.fromhex(named[1]) if named else b""
        if not claimed or claimed[0] not in _H264_PROFILES:
            return cls("high")
        profile, true_flags = _H264_PROFILES[claimed[0]]
        return cls(profile, claimed, true_flags)

    def put_on(self, keyframe: bytes) -> bytes:
        """`keyframe` (Annex B) with those claims; a level of its own that is higher stays."""
        at = keyframe.find(_SEQUENCE_PARAMETER_SET) + len(_SEQUENCE_PARAMETER_SET)
        if not self.claimed or at < len(_SEQUENCE_PARAMETER_SET):
            return keyframe
        profile_idc, flags, level_idc = self.claimed
        claims = bytes([profile_idc, flags & self.true_flags, max(level_idc, keyframe[at + 2])])
        return keyframe[:at] + claims + keyframe[at + len(claims) :]


class StillEncoder:
    """Made, used and dropped in one thread. `like` is what CODECS calls the camera's pictures, or empty."""

    def __init__(self, codec: VideoCodec, width: int, height: int, like: str = "") -> None:
        self._count = 0
        self._likeness = _Likeness.of(codec, like)
        profile = self._likeness.profile
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
            frame = video_frame(i420)
            if self._pixel_format != "yuv420p":
                frame = frame.reformat(format=self._pixel_format)
            frame.pts, frame.time_base = self._count, Fraction(1, STILL_RATE)
            frame.pict_type = PictureType.I if is_keyframe else PictureType.NONE
            self._count += 1
            data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"the slate cannot be encoded: {error}") from error
        return self._likeness.put_on(data) if is_keyframe else data
