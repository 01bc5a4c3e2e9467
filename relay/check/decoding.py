"""M16: a segment's first picture, or first sound, can be decoded. The only rule that takes a decoder."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, cast

import av
from av.codec.context import ThreadType

from relay.check.containers import Container
from relay.check.finding import Finding, advice, must

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext

_FORMATS: Final = {Container.FMP4: "mp4", Container.TS: "mpegts"}
"""Named, so that no first byte makes FFmpeg read a playlist or open an address."""
_CLAUSE: Final = "Apple 7.4"


def check_first_frame(container: Container, data: bytes, where: str = "") -> list[Finding]:
    """M16 for `data`, an init segment and a segment (or a segment alone, where its container needs no more)."""
    name = _FORMATS.get(container)
    if name is None:
        return []
    try:
        with av.open(io.BytesIO(data), "r", format=name) as opened:
            return _check(opened, where)
    except (av.FFmpegError, ValueError, OSError) as error:
        return [must("M16", _CLAUSE, f"its first picture or sound cannot be decoded: {_words(error)}", where)]


def _check(opened: InputContainer, where: str) -> list[Finding]:
    stream = next(iter([*opened.streams.video, *opened.streams.audio]), None)
    if stream is None:
        return [must("M16", _CLAUSE, "FFmpeg finds neither pictures nor sound in it", where)]
    codec = cast("VideoCodecContext | AudioCodecContext | None", stream.codec_context)
    if codec is None:
        return [advice("M16", _CLAUSE, "there is no decoder for it here", where)]
    codec.thread_type = ThreadType.SLICE  # no thread that waits for further pictures
    codec.options = {"err_detect": "explode"}
    packet = next(opened.demux(stream))
    # Without a sample there is only an empty packet; a decoder that waits for more gives out what it has when asked.
    if packet.size and (codec.decode(packet) or codec.decode(None)):
        return []
    return [must("M16", _CLAUSE, "no picture or sound comes out of its first sample", where)]


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
