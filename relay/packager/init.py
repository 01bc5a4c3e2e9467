"""Initialization segments: `ftyp` and `moov`, written by FFmpeg's muxer (AV1's by `av1`), and their names in playlists.

Their bytes are a function of the format and the parameter sets alone, so that a worker that takes over, and a second
relay on the same camera, come to the same init segment and the same URL for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av

from relay.errors import EncodeError
from relay.model import AccessUnit, Init, MediaKind
from relay.packager.av1 import av1_init
from relay.timeline import SAMPLE_RATE_HZ, Grid

if TYPE_CHECKING:
    from relay.model import EncodedCodec, Rung, StreamFormat, VideoRange

_AUDIO_CHANNELS: Final = 2
_MUXER_OPTIONS: Final = {
    # `cmaf` gives the brand, a moov without samples, and no edit list: tfdt alone says when a sample is.
    "movflags": "cmaf+frag_every_frame+skip_trailer",
    "use_editlist": "0",
    # Without it the muxer's version is in the file, and a new version would be a new init segment.
    "fflags": "+bitexact",
}
_BOX_HEADER_BYTES: Final = 8
_HVCC_ARRAYS_AT: Final = 23
_HEVC_PARAMETER_SETS: Final = frozenset({32, 33, 34})
_INIT_SAMPLE_TICKS: Final = 1000
"""Of the two pictures that are thrown away; nothing of it is in the init segment."""

_DESCRIPTOR_ES: Final = 0x03
_DESCRIPTOR_DECODER_CONFIG: Final = 0x04
_DESCRIPTOR_DECODER_SPECIFIC: Final = 0x05


@dataclass(frozen=True, slots=True)
class VideoShape:
    """What an init segment, and the playlist with it, says of pictures. `timescale` is ticks a second."""

    codec: EncodedCodec
    width: int
    height: int
    rate: Fraction
    timescale: int
    video_range: VideoRange = "SDR"


class _Sink:
    """What the muxer writes to, in this thread."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def make_video_init(
    stream: StreamFormat, rung: Rung, unit: AccessUnit, bandwidth_bps: int, average_bandwidth_bps: int
) -> Init:
    """The init segment of the rendition that begins with `unit`, an IDR picture (in AV1, a key frame).

    Its parameter sets, or its sequence header, are in front of it. Raises `EncodeError`.
    """
    timescale = Grid.of(stream).at(rung.rate).timescale
    shape = VideoShape(rung.codec, rung.width, rung.height, rung.rate, timescale)
    return _video_init(rung.name, shape, unit.data, bandwidth_bps, average_bandwidth_bps)


def make_copied_init(
    rendition: str, shape: VideoShape, keyframe: bytes, bandwidth_bps: int, average_bandwidth_bps: int
) -> Init:
    """The init segment of pictures that are copied, from a keyframe with its parameter sets in front (Annex B).

    Raises `EncodeError`.
    """
    return _video_init(rendition, shape, keyframe, bandwidth_bps, average_bandwidth_bps)


def _video_init(
    rendition: str, shape: VideoShape, keyframe: bytes, bandwidth_bps: int, average_bandwidth_bps: int
) -> Init:
    try:
        if shape.codec == "av1":
            data, codecs = av1_init(shape.width, shape.height, shape.timescale, keyframe)
        else:
            data = _muxed(shape, keyframe)
            codecs = avc_codec(data) if shape.codec == "h264" else hevc_codec(data)
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise EncodeError(f"no init segment can be made of the first picture ({shape.codec}): {error}") from error
    return Init(
        rendition,
        MediaKind.VIDEO,
        data,
        codecs,
        shape.timescale,
        bandwidth_bps,
        average_bandwidth_bps,
        width=shape.width,
        height=shape.height,
        rate=shape.rate,
        video_range=shape.video_range,
    )


def _muxed(shape: VideoShape, keyframe: bytes) -> bytes:
    """What FFmpeg writes before a first fragment with `keyframe` in it."""
    sink = _Sink()
    options = {**_MUXER_OPTIONS, "video_track_timescale": str(shape.timescale)}
    with av.open(sink, "w", format="mp4", options=options) as container:
        track = container.add_mux_stream(shape.codec, rate=shape.rate, width=shape.width, height=shape.height)
        track.time_base = Fraction(1, shape.timescale)
        # The muxer writes a picture, and before the first the header, when it sees the next.
        for number in range(2):
            packet = av.Packet(keyframe)
            packet.stream, packet.time_base, packet.is_keyframe = track, track.time_base, True
            packet.pts = packet.dts = number * _INIT_SAMPLE_TICKS
            packet.duration = _INIT_SAMPLE_TICKS
            container.mux(packet)
        data = _up_to_first_fragment(bytes(sink.data))
    return data if shape.codec == "h264" else _as_hvc1(data)


def make_audio_init(rendition: str, bitrate_kbps: int, bandwidth_bps: int, average_bandwidth_bps: int) -> Init:
    """The init segment of an audio rendition: AAC-LC, 48 kHz, stereo. Raises `EncodeError`."""
    sink = _Sink()
    try:
        with av.open(sink, "w", format="mp4", options=_MUXER_OPTIONS) as container:
            # A stream with an encoder, since a bare one cannot be told its channels.
            track = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo", bit_rate=bitrate_kbps * 1000)
            track.time_base = Fraction(1, SAMPLE_RATE_HZ)
            container.start_encoding()
            data = _up_to_first_fragment(bytes(sink.data))
        codecs = aac_codec(data)
    except (av.FFmpegError, ValueError) as error:
        raise EncodeError(f"no init segment can be made for AAC at {bitrate_kbps} kbit/s: {error}") from error
    return Init(
        rendition,
        MediaKind.AUDIO,
        data,
        codecs,
        SAMPLE_RATE_HZ,
        bandwidth_bps,
        average_bandwidth_bps,
        channels=_AUDIO_CHANNELS,
    )


def avc_codec(init: bytes) -> str:
    """`avc1.PPCCLL` (RFC 6381 §3.3): profile, constraints and level, out of `avcC`. Raises `ValueError`."""
    _, profile, constraints, level = _box_payload(init, b"avcC")[:4]
    return f"avc1.{profile:02x}{constraints:02x}{level:02x}"


def hevc_codec(init: bytes) -> str:
    """`hvc1.P.C.TL.B` out of `hvcC` (ISO/IEC 14496-15 Annex E.3). Raises `ValueError`, `IndexError`.

    Profile space and profile; compatibility flags, in reverse; tier and level; constraints without trailing zeros.
    """
    record = _box_payload(init, b"hvcC")
    space = ("", "A", "B", "C")[record[1] >> 6]
    tier = "H" if record[1] & 0x20 else "L"
    compatibility = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    constraints = [f"{byte:X}" for byte in record[6:12].rstrip(bytes(1))]
    return ".".join([f"hvc1.{space}{record[1] & 0x1F}", f"{compatibility:X}", f"{tier}{record[12]}", *constraints])


def aac_codec(init: bytes) -> str:
    """`mp4a.40.N` (RFC 6381 §3.3): object type indication and audio object type, out of `esds`. Raises `ValueError`."""
    elementary_stream = _descriptor(_box_payload(init, b"esds")[4:], _DESCRIPTOR_ES)
    decoder_config = _descriptor(elementary_stream[3:], _DESCRIPTOR_DECODER_CONFIG)
    audio_specific_config = _descriptor(decoder_config[13:], _DESCRIPTOR_DECODER_SPECIFIC)
    return f"mp4a.{decoder_config[0]:02x}.{audio_specific_config[0] >> 3}"


def _up_to_first_fragment(data: bytes) -> bytes:
    """The top-level boxes before the first `moof`."""
    end = 0
    while end < len(data) and data[end + 4 : end + 8] != b"moof":
        end += max(_BOX_HEADER_BYTES, int.from_bytes(data[end : end + 4], "big"))
    if b"moov" not in data[:end]:
        raise ValueError("the muxer wrote no moov")
    return data[:end]


def _as_hvc1(init: bytes) -> bytes:
    """`init` with FFmpeg's sample entry `hev1` called `hvc1`, which alone Apple's players play (Apple 1.10).

    It promises that all parameter sets are in `hvcC` (ISO/IEC 14496-15 §8.4.1), so that says they are complete.
    """
    data = bytearray(init.replace(b"hev1", b"hvc1", 1))
    at = data.find(b"hvcC") + 4 + _HVCC_ARRAYS_AT
    for _ in range(data[at - 1]):
        is_parameter_set = data[at] & 0x3F in _HEVC_PARAMETER_SETS
        data[at] |= 0x80 if is_parameter_set else 0
        count, at = int.from_bytes(data[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            at += 2 + int.from_bytes(data[at : at + 2], "big")
    return bytes(data)


def _box_payload(data: bytes, kind: bytes) -> bytes:
    """The payload of the only box called `kind`: in an init segment of ours, no other four bytes are the same."""
    at = data.find(kind)
    if at < 4:
        raise ValueError(f"there is no {kind.decode()} in the init segment")
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


def _descriptor(data: bytes, tag: int) -> bytes:
    """The body of the descriptor that `data` begins with (ISO/IEC 14496-1 §8.3.3: tag, then length, 7 bits a byte)."""
    if data[:1] != bytes([tag]):
        raise ValueError(f"there is no descriptor {tag} in esds")
    length, at, more = 0, 1, True
    while more:
        length = length << 7 | data[at] & 0x7F
        more = bool(data[at] & 0x80)
        at += 1
    return data[at : at + length]
