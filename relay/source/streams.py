"""Which of a container's streams are read: by number, or the best. HLS does not even fetch the others."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar

from av import VideoCodecContext
from av.stream import Discard, Disposition, Stream

from relay.errors import SourceUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from relay.source.address import Address
    from relay.timeline import Rational

Choice = int | Literal["best"]
_Kind = TypeVar("_Kind", bound=Stream)


def choose_video(address: Address, container: InputContainer, choice: Choice) -> VideoStream:
    """The video with the most pixels, then the highest rate, then bitrate; or the one with the number `choice`.

    Cover pictures are no video. Raises `SourceUnsupportedError` where there is none, and says what there is.
    """
    there = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if choice != "best":
        return _numbered(address, there, choice, "video")
    if usable := [stream for stream in there if _can_decode(stream)]:
        return max(usable, key=_detail)
    codecs = ", ".join(sorted({stream.codec_context.name for stream in container.streams if _can_decode(stream)}))
    raise SourceUnsupportedError(
        f"{address.label}: there is no video that can be decoded here (found: {codecs or 'nothing'})"
    )


def choose_audio(address: Address, container: InputContainer, choice: Choice, video: VideoStream) -> AudioStream | None:
    """The audio that FFmpeg thinks belongs to `video`, or the one with the number `choice`; `None` if there is none.

    A number that is not there raises `SourceUnsupportedError`.
    """
    there = list(container.streams.audio)
    if choice != "best":
        return _numbered(address, there, choice, "audio") if there else None
    likeliest = container.streams.best("audio", related=video)
    usable = [stream for stream in there if _can_decode(stream)]
    return next((stream for stream in usable if stream == likeliest), usable[0] if usable else None)


def as_fraction(value: Rational | None) -> Fraction | None:
    """A rate or an aspect as a `Fraction`; `None` where it is not set, which an `AVRational` says by being false."""
    return Fraction(value.numerator, value.denominator) if value else None


def leave_out(container: InputContainer, *taken: Stream | None) -> None:
    """Tell the demuxer what nobody reads, so that it does not fetch those renditions."""
    for stream in container.streams:
        if stream not in taken:
            stream.discard = Discard.all


def _numbered(address: Address, there: Sequence[_Kind], number: int, kind: str) -> _Kind:
    if number < len(there) and _can_decode(there[number]):
        return there[number]
    found = ", ".join(f"{index} {_description(stream)}" for index, stream in enumerate(there))
    raise SourceUnsupportedError(
        f"{address.label}: there is no {kind} stream {number} that can be decoded here (found: {found or 'none'})"
    )


def _detail(stream: VideoStream) -> tuple[int, Fraction, int]:
    codec = stream.codec_context
    bitrate = stream.metadata.get("variant_bitrate", "")
    rate = as_fraction(stream.average_rate) or Fraction(0)
    return codec.width * codec.height, rate, int(bitrate) if bitrate.isdecimal() else 0


def _description(stream: Stream) -> str:
    if not _can_decode(stream):
        return "unknown"
    codec = stream.codec_context
    size = f" {codec.width}x{codec.height}" if isinstance(codec, VideoCodecContext) else ""
    language = f" ({stream.language})" if stream.language else ""
    return f"{codec.name}{size}{language}"


def _can_decode(stream: Stream) -> bool:
    return bool(getattr(stream, "codec_context", None))
