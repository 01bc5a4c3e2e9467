"""H.264 out of pictures on the grid: one access unit a slot, and an IDR picture exactly where it is asked for.

How soon they come out is the stream's latency profile: at once (`low`), or when the encoder has seen what comes next,
and spent its bits accordingly (`balanced`), which then may be shown first (`quality`: B-frames, in closed GOPs).

The encoder knows nothing of segments but their length, which it needs for one promise: no segment is larger than
`bandwidth_bps` says. x264's buffer model (VBV) keeps it: a run of pictures is at most `maxrate * time + bufsize` bits.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from relay.errors import EncodeError
from relay.model import AccessUnit, LatencyProfile
from relay.timeline import Grid

if TYPE_CHECKING:
    import numpy as np
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from relay.model import Matrix, Rung, StreamFormat

CRF: Final = 23
"""Quality where the bit rate allows it: a still scene costs a tenth of `maxrate`, a busy one is held to it."""

VBV_S: Final = Fraction(1, 2)
"""The buffer, as seconds of `maxrate`: an IDR picture may be that large, and then takes that long on a full line."""

PART_OVERHEAD_BYTES: Final = 128
"""`moof` and `mdat` without what each picture adds: 104 bytes as the packager writes them, and some to spare."""

PICTURE_OVERHEAD_BYTES: Final = 20
"""A picture's row in `trun` (12) and the bytes by which lengths exceed start codes (one a slice)."""

_TWO_THREADS_ABOVE_PIXELS_PER_S: Final = 1920 * 1080 * 30
"""One core encodes 1080p30 in half of its time; a second thread costs a tenth more in all, and slices cost quality."""

LOOKAHEAD_S: Final = {
    LatencyProfile.LOW: Fraction(0),
    LatencyProfile.BALANCED: Fraction(2, 5),
    LatencyProfile.QUALITY: Fraction(1),
}
"""How far the encoder looks ahead, and so how late its pictures come: never more than half a segment.

At one bit rate, 0.4 s gains 1.5 to 2 dB over none, half of that 0.6 dB less, and half as much again hardly more;
B-frames gain up to another 0.8 dB with a second, and nothing more with two.
"""

_B_FRAMES: Final = 3
"""x264's own choice. A picture is then decoded up to two slots before the one that is shown first."""

_COLOURS: Final[dict[Matrix, tuple[ColorPrimaries, ColorTrc, Colorspace]]] = {
    "bt709": (ColorPrimaries.BT709, ColorTrc.BT709, Colorspace.ITU709),
    "smpte170m": (ColorPrimaries.SMPTE170M, ColorTrc.SMPTE170M, Colorspace.SMPTE170M),
}


class VideoEncoder:
    """One rendition's encoder. It is made, used and closed in one thread.

    The same rung gives byte-identical parameter sets at every start, so that a worker that takes over goes on with the
    init segment that players already have. Slots are the rung's own.
    """

    def __init__(self, stream: StreamFormat, rung: Rung) -> None:
        self._rendition = rung.name
        self._shape = (rung.height * 3 // 2, rung.width)
        self._time_base = 1 / rung.rate
        self._holds_back = _lookahead_slots(stream, rung) > 0
        self._last_slot: int | None = None
        buffer_bits = int(rung.bitrate_kbps * 1000 * VBV_S)
        grid = Grid.of(stream).at(rung.rate)
        self.average_bandwidth_bps = rung.bitrate_kbps * 1000 + _overhead_bps(grid)
        self.bandwidth_bps = self.average_bandwidth_bps + math.ceil(buffer_bits / grid.segment_s)
        self._open = partial(_open, stream, rung, buffer_bits)
        self._context: av.VideoCodecContext | None = self._open()
        self._is_closed = False

    def encode(self, i420: NDArray[np.uint8], slot: int, *, is_idr: bool) -> list[AccessUnit]:
        """The access units that are ready now that `slot` came: its own, or, in decoding order, of some before it.

        `i420` is as in `model.Picture` and may be reused as soon as this returns. Slots rise, and may skip: what is
        held back then comes at once, and the picture behind the hole is an IDR picture. Raises `EncodeError`.
        """
        if self._is_closed:
            raise EncodeError(f"the encoder of {self._rendition} is closed")
        if i420.shape != self._shape:
            raise EncodeError(f"a picture of shape {i420.shape} came where {self._shape} is sent")
        if self._last_slot is not None and slot <= self._last_slot:
            raise EncodeError(f"slot {slot} came after slot {self._last_slot}")
        held = self.flush() if self._last_slot is not None and slot != self._last_slot + 1 else []
        self._last_slot = slot
        try:
            frame = av.VideoFrame.from_numpy_buffer(i420, "yuv420p")
            frame.pts, frame.time_base = slot, self._time_base
            frame.pict_type = PictureType.I if is_idr else PictureType.NONE
            self._context = self._context or self._open()
            return held + [self._access_unit(packet) for packet in self._context.encode(frame)]
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"slot {slot} cannot be encoded: {error}") from error

    def flush(self) -> list[AccessUnit]:
        """All that is held back; what comes after it begins anew. Raises `EncodeError`."""
        if self._context is None or not self._holds_back:
            return []
        context, self._context = self._context, None
        try:
            return [self._access_unit(packet) for packet in context.encode(None)]
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"what is held back before slot {self._last_slot} cannot be had: {error}") from error

    def close(self) -> None:
        """Give the encoder's memory back. Idempotent; what was not flushed is lost."""
        self._is_closed = True
        self._context = None

    def _access_unit(self, packet: av.Packet[VideoStream]) -> AccessUnit:
        if packet.pts is None or packet.dts is None:
            raise EncodeError("the encoder gave a picture without a time")
        return AccessUnit(self._rendition, packet.pts, packet.dts, packet.is_keyframe, bytes(packet))


def _open(stream: StreamFormat, rung: Rung, buffer_bits: int) -> av.VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = rung.width, rung.height, "yuv420p"
    context.time_base, context.framerate = 1 / rung.rate, rung.rate
    context.sample_aspect_ratio = Fraction(1)
    context.color_primaries, context.color_trc, context.colorspace = _COLOURS[stream.matrix]
    context.color_range = ColorRange.MPEG
    pixels_per_s = rung.width * rung.height * rung.rate
    context.thread_count = 2 if pixels_per_s > _TWO_THREADS_ABOVE_PIXELS_PER_S else 1
    context.options = {
        "preset": rung.preset,
        "forced-idr": "1",
        "crf": str(CRF),
        "maxrate": str(rung.bitrate_kbps * 1000),
        "bufsize": str(buffer_bits),
        **_options(stream, rung),
    }
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        asked = f"{rung.width}x{rung.height}, {rung.rate} a second, {rung.bitrate_kbps} kbit/s"
        raise EncodeError(f"H.264 at {asked} cannot be encoded: {error}") from error
    return context


def _options(stream: StreamFormat, rung: Rung) -> dict[str, str]:
    """What the latency profile chooses of x264's options, and what the rung does beside it."""
    lookahead = _lookahead_slots(stream, rung)
    has_b_frames = stream.latency_profile is LatencyProfile.QUALITY and rung.profile != "baseline"
    parameters = f"scenecut=0:keyint=infinite:open-gop=0:bframes={_B_FRAMES if has_b_frames else 0}"
    options = {"profile": rung.profile} if rung.profile else {}
    if not lookahead:
        return {**options, "tune": "zerolatency", "x264-params": f"{parameters}:rc-lookahead=0"}
    # Threads share each picture and look ahead for none: one picture more each would be on its way.
    parameters += f":rc-lookahead={lookahead}:sync-lookahead=0:sliced-threads=1:force-cfr=1"
    return {**options, "x264-params": parameters}


def _lookahead_slots(stream: StreamFormat, rung: Rung) -> int:
    lookahead_s = min(LOOKAHEAD_S[stream.latency_profile], stream.segment_s / 2)
    return max(1, round(lookahead_s * rung.rate)) if lookahead_s else 0


def _overhead_bps(grid: Grid) -> int:
    """What the container adds to each segment, as a bit rate."""
    segment_bytes = grid.parts_per_segment * PART_OVERHEAD_BYTES + grid.slots_per_segment * PICTURE_OVERHEAD_BYTES
    return math.ceil(segment_bytes * 8 / grid.segment_s)
