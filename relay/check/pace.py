"""P10 and L6: whether segments and parts come when they must, by the clock of who reads the playlist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.check.behaviour import Position, position
from relay.check.finding import Finding, advice, must

if TYPE_CHECKING:
    from relay.check.listing import MediaPlaylist

SEGMENT_TARGETS: Final = 1.5
"""RFC 8216bis §6.2.1: the longest time between two segments, in target durations."""
_PUBLISH: Final = "RFC 8216bis §6.2.1"


class Pace:
    """Follows the readings of one live playlist. Only waits that were certainly so long are told."""

    def __init__(self) -> None:
        self._position: Position | None = None
        self._advanced_s = 0.0
        self._newest: MediaPlaylist | None = None

    def note(self, asked_s: float, came_s: float, playlist: MediaPlaylist, *, was_held: bool) -> list[Finding]:
        """Take a reading: when it was asked for, when it came, and whether the server held it until it was new."""
        at = position(playlist)
        newest, self._newest = self._newest, playlist
        if self._position is None or newest is None or at > self._position or playlist.is_ended:
            findings = [] if self._position is None or newest is None or not was_held else self._late_part(came_s)
            self._position, self._advanced_s = at, came_s
            return findings
        # Nothing new in it, and it was made after it was asked for: so long has it been.
        return self._late_segment(asked_s) if at == self._position else []

    def finish(self, now_s: float) -> list[Finding]:
        """At the end: a reload that is still held shows that nothing came since."""
        if self._newest is None or self._newest.is_ended or self._newest.part_target_s is None:
            return []
        return self._late_part(now_s)

    def _late_part(self, now_s: float) -> list[Finding]:
        playlist, waited_s = self._newest, now_s - self._advanced_s
        control = None if playlist is None else playlist.server_control
        if playlist is None or playlist.part_target_s is None or control is None or control.part_hold_back_s is None:
            return []
        if waited_s > SEGMENT_TARGETS * (playlist.target_duration_s or 0):
            message = f"{waited_s:.1f} s between two parts, over {SEGMENT_TARGETS} target durations"
            return [must("L6", _PUBLISH, message)]
        # A player that is so near to the end waits once, and stays that much further behind.
        if waited_s > control.part_hold_back_s:
            message = f"{waited_s:.2f} s between two parts: who plays at PART-HOLD-BACK has nothing left"
            return [advice("L6", _PUBLISH, message)]
        return []

    def _late_segment(self, asked_s: float) -> list[Finding]:
        target_s = (self._newest.target_duration_s if self._newest is not None else None) or 0
        waited_s = asked_s - self._advanced_s
        if not target_s or waited_s <= SEGMENT_TARGETS * target_s:
            return []
        message = f"nothing new for {waited_s:.1f} s, over {SEGMENT_TARGETS} target durations of {target_s}"
        return [must("P10", _PUBLISH, message)]
