"""AAC-LC out of frames on the sample grid.

An AAC packet is half of a window over two frames: packet `k` plays frame `k` only after packet `k - 1`, and needs frame
`k + 1` to be made. FFmpeg's encoder looks one frame further, so packet `k` comes out when frame `k + 2` goes in.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from relay.errors import EncodeError
from relay.model import AccessUnit
from relay.timeline import SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from numpy.typing import NDArray

PRIMING_FRAMES: Final = 2
"""What an encoder must have heard before its first packet, so that this joins what another encoder sent before it."""

_CHANNELS: Final = 2
_FORMAT: Final = av.AudioFormat("fltp")
_LAYOUT: Final = av.AudioLayout("stereo")
_TIME_BASE: Final = Fraction(1, SAMPLE_RATE_HZ)
_PEAK: Final = Fraction(3, 2)
"""The most a segment (of a second or more) may have over the nominal bit rate. FFmpeg's AAC keeps to that within a
hundredth, except after a long silence, out of which noise took 1.37 times as much for a second."""

_PART_OVERHEAD_BPS: Final = 128 * 8 * 5
_FRAME_OVERHEAD_BPS: Final = math.ceil(Fraction(4 * 8 * SAMPLE_RATE_HZ, SAMPLES_PER_AAC_FRAME))
"""What the container adds: 128 bytes a part, of which there are at most five a second, and 4 a frame."""


class AudioEncoder:
    """One rendition's encoder. It is made, used and closed in one thread.

    `first_frame` is the index, counted from the epoch, of the first frame given to `encode`. `before` is the sound of
    the two frames before it, shape (2, 2048); silence where it is not known.
    """

    def __init__(
        self,
        bitrate_kbps: int,
        first_frame: int,
        rendition: str = "audio",
        before: NDArray[np.float32] | None = None,
    ) -> None:
        self._rendition = rendition
        self._first_frame = first_frame
        self._next_frame = first_frame - PRIMING_FRAMES
        overhead_bps = _PART_OVERHEAD_BPS + _FRAME_OVERHEAD_BPS
        self.average_bandwidth_bps = bitrate_kbps * 1000 + overhead_bps
        self.bandwidth_bps = math.ceil(_PEAK * bitrate_kbps * 1000) + overhead_bps
        self._context: av.AudioCodecContext | None = _open(bitrate_kbps)
        self._decoder_config = self._context.extradata or b""
        if before is None:
            before = np.zeros((_CHANNELS, PRIMING_FRAMES * SAMPLES_PER_AAC_FRAME), np.float32)
        for frame in np.split(before, PRIMING_FRAMES, axis=1):
            self.encode(frame)

    @property
    def decoder_config(self) -> bytes:
        """AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): what an init segment has to carry."""
        return self._decoder_config

    def encode(self, samples: NDArray[np.float32]) -> list[AccessUnit]:
        """Encode the next frame, shape (2, 1024); what comes back is the frame before the one before it.

        Raises `EncodeError`.
        """
        if self._context is None:
            raise EncodeError(f"the encoder of {self._rendition} is closed")
        if samples.shape != (_CHANNELS, SAMPLES_PER_AAC_FRAME):
            raise EncodeError(
                f"samples of shape {samples.shape} came where {(_CHANNELS, SAMPLES_PER_AAC_FRAME)} is needed"
            )
        try:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), _FORMAT, _LAYOUT)
            frame.sample_rate, frame.time_base = SAMPLE_RATE_HZ, _TIME_BASE
            frame.pts = self._next_frame * SAMPLES_PER_AAC_FRAME
            self._next_frame += 1
            units = [self._access_unit(packet) for packet in self._context.encode(frame)]
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"AAC frame {self._next_frame} cannot be encoded: {error}") from error
        return [unit for unit in units if unit.pts >= self._first_frame]

    def close(self) -> None:
        """Give the encoder's memory back. Idempotent. The last two frames, which it held, are not sent."""
        self._context = None

    def _access_unit(self, packet: av.Packet[AudioStream]) -> AccessUnit:
        if packet.pts is None:
            raise EncodeError("the encoder gave a packet without a time")
        frame = packet.pts // SAMPLES_PER_AAC_FRAME
        return AccessUnit(self._rendition, pts=frame, dts=frame, is_idr=True, data=bytes(packet), codec="aac")


def _open(bitrate_kbps: int) -> av.AudioCodecContext:
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = SAMPLE_RATE_HZ, "stereo", "fltp"
    context.time_base = _TIME_BASE
    context.bit_rate = bitrate_kbps * 1000
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise EncodeError(f"AAC at {bitrate_kbps} kbit/s cannot be encoded: {error}") from error
    return context
