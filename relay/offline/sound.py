"""Sound on its way into a container: the very packets that it was, or AAC where the container does not take those."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import av
from av.filter import Graph

from relay.errors import EncodeError
from relay.timeline import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

    from relay.offline.film import Sound

_AAC_RATES: Final = frozenset({96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 8_000})
"""Of ISO/IEC 14496-3 §1.6.3.4, those that players know."""

_BITS_PER_CHANNEL: Final = 80_000
"""Nobody hears the difference, and it is nothing beside the pictures."""


class SoundTrack(Protocol):
    """What puts sound into a container."""

    def take(self, sound: Sound) -> list[Packet[Any]]:
        """What can be written now that `sound` came."""

    def finish(self) -> list[Packet[Any]]:
        """What was held back."""


class CopiedTrack:
    """The packets of `template`, bit for bit. Only where one has no time behind the last, it gets one."""

    def __init__(self, container: OutputContainer, template: AudioStream) -> None:
        self._stream = container.add_stream_from_template(template)
        self._stream.metadata.update(_language(template))
        self._next: int | None = None

    def take(self, sound: Sound) -> list[Packet[Any]]:
        """The packet itself, as one of this container."""
        packet = cast("Packet[Any]", sound.media)
        packet.stream = self._stream
        if packet.dts is None:
            packet.dts = packet.pts
        if self._next is not None and (packet.dts is None or packet.dts < self._next):
            packet.pts = packet.dts = self._next
        elif packet.dts is None:
            packet.pts = packet.dts = 0
        self._next = packet.dts + 1
        return [packet]

    def finish(self) -> list[Packet[Any]]:
        """Nothing is held back."""
        return []


class AacTrack:
    """Decoded sound as AAC, in its own rate and channels where AAC has them. Where it has holes, they are silent.

    Raises `EncodeError`.
    """

    def __init__(self, container: OutputContainer, source: AudioStream) -> None:
        codec = source.codec_context
        self._rate = codec.sample_rate if codec.sample_rate in _AAC_RATES else SAMPLE_RATE_HZ
        self._layout = aac_layout(codec.layout.nb_channels)
        self._time_base = source.time_base or Fraction(1, codec.sample_rate)
        channels = av.AudioLayout(self._layout).nb_channels
        self._stream = container.add_stream("aac", rate=self._rate, layout=self._layout)
        self._stream.bit_rate = channels * _BITS_PER_CHANNEL
        self._stream.metadata.update(_language(source))
        self._format: _Format | None = None
        self._graph: Graph | None = None

    def take(self, sound: Sound) -> list[Packet[Any]]:
        """AAC of `sound`, or of what came before it."""
        frame = cast("av.AudioFrame", sound.media)
        try:
            return [packet for part in self._conform(frame) for packet in self._stream.encode(part)]
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"sound ({_Format.of(frame)}) cannot be encoded: {_reason(error)}") from error

    def finish(self) -> list[Packet[Any]]:
        """What resampler and encoder hold."""
        try:
            packets = [packet for part in self._pass(None) for packet in self._stream.encode(part)]
            return [*packets, *self._stream.encode(None)]
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"the end of the sound cannot be encoded: {_reason(error)}") from error

    def _conform(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        shape = _Format.of(frame)
        if shape != self._format:
            yield from self._pass(None)
            self._format, self._graph = shape, self._graph_for(shape)
        frame.time_base = self._time_base
        yield from self._pass(frame)

    def _graph_for(self, shape: _Format) -> Graph:
        graph = Graph()
        graph.link_nodes(
            graph.add_abuffer(
                format=shape.sample_format,
                sample_rate=shape.sample_rate,
                layout=shape.layout,
                time_base=self._time_base,
            ),
            # async=1: by its timestamps; what is missing is silence, what comes twice is cut. Nothing is stretched.
            graph.add("aresample", f"{self._rate}:async=1:rematrix_maxval=1.0"),
            graph.add("aformat", f"sample_fmts=fltp:sample_rates={self._rate}:channel_layouts={self._layout}"),
            graph.add("abuffersink"),
        ).configure()
        return graph

    def _pass(self, frame: av.AudioFrame | None) -> Iterator[av.AudioFrame]:
        if self._graph is None:
            return
        self._graph.push(frame)
        while True:
            try:
                yield cast("av.AudioFrame", self._graph.pull())
            except (av.BlockingIOError, av.EOFError):
                return


class _Format(NamedTuple):
    sample_format: str
    sample_rate: int
    layout: str

    @classmethod
    def of(cls, frame: av.AudioFrame) -> _Format:
        return cls(frame.format.name, frame.sample_rate, frame.layout.name)


def aac_layout(channels: int) -> str:
    """What so many channels become: one and two stay, six and more are 5.1, and what lies between is mixed to two."""
    if channels == 1:
        return "mono"
    return "5.1" if channels >= 6 else "stereo"


def _language(stream: AudioStream) -> dict[str, str]:
    return {"language": stream.language} if stream.language else {}


def _reason(error: Exception) -> object:
    return getattr(error, "strerror", None) or error
