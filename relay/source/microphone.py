"""A microphone beside a camera: captured in a thread of its own, and handed over between the camera's packets.

It never takes the picture away: what is wrong with it is logged, and it is tried again while the picture goes on.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
import structlog

from relay.source.alsa import explain_silence, is_missing, list_microphones, use_system_configuration
from relay.timeline import timestamp_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.packet import Packet
    from numpy.typing import NDArray

    from relay.model import SourceInfo
    from relay.source import Source

log = structlog.get_logger()

SAMPLE_RATE_HZ: Final = 48_000
FIRST_RETRY_S: Final = 2.0
MAX_RETRY_S: Final = 60.0
MAX_QUEUED_S: Final = 2.0
"""Sound that the camera's thread does not fetch in this time is too late to be heard."""

_JOIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Captured:
    """Samples of 16 bits, of shape (samples, channels), and the wall-clock time of the first, in microseconds."""

    time_us: int
    samples: NDArray[np.int16]


def capture(device: str) -> Iterator[Captured]:
    """What the ALSA device hears, from opening it until the caller stops. Raises FFmpeg's errors; one thread only.

    Stereo first, mono for microphones that have but that, and ALSA's own conversion for what can do neither.
    """
    use_system_configuration()
    ways = [(device, 2), (device, 1)] + ([(f"plug{device}", 2)] if device.startswith("hw:") else [])
    for name, channels in ways:
        options = {"sample_rate": str(SAMPLE_RATE_HZ), "channels": str(channels)}
        try:
            container = av.open(name, "r", format="alsa", options=options)
        except av.FFmpegError:
            if (name, channels) == ways[-1]:
                raise
            continue
        with container:
            for packet in container.demux():
                if packet.size and (time_ns := timestamp_ns(packet.pts, packet.time_base)) is not None:
                    samples = np.frombuffer(bytes(packet), np.int16).reshape(-1, channels)
                    yield Captured(time_ns // 1000, samples)
        return


class Microphone:
    """The thread, and what it has heard."""

    def __init__(self, device: str, capture: Callable[[str], Iterator[Captured]] = capture) -> None:
        self._device = device
        self._capture = capture
        self._heard: deque[Captured] = deque()
        self._lock = threading.Lock()
        self._queued = 0
        self._said = ""
        self._stopping = threading.Event()
        self.dropped = 0
        # With the caller's context, because in it is the stream's name for the log.
        run = partial(contextvars.copy_context().run, self._run)
        self._thread = threading.Thread(target=run, name="microphone", daemon=True)
        self._thread.start()

    def take(self) -> list[av.AudioFrame]:
        """What was heard since the last time, for the thread that asks."""
        with self._lock:
            heard, self._queued = list(self._heard), 0
            self._heard.clear()
        return [_frame(item) for item in heard]

    def stop(self) -> None:
        """End it. A device that hangs in its driver is left to hang."""
        self._stopping.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        delay_s = FIRST_RETRY_S
        while not self._stopping.is_set():
            try:
                for item in self._opened():
                    self._said, delay_s = "", FIRST_RETRY_S
                    self._put(item)
                    if self._stopping.is_set():
                        return
            except (av.FFmpegError, ValueError):
                # ValueError: PyAV's word for a build without ALSA, such as that for macOS.
                pass
            self._say(explain_silence(self._device, list_microphones()))
            self._stopping.wait(delay_s)
            delay_s = min(MAX_RETRY_S, delay_s * 2)

    def _opened(self) -> Iterator[Captured]:
        return iter(()) if is_missing(self._device, list_microphones()) else self._capture(self._device)

    def _put(self, item: Captured) -> None:
        with self._lock:
            self._heard.append(item)
            self._queued += len(item.samples)
            while self._queued > MAX_QUEUED_S * SAMPLE_RATE_HZ:
                dropped = len(self._heard.popleft().samples)
                self._queued -= dropped
                self.dropped += dropped

    def _say(self, reason: str) -> None:
        """Once for each trouble, however often it is tried."""
        if reason != self._said and not self._stopping.is_set():
            log.warning("the stream goes on without sound", reason=reason)
        self._said = reason


class WithMicrophone:
    """A source whose own sound, if it has any, is replaced by a microphone's."""

    def __init__(self, source: Source, microphone: Microphone) -> None:
        self._source = source
        self._microphone = microphone

    @property
    def info(self) -> SourceInfo:
        """The camera's, with the microphone's sound."""
        return replace(self._source.info, audio_codec="pcm_s16le", audio_sample_rate=SAMPLE_RATE_HZ, audio_channels=2)

    @property
    def is_live(self) -> bool:
        """As the camera."""
        return self._source.is_live

    @property
    def sample_aspect(self) -> Fraction:
        """As the camera's."""
        return self._source.sample_aspect

    @property
    def stall_after_s(self) -> float:
        """As the camera's."""
        return self._source.stall_after_s

    @property
    def delayed_ns(self) -> int:
        """As the camera's."""
        return self._source.delayed_ns

    def media(self) -> Iterator[Packet[Any] | av.VideoFrame | av.AudioFrame | None]:
        """What the camera gives, and before each of it what was heard meanwhile."""
        for item in self._source.media():
            yield from self._microphone.take()
            yield item

    def close(self) -> None:
        """Let go of both."""
        dropped = self._microphone.dropped
        self._microphone.stop()
        self._source.close()
        if dropped:
            log.warning("sound was dropped", samples=dropped)


def _frame(heard: Captured) -> av.AudioFrame:
    layout = "stereo" if heard.samples.shape[1] == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(heard.samples.reshape(1, -1)), format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, heard.time_us, Fraction(1, 1_000_000)
    return frame
