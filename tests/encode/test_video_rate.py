"""An encoder that keeps no buffer is given the last picture again where there is no room for a new one.

In its place stands one that says which pictures it was given, by their luma, and makes them as large as a test wants.
At 30 a second a slot lets out 500 bytes of 120 kbit/s, and half a second is 7500.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from relay.encode import VideoEncoder
from relay.encode.encoders import Encoder
from relay.ladder import only_rung
from relay.model import AccessUnit, Latency, StreamFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from relay.encode.choice import Choice

STREAM = StreamFormat(16, 16, Fraction(30), audio=False, latency=Latency.LAN)
RUNG = replace(only_rung(STREAM, 120), codec="av1")
SLOT = 53_700_000_000
SLOT_BYTES = 500
LEAST_BYTES = 10


class Fake:
    """Encoder and choice in one. A picture of luma `n` is `sizes[n]` bytes large, and nearly nothing when it stays."""

    def __init__(self, sizes: dict[int, int], *, keeps_buffer: bool = False) -> None:
        self.given: list[int] = []
        self._sizes = sizes
        self._encoder = Encoder("fake", "yuv420p", {}, keeps_buffer=keeps_buffer)

    def open(self, _stream: StreamFormat, _rung: object) -> tuple[Encoder, Fake]:
        return self._encoder, self

    def encode(self, i420: NDArray[np.uint8], slot: int, *, is_idr: bool) -> list[AccessUnit]:
        luma = int(i420[0, 0])
        is_same = self.given[-1:] == [luma] and not is_idr
        self.given.append(luma)
        size = LEAST_BYTES if is_same else self._sizes[luma]
        return [AccessUnit("video", slot, slot, is_idr, bytes(size), "av1")]

    def of(self) -> VideoEncoder:
        return VideoEncoder(STREAM, RUNG, cast("Choice", self))


def feed(encoder: VideoEncoder, lumas: Iterable[int], idr: Iterable[int] = (0,), first: int = SLOT) -> list[AccessUnit]:
    """Each picture in the same buffer, which is painted over as soon as it was taken."""
    i420, idr = np.empty((24, 16), np.uint8), set(idr)
    units = []
    for n, luma in enumerate(lumas):
        i420[:] = luma
        units += encoder.encode(i420, first + n, is_idr=n in idr)
        i420[:] = 0
    return units


def test_pictures_within_the_rate_are_all_new() -> None:
    fake = Fake(dict.fromkeys(range(1, 100), SLOT_BYTES))
    encoder = fake.of()
    feed(encoder, range(1, 100))
    assert fake.given == list(range(1, 100))
    assert encoder.repeats == 0


def test_a_picture_is_repeated_until_there_is_room_for_another_as_large() -> None:
    fake = Fake({1: SLOT_BYTES, **dict.fromkeys(range(2, 40), 10 * SLOT_BYTES)})
    encoder = fake.of()
    units = feed(encoder, range(1, 40))
    # With one of 5000 bytes inside there are 4500 when its slot is over, and 7500 have no room for 5000 more: 2500 do.
    assert fake.given[:8] == [1, 2, 2, 2, 2, 2, 2, 8]
    assert encoder.repeats == len(fake.given) - len(set(fake.given))
    assert [unit.pts for unit in units] == list(range(SLOT, SLOT + 39)), "every slot has its access unit"
    assert sum(len(unit.data) for unit in units) <= 39 * SLOT_BYTES + 15 * SLOT_BYTES


def test_an_idr_picture_is_new_however_full_it_is_and_is_what_is_repeated_then() -> None:
    fake = Fake({1: SLOT_BYTES, **dict.fromkeys(range(2, 12), 10 * SLOT_BYTES)})
    encoder = fake.of()
    units = feed(encoder, range(1, 9), idr=(0, 3))
    assert fake.given == [1, 2, 2, 4, 4, 4, 4, 4]
    assert [unit.pts - SLOT for unit in units if unit.is_idr] == [0, 3]
    assert encoder.repeats == 5


def test_the_size_of_an_idr_picture_says_nothing_of_the_next() -> None:
    fake = Fake({1: 14 * SLOT_BYTES, **dict.fromkeys(range(2, 20), SLOT_BYTES)})
    feed(fake.of(), range(1, 20))
    assert fake.given == list(range(1, 20))


def test_behind_a_hole_in_time_there_is_room_and_a_picture_is_new() -> None:
    fake = Fake({1: SLOT_BYTES, 2: 14 * SLOT_BYTES, 3: SLOT_BYTES, 4: SLOT_BYTES, 5: SLOT_BYTES})
    encoder = fake.of()
    feed(encoder, (1, 2, 3))
    assert fake.given == [1, 2, 2]
    feed(encoder, (4, 5), idr=(), first=SLOT + 3000)
    assert fake.given == [1, 2, 2, 4, 5]
    assert encoder.repeats == 1


def test_an_encoder_that_keeps_its_own_buffer_is_given_every_picture() -> None:
    fake = Fake(dict.fromkeys(range(1, 100), 100 * SLOT_BYTES), keeps_buffer=True)
    encoder = fake.of()
    feed(encoder, range(1, 100))
    assert fake.given == list(range(1, 100))
    assert encoder.repeats == 0
