"""Stage 1: opens a camera, file or URL and hands over what it sends.

address   what the user wrote, understood          options   how FFmpeg is asked to open it
push      what is sent to the relay, which listens
container what FFmpeg opens (streams, playhead)    pattern   the test pattern, made here (card, barcode, drawn)
folder    files that play as a channel             own       a Python function of the user's
wall      other streams of this relay, in a grid
v4l2      Linux webcams, their names and modes     alsa, microphone   Linux microphones
ahead     live playlists read as they grow         reservoir what was read so, until it is due
faults    FFmpeg's errors in plain words           pacing    files and HLS at their own speed
retry     when to try again                        measure, advice   what `relay probe` finds and says
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from relay.errors import SourceUnsupportedError
from relay.source.address import SourceKind, parse_address
from relay.source.container import open_container
from relay.source.folder import FolderSource
from relay.source.microphone import Microphone, WithMicrophone
from relay.source.own import OwnSource
from relay.source.pattern import open_pattern
from relay.source.push import Entrance, PushBackoff, open_push
from relay.source.retry import Backoff
from relay.source.wall import open_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    import av
    from av.packet import Packet

    from relay.config import StreamSettings
    from relay.model import SourceInfo
    from relay.source.address import Address

__all__ = ["Backoff", "Entrance", "PushBackoff", "Source", "open_source"]


class Source(Protocol):
    """An open source. Opened, read and closed by one thread."""

    @property
    def info(self) -> SourceInfo:
        """What it says of itself."""

    @property
    def is_live(self) -> bool:
        """Whether it goes on for ever, so that an end is a failure; a file's end is its end."""

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a sample over its height."""

    @property
    def stall_after_s(self) -> float:
        """How long it may give no new picture, by its nature, before it has stalled."""

    @property
    def delayed_ns(self) -> int:
        """By how much it has fallen behind its own pace by now: all it gives from then on comes so much later.

        Of what comes as it is captured nobody can say that; it is 0.
        """

    def media(self) -> Iterator[Packet[Any] | av.VideoFrame | av.AudioFrame | None]:
        """What comes, as it comes: packets to decode, or frames; `None` says that nothing came for a moment.

        Raises `SourceEndedError` and `SourceStalledError`.
        """

    def close(self) -> None:
        """Let go of it."""


def open_source(
    settings: StreamSettings,
    name: str,
    unix_ns: Callable[[], int] = time.time_ns,
    entrance: Entrance | None = None,
    taps: str = "",
) -> Source:
    """Open `settings.source` for the stream `name`, within its timeouts. Raises a leaf of `SourceError`.

    The test pattern shows `name` and draws by `unix_ns`, the relay's clock. What is pushed comes in by `entrance`.
    Other streams leave their pictures in the folder `taps`.
    """
    if settings.is_push:
        return open_push(settings, entrance)
    address = parse_address(settings.source)
    if settings.start_s and address.kind is not SourceKind.FILE and address.kind is not SourceKind.HTTP:
        raise SourceUnsupportedError(f"{address.label}: start_s = {settings.start_s:g} is for files")
    is_wall = address.kind is SourceKind.WALL
    source = open_wall(address, taps, unix_ns) if is_wall else _open(address, settings, name, unix_ns)
    if settings.microphone:
        return WithMicrophone(source, Microphone(settings.microphone.removeprefix("alsa:")))
    return source


def _open(address: Address, settings: StreamSettings, name: str, unix_ns: Callable[[], int]) -> Source:
    if address.kind is SourceKind.TEST:
        return open_pattern(address, name, unix_ns)
    if address.kind is SourceKind.PYTHON:
        return OwnSource(address, settings, unix_ns)
    if address.kind is SourceKind.FILE and Path(address.url).is_dir():
        return FolderSource(address, settings)
    return open_container(address, settings)
