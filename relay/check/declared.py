"""Whether media is what the multivariant playlist says that it is: V1 to V4, as far as media shows them."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must, should

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.check.boxes import InitInfo
    from relay.check.renditions import Offered, Variant
    from relay.check.spans import Span

LIVE_PEAK: Final = Fraction(125, 100)
"""Apple 1.29: how far a live stream may be over its BANDWIDTH."""
VOD_PEAK: Final = Fraction(110, 100)
"""Apple 1.27."""
AVERAGE: Final = Fraction(110, 100)
"""Apple 1.26 and 1.28: how far the average may be over AVERAGE-BANDWIDTH."""
AVERAGE_LEAST_S: Final = 30
"""Apple has a live stream measured for an hour; what is over by so much for half a minute is told, but as a SHOULD."""
_ENCRYPTED: Final = {"encv", "enca"}

Run = tuple[int, Fraction]
"""A segment's bytes and duration."""


def check_declared_init(init: InitInfo, offered: Offered) -> list[Finding]:
    """V3 and V4: the codecs and the size of an init segment are among those that its variants declare."""
    findings: list[Finding] = []
    for track in init.tracks:
        where = f"moov, track {track.track_id}"
        if offered.codecs and track.entry not in _ENCRYPTED and not _is_named(track.codecs, offered.codecs):
            message = f"the media is {track.codecs}, and CODECS says {', '.join(sorted(offered.codecs))}"
            findings.append(must("V3", "RFC 8216bis §4.4.6.2", message, where))
        sizes = {variant.size for variant in offered.variants if variant.size is not None}
        if track.width and sizes and (track.width, track.height) not in sizes:
            said = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
            message = f"the media is {track.width}x{track.height}, and RESOLUTION says {said}"
            findings.append(should("V4", "RFC 8216bis §4.4.6.2", message, where))
    return findings


def check_declared_rate(span: Span, offered: Offered, where: str) -> list[Finding]:
    """V4: no segment has more pictures a second than FRAME-RATE says."""
    rates = [variant.rate for variant in offered.variants if variant.rate is not None]
    if not span.is_video or not rates or not span.duration_s:
        return []
    measured = span.samples / span.duration_s
    if measured <= max(rates) * Fraction(102, 100):
        return []
    message = f"{float(measured):.3f} pictures a second, and FRAME-RATE says {float(max(rates)):.3f}"
    return [must("V4", "RFC 8216bis §4.4.6.2", message, where)]


def peak_bps(run: Sequence[Run], target_s: int) -> Fraction:
    """The largest bit rate of any contiguous segments that last 0.5 to 1.5 target durations (§4.1); 0 without any."""
    starts = [(0, Fraction(0)), *accumulate(run, lambda total, one: (total[0] + one[0], total[1] + one[1]))]
    peak = Fraction(0)
    for first, (bytes_before, time_before) in enumerate(starts):
        for bytes_after, time_after in starts[first + 1 :]:
            lasts_s = time_after - time_before
            if lasts_s > Fraction(3 * target_s, 2):
                break
            if lasts_s >= Fraction(target_s, 2):
                peak = max(peak, 8 * (bytes_after - bytes_before) / lasts_s)
    return peak


def check_bandwidth(variant: Variant, peaks_bps: Sequence[Fraction], *, is_live: bool) -> list[Finding]:
    """V1: the measured peaks of a variant's own playlist and of the worst of its audio group, against BANDWIDTH."""
    declared, measured = variant.bandwidth_bps, sum(peaks_bps)
    if not declared or measured <= declared * (LIVE_PEAK if is_live else VOD_PEAK):
        return []
    message = f"its segments need {float(measured):.0f} bit/s, and BANDWIDTH says {declared}"
    return [must("V1", "Apple 1.29" if is_live else "Apple 1.27", message)]


def check_average(
    variant: Variant, averages_bps: Sequence[Fraction], read_s: Fraction, *, is_live: bool
) -> list[Finding]:
    """V2: the measured averages, as `check_bandwidth` takes peaks, against AVERAGE-BANDWIDTH, over `read_s`."""
    declared, measured = variant.average_bandwidth_bps, sum(averages_bps)
    if not declared or read_s < AVERAGE_LEAST_S or measured <= declared * AVERAGE:
        return []
    message = f"its segments are {float(measured):.0f} bit/s on average, and AVERAGE-BANDWIDTH says {declared}"
    return [should("V2", "Apple 1.28" if is_live else "Apple 1.26", message, f"{float(read_s):.0f} s of it")]


def _is_named(codecs: str, declared: set[str]) -> bool:
    """Where the sample entry does not tell more than the kind of codec, that has to do."""
    if codecs.startswith("av01."):
        # What may stand behind profile, level and depth is of chroma and colours, which `av1C` does not say in full.
        return any(f"{name.lower()}.".startswith(f"{codecs.lower()}.") for name in declared)
    if "." in codecs:
        return codecs.lower() in {name.lower() for name in declared}
    return codecs.lower() in {name.partition(".")[0].lower() for name in declared}
