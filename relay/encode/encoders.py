"""FFmpeg's encoders as a table: what each is called, in which pixels it takes pictures, and what it is told. Pure.

All are told the same in their own words: an IDR picture where one is asked for and nowhere else, no picture that is
decoded after one that is shown later (but for x264 and x265 in `quality`), and no more bits than the rung's rate and a
buffer of half a second let through. Software keeps to the last exactly; hardware promises less, and each brand another
thing. So what was measured rules in the end (`serve/rendition.py`), and an encoder of hardware is believed only when it
was seen to work (`choice.py`).

No hardware encoder was at hand when this was written: its rows are FFmpeg's documentation, put into options.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.model import LatencyProfile
from relay.timeline import Grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.model import EncodedCodec, EncoderChoice, Preset, Rung, StreamFormat

Options = dict[str, str]

CRF: Final = 23
"""Quality where the bit rate allows it: a still scene costs a tenth of `maxrate`, a busy one is held to it."""

VBV_S: Final = Fraction(1, 2)
"""The buffer, as seconds of `maxrate`: an IDR picture may be that large, and then takes that long on a full line."""

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

_X265_CRF: Final = 26
"""Looks like x264's 23."""

_AV1_LEAST_QP: Final = 24
"""Of 63. The encoder fills its rate, and would spend all of it on a picture in which nothing moves."""

SVT_PRESETS: Final[dict[Preset, int]] = {
    "ultrafast": 12,
    "superfast": 11,
    "veryfast": 10,
    "faster": 9,
    "fast": 8,
    "medium": 7,
    "slow": 6,
    "slower": 5,
    "veryslow": 4,
}
"""What the common names of presets are in its numbers."""

_TWO_THREADS_ABOVE_PIXELS_PER_S: Final = 1920 * 1080 * 30
"""One core encodes 1080p30 in half of its time; a second thread costs a tenth more in all, and slices cost quality."""

_WORK: Final[dict[EncodedCodec, int]] = {"h264": 1, "hevc": 4, "av1": 2}
"""About how often H.264's work the others are, with the same preset (`README.md` has what was measured)."""

_GOP_SEGMENTS: Final = 8
"""Not all hardware can be told "never": one that counts by itself comes where an IDR picture is asked for anyway."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of FFmpeg's encoders and what it is told of one rung.

    `holds_back`: pictures come later than they are fed. `wants_its_end`: it complains where it is closed without. One
    that does not keep to the buffer that it is told of (`keeps_buffer`) is fed by how much there is in one of our own
    (`bucket.py`).
    """

    name: str
    pixel_format: str
    options: Options
    threads: int = 0
    holds_back: bool = False
    is_hardware: bool = True
    wants_its_end: bool = False
    keeps_buffer: bool = True


@dataclass(frozen=True, slots=True)
class Family:
    """The encoders of one hardware interface; FFmpeg's names are the codec's and `suffix`.

    `always` and `by_profile` are options over those that all are told (`_told_to_all`); in them `{lookahead}` is how
    many pictures the latency profile lets it look ahead.
    """

    choice: EncoderChoice
    suffix: str
    codecs: tuple[EncodedCodec, ...]
    pixel_format: str
    always: Mapping[str, str]
    by_profile: Mapping[LatencyProfile, Mapping[str, str]]


_LOW, _BALANCED, _QUALITY = LatencyProfile.LOW, LatencyProfile.BALANCED, LatencyProfile.QUALITY

FAMILIES: Final = (
    Family(
        "nvenc",
        "nvenc",
        ("h264", "hevc", "av1"),
        "yuv420p",
        # A quality under a bound, as x264 has it.
        {"preset": "p4", "rc": "vbr", "b": "0", "cq": str(CRF), "forced-idr": "1", "no-scenecut": "1"},
        {
            _LOW: {"tune": "ll", "zerolatency": "1", "delay": "0", "rc-lookahead": "0"},
            _BALANCED: {"tune": "hq", "rc-lookahead": "{lookahead}"},
            _QUALITY: {"tune": "hq", "rc-lookahead": "{lookahead}", "spatial-aq": "1"},
        },
    ),
    Family(
        "qsv",
        "qsv",
        ("h264", "hevc", "av1"),
        "nv12",
        {"preset": "faster", "forced_idr": "1"},
        {
            _LOW: {"async_depth": "1", "low_delay_brc": "1"},
            _BALANCED: {"async_depth": "1", "extbrc": "1", "look_ahead_depth": "{lookahead}"},
            _QUALITY: {"async_depth": "4", "extbrc": "1", "look_ahead_depth": "{lookahead}"},
        },
    ),
    Family(
        "amf",
        "amf",
        ("h264", "hevc", "av1"),
        "nv12",
        {"rc": "vbr_peak", "forced_idr": "1", "quality": "balanced"},
        {_LOW: {"usage": "ultralowlatency"}, _BALANCED: {"usage": "lowlatency"}, _QUALITY: {"usage": "transcoding"}},
    ),
    # What a driver of video4linux takes is a bit rate and a distance of keyframes; all else is its own.
    Family("v4l2m2m", "v4l2m2m", ("h264", "hevc"), "yuv420p", {}, {_LOW: {}, _BALANCED: {}, _QUALITY: {}}),
)
"""In the order in which `auto` tries them: where two are there, a card of its own before what is in the processor."""


def candidates(stream: StreamFormat, rung: Rung) -> list[Encoder]:
    """What may encode `rung`, in the order in which it is to be tried; the last is software, which always works."""
    asked = [family for family in FAMILIES if stream.encoder in {"auto", family.choice}]
    hardware = [_of_family(family, stream, rung) for family in asked if rung.codec in family.codecs]
    software = {"h264": _x264, "hevc": _x265, "av1": _svt_av1}[rung.codec]
    return [*hardware, software(stream, rung)]


def buffer_bits(rung: Rung) -> int:
    """How many bits may be sent at once beyond the rung's rate."""
    return int(rung.bitrate_kbps * 1000 * VBV_S)


def lookahead_slots(stream: StreamFormat, rung: Rung) -> int:
    """How many of the rung's pictures an encoder looks ahead."""
    lookahead_s = min(LOOKAHEAD_S[stream.latency_profile], stream.segment_s / 2)
    return max(1, round(lookahead_s * rung.rate)) if lookahead_s else 0


def _of_family(family: Family, stream: StreamFormat, rung: Rung) -> Encoder:
    lookahead = str(lookahead_slots(stream, rung))
    told = {**_told_to_all(stream, rung), **family.always, **family.by_profile[stream.latency_profile]}
    if rung.profile is not None:
        told["profile"] = rung.profile
    options = {name: value.replace("{lookahead}", lookahead) for name, value in told.items()}
    # Even with no lookahead a driver may be a picture behind.
    return Encoder(f"{rung.codec}_{family.suffix}", family.pixel_format, options, holds_back=True)


def _told_to_all(stream: StreamFormat, rung: Rung) -> Options:
    gop_slots = _GOP_SEGMENTS * Grid.of(stream).at(rung.rate).slots_per_segment
    # A mean just under the bound: at the bound itself most of them would stuff a still scene up to it.
    return {"b": str(rung.bitrate_kbps * 900), "bf": "0", "g": str(gop_slots), **_bounds(rung)}


def _bounds(rung: Rung) -> Options:
    return {"maxrate": str(rung.bitrate_kbps * 1000), "bufsize": str(buffer_bits(rung))}


def _threads(rung: Rung) -> int:
    pixels_per_s = rung.width * rung.height * rung.rate * _WORK[rung.codec]
    return 2 if pixels_per_s > _TWO_THREADS_ABOVE_PIXELS_PER_S else 1


def _b_frames(stream: StreamFormat, rung: Rung) -> int:
    """None where there are parts: those hold pictures in decoding order."""
    has_them = stream.latency_profile is LatencyProfile.QUALITY and rung.profile != "baseline"
    return _B_FRAMES if has_them else 0


def _x264(stream: StreamFormat, rung: Rung) -> Encoder:
    lookahead = lookahead_slots(stream, rung)
    parameters = f"scenecut=0:keyint=infinite:open-gop=0:bframes={_b_frames(stream, rung)}"
    options = {"preset": rung.preset, "forced-idr": "1", "crf": str(CRF), **_bounds(rung)}
    if rung.profile is not None:
        options["profile"] = rung.profile
    if lookahead:
        # Threads share each picture and look ahead for none: one picture more each would be on its way.
        parameters += f":rc-lookahead={lookahead}:sync-lookahead=0:sliced-threads=1:force-cfr=1"
    else:
        options["tune"] = "zerolatency"
        parameters += ":rc-lookahead=0"
    options["x264-params"] = parameters
    return Encoder("libx264", "yuv420p", options, _threads(rung), holds_back=lookahead > 0, is_hardware=False)


def _x265(stream: StreamFormat, rung: Rung) -> Encoder:
    """Told as x264 is. One picture at a time (`frame-threads`): each more would come one later; rows share threads."""
    lookahead = lookahead_slots(stream, rung)
    b_frames = min(_b_frames(stream, rung), max(0, lookahead - 1))  # it refuses to move more than it looks ahead
    parameters = (
        f"log-level=error:info=0:scenecut=0:keyint=-1:open-gop=0:bframes={b_frames}"
        f":repeat-headers=1:frame-threads=1:pools={_threads(rung)}:rc-lookahead={lookahead}"
    )
    options = {"preset": rung.preset, "forced-idr": "1", "crf": str(_X265_CRF), **_bounds(rung)}
    if not lookahead:
        options["tune"] = "zerolatency"
    options["x265-params"] = parameters
    return Encoder("libx265", "yuv420p", options, 1, holds_back=lookahead > 0, is_hardware=False)


def _svt_av1(stream: StreamFormat, rung: Rung) -> Encoder:
    """Each picture as it comes, in all profiles (`pred-struct=1`): what looks ahead with it reorders pictures, too.

    A key frame then comes where a picture is marked. A buffer is kept at a constant bit rate (`rc=2`) alone, and with
    `rtc` better than without: noise that comes after black still takes a second until it is held to it, in which it
    would be several times the rate. So it is given no new picture for which there is no room (`keeps_buffer`).
    """
    del stream
    size_ms = int(VBV_S * 1000)
    filled_ms = size_ms * 4 // 5
    parameters = (
        f"pred-struct=1:rtc=1:rc=2:buf-sz={size_ms}:buf-initial-sz={filled_ms}:buf-optimal-sz={filled_ms}"
        f":keyint=-1:lookahead=0:scd=0:scm=0:min-qp={_AV1_LEAST_QP}:lp={_threads(rung)}"
    )
    options = {"preset": str(SVT_PRESETS[rung.preset]), "b": str(rung.bitrate_kbps * 1000)}
    options["svtav1-params"] = parameters
    return Encoder("libsvtav1", "yuv420p", options, is_hardware=False, wants_its_end=True, keeps_buffer=False)
