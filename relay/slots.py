"""Frames into slots: which one a frame belongs to, what fills those that have none, how long it is waited for. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.timeline import Grid


class SlotAssigner:
    """Puts each frame of a source into a slot, with half a slot of hysteresis on either side.

    Assigning by floor alone alternates double and empty slots for minutes when the camera's phase lies near a border.
    Here a frame goes to the slot after the last one while its time lies within half a slot of it; beyond that it snaps.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._last: int | None = None

    def assign(self, time_ns: int) -> int | None:
        """The slot for a frame captured at `time_ns`, or `None` to drop it: another frame has that slot.

        It may have been sent already. Late frames must not push others into later slots: sound follows in seconds only.
        """
        slot: int | None = self._grid.slot_at(time_ns)
        if self._last is not None:
            unit = self._grid.rate.denominator * NS_PER_S
            position_twice = 2 * (time_ns * self._grid.rate.numerator - (self._last + 1) * unit)
            if position_twice < -unit:
                slot = None
            elif position_twice < 3 * unit:
                slot = self._last + 1
        if slot is not None:
            self._last = slot
        return slot


class Fill(StrEnum):
    """What a slot shows."""

    PICTURE = "picture"
    REPEAT = "repeat"
    SLATE = "slate"


class SlotFiller:
    """Which slot shows what: every slot from the first on, once and in order, whatever comes and whenever.

    A picture fills its own slot. An empty one repeats the picture before it, or is slate once that is `stall_after_ns`
    old, unless pictures do come and only this machine is behind. `next_slot` is the one to fill next; `skipped_to` is
    where it went on after the last hole too long to fill.
    """

    def __init__(self, grid: Grid, first_slot: int, stall_after_ns: int, *, has_picture: bool) -> None:
        self.first_slot = self.next_slot = first_slot
        self.skipped_to: int | None = None
        self.shown_ns: int | None = grid.start_ns(first_slot) if has_picture else None
        self._shown_slot: int | None = None
        self._is_slate = False
        self._grid = grid
        self._stall_after_ns = stall_after_ns

    def skip(self, now_ns: int) -> int:
        """Leave out what lies too far behind the clock. Returns how many slots that were."""
        slot, skipped = self._grid.resume_slot(self.next_slot, now_ns), 0
        if slot != self.next_slot:
            skipped = slot - self.next_slot
            # In this order: the thread of the sound, which looks at `next_slot` first, must not miss the skip.
            self.skipped_to = slot
            self.next_slot = slot
        return skipped

    def show(self, slot: int, time_ns: int) -> None:
        """From now on the picture for `slot`, captured at `time_ns`, is the last one."""
        self._shown_slot, self.shown_ns = slot, time_ns

    def take(self, *, is_live: bool = False) -> tuple[int, Fill]:
        """The next slot, and what fills it. `is_live`: pictures come now, so an old one is no reason for the slate."""
        slot = self.next_slot
        self.next_slot = slot + 1
        if slot == self._shown_slot:
            self._is_slate = False
            return slot, Fill.PICTURE
        is_old = self.shown_ns is None or self._grid.start_ns(slot) - self.shown_ns >= self._stall_after_ns
        # The slate stays until a picture fills its slot: the one from before it must not flash up in between.
        self._is_slate = self.shown_ns is None or (is_old and (self._is_slate or not is_live))
        return slot, Fill.SLATE if self._is_slate else Fill.REPEAT


class Lateness:
    """How long after its slot began a frame may still come: the P99.5 of the last minute and a margin, within bounds.

    Without the margin one frame in two hundred would be late by definition. What a hole in the network held up comes in
    one burst and counts once; where frames are late for longer, they are waited for.
    """

    WINDOW_NS: Final = 60 * NS_PER_S
    INITIAL_NS: Final = 300_000_000
    BURST_NS: Final = NS_PER_S // 2
    _REFRESH_NS: Final = NS_PER_S

    def __init__(self, floor_ns: int, ceiling_ns: int, margin_ns: int = 0) -> None:
        self._floor_ns = floor_ns
        self._margin_ns = margin_ns
        self._ceiling_ns = ceiling_ns
        self._seen: deque[tuple[int, int]] = deque()
        # The same, by how late they were: thousands of them, which would take longer to sort each second.
        self._ranked: list[int] = []
        self._refreshed_ns: int | None = None
        self._late_since_ns: int | None = None
        self.deadline_ns = min(max(self.INITIAL_NS, floor_ns), ceiling_ns)

    def add(self, now_ns: int, lateness_ns: int) -> None:
        """Take note of a frame that was ready `lateness_ns` after its slot began."""
        if lateness_ns <= self.deadline_ns:
            self._late_since_ns = None
        elif self._late_since_ns is None:
            self._late_since_ns = now_ns
        elif now_ns - self._late_since_ns <= self.BURST_NS:
            return
        self._seen.append((now_ns, lateness_ns))
        insort(self._ranked, lateness_ns)
        self._refreshed_ns = now_ns if self._refreshed_ns is None else self._refreshed_ns
        if now_ns - self._refreshed_ns >= self._REFRESH_NS:
            self._refresh(now_ns)

    def _refresh(self, now_ns: int) -> None:
        self._refreshed_ns = now_ns
        while now_ns - self._seen[0][0] > self.WINDOW_NS:
            _, lateness_ns = self._seen.popleft()
            del self._ranked[bisect_left(self._ranked, lateness_ns)]
        count = len(self._ranked)
        worst_ns = self._ranked[min(count - 1, count * 995 // 1000)]
        self.deadline_ns = min(max(worst_ns + self._margin_ns, self._floor_ns), self._ceiling_ns)
