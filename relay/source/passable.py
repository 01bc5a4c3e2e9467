"""Whether a source's pictures can go out as they are, and if not, why: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.timeline import copied_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config import StreamSettings
    from relay.model import SourceInfo, VideoCodec
    from relay.source.measure import Measured

CODECS: Final[dict[str, VideoCodec]] = {"h264": "h264", "hevc": "hevc"}
LONGEST_GOP_S: Final = 10.0
"""A player that joins waits for a keyframe, and its segment of that length is three times in the way: half a minute."""

_PLAYED: Final = {"h264": {"yuv420p", "yuvj420p"}, "hevc": {"yuv420p", "yuvj420p", "yuv420p10le"}}


def why_not_copied(settings: StreamSettings, info: SourceInfo, longest_gop_s: float = 0.0) -> str:
    """Why the pictures of `info`, with keyframes `longest_gop_s` apart, are not copied; empty: they can be.

    `auto` leaves alone what players do not show as it is meant; `copy` only what HLS cannot carry.
    """
    codec = CODECS.get(info.video_codec)
    if codec is None:
        return f"the camera sends {info.video_codec}, and HLS carries H.264 and H.265 alone"
    if settings.video == "copy":
        return ""
    return next(_obstacles(settings, info, codec, longest_gop_s), "")


def _obstacles(settings: StreamSettings, info: SourceInfo, codec: VideoCodec, longest_gop_s: float) -> Iterator[str]:
    for name in ("transforms", "size", "rate", "video_bitrate_kbps"):
        if getattr(settings, name):
            yield f"{name} is set, and that takes encoding"
    if info.pixel_format and info.pixel_format not in _PLAYED[codec]:
        yield f"browsers do not play {info.video_codec} in {info.pixel_format}"
    if turned := round(info.rotation / 90) % 4 * 90:  # slanted angles are nobody's camera
        yield f"the pictures are to be turned by {turned} degrees, which is said beside them and would be lost"
    if info.is_interlaced:
        yield "the pictures are interlaced, and players would show combs where something moves"
    if longest_gop_s > LONGEST_GOP_S:
        yield f"keyframes are {longest_gop_s:.0f} s apart, and viewers would be three times that behind"


def judge_copying(settings: StreamSettings, info: SourceInfo, measured: Measured) -> tuple[bool, str]:
    """Whether `video = "auto"` would copy what was measured, and in a sentence for its owner, how or why not."""
    if not measured.frames:
        return False, "no video came"
    interval_s = measured.seconds if measured.keyframe_interval_s is None else measured.keyframe_interval_s
    why_not = why_not_copied(settings.model_copy(update={"video": "auto"}), info, interval_s)
    if why_not:
        return False, why_not
    target_s, _ = copied_target(interval_s)
    how = f'video = "copy" sends these pictures as they are, about {3 * target_s} s behind'
    if info.video_codec == "hevc":
        how += "; H.265 plays in Safari, and in other browsers where the viewer's machine can decode it"
    return True, how
