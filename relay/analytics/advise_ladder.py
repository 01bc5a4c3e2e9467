"""The ladder that fits what throughput viewers have: pure.

A rendition fits a minute whose throughput is a quarter above its bit rate: players keep such a margin (hls.js 0.95 and
0.7, Shaka 0.85). Worth is counted by the logarithm of the bit rate, as research on adaptive streaming does (Spiteri,
BOLA, 2016): twice the rate is the same step for somebody at 500 kbit/s as for somebody at 5000.

The best ladder of a number of rungs is found exactly, by dynamic programming over the quantiles of throughput. Its
lowest rung fits 98 % of the time; its highest is no more than that of today, since nobody knows whether the source has
more to show.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_RUNGS: Final = 6
_MARGIN: Final = 1.25
_LOWEST_FITS: Final = 0.02
_LEAST_KBPS: Final = 200
_STEP_KBPS: Final = 50
_CANDIDATES: Final = 48
_WORTH_A_RUNG: Final = 0.05


class Ladder(NamedTuple):
    """What a ladder does for some viewers: parts are of the time watched.

    `starved` is the part in which not even the lowest rung fits, `bitrate_kbps` the mean of what fits (of starved time,
    the lowest rung), `utility` the mean of its logarithm.
    """

    starved: float
    bitrate_kbps: float
    utility: float


def ladder_effect(weights: Sequence[tuple[float, float]], rungs_kbps: Sequence[int]) -> Ladder:
    """How ascending `rungs_kbps` would serve `weights`, which are throughput (kbps) and how long it was that."""
    whole = sum(weight for _, weight in weights)
    starved = bits = utility = 0.0
    for throughput, weight in weights:
        fitting = [rung for rung in rungs_kbps if rung * _MARGIN <= throughput]
        rung = fitting[-1] if fitting else rungs_kbps[0]
        starved += 0 if fitting else weight
        bits += rung * weight
        # What starves is not worth its bit rate, but what comes through.
        utility += math.log(max(1.0, min(rung, throughput / _MARGIN))) * weight
    return Ladder(starved / whole, bits / whole, utility / whole)


def best_ladder(weights: Sequence[tuple[float, float]], now_kbps: Sequence[int]) -> tuple[int, ...]:
    """The best ladder of as many rungs as there are in `now_kbps`, or of one more where that is worth it."""
    usable = sorted((throughput / _MARGIN, weight) for throughput, weight in weights)
    candidates = _candidates(usable, now_kbps[-1])
    best = _chosen(usable, candidates, len(now_kbps))
    if len(now_kbps) < MOST_RUNGS:
        longer = _chosen(usable, candidates, len(now_kbps) + 1)
        if ladder_effect(weights, longer).utility - ladder_effect(weights, best).utility > _WORTH_A_RUNG:
            best = longer
    return best


def _candidates(usable: Sequence[tuple[float, float]], most_kbps: int) -> list[int]:
    """Bit rates to choose from, ascending: the first is the lowest rung, the last the highest of today."""
    whole, so_far, place = sum(weight for _, weight in usable), 0.0, 0
    parts = [_LOWEST_FITS + (1 - _LOWEST_FITS) * step / _CANDIDATES for step in range(_CANDIDATES)]
    found = []
    for value, weight in usable:
        so_far += weight
        while place < len(parts) and so_far > parts[place] * whole:
            found.append(_rounded(value))
            place += 1
    return sorted({min(most_kbps, value) for value in found} | {most_kbps})


def _rounded(value_kbps: float) -> int:
    return max(_LEAST_KBPS, int(value_kbps // _STEP_KBPS * _STEP_KBPS))


def _chosen(usable: Sequence[tuple[float, float]], candidates: Sequence[int], count: int) -> tuple[int, ...]:
    """The first candidate and the `count` - 1 others that together are worth most.

    `above[i]` is how long at least candidate `i` fits. A rung is worth the step from the one below to it, for as long
    as it fits: so the worth of a ladder is a sum over neighbours, which is what lets it be found rung by rung.
    """
    above = [sum(weight for value, weight in usable if value >= candidate) for candidate in candidates]
    worth = [0.0] + [-math.inf] * (len(candidates) - 1)
    chains: list[tuple[int, ...]] = [(0,)] * len(candidates)
    best: tuple[float, tuple[int, ...]] = (0.0, (0,))
    for _ in range(min(count, len(candidates)) - 1):
        longer = [-math.inf] * len(candidates)
        links: list[tuple[int, ...]] = [()] * len(candidates)
        for high in range(1, len(candidates)):
            for low in range(high):
                value = worth[low] + above[high] * math.log(candidates[high] / candidates[low])
                if value > longer[high]:
                    longer[high], links[high] = value, (*chains[low], high)
        worth, chains = longer, links
        best = max(best, *zip(worth, chains, strict=True))
    return tuple(candidates[place] for place in best[1])
