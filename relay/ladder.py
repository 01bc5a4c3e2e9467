"""Which renditions a stream has: pure. The owner's list, or one chosen from the picture's size and the cores.

All renditions lie on one grid, so that a player can change between them at any segment: a rung's rate is a whole
fraction of the stream's, and a whole multiple of the slowest's, so that each n-th slot is one of its own and every part
holds whole pictures of every rung.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.model import EncodedCodec, MediaKind, Preset, Rung

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from relay.config import RenditionSettings, StreamSettings
    from relay.model import StreamFormat

PRESET: Final[Preset] = "veryfast"
MOST_RUNGS: Final = 8
_REFERENCE_KBPS: Final = 2500
_REFERENCE_PIXELS_PER_S: Final = 1280 * 720 * 30
_BITRATE_EXPONENT: Final = 0.75
"""Larger and faster pictures have less that is new in each pixel: the usual rule of three quarters."""
_BITRATE_STEP_KBPS: Final = 50
_BITRATE_OF_H264: Final[dict[EncodedCodec, float]] = {"hevc": 0.7, "av1": 0.7}
"""What newer codecs need of it for pictures that look alike, from encoders that are fast enough to be live."""
_LEAST_KBPS: Final = 64
_CODECS: Final[tuple[EncodedCodec, ...]] = ("h264", "hevc", "av1")
"""In the order in which a ladder has them."""

_USUAL_SIDES: Final = (1440, 1080, 720, 480, 360, 240)
_NEXT_AT_MOST: Final = Fraction(3, 4)
"""Of the side above: the bit rate then falls by a third and more, which is what makes a step down worth it."""
_SMALL_SIDE: Final = 480
_FAST: Final = 48
"""From this rate on small rungs have half of it: at that size the bits are better spent on each picture."""
_PIXELS_PER_CORE_S: Final = 2 * 1920 * 1080 * 30
"""What one core encodes with the usual preset: twice 1080p30."""
_SHARE_OF_CORES: Final = Fraction(1, 2)
"""What encoding may take of them: decoding, transforms, viewers and a busy minute need the rest."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """What was chosen, and why, in words for the log. Without rungs the stream has the one rendition that all have."""

    rungs: tuple[Rung, ...] = ()
    why: str = ""


def default_bitrate_kbps(width: int, height: int, rate: Fraction, codec: EncodedCodec = "h264") -> int:
    """The bit rate for pictures where nobody chose one: in H.264, 2500 kbit/s for 720p30, 4600 for 1080p30."""
    kbps = _REFERENCE_KBPS * math.pow(width * height * rate / _REFERENCE_PIXELS_PER_S, _BITRATE_EXPONENT)
    kbps *= _BITRATE_OF_H264.get(codec, 1)
    return max(2, round(kbps / _BITRATE_STEP_KBPS)) * _BITRATE_STEP_KBPS


def only_rung(stream: StreamFormat, bitrate_kbps: int | None = None) -> Rung:
    """The one rendition of a stream without a ladder."""
    kbps = bitrate_kbps or default_bitrate_kbps(stream.width, stream.height, stream.rate)
    return Rung(MediaKind.VIDEO.value, stream.width, stream.height, stream.rate, kbps, PRESET)


def problem_of(wanted: Sequence[RenditionSettings], size: tuple[int, int] | None, rate: Fraction | None) -> str:
    """What is wrong with a list of renditions, as far as is known before the camera is seen; empty if nothing is."""
    rates = [one.rate or rate for one in wanted]
    if problem := _problem_of_rates(sorted({one for one in rates if one is not None}), rate):
        return problem
    if size is not None:
        too_large = [one for one in wanted if (one.width or 0) > size[0] or (one.height or 0) > size[1]]
        if too_large:
            return f"a rendition of {_sides(too_large[0])} is larger than the stream's {size[0]}x{size[1]}"
    sizes = [_size_of(one, *size) if size else (one.width, one.height) for one in wanted]
    places = list(zip(sizes, rates, [one.codec for one in wanted], strict=True))
    for n, (one, place) in enumerate(zip(wanted, places, strict=True)):
        if place in places[:n]:
            return f"two renditions of {_sides(one)} have the same rate and codec: give one of them another"
    if wanted and all(one.codec != "h264" for one in wanted):
        return 'no rendition is in H.264, which every player knows: add one with codec = "h264", or without codec'
    return ""


def _problem_of_rates(known: Sequence[Fraction], rate: Fraction | None) -> str:
    """What is wrong with the rates of renditions, given the lowest first, of a stream of `rate`."""
    if rate is not None and known and known[-1] > rate:
        return f"a rendition of {known[-1]} frames a second is more than the stream's rate of {rate}"
    if rate is not None and (uneven := [one for one in known if (rate / one).denominator > 1]):
        return f"a rendition's rate is the stream's, its half, its third …: {uneven[0]} is no such part of {rate}"
    if uneven := [one for one in known if (one / known[0]).denominator > 1]:
        return f"all rates are whole multiples of the lowest: {uneven[0]} is not one of {known[0]}"
    return ""


def choose_ladder(settings: StreamSettings, width: int, height: int, rate: Fraction, cores: float) -> Ladder:
    """The ladder under pictures of `width` x `height` at `rate`. `cores` is this stream's share of the machine's."""
    if settings.ladder == "auto":
        return _automatic(width, height, rate, cores, settings.video_bitrate_kbps)
    return _as_asked(settings.renditions, width, height, rate) if settings.renditions else Ladder()


def _as_asked(wanted: Sequence[RenditionSettings], width: int, height: int, rate: Fraction) -> Ladder:
    """The owner's renditions, without those that the pictures turned out to be too small for."""
    steps = _steps([rate / (one.rate or rate) for one in wanted])
    rungs: dict[str, Rung] = {}
    left_out = []
    for one, step in zip(wanted, steps, strict=True):
        size = _size_of(one, width, height)
        kbps = one.bitrate_kbps or default_bitrate_kbps(*size, rate / step, one.codec)
        name = _name(size[1], rate / step, rate, one.codec)
        rung = Rung(name, *size, rate / step, kbps, one.preset, one.profile, one.codec)
        if size[0] > width or size[1] > height or rung.name in rungs:
            left_out.append(_sides(one))
        else:
            rungs[rung.name] = rung
    why = "as the settings have it"
    if left_out:
        why += f", without {', '.join(left_out)}, which pictures of {width}x{height} have no room for"
    if rungs and all(rung.codec != "h264" for rung in rungs.values()):
        return Ladder((), f"{why}: nothing in H.264 is left, so that there is one rendition, of their own size")
    return Ladder(_in_order(rungs.values()), why)


def _steps(ratios: Sequence[Fraction]) -> list[int]:
    """Each how many slots a rung has a picture: whole numbers that divide the largest, nearest to what was asked for.

    They are what was asked for, exactly, where the camera's rate is the one that the settings were written for.
    """
    slowest = max(1, round(max(ratios)))
    divisors = [step for step in range(1, slowest + 1) if slowest % step == 0]
    return [min(divisors, key=lambda step: abs(step - ratio)) for ratio in ratios]


def _automatic(width: int, height: int, rate: Fraction, cores: float, kbps: int | None) -> Ladder:
    """The source's own size and the usual ones below it, as many as half of the cores can encode."""
    factor = Fraction(kbps, default_bitrate_kbps(width, height, rate)) if kbps else Fraction(1)
    budget = cores * float(_SHARE_OF_CORES) * _PIXELS_PER_CORE_S
    rungs: list[Rung] = []
    is_cut = False
    for side in _auto_sides(min(width, height)):
        size = _scaled(width, height, Fraction(side, min(width, height)))
        own_rate = rate / 2 if side <= _SMALL_SIDE and rate >= _FAST else rate
        budget -= size[0] * size[1] * float(own_rate)
        if rungs and budget < 0:
            is_cut = True
            break
        own_kbps = max(_LEAST_KBPS, round(default_bitrate_kbps(*size, own_rate) * factor))
        rungs.append(Rung(_name(size[1], own_rate, rate), *size, own_rate, own_kbps))
    why = f"chosen for {width}x{height} and {cores:.3g} cores"
    why += ", which are too few for more" if is_cut else ""
    if len(rungs) < 2:
        return Ladder((), f"{why}: there is nothing to step down to")
    return Ladder(_in_order(rungs), why)


def _auto_sides(side: int) -> list[int]:
    sides = [side]
    for usual in _USUAL_SIDES:
        if usual <= _NEXT_AT_MOST * sides[-1]:
            sides.append(usual)
    return sides


def _in_order(rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """H.264 first, and of each codec the largest; the first of all has the name that a stream's only rendition has."""
    ordered = sorted(rungs, key=lambda rung: (_CODECS.index(rung.codec), -rung.width * rung.height, -rung.rate))
    return tuple(replace(rung, name=MediaKind.VIDEO.value) if n == 0 else rung for n, rung in enumerate(ordered))


def _name(height: int, rate: Fraction, stream_rate: Fraction, codec: EncodedCodec = "h264") -> str:
    """`video-360p`, with a rate of its own `video-360p15`, in another codec `video-360p-hevc`: a step of an address.

    Rates differ by twice and more.
    """
    suffix = "" if codec == "h264" else f"-{codec}"
    return f"{MediaKind.VIDEO.value}-{height}p{'' if rate == stream_rate else round(rate)}{suffix}"


def _size_of(one: RenditionSettings, width: int, height: int) -> tuple[int, int]:
    """Both sides, even, in the shape of `width` x `height`."""
    if one.height is not None:
        return _even(one.height * width, height), one.height
    own_width = one.width or width
    return own_width, _even(own_width * height, width)


def _scaled(width: int, height: int, scale: Fraction) -> tuple[int, int]:
    return _even(width * scale.numerator, scale.denominator), _even(height * scale.numerator, scale.denominator)


def _even(dividend: int, divisor: int) -> int:
    return max(2, round(Fraction(dividend, 2 * divisor)) * 2)


def _sides(one: RenditionSettings) -> str:
    return f"height {one.height}" if one.height else f"width {one.width}"
