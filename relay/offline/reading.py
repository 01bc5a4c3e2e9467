"""The first stage: a file's packets, decoded as fast as they can be; nothing is paced, and nothing dropped."""

from __future__ import annotations

import time
from collections import Counter
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import av
from av.format import Flags as FormatFlags

from relay.decode import own_planes, to_i420
from relay.decode.deinterlace import Deinterlacer
from relay.errors import SourceUnsupportedError
from relay.model import MATRICES, Picture
from relay.offline.film import Colours, Film, Moment, Shot, Sound
from relay.offline.timing import FileClock, Rising, began_at_ns, ns_of, ticks_of
from relay.pixels import LentPicture, Pool
from relay.source.address import Address, SourceKind, parse_address
from relay.source.faults import explain_opening
from relay.source.options import open_options, read_timeout_s
from relay.source.streams import as_fraction, choose_audio, choose_video
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

    from relay.config import StreamSettings
    from relay.model import Matrix
    from relay.offline.containers import ContainerKind
    from relay.offline.film import Incoming

_Frame = TypeVar("_Frame", av.VideoFrame, av.AudioFrame)

_FILE: Final = "file:"
"""FFmpeg's protocol for what is no address, whatever its name looks like."""

_NS_PER_TICK: Final = NS_PER_S // av.time_base
"""Of what FFmpeg tells of a whole file."""

_MAY_JUMP: Final = cast("int", FormatFlags.ts_discont.value)

_HD_HEIGHT: Final = 720
"""From here on `decode.to_i420` takes pictures that do not say it for BT.709: in that matrix they are only copied."""

_UNTOLD: Final = frozenset({0, 2})
"""What a file says of its primaries, transfer and matrix where it says nothing (ISO/IEC 23091-2 §8.1 to §8.3)."""

_USUAL: Final[dict[Matrix, int]] = {"bt709": 1, "smpte170m": 6}
"""Primaries and transfer that belong to a matrix; both have the same numbers."""

_PRIMING_NS: Final = NS_PER_S // 10
"""Sound before a film's begin that decoders want, so that it is right there: 1024 samples in AAC, 80 ms in Opus."""

_DEFAULT_RATE: Final = Fraction(25)
_MOST_BEFORE_BYTES: Final = 64 << 20
"""Sound that may come before the first picture. Half an hour of it without one is no film."""

_MOST_KEPT: Final = 16
"""Pictures whose memory is used again: as many as are on their way to the encoder at 720p; of larger ones there are
fewer (`pipe.MOST_BYTES`). What is new is mapped page by page, which takes as long as to copy the picture."""

_EARLY_S: Final = 2.0
"""A file that ends so much before its own length was cut off. Less is what muxers count differently."""


class FilmReader:
    """One file, read from begin to end. Made in one thread, and then read and closed in one.

    `film` is what is known of it then, `audio` its sound (`None`: there is none), and whether that `is_copied` into
    `kind` as it is. `troubles` and `remarks` are complete when it has been read.
    """

    film: Film

    def __init__(
        self, address: Address, container: InputContainer, settings: StreamSettings, kind: ContainerKind
    ) -> None:
        self._address, self._container = address, container
        self._video = choose_video(address, container, settings.video_stream)
        self.audio: AudioStream | None = None
        if settings.audio:
            self.audio = choose_audio(address, container, settings.audio_stream, self._video)
        # Now, since a stream of a container that was closed cannot even be asked what it is.
        others = [stream.type for stream in container.streams if stream not in (self._video, self.audio)]
        self._left_out = ", ".join(f"{count} {kind}" for kind, count in Counter(others).items())
        self.is_copied = self.audio is not None and codec_of(self.audio) in kind.audio
        self._wanted = {stream.index for stream in (self._video, self.audio) if stream is not None}
        codec = self._video.codec_context
        # All of the cores: a file's pictures may come late, as long as there are many of them.
        codec.thread_type, codec.thread_count = "AUTO", 0
        self._announced_aspect = as_fraction(codec.sample_aspect_ratio)
        self._time_base = as_fraction(self._video.time_base) or Fraction(1, 90_000)
        self._rate = as_fraction(self._video.average_rate) or as_fraction(self._video.guessed_rate) or _DEFAULT_RATE
        self._length_ns = (container.duration or 0) * _NS_PER_TICK
        self._clock = FileClock(
            (container.start_time or 0) * _NS_PER_TICK,
            may_jump=bool(container.format.flags & _MAY_JUMP),
        )
        self._rising = Rising(round(1 / (self._rate * self._time_base)))
        self._deinterlacer = Deinterlacer()
        self._pool = Pool(_MOST_KEPT)
        self._lent_pool = Pool(_MOST_KEPT)  # of the thread that packs what is lent
        told = [tags.get("creation_time") for tags in (container.metadata, self._video.metadata)]
        self._created = next(filter(None, told), None)
        self._begin_ns = began_at_ns(told, _modified_ns(address), self._length_ns)
        self._slot = self._damaged = self._reached_ns = 0
        self._broke = ""
        self._items = self._read()
        self._first = self._look()

    @classmethod
    def open(cls, settings: StreamSettings, kind: ContainerKind) -> Self:
        """Open `settings.source` and decode its first picture. Raises a leaf of `SourceError`."""
        address = _address_of(settings.source)
        container = _open(address, settings)
        try:
            return cls(address, container, settings, kind)
        except BaseException:
            container.close()
            raise

    def items(self) -> Iterator[Incoming]:
        """Pictures and sound in the order of the file. Once. Raises `SourceUnsupportedError`."""
        yield from chain(self._first, self._items)

    def close(self) -> None:
        """Let go of it, in the thread that reads it."""
        self._container.close()

    @property
    def troubles(self) -> list[str]:
        """What is wrong with the file, so that what is made of it may lack something."""
        found = [self._broke] if self._broke else []
        length_s, reached_s = self._length_ns / NS_PER_S, self._reached_ns / NS_PER_S
        if not found and reached_s < length_s - _EARLY_S:
            found.append(f"it ends at {reached_s:.1f} s, though it says that it is {length_s:.1f} s long")
        if self._damaged:
            found.append(f"{self._damaged} of its packets could not be decoded")
        return found

    @property
    def remarks(self) -> list[str]:
        """What is not as it was, of a file that has nothing wrong with it."""
        found = []
        if self._rising.mended:
            found.append(f"pictures that had no time of their own, or one that had passed: {self._rising.mended}")
        if self._clock.jumps:
            found.append(f"its clock jumped ({self._clock.jumps}): what it had apart is joined")
        if self._left_out:
            found.append(f"streams that were left out: {self._left_out}")
        return found

    def _look(self) -> list[Incoming]:
        """All up to the first picture, which tells what there is to know of the film."""
        seen: list[Incoming] = []
        seen_bytes = 0
        for item in self._items:
            seen.append(item)
            seen_bytes += item.size_bytes
            if isinstance(item, Shot):
                return seen
            if seen_bytes > _MOST_BEFORE_BYTES:
                break
        reason = self._broke or "is the file complete?"
        raise SourceUnsupportedError(f"{self._address.label}: no picture of it can be decoded: {reason}")

    def _read(self) -> Iterator[Incoming]:
        for packet in self._packets():
            if packet.stream_index == self._video.index:
                yield from self._shots(self._decoded(self._video.decode, packet))
            elif self.is_copied:
                if not _is_cut_away(packet):
                    yield Sound(packet)
            elif self.audio is not None:
                yield from map(Sound, self._decoded(self.audio.decode, packet))
        yield from self._shots(self._decoded(self._video.decode, None))
        yield from (self._shot(frame, time_ns, 0) for time_ns, frame in self._deinterlacer.flush())
        if self.audio is not None and not self.is_copied:
            yield from map(Sound, self._decoded(self.audio.decode, None))

    def _packets(self) -> Iterator[Packet[Any]]:
        """Those of the streams that are wanted, on the film's line. A file that breaks off ends there."""
        try:
            for packet in self._container.demux():
                if packet.size and self._place(packet):
                    yield packet
        except av.FFmpegError as error:
            reason = getattr(error, "strerror", None) or type(error).__name__  # its text has the address in it
            self._broke = f"it could not be read to its end ({reason})"

    def _place(self, packet: Packet[Any]) -> bool:
        """Put `packet` where it belongs on the film's line. Whether it is of a stream that is wanted."""
        is_wanted = packet.stream_index in self._wanted
        time_base = as_fraction(packet.time_base)
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None or time_base is None:
            return is_wanted
        time_ns, length_ns = ns_of(stamp, time_base), ns_of(packet.duration or 0, time_base)
        shift_ns = self._clock.shift_ns(packet.stream_index, time_ns, length_ns) if is_wanted else 0
        if shift_ns:
            shift = ticks_of(shift_ns, time_base)
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift
        self._reached_ns = max(self._reached_ns, time_ns + shift_ns + length_ns)
        return is_wanted

    def _decoded(
        self, decode: Callable[[Packet[Any] | None], list[_Frame]], packet: Packet[Any] | None
    ) -> list[_Frame]:
        try:
            return decode(packet)
        except (av.FFmpegError, EOFError):
            # The decoder goes on with the next, and hides what it can.
            self._damaged += 1
            return []

    def _shots(self, frames: list[av.VideoFrame]) -> Iterator[Shot]:
        for frame in frames:
            pts, length = self._rising.place(frame.pts), max(0, frame.duration)
            try:
                whole = list(self._deinterlacer.pass_on(frame, ns_of(pts, self._time_base)))
            except (av.FFmpegError, ValueError) as error:
                raise self._unreadable("interlaced pictures", frame) from error
            for time_ns, picture in whole:
                yield self._shot(picture, time_ns, length if picture is frame else 0)

    def _shot(self, frame: av.VideoFrame, time_ns: int, length: int) -> Shot:
        if self._slot == 0:
            self.film = Film(
                self._address.label,
                self._time_base,
                self._rate,
                _colours(frame),
                self._length_ns / NS_PER_S or None,
                self._created,
                self._begin_ns,
            )
        slot, self._slot = self._slot, self._slot + 1
        try:
            picture = self._picture(frame, slot, self._begin_ns + time_ns)
        except (av.FFmpegError, ValueError) as error:
            raise self._unreadable("pictures", frame) from error
        return Shot(Moment(ticks_of(time_ns, self._time_base), length), picture)

    def _picture(self, frame: av.VideoFrame, slot: int, time_ns: int) -> Picture:
        """`frame` where it lies, if it needs no more than to be copied: who works on it may not need even that."""
        matrix, aspect = self.film.colours.matrix, self._sample_aspect
        planes = own_planes(frame, matrix, aspect)
        if planes is not None:
            return LentPicture(slot, time_ns, planes, self._lent_pool)
        return Picture(slot, time_ns, to_i420(frame, matrix, aspect, self._pool.i420))

    @property
    def _sample_aspect(self) -> Fraction:
        """Width of a sample over its height: the container's, until the pictures say another one than they did."""
        own = as_fraction(self._video.codec_context.sample_aspect_ratio)
        if own is not None and own != self._announced_aspect:
            return own
        return as_fraction(self._video.sample_aspect_ratio) or Fraction(1)

    def _unreadable(self, what: str, frame: av.VideoFrame) -> SourceUnsupportedError:
        return SourceUnsupportedError(f"{self._address.label}: {what} of {frame.format.name} cannot be read here")


def codec_of(audio: AudioStream) -> str:
    """FFmpeg's name of what sound is coded in, whichever decoder there is for it."""
    return audio.codec_context.codec.canonical_name


def _is_cut_away(packet: Packet[Any]) -> bool:
    """Whether nobody hears `packet`: an edit list (ISO/IEC 14496-12 §8.6.6) passes it over, though it is in the file.

    Decoders leave such sound out. As packets it would be in what is made and, in Matroska, be heard.
    """
    time_base = as_fraction(packet.time_base)
    if not packet.is_discard or packet.pts is None or time_base is None:
        return False
    return not -_PRIMING_NS <= ns_of(packet.pts, time_base) < 0


def _colours(frame: av.VideoFrame) -> Colours:
    """Those of a film whose first picture is `frame`. A matrix that is not written here becomes that of BT.709."""
    usual: Matrix = "bt709" if frame.height >= _HD_HEIGHT else "smpte170m"
    told = int(frame.colorspace)
    matrix = MATRICES.get(told, usual if told in _UNTOLD else "bt709")
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    return Colours(
        matrix,
        _USUAL[matrix] if primaries in _UNTOLD else primaries,
        _USUAL[matrix] if transfer in _UNTOLD else transfer,
    )


def _address_of(source: str) -> Address:
    """A file, also one whose name looks like an address, or what ends over HTTP. Raises `SourceUnsupportedError`."""
    address = Address(SourceKind.FILE, source, source) if _is_file(source) else parse_address(source)
    if address.kind is SourceKind.HTTP:
        return address
    if address.kind is not SourceKind.FILE:
        raise SourceUnsupportedError(
            f"{address.label}: has no end: `relay process` is for files, and for what ends over http(s)://"
        )
    if Path(address.url).is_dir():
        raise SourceUnsupportedError(f"{address.label}: is a folder: name one of its files")
    if _is_file(address.url) and not Path(address.url).stat().st_size:
        raise SourceUnsupportedError(f"{address.label}: is empty: there is not one byte in it")
    # By its protocol, since FFmpeg takes what stands before a colon in a name for one.
    return Address(SourceKind.FILE, f"{_FILE}{address.url}", address.label)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # what is too long for a name, say, and may be an address
        return False


def _modified_ns(address: Address) -> int | None:
    if address.kind is not SourceKind.FILE:
        return None
    return Path(address.url.removeprefix(_FILE)).stat().st_mtime_ns


def _open(address: Address, settings: StreamSettings) -> InputContainer:
    began_s = time.monotonic()
    is_local = address.kind is SourceKind.FILE
    # A disk needs no timeout, and for one FFmpeg waits for the interpreter's lock whenever it reads.
    timeout = None if is_local else (settings.open_timeout_s, read_timeout_s(address, settings))
    try:
        container = av.open(
            address.url,
            "r",
            options=open_options(address, settings)[0].options,
            timeout=timeout,
            metadata_errors="replace",  # what somebody called a file's author need not be UTF-8
        )
    except (av.FFmpegError, ValueError) as error:
        limit_s = min(settings.open_timeout_s, settings.read_timeout_s)
        elapsed_s = time.monotonic() - began_s
        raise explain_opening(error, address, elapsed_s, limit_s, tls_verify=settings.tls_verify) from None
    if not is_local and not container.duration and container.format.name.split(",")[0] in {"hls", "dash"}:
        container.close()
        raise SourceUnsupportedError(f"{address.label}: is live and has no end: `relay serve` is for this")
    return container
