"""What a player says of its playback: states, and the times, stalls and failures that follow from them.

A session's reports tell time by the player's clock, which may be wrong by years and still measures intervals exactly.
The first report sets where that clock stands; how late the others come then shows how late the first one was
(`lag_us`), as nothing is received before it has happened. So intervals are the player's own to the millisecond, and
moments are the relay's as near as can be told.

Reports may overtake each other: the last few states are kept in the order in which they happened, and only what is
older than those is summed up for good.

CTA-2066: *watched time* is the wall clock from the start on, with startup, stalls and seeks, without pauses.
"""

from __future__ import annotations

from bisect import insort_right
from copy import copy
from typing import TYPE_CHECKING, Final

from relay.sessions.middle import Middle

if TYPE_CHECKING:
    from relay.sessions.model import PlayerEventRow
    from relay.sessions.said import Cmcd

WATCHED_STATES: Final = frozenset("spkr")
FINAL_STATES: Final = frozenset("qef")
STATES: Final = WATCHED_STATES | FINAL_STATES | frozenset("ad")
MAX_STATES: Final = 8
"""States that may still have to be put in order: reports that overtake each other do so within seconds."""

MAX_CODES: Final = 16
MAX_STALLS_TOLD: Final = 10_000
MAX_STALL_TOLD_MS: Final = 86_400_000
MAX_STARTUP_MS: Final = 600_000
MAX_LATENCY_MS: Final = 86_400_000


class StateTimes:
    """Sums over the states of a player so far, in microseconds."""

    __slots__ = ("at_us", "first_play_us", "first_start_us", "is_stalled", "pause_us", "stall_us", "stalls", "state",
                 "watched_us")  # fmt: skip

    def __init__(self) -> None:
        self.state = ""
        self.at_us = self.watched_us = self.pause_us = self.stall_us = self.stalls = 0
        self.is_stalled = False
        self.first_start_us: int | None = None
        self.first_play_us: int | None = None

    def go(self, at_us: int, state: str) -> None:
        """It is `state` from `at_us` on. Only a stall that interrupts playing is one: not one after a seek."""
        self.pass_until(at_us)
        if state == "r":
            if self.state == "p":
                self.stalls += 1
                self.is_stalled = True
        else:
            self.is_stalled = False
        if state == "s" and self.first_start_us is None:
            self.first_start_us = at_us
        elif state == "p" and self.first_play_us is None:
            self.first_play_us = at_us
        self.state = state

    def pass_until(self, at_us: int) -> None:
        """Until `at_us` nothing changes."""
        passed_us = max(0, at_us - self.at_us)
        if self.state in WATCHED_STATES:
            self.watched_us += passed_us
            if self.is_stalled:
                self.stall_us += passed_us
        elif self.state == "a":
            self.pause_us += passed_us
        self.at_us = max(self.at_us, at_us)


class Playback:
    """The accounts of what one session's player tells, by `PlayerEventRow`s: live, and again from what was kept."""

    __slots__ = (
        "_base_us",
        "_codes",
        "_failed",
        "_pending",
        "_settled",
        "_stalls",
        "_stalls_summed",
        "_stalls_total",
        "dropped_frames",
        "has_stalls_told",
        "has_states",
        "lag_us",
        "last_us",
        "latency",
        "playing_kbps",
        "playing_us",
        "startup_ms",
    )  # fmt: skip

    def __init__(self) -> None:
        self._base_us: int | None = None
        self._pending: list[tuple[int, str]] = []
        self._settled = StateTimes()
        self._stalls = self._stalls_summed = self._stalls_total = (0, 0)
        self._codes: dict[str, int] = {}
        self.has_states = self.has_stalls_told = self._failed = False
        self.lag_us = 0
        self.last_us = self.playing_us = 0
        self.latency = Middle()
        self.playing_kbps: int | None = None
        self.startup_ms: int | None = None
        self.dropped_frames: int | None = None

    def at_us(self, ts_ms: int, received_us: int) -> int:
        """When what happened at `ts_ms` by the player's clock did so: exact to other reports of the same session."""
        if self._base_us is None:
            self._base_us = received_us - ts_ms * 1000
        return ts_ms * 1000 + self._base_us

    def new_stalls(self, cmcd: Cmcd) -> tuple[int, int] | None:
        """How many stalls, and milliseconds of them, `cmcd` tells of beyond what is known. None: it tells nothing.

        A player may tell each stall (`bsd`), their sum (`bsa`, `bsda`), or both: the greater of the two counts, so
        that what is told both ways counts once, and what was lost of one way is made good by the other.
        """
        if cmcd.stall_ms is None and cmcd.stalls_total is None and cmcd.stall_total_ms is None:
            return None
        if cmcd.stall_ms:
            count, sum_ms = self._stalls_summed
            self._stalls_summed = (count + 1, sum_ms + min(cmcd.stall_ms, MAX_STALL_TOLD_MS))
        count, total_ms = self._stalls_total
        self._stalls_total = (max(count, cmcd.stalls_total or 0), max(total_ms, cmcd.stall_total_ms or 0))
        count = min(max(self._stalls_summed[0], self._stalls_total[0]), MAX_STALLS_TOLD)
        whole_ms = min(max(self._stalls_summed[1], self._stalls_total[1]), MAX_STALL_TOLD_MS)
        known_count, known_ms = self._stalls
        return max(0, count - known_count), max(0, whole_ms - known_ms)

    def take(self, row: PlayerEventRow) -> None:
        """Enter what the player told."""
        if row.event:
            self.lag_us = min(self.lag_us, row.received_us - row.at_us)
            self.last_us = max(self.last_us, row.at_us)
        if row.state:
            self._take_state(row.at_us, row.state)
        if row.startup_ms is not None and self.startup_ms is None and 0 <= row.startup_ms <= MAX_STARTUP_MS:
            self.startup_ms = row.startup_ms
        if row.stall_count is not None:
            self.has_stalls_told = True
            self._stalls = (self._stalls[0] + row.stall_count, self._stalls[1] + (row.stall_ms or 0))
        if row.latency_ms is not None and 0 <= row.latency_ms <= MAX_LATENCY_MS:
            self.latency.add(row.latency_ms)
        if row.dropped_frames is not None:
            self.dropped_frames = max(self.dropped_frames or 0, row.dropped_frames)
        if row.pb_kbps is not None:
            self.playing_kbps = row.pb_kbps
        for code in row.error_codes:
            if code in self._codes or len(self._codes) < MAX_CODES:
                self._codes[code] = self._codes.get(code, 0) + 1

    def _take_state(self, at_us: int, state: str) -> None:
        if at_us < self._settled.at_us:
            return
        self.has_states = True
        self._failed = self._failed or state == "f"
        if state in WATCHED_STATES:
            self.playing_us = max(self.playing_us, at_us)
        insort_right(self._pending, (at_us, state), key=_moment)
        if len(self._pending) > MAX_STATES:
            self._settled.go(*self._pending.pop(0))

    def times(self, until_us: int) -> StateTimes:
        """The sums, if nothing changes after the last report until `until_us`, by the same clock as the reports."""
        times = copy(self._settled)
        for at_us, state in self._pending:
            times.go(at_us, state)
        times.pass_until(until_us)
        return times

    @property
    def told_stalls(self) -> tuple[int, int]:
        """How many stalls the player told of in so many words, and their milliseconds."""
        return self._stalls

    @property
    def has_failed(self) -> bool:
        """Whether the player said that it cannot go on."""
        return self._failed

    @property
    def error_codes(self) -> tuple[tuple[str, int], ...]:
        """What the player called its errors, and how often each came."""
        return tuple(sorted(self._codes.items()))


def _moment(entry: tuple[int, str]) -> int:
    return entry[0]
