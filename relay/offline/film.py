"""What travels from thread to thread, in the order in which the file has it, and what is known before it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import av

if TYPE_CHECKING:
    from fractions import Fraction

    from av.packet import Packet

    from relay.model import Matrix, Picture
    from relay.pixels import I420


@dataclass(frozen=True, slots=True)
class Moment:
    """When a picture is shown, and for how long (0: the file does not say), in ticks of the film's time base."""

    pts: int
    length: int = 0


@dataclass(frozen=True, slots=True)
class Colours:
    """What the pictures' numbers mean: the matrix by name, the others as ISO/IEC 23091-2 numbers them."""

    matrix: Matrix
    primaries: int
    transfer: int


@dataclass(frozen=True, slots=True)
class Film:
    """What is known of a file when its first picture was decoded.

    `label` may be shown. `rate` is its average, and says nothing of where pictures lie: `time_base` and their moments
    do. `length_s` is `None` where the file does not say it. `created` is its `creation_time`, as it is written, and
    `began_ns` the Unix time of its time 0.
    """

    label: str
    time_base: Fraction
    rate: Fraction
    colours: Colours
    length_s: float | None
    created: str | None = None
    began_ns: int = 0


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, whose slot is its number in the file, and its moment."""

    moment: Moment
    picture: Picture

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return self.picture.width * self.picture.height * 3 // 2  # to ask for its samples would pack them


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown at a moment."""

    moment: Moment
    i420: I420

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return self.i420.nbytes


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound as it was coded, or decoded because it has to be coded anew; times in ticks of its own stream."""

    media: Packet[Any] | av.AudioFrame

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        if isinstance(self.media, av.AudioFrame):
            return sum(plane.buffer_size for plane in self.media.planes)
        return self.media.size


Incoming: TypeAlias = Shot | Sound
"""What is read."""
Outgoing: TypeAlias = Shown | Sound
"""What is written."""
