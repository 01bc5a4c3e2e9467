"""One keyframe out of a stream that is otherwise not decoded: for the snapshot and the slate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from relay.model import VideoCodec


def decode_keyframe(codec: VideoCodec, access_unit: bytes) -> av.VideoFrame | None:
    """The picture of `access_unit` (Annex B, its parameter sets in front), or `None` where it cannot be decoded."""
    try:
        context = av.CodecContext.create(codec, "r")
        context.thread_count = 1
        frames = [*context.decode(av.Packet(access_unit)), *context.decode(None)]
    except (av.FFmpegError, EOFError, ValueError):
        return None
    return next(iter(frames), None)
