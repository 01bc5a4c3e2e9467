"""A source of the user's own: a Python function or class that gives pictures, and sound if it likes.

    source = "python:module:callable?width=640"

The callable is called with what stands behind `?`, and returns a `Source`; a generator function is the shortest one:

    def frames(width: int = 320):
        while True:
            yield numpy.zeros((240, width, 3), numpy.uint8)
"""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import parse_qsl

import av
import numpy as np
import structlog

from relay.errors import SourceEndedError, SourceError, SourceStalledError, SourceUnsupportedError, UserCodeError
from relay.model import SourceInfo
from relay.source.pacing import BREATH_S
from relay.timeline import NS_PER_S
from relay.usercode import bind_parameters, find_callable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from relay.config import StreamSettings
    from relay.source.address import Address

log = structlog.get_logger()

DEFAULT_RATE: Final = Fraction(30)
_NOTHING_S: Final = 0.01
_SAME_SOUND_NS: Final = NS_PER_S // 5
"""Sound without a time of its own goes on where the last ended, unless that is further than this from now."""

_LAYOUTS: Final = {1: "mono", 2: "stereo"}
_GIVES: Final = (
    "a source gives pictures (uint8 arrays of shape (height, width, 3) in BGR, or (height, width) in grey), "
    "relay.Image, relay.Sound or None"
)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture with the time at which it was captured.

    `bgr` is a `uint8` array of shape (height, width, 3), or (height, width) for grey; it may be changed again once the
    next item is asked for. `time_s` is seconds since the Unix epoch; `None` is now.
    """

    bgr: NDArray[np.uint8]
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples, `int16` or `float32` (-1 to 1), of shape (samples,) or (samples, channels), one channel or two.

    `time_s` is that of the first sample, in seconds since the Unix epoch; `None` goes on from the last `Sound`.
    """

    samples: NDArray[np.int16] | NDArray[np.float32]
    rate_hz: int
    time_s: float | None = None


class Source(Protocol):
    """What a user's callable returns: anything that can be iterated over, such as a generator.

    Each item is a picture (BGR array or `Image`), a `Sound`, or `None` for nothing yet. Pictures are asked for at the
    stream's `input_rate` (30 a second), and shown when they come. It is iterated over and closed in one thread; if it
    has a `close()`, that is called. Its end, or what it raises, shows the slate; then the callable is called again.
    """

    def __iter__(self) -> Iterator[NDArray[np.uint8] | Image | Sound | None]:
        """The pictures and sounds, as long as there are any."""


class OwnSource:
    """A user's `Source`, at its pace or at the stream's, whichever is slower."""

    is_live = True
    sample_aspect = Fraction(1)
    delayed_ns = 0

    def __init__(
        self,
        address: Address,
        settings: StreamSettings,
        unix_ns: Callable[[], int],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._label = address.label
        self.stall_after_s = settings.stall_after_s
        self._unix_ns, self._monotonic_ns, self._sleep = unix_ns, monotonic_ns, sleep
        self._period_ns = int(NS_PER_S / (settings.input_rate or DEFAULT_RATE))
        self._sound_end_ns: int | None = None
        self._source = self._made(address)
        self._items = self._iterator()
        try:
            self._first = self._first_picture(settings.open_timeout_s)
        except SourceError:
            self.close()
            raise
        self.info = SourceInfo(
            width=self._first.width,
            height=self._first.height,
            rate=settings.input_rate,
            video_codec="rawvideo",
            pixel_format=self._first.format.name,
            matrix=None,
            audio_codec=None,
            audio_sample_rate=0,
            audio_channels=0,
        )

    def media(self) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
        """Frames as they come, not faster than the stream's rate; their timestamps are Unix nanoseconds.

        Raises `SourceEndedError` when the user's code ends or raises, `SourceUnsupportedError` for what is no picture.
        """
        due_ns = self._monotonic_ns()
        item: av.VideoFrame | av.AudioFrame | None = self._first
        while True:
            if isinstance(item, av.VideoFrame):
                while (wait_ns := due_ns - self._monotonic_ns()) > 0:
                    self._sleep(min(wait_ns / NS_PER_S, BREATH_S))
                    yield None
                if -wait_ns > self._period_ns:  # the user's code is the slower one, and sets the pace
                    due_ns, wait_ns = due_ns - wait_ns, 0
                if item.pts is None:
                    # When it was due, not when this thread woke up for it: the frame rate is measured by that.
                    item.pts, item.time_base = self._unix_ns() + wait_ns, Fraction(1, NS_PER_S)
                due_ns += self._period_ns
            elif item is None:
                self._sleep(_NOTHING_S)
            yield item
            item = self._next()

    def close(self) -> None:
        """Close what the user made, whose errors no longer matter: a new one is made."""
        for thing in (self._items, self._source):
            close = getattr(thing, "close", None)
            if callable(close):
                try:
                    close()
                except (Exception, SystemExit) as error:  # noqa: BLE001 - anybody's code
                    log.warning("a source of the user's own did not close", error=self._blame(error))

    def _made(self, address: Address) -> Source:
        name, _, query = address.url.partition("?")
        try:
            function = find_callable(name)
            parameters = bind_parameters(name, function, dict(parse_qsl(query, keep_blank_values=True)))
        except UserCodeError as error:
            raise SourceUnsupportedError(f"{address.label}: {error}") from error
        try:
            made: Source = function(**parameters)
        except (Exception, SystemExit) as error:  # anybody's code
            raise SourceEndedError(self._blame(error)) from error
        return made

    def _iterator(self) -> Iterator[object]:
        try:
            return iter(self._source)
        except TypeError:
            raise SourceUnsupportedError(
                f"{self._label}: returned {type(self._source).__name__}, not a generator or another iterable"
            ) from None
        except (Exception, SystemExit) as error:  # anybody's code
            raise SourceEndedError(self._blame(error)) from error

    def _first_picture(self, timeout_s: float) -> av.VideoFrame:
        until_ns = self._monotonic_ns() + int(timeout_s * NS_PER_S)
        while not isinstance(item := self._next(), av.VideoFrame):
            if self._monotonic_ns() > until_ns:
                raise SourceStalledError(f"{self._label}: gave no picture within {timeout_s:g} s")
            if item is None:
                self._sleep(_NOTHING_S)
        return item

    def _next(self) -> av.VideoFrame | av.AudioFrame | None:
        try:
            item = next(self._items)
        except StopIteration:
            raise SourceEndedError(f"{self._label}: came to its end") from None
        except (Exception, SystemExit) as error:  # anybody's code
            # Said here too: it may work again before the stream has stalled, and its author wants to know.
            log.warning("a source of the user's own failed", error=self._blame(error))
            raise SourceEndedError(self._blame(error)) from error
        match item:
            case None:
                return None
            case np.ndarray():
                return self._picture(Image(item))
            case Image():
                return self._picture(item)
            case Sound():
                return self._sound(item)
            case _:
                raise SourceUnsupportedError(f"{self._label}: gave {type(item).__name__}; {_GIVES}")

    def _picture(self, image: Image) -> av.VideoFrame:
        pixels: object = image.bgr
        is_picture = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and min(pixels.shape, default=0) > 0
        if not is_picture or not (image.bgr.ndim == 2 or (image.bgr.ndim == 3 and image.bgr.shape[2] == 3)):
            shape = f"an array of {pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else "none"
            raise SourceUnsupportedError(f"{self._label}: gave {shape} as a picture; {_GIVES}")
        # Shared, not copied: it has been converted by the time the next item is asked for.
        packed = np.ascontiguousarray(image.bgr)
        frame = av.VideoFrame.from_numpy_buffer(packed, "bgr24" if packed.ndim == 3 else "gray")
        if image.time_s is not None:
            frame.pts, frame.time_base = round(image.time_s * NS_PER_S), Fraction(1, NS_PER_S)
        return frame

    def _sound(self, sound: Sound) -> av.AudioFrame:
        samples = np.atleast_2d(np.asarray(sound.samples).T).T
        layout = _LAYOUTS.get(samples.shape[1]) if samples.ndim == 2 else None
        if layout is None or samples.dtype not in (np.int16, np.float32) or not 4000 <= sound.rate_hz <= 192_000:
            raise SourceUnsupportedError(
                f"{self._label}: gave sound of {samples.dtype} of shape {samples.shape} at {sound.rate_hz} Hz; "
                "relay.Sound takes int16 or float32 of shape (samples, 1 or 2), at 4000 to 192000 Hz"
            )
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16" if packed.dtype == np.int16 else "flt", layout=layout)
        frame.sample_rate, frame.time_base = sound.rate_hz, Fraction(1, NS_PER_S)
        length_ns = len(samples) * NS_PER_S // sound.rate_hz
        start_ns = self._sound_start_ns(length_ns) if sound.time_s is None else round(sound.time_s * NS_PER_S)
        frame.pts, self._sound_end_ns = start_ns, start_ns + length_ns
        return frame

    def _sound_start_ns(self, length_ns: int) -> int:
        from_now_ns = self._unix_ns() - length_ns
        if self._sound_end_ns is not None and abs(self._sound_end_ns - from_now_ns) < _SAME_SOUND_NS:
            return self._sound_end_ns
        return from_now_ns

    def _blame(self, error: BaseException) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" (line {frames[-1].lineno} of {frames[-1].filename})" if frames else ""
        words = f": {error}" if str(error) else ""
        return f"{self._label}: raised {type(error).__name__}{words}{where}"
