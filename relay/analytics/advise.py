"""What the viewing data advises: another ladder, another latency, how much media to keep; pure.

Each piece of advice names the effect that it would have had on the plays it was computed from. It says "too little
data" where a few viewers more could turn it round, and "keep" where what there is does as well.

Minutes are what all of it is made of: each says what throughput its viewer had, what was watched, and what stalled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from relay.analytics.advise_ladder import Ladder, best_ladder, ladder_effect
from relay.analytics.figures import quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from relay.analytics.groups import Rung
    from relay.sessions.model import MinuteRow

FEWEST_MINUTES: Final = 300
FEWEST_SESSIONS: Final = 30
FEWEST_REQUESTS: Final = 1000
_GAIN: Final = 0.05
"""A ladder that is not better by this much is not worth the change."""
_STARVED_GAIN: Final = 0.005
_STALLED: Final = 0.005
"""Of the time: above, more latency is proposed; CTA-2066 has no bound, and viewers leave from about 1 % on."""
_SMOOTH: Final = 0.001
_DELAYS_MS: Final = (500, 1000, 2000, 4000)
_COVERED: Final = 0.7
_MARGIN_MS: Final = 500
_ALMOST_ALL: Final = 0.999


class Effect(NamedTuple):
    """What is expected of a change: a value as it was, and as it would have been. `source` says what it is made of."""

    name: str
    before: float
    after: float
    unit: str
    source: str


class Advice(NamedTuple):
    """`verdict` is "change", "keep" or "too little data"; `words` say what and why, `effects` what comes of it."""

    topic: str
    verdict: str
    words: str
    effects: tuple[Effect, ...] = ()


def advise_ladder(rungs: Sequence[Rung], minutes: Iterable[MinuteRow]) -> Advice:
    """Which bit rates fit the throughput that viewers have. `rungs` are those there are, of one stream."""
    told = [row for row in minutes if row.throughput_kbps is not None and row.watched_ms > 0]
    if little := _too_little("ladder", told, "with a throughput"):
        return little
    now = tuple(sorted({round(rung.bitrate_kbps) for rung in rungs if rung.bitrate_kbps}))
    weights = [(float(row.throughput_kbps or 0), float(row.watched_ms)) for row in told]
    if not now:
        return Advice("ladder", "too little data", "no rendition was watched for long enough to know its bit rate")
    best = best_ladder(weights, now)
    before, after = ladder_effect(weights, now), ladder_effect(weights, best)
    effects = (
        Effect(
            "time in which not even the lowest rendition fits",
            100 * before.starved,
            100 * after.starved,
            "%",
            "estimated",
        ),
        Effect("bit rate that fits, on average", before.bitrate_kbps, after.bitrate_kbps, "kbps", "estimated"),
    )
    if not _is_better(before, after):
        return Advice("ladder", "keep", f"{_listed(now)} serve these viewers as well as any ladder would", effects)
    return Advice("ladder", "change", f"{_listed(best)} instead of {_listed(now)}", effects)


def _is_better(before: Ladder, after: Ladder) -> bool:
    return after.utility - before.utility > _GAIN or before.starved - after.starved > _STARVED_GAIN


def _listed(bitrates_kbps: Sequence[int]) -> str:
    return f"{', '.join(map(str, bitrates_kbps))} kbit/s"


def advise_latency(minutes: Iterable[MinuteRow]) -> Advice:
    """Whether viewers should be further behind the live moment, or may come closer.

    A player that is `d` further behind has `d` more in its buffer: a stall of up to `d` would not have been, a longer
    one would have been shorter by it. One that is closer by `d` would have stalled in each minute in which its buffer
    fell below `d`.
    """
    told = [row for row in minutes if row.buffer_ms_min is not None and row.watched_ms > 0]
    if little := _too_little("latency", told, "in which the player told its buffer"):
        return little
    watched_ms = sum(row.watched_ms for row in told)
    stalls_ms = [row.stall_ms for row in told if row.stall_ms]
    stalled = sum(stalls_ms) / watched_ms
    if stalled > _STALLED:
        return _further(stalls_ms, watched_ms)
    buffers_ms = sorted(row.buffer_ms_min or 0 for row in told)
    spare_ms = int((quantile(buffers_ms, 0.01) or 0) - _MARGIN_MS)
    if stalled > _SMOOTH or spare_ms < _DELAYS_MS[0]:
        return Advice("latency", "keep", f"{100 * stalled:.2f} % of the time is stalled, and no buffer is to spare")
    risk = sum(value < spare_ms for value in buffers_ms) / len(buffers_ms)
    words = f"viewers may come {spare_ms / 1000:.1f} s closer: a shorter `latency`, or a faster `latency_profile`"
    effects = (
        Effect("latency", 0, -spare_ms, "ms", "cmcd"),
        Effect("minutes with a stall", 100 * _part(told), 100 * (_part(told) + risk), "%", "estimated"),
    )
    return Advice("latency", "change", words, effects)


def _part(rows: Sequence[MinuteRow]) -> float:
    return sum(row.stall_ms > 0 for row in rows) / len(rows)


def _further(stalls_ms: Sequence[int], watched_ms: int) -> Advice:
    whole_ms = sum(stalls_ms)
    left_ms = {delay_ms: sum(max(0, stall - delay_ms) for stall in stalls_ms) for delay_ms in _DELAYS_MS}
    delay_ms = next((delay for delay in _DELAYS_MS if left_ms[delay] <= (1 - _COVERED) * whole_ms), None)
    if delay_ms is None:
        words = "most stalls are longer than any latency could hide: see the ladder, and the failures in the report"
        return Advice("latency", "keep", words)
    words = f"{delay_ms / 1000:g} s further behind: a longer `latency`, or `latency_profile` balanced or quality"
    effects = (
        Effect("latency", 0, delay_ms, "ms", "estimated"),
        Effect("time stalled", 100 * whole_ms / watched_ms, 100 * left_ms[delay_ms] / watched_ms, "%", "estimated"),
    )
    return Advice("latency", "change", words, effects)


def advise_cache(ages_ms: Iterable[int], rungs: Sequence[Rung]) -> Advice:
    """How much media a cache in front has to keep. `ages_ms` are those of the media asked for, when it was."""
    ages = sorted(ages_ms)
    if len(ages) < FEWEST_REQUESTS:
        words = f"{len(ages)} raw requests for media, and {FEWEST_REQUESTS} are needed: raw requests are kept for days"
        return Advice("cache", "too little data", words)
    almost_ms, half_ms = quantile(ages, _ALMOST_ALL) or 0, quantile(ages, 0.5) or 0
    together_kbps = sum(rung.bitrate_kbps or 0 for rung in rungs)
    size_bytes = together_kbps * almost_ms / 8
    words = (
        f"keep the last {almost_ms / 1000:.0f} s of each rendition, {size_bytes / 1_000_000:.0f} MB a stream: "
        f"{100 * _ALMOST_ALL:.1f} % of what is asked for is younger, half of it under {half_ms / 1000:.1f} s"
    )
    return Advice("cache", "change", words, (Effect("answered from the cache", 0, 100 * _ALMOST_ALL, "%", "measured"),))


def _too_little(topic: str, told: Sequence[MinuteRow], what: str) -> Advice | None:
    sessions = len({row.session_id for row in told})
    if len(told) >= FEWEST_MINUTES and sessions >= FEWEST_SESSIONS:
        return None
    needed = f"{FEWEST_MINUTES} minutes of {FEWEST_SESSIONS} plays are needed"
    words = f"{len(told)} minutes of {sessions} plays {what}: {needed}"
    return Advice(topic, "too little data", words)
