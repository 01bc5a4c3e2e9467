"""One keyframe out of a stream that is otherwise not decoded: for the snapshot and the slate, and to see what it is."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import av

if TYPE_CHECKING:
    from av.packet import Packet

    from relay.model import VideoCodec


class Still(NamedTuple):
    """A decoded keyframe, how wide its pixels are for their height, and its TransferCharacteristics (H.264, H.265)."""

    frame: av.VideoFrame
    sample_aspect: Fraction
    transfer: int


def decode_keyframe(codec: VideoCodec, access_unit: bytes) -> Still | None:
    """The picture of `access_unit` (Annex B, its parameter sets in front), or `None` where it cannot be decoded."""
    try:
        context = av.CodecContext.create(codec, "r")
        context.thread_count = 1
        frames = [*context.decode(av.Packet(access_unit)), *context.decode(None)]
    except (av.FFmpegError, EOFError, ValueError):
        return None
    aspect = context.sample_aspect_ratio  # of the parameter sets: a frame does not tell its own
    known = Fraction(aspect.numerator, aspect.denominator) if aspect else Fraction(1)
    # Of the decoder too: it has also heard the message in which H.265 can say HLG (Rec. ITU-T H.265, Annex D).
    return Still(frames[0], known, int(context.color_trc)) if frames else None


def first_picture(keyframe: Packet[Any]) -> av.VideoFrame | None:
    """The picture of `keyframe` by its own stream's decoder, which then forgets it; `None` where it cannot be decoded.

    No other decoder knows what the container says of pictures beside them: how they are to be turned.
    """
    codec = keyframe.stream.codec_context
    try:
        frames = [*keyframe.decode(), *codec.decode(None)]
    except (av.FFmpegError, EOFError):
        return None
    finally:
        codec.flush_buffers()
    return next((frame for frame in frames if isinstance(frame, av.VideoFrame)), None)
