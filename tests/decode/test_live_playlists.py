"""HLS whose segments come late: by the real source and decoder, on a clock of its own, up to slots and samples.

Segments of two seconds are listed one after the other, for some seconds none is, and then they go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fixtures.clock import MS, Clock
from fixtures.hostile import Shown, watch_source
from fixtures.listed import SEGMENT_S, Listed, SteppedAhead
from fixtures.media import Clip
from fixtures.sync import beeps_s, flashes_s, offsets_ms, write_flashes
from relay.config import StreamSettings
from relay.source.address import parse_address
from relay.source.container import ContainerSource
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

SEGMENTS = 18
RATE = 25
CLIP = Clip(64, 48, frames=SEGMENTS * SEGMENT_S * RATE, audio_codec="aac", gop=SEGMENT_S * RATE)
URL = "http://origin/live.m3u8"
PAUSE_FROM_S = 11.0
IN_TIME_NS = 50 * MS
"""Sound lies up to two of its frames behind the picture in a file."""
LIP_LIMIT_MS = 40


@dataclass(frozen=True)
class Row:
    """`first` segments are listed at the start, and the newest `window` at any time; `skipped` are never fetched.

    After the pause the playlist `catches_up`, or all is later by as much for ever, and less even by `uneven_s`. Nothing
    new is shown for `dry_s`.
    """

    name: str
    first: int
    window: int
    pause_s: float = 3.0
    catches_up: bool = True
    uneven_s: float = 0.0
    skipped: int = 0
    dry_s: float = 0.0

    def listed_s(self) -> list[float]:
        return [self._listed_s(number) for number in range(SEGMENTS)]

    def _listed_s(self, number: int) -> float:
        usual_s = max(0.0, float(number - self.first + 1) * SEGMENT_S)
        if usual_s <= PAUSE_FROM_S:
            return usual_s
        if self.catches_up:
            return max(usual_s, PAUSE_FROM_S + self.pause_s)
        return usual_s + self.pause_s + number % 3 * self.uneven_s / 2


ROWS = [
    Row("what was read before it lasts", first=3, window=5),
    Row("a short list", first=3, window=3),
    Row("all comes late, then as before", first=1, window=5, dry_s=2.0),
    Row("all comes late from then on", first=1, window=5, catches_up=False, uneven_s=0.8, dry_s=3.0 + SEGMENT_S + 0.8),
    Row("some are gone", first=1, window=2, pause_s=7.0, skipped=2, dry_s=6.0),
    Row("longer than the list", first=3, window=3, pause_s=8.0, skipped=1, dry_s=3.0),
]


def watched(path: Path, row: Row) -> tuple[Shown, Listed]:
    clock = Clock()
    listed: Any = Listed(write_flashes(path, CLIP), clock, row.listed_s(), row.window)
    ahead: Any = SteppedAhead(listed, clock)
    source = ContainerSource(
        parse_address(URL),
        StreamSettings(source=URL),
        listed,
        clock.monotonic_ns,
        clock.sleep,
        read_ahead=lambda *_: ahead,
    )
    return watch_source(lambda: source, Shown(Fraction(RATE), clock)), listed


def lips_ms(shown: Shown) -> list[float]:
    lumas = [float(picture[:48].mean()) for picture in shown.pictures]
    times_s = [time_ns / NS_PER_S for time_ns in shown.times_ns]
    return offsets_ms(flashes_s(zip(times_s, lumas, strict=True)), beeps_s(*shown.samples()))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_pause_costs_what_it_lasts_and_nothing_after_it(tmp_path: Path, row: Row) -> None:
    shown, listed = watched(tmp_path / "a.mkv", row)
    assert listed.skipped == row.skipped
    assert len(shown.slots) == CLIP.frames - row.skipped * SEGMENT_S * RATE, "all that was fetched is shown"
    assert shown.longest_hole_s <= row.dry_s + 0.1
    assert max(shown.delays_ns) <= IN_TIME_NS
    assert max(shown.sound_delays_ns) <= IN_TIME_NS
    assert shown.clock_jumps == (row.dry_s > 0), "how far behind it is was chosen once"
    offsets = lips_ms(shown)
    assert len(offsets) >= (SEGMENTS - row.skipped) * SEGMENT_S - 3
    assert np.abs(offsets).max() <= LIP_LIMIT_MS, [round(offset) for offset in offsets]
