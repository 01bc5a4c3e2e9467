"""Whether a source's pictures can go out as they are, and if not, why: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from relay.config import StreamSettings
    from relay.model import SourceInfo, VideoCodec

CODECS: Final[dict[str, VideoCodec]] = {"h264": "h264", "hevc": "hevc"}
LONGEST_GOP_S: Final = 10.0
"""A player that joins waits for a keyframe, and its segment of that length is three times in the way: half a minute."""

_PLAYED: Final = {"h264": {"yuv420p", "yuvj420p"}, "hevc": {"yuv420p", "yuvj420p", "yuv420p10le"}}


def why_not_copied(settings: StreamSettings, info: SourceInfo, longest_gop_s: float = 0.0) -> str:
    """Why the pictures of `info`, with keyframes `longest_gop_s` apart, are not copied; empty: they can be.

    `auto` leaves alone what players do not show; `copy` only what HLS cannot carry.
    """
    codec = CODECS.get(info.video_codec)
    if codec is None:
        return f"the camera sends {info.video_codec}, and HLS carries H.264 and H.265 alone"
    if settings.video == "copy":
        return ""
    for name in ("transforms", "size", "rate", "video_bitrate_kbps"):
        if getattr(settings, name):
            return f"{name} is set, and that takes encoding"
    if info.pixel_format and info.pixel_format not in _PLAYED[codec]:
        return f"browsers do not play {info.video_codec} in {info.pixel_format}"
    if longest_gop_s > LONGEST_GOP_S:
        return f"keyframes are {longest_gop_s:.0f} s apart, and viewers would be three times that behind"
    return ""
