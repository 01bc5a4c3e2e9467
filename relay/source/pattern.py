"""The test pattern: a moving picture with the wall clock burnt in, and a beep at the top of each second.

    test:                                 1280x720, 30 frames a second, with sound
    test:?size=1920x1080&rate=25&audio=0

Frame `n` is drawn for the instant `n / rate` since the Unix epoch and counted by `n`, so that it falls into slot `n`,
and two relays with one clock show the same.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import av
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from relay.errors import SourceUnsupportedError
from relay.fields import PictureSize, Rate  # noqa: TC001 - pydantic reads the annotations at run time
from relay.model import SourceInfo
from relay.source.card import Card
from relay.source.drawn import drawn_frame, ticks
from relay.timeline import SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME, Grid, sample_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.source.address import Address

BEEP_HZ: Final = 1000
BEEP_S: Final = 0.06
BEEP_LEVEL: Final = 8000


class PatternSettings(BaseModel):
    """What may be written behind `test:?`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    size: PictureSize = (1280, 720)
    rate: Rate = Fraction(30)
    audio: bool = True


class PatternSource:
    """Frames and sound made here, when their time has come on the relay's clock."""

    is_live = True
    sample_aspect = Fraction(1)
    stall_after_s = 2.0
    delayed_ns = 0

    def __init__(
        self,
        settings: PatternSettings,
        name: str,
        unix_ns: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        width, height = settings.size or (1280, 720)
        rate = settings.rate or Fraction(30)
        self._unix_ns = unix_ns
        self._sleep = sleep
        self._grid = Grid(rate, 1, 1)
        self._card = Card(width, height, name)
        self._has_audio = settings.audio
        self._second = _second_of_sound()
        self.info = SourceInfo(
            width=width,
            height=height,
            rate=rate,
            video_codec="rawvideo",
            pixel_format="yuv420p",
            matrix="bt709",
            audio_codec="pcm_s16le" if settings.audio else None,
            audio_sample_rate=SAMPLE_RATE_HZ if settings.audio else 0,
            audio_channels=2 if settings.audio else 0,
        )

    def media(self) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
        """Frames as their time comes, `None` after every breath in between; timestamps are Unix nanoseconds."""
        expected, sound = -1, 0
        for slot in ticks(self._grid, self._unix_ns, self._sleep):
            if slot is None:
                yield None
                continue
            if slot != expected:
                sound = sample_at(self._grid.start_ns(slot)) // SAMPLES_PER_AAC_FRAME
            yield self._picture(slot)
            while self._has_audio and (sound + 1) * SAMPLES_PER_AAC_FRAME <= sample_at(self._grid.start_ns(slot)):
                yield self._sound(sound)
                sound += 1
            expected = slot + 1

    def close(self) -> None:
        """Nothing is held."""

    def _picture(self, slot: int) -> av.VideoFrame:
        time_ns = self._grid.start_ns(slot)
        return drawn_frame(self._card.draw(time_ns, slot), time_ns)

    def _sound(self, index: int) -> av.AudioFrame:
        first = index * SAMPLES_PER_AAC_FRAME
        samples = np.take(self._second, np.arange(first, first + SAMPLES_PER_AAC_FRAME) % SAMPLE_RATE_HZ)
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2)[np.newaxis], format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts, frame.time_base = first, Fraction(1, SAMPLE_RATE_HZ)
        return frame


def open_pattern(address: Address, name: str, unix_ns: Callable[[], int]) -> PatternSource:
    """The test pattern that `address` asks for. Raises `SourceUnsupportedError` for an option that it does not have."""
    try:
        options = {key: values[-1] for key, values in parse_qs(address.url, strict_parsing=bool(address.url)).items()}
        settings = PatternSettings.model_validate(options)
    except ValueError as error:
        where = "it cannot be read"
        if isinstance(error, ValidationError):
            wrong = error.errors()[0]
            where = f"{wrong['loc'][0]}: {wrong['msg'].removeprefix('Value error, ')}"
        raise SourceUnsupportedError(
            f"{address.label}: {where}: the test pattern takes size=WIDTHxHEIGHT, rate=N and audio=0, as in "
            f"test:?size=1920x1080&rate=25&audio=0"
        ) from None
    return PatternSource(settings, name, unix_ns)


def _second_of_sound() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """One second of samples: a beep that begins with the first, then silence."""
    second = np.zeros(SAMPLE_RATE_HZ, np.int16)
    length = int(BEEP_S * SAMPLE_RATE_HZ)
    phase = 2 * np.pi * BEEP_HZ * np.arange(length) / SAMPLE_RATE_HZ
    # Faded out over its last fifth: cut off, it would end in a click.
    fade = np.minimum(1, np.arange(length, 0, -1) / (length / 5))
    second[:length] = np.round(BEEP_LEVEL * np.sin(phase) * fade)
    return second
