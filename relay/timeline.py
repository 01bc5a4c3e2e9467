"""The timeline is the wall clock: pure arithmetic between Unix time, slots, parts, segments and media time.

Slot `n` covers `[n / rate, (n + 1) / rate)` seconds since the Unix epoch. A part is a fixed number of slots, a segment
a fixed number of parts, so media sequence number, part index, `tfdt` and PROGRAM-DATE-TIME are integer functions of `n`
alone: a relay that restarts, or a second relay on the same camera, comes to the same numbers (compare ISO/IEC 23009-9).
AAC frame `k` covers `[k * 1024 / sample_rate, (k + 1) * 1024 / sample_rate)`, on the same epoch.

All times are integers of nanoseconds since the epoch: a float of seconds cannot hold 30000/1001 exactly for years.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol

from relay.model import Latency, LatencyProfile

if TYPE_CHECKING:
    from relay.model import StreamFormat

NS_PER_S: Final = 1_000_000_000
SAMPLE_RATE_HZ: Final = 48_000
SAMPLES_PER_AAC_FRAME: Final = 1024
MIN_TIMESCALE: Final = 60_000
"""A tick finer than 17 µs: below what any player's clock resolves, and `tfdt` of today still fits 48 bits."""

PART_S: Final = {Latency.LAN: Fraction(1, 5), Latency.INTERNET: Fraction(1, 2)}
SKIP_AFTER_SEGMENTS: Final = 3
"""A hole longer than this is not filled: HOLD-BACK is three targets, so no player could still want what was missed."""

COPIED_TARGET_S: Final = (4, 12)
"""Bounds of a copied stream's target duration: below, a window of seven segments is short; above, nothing is live."""

SLEW_PPM: Final = 500
"""As NTP's own slewing (RFC 5905 §11.3): 0.9 cents of pitch, a frame in 67 s, nobody hears or sees it."""

USUAL_RATES: Final = tuple(
    Fraction(rate)
    for rate in (
        "5",
        "6",
        "7",
        "15/2",
        "8",
        "10",
        "12",
        "25/2",
        "15",
        "18",
        "20",
        "24000/1001",
        "24",
        "25",
        "30000/1001",
    )
) + tuple(Fraction(rate) for rate in ("30", "48", "50", "60000/1001", "60"))


class Rational(Protocol):
    """A time base, rate or aspect as PyAV gives it: up to 18 a `Fraction`, from 19 on its own `AVRational`."""

    @property
    def numerator(self) -> int:
        """As a `Fraction`'s."""

    @property
    def denominator(self) -> int:
        """As a `Fraction`'s."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The output grid of one format. Everything on it is integer arithmetic on the slot number."""

    rate: Fraction
    slots_per_part: int
    parts_per_segment: int
    has_parts: bool = True
    """Whether parts are published. Where not, a segment is one part, which is called nothing but a segment."""

    @classmethod
    def of(cls, stream: StreamFormat) -> Grid:
        """The grid that `stream` is sent on. Its parts hold whole pictures of the slowest rendition."""
        slowest = min((rung.rate for rung in stream.ladder), default=stream.rate)
        if stream.latency_profile is LatencyProfile.QUALITY:
            slots_per_segment = max(1, round(stream.segment_s * slowest)) * int(stream.rate / slowest)
            return cls(stream.rate, slots_per_segment, 1, has_parts=False)
        slots_per_part = max(1, round(PART_S[stream.latency] * slowest)) * int(stream.rate / slowest)
        parts_per_segment = max(1, round(stream.segment_s / (slots_per_part / stream.rate)))
        return cls(stream.rate, slots_per_part, parts_per_segment)

    def at(self, rate: Fraction) -> Grid:
        """The same parts and segments in the slots of `rate`, a whole fraction of this grid's: each n-th is one."""
        return replace(self, rate=rate, slots_per_part=int(self.slots_per_part * rate / self.rate))

    @property
    def slots_per_segment(self) -> int:
        """Slots in every segment."""
        return self.slots_per_part * self.parts_per_segment

    @property
    def timescale(self) -> int:
        """Ticks a second of video media time: the smallest multiple of the rate's numerator that is fine enough."""
        return self.rate.numerator * -(-MIN_TIMESCALE // self.rate.numerator)

    @property
    def ticks_per_slot(self) -> int:
        """Exact by the choice of `timescale`."""
        return self.timescale * self.rate.denominator // self.rate.numerator

    @property
    def part_s(self) -> Fraction:
        """Duration of every video part, and so its PART-TARGET."""
        return self.slots_per_part / self.rate

    @property
    def segment_s(self) -> Fraction:
        """Duration of every video segment."""
        return self.slots_per_segment / self.rate

    @property
    def audio_part_s(self) -> Fraction:
        """The longest audio part: PART-TARGET of an audio rendition."""
        return _whole_frames_s(self.part_s)

    @property
    def audio_segment_s(self) -> Fraction:
        """The longest audio segment."""
        return _whole_frames_s(self.segment_s)

    @property
    def target_duration_s(self) -> int:
        """EXT-X-TARGETDURATION: no EXTINF, rounded, is above it (RFC 8216 §4.3.3.1)."""
        return max(1, math.floor(max(self.segment_s, self.audio_segment_s) + Fraction(1, 2)))

    def slot_at(self, time_ns: int) -> int:
        """The slot that holds `time_ns`."""
        return time_ns * self.rate.numerator // (self.rate.denominator * NS_PER_S)

    def start_ns(self, slot: int) -> int:
        """The first nanosecond of `slot`, so that `slot_at(start_ns(n)) == n`."""
        return -(-slot * self.rate.denominator * NS_PER_S // self.rate.numerator)

    def msn(self, slot: int) -> int:
        """Media sequence number of the segment that holds `slot`."""
        return slot // self.slots_per_segment

    def part_index(self, slot: int) -> int:
        """Index, within its segment, of the part that holds `slot`."""
        return slot % self.slots_per_segment // self.slots_per_part

    def first_slot(self, msn: int, part_index: int = 0) -> int:
        """The first slot of a part (which may lie beyond the segment's last: then it belongs to the next)."""
        return msn * self.slots_per_segment + part_index * self.slots_per_part

    def starts_segment(self, slot: int) -> bool:
        """Whether `slot` is the first of a segment, where every encoder puts an IDR picture."""
        return slot % self.slots_per_segment == 0

    def slots_per_gop(self, keyframe_interval_s: float) -> int:
        """Slots from one IDR picture to the next, which begins a part or, where segments are whole, a segment."""
        return max(1, round(keyframe_interval_s / self.part_s)) * self.slots_per_part

    def starts_gop(self, slot: int, slots_per_gop: int) -> bool:
        """Whether an IDR picture is due in `slot`. Each segment begins with one, and may end with fewer slots."""
        return slot % self.slots_per_segment % slots_per_gop == 0

    def tfdt(self, slot: int) -> int:
        """`baseMediaDecodeTime` of `slot` in `timescale` (64 bits: about 1.1e14 today)."""
        return slot * self.ticks_per_slot

    def next_segment_slot(self, slot: int) -> int:
        """The first slot of the first segment that starts at `slot` or later."""
        return -(-slot // self.slots_per_segment) * self.slots_per_segment

    def audio_frames_before(self, slot: int) -> int:
        """How many AAC frames end at or before the start of `slot`: the index of the first frame that does not.

        The audio part beside the video slots `[a, b)` holds the frames `[audio_frames_before(a),
        audio_frames_before(b))`.
        """
        return slot * self.rate.denominator * SAMPLE_RATE_HZ // (self.rate.numerator * SAMPLES_PER_AAC_FRAME)

    def first_slot_to_publish(self, now_ns: int, last_msn: int | None) -> int:
        """Where a relay that starts at `now_ns` begins: a segment not yet begun, and above every one ever published."""
        msn = self.msn(self.next_segment_slot(self.slot_at(now_ns)))
        return self.first_slot(msn if last_msn is None else max(msn, last_msn + 1))

    def first_slot_on_demand(self, now_ns: int, last_msn: int | None) -> int:
        """Where a stream that slept begins when somebody asks for it: the segment before that of now.

        Encoded faster than real time, it is there in a moment; one that begins in the future would have to be waited
        for. It too is above every one ever published.
        """
        msn = self.msn(self.slot_at(now_ns)) - 1
        return self.first_slot(msn if last_msn is None else max(msn, last_msn + 1))

    def resume_slot(self, next_slot: int, now_ns: int) -> int:
        """Where to go on after a hole: at `next_slot`, or, if that is too far back, at the next segment boundary."""
        now_slot = self.slot_at(now_ns)
        if now_slot - next_slot <= SKIP_AFTER_SEGMENTS * self.slots_per_segment:
            return next_slot
        return self.next_segment_slot(now_slot)


def copied_target(longest_gop_s: float) -> tuple[int, bool]:
    """Target duration of a copied stream whose keyframes are up to `longest_gop_s` apart, in seconds.

    It is twice that, so that one keyframe may come late; and whether it is enough for every segment to begin with one.
    """
    least_s, most_s = COPIED_TARGET_S
    twice_s = math.floor(2 * min(longest_gop_s, most_s) + 0.5)
    return min(max(twice_s, least_s), most_s), longest_gop_s <= most_s


def copied_shortest_s(stream: StreamFormat, target_duration_s: int) -> Fraction:
    """How long a segment of a copied stream is before a keyframe may end it.

    At most half the target: then the longest GOP that was seen fits in behind it.
    """
    return min(stream.segment_s, Fraction(target_duration_s, 2))


def _whole_frames_s(duration_s: Fraction) -> Fraction:
    """The longest run of whole AAC frames that `duration_s` can hold at any phase of the two grids."""
    frames = math.ceil(duration_s * SAMPLE_RATE_HZ / SAMPLES_PER_AAC_FRAME)
    return Fraction(frames * SAMPLES_PER_AAC_FRAME, SAMPLE_RATE_HZ)


def aac_frame_start_ns(frame: int) -> int:
    """The wall-clock time of an AAC frame's first sample."""
    return frame * SAMPLES_PER_AAC_FRAME * NS_PER_S // SAMPLE_RATE_HZ


def timestamp_ns(stamp: int | None, time_base: Rational | None) -> int | None:
    """A packet's or frame's timestamp in nanoseconds; `None` where it has none, or nothing says how long a tick is."""
    if stamp is None or not time_base:  # an `AVRational` that is not set is false
        return None
    return stamp * time_base.numerator * NS_PER_S // time_base.denominator


def sample_at(time_ns: int) -> int:
    """The audio sample nearest to `time_ns`, counted from the epoch."""
    return (time_ns * SAMPLE_RATE_HZ + NS_PER_S // 2) // NS_PER_S


def usual_rate(measured: Fraction | float) -> Fraction:
    """The usual frame rate nearest to what a camera says or was seen to send."""
    return min(USUAL_RATES, key=lambda rate: abs(rate - Fraction(measured)))


class ClockEvent(StrEnum):
    """What a look at the system's clock showed."""

    STEADY = "steady"
    STEPPED_FORWARD = "stepped_forward"
    STEPPED_BACK = "stepped_back"


@dataclass(frozen=True, slots=True)
class ClockLine:
    """The relay's clock: Unix time as a straight line over the monotonic clock. One owner makes it; workers follow."""

    monotonic_ns: int
    unix_ns: int
    slew_ppm: int = 0

    STEP_NS = NS_PER_S
    """A difference this large is not drift: somebody set the clock."""
    _SLEW_OVER_S = 10

    def unix_at(self, monotonic_ns: int) -> int:
        """Unix time in nanoseconds at `monotonic_ns`."""
        elapsed_ns = monotonic_ns - self.monotonic_ns
        return self.unix_ns + elapsed_ns + elapsed_ns * self.slew_ppm // 1_000_000

    def observe(self, monotonic_ns: int, unix_ns: int) -> tuple[ClockLine, ClockEvent]:
        """The line to follow after a look at both clocks.

        A small difference is slewed; a step forward is followed (the window skips); a step back is not, because no
        slot may be published twice.
        """
        here = replace(self, monotonic_ns=monotonic_ns, unix_ns=self.unix_at(monotonic_ns))
        error_ns = unix_ns - here.unix_ns
        if error_ns >= self.STEP_NS:
            return ClockLine(monotonic_ns, unix_ns), ClockEvent.STEPPED_FORWARD
        if error_ns <= -self.STEP_NS:
            return replace(here, slew_ppm=0), ClockEvent.STEPPED_BACK
        slew_ppm = error_ns // (self._SLEW_OVER_S * 1000)
        return replace(here, slew_ppm=max(-SLEW_PPM, min(SLEW_PPM, slew_ppm))), ClockEvent.STEADY
