"""What decoding needs of others and gives to them. `relay.source` fits these without either knowing the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    import av
    from av.packet import Packet

    from relay.decode.copying import CopiedVideo
    from relay.errors import SourceError
    from relay.model import SourceInfo


class Source(Protocol):
    """An open source, see `relay.source.Source`."""

    @property
    def info(self) -> SourceInfo:
        """What it says of itself."""

    @property
    def is_live(self) -> bool:
        """Whether an end is a failure."""

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a sample over its height."""

    @property
    def stall_after_s(self) -> float:
        """How long it may give no new picture, by its nature, before it has stalled."""

    @property
    def delayed_ns(self) -> int:
        """By how much it has fallen behind its own pace by now, if it has one: since then all comes so much later."""

    def media(self) -> Iterator[Packet[Any] | av.VideoFrame | av.AudioFrame | None]:
        """Packets or frames as they come; `None` at least every tenth of a second where it can."""

    def close(self) -> None:
        """Let go of it."""


class RetryPolicy(Protocol):
    """When a source is tried again, see `relay.source.retry.Backoff`."""

    def delay_s(self, error: SourceError, healthy_s: float) -> float:
        """Seconds to wait after `error` ended a connection that had shown pictures for `healthy_s`."""


class CopyTaker(Protocol):
    """Who takes packets as they are, instead of the pictures in them."""

    @property
    def has_to_see(self) -> bool:
        """Whether the first picture has to be looked at before any is copied."""

    def wants(self, info: SourceInfo) -> bool:
        """Whether those of a source that was just opened are wanted. Raises `SourceUnsupportedError`."""

    def sees(self, info: SourceInfo) -> bool:
        """Whether they are wanted still, now that `info` has what its first picture shows."""

    def take(self, copied: CopiedVideo) -> bool:
        """Take the next one; `False`: no more of them, this source's pictures are wanted after all."""


@dataclass(frozen=True, slots=True)
class DecodedVideo:
    """A picture as the source sent it: any size, pixel format and rotation; `to_i420` makes it uniform.

    `time_ns` is the capture time on the relay's clock, never below the one before; `arrival_ns` is when the packet that
    completed it came. `sample_aspect` is the width of its samples over their height. `clock_jumps` counts how often the
    picture's clock has jumped in this connection.
    """

    time_ns: int
    arrival_ns: int
    frame: av.VideoFrame
    sample_aspect: Fraction
    clock_jumps: int = 0


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """Sound as the source sent it, of any rate and layout. `time_ns` is its first sample's, on the picture's clock.

    Where `clock_jumps` is not what it was before, that clock has jumped in between.
    """

    time_ns: int
    frame: av.AudioFrame
    clock_jumps: int = 0
