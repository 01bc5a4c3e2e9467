"""What a running server did with a request, judged: L9 to L15 where one playlist's text does not show them, P20, P21.

Times are seconds by the clock of who asked. `waited_s` is from the request to the whole answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must, should
from relay.check.history import check_delta

if TYPE_CHECKING:
    from fractions import Fraction

    from relay.check.listing import MediaPlaylist

AT_ONCE_S: Final = 1.0
"""What "at once" may take: a round trip to the other side of the world, and a machine that is busy."""
BLOCKING: Final = "RFC 8216bis §6.2.5.2"
_HINT: Final = "RFC 8216bis §4.4.5.3"
_DELTA: Final = "RFC 8216bis §6.2.5.1"
_GONE: Final = "RFC 8216bis §6.2.2"

Position = tuple[int, int]
"""The last segment that a playlist lists, and the last part of it: what a reload waits for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A reload that the server was to hold: for a part, or (`part` is `None`) for a whole segment."""

    msn: int
    part: int | None

    @property
    def query(self) -> str:
        """As the delivery directives."""
        return f"_HLS_msn={self.msn}" + ("" if self.part is None else f"&_HLS_part={self.part}")


def position(playlist: MediaPlaylist) -> Position:
    """How far `playlist` is. A whole segment is beyond each of its parts."""
    if playlist.open_segment is not None:
        return playlist.last_msn, len(playlist.open_segment.parts) - 1
    return playlist.last_msn + 1, -1


def next_to_ask(playlist: MediaPlaylist) -> Asked | None:
    """The reload that brings the next part or segment; `None` where the server does not hold any."""
    if playlist.is_ended or playlist.server_control is None or not playlist.server_control.can_block_reload:
        return None
    if playlist.part_target_s is None:
        return Asked(playlist.next_msn, None)
    return Asked(playlist.next_msn, len(playlist.open_segment.parts) if playlist.open_segment else 0)


def check_held(asked: Asked, after: MediaPlaylist) -> list[Finding]:
    """L11: the answer to a reload that was to be held has what was asked for."""
    is_there = after.next_msn > asked.msn or (asked.part is not None and position(after) >= (asked.msn, asked.part))
    if is_there or after.is_ended:
        return []
    return [must("L11", BLOCKING, f"{asked.query} was answered with a playlist that ends before it")]


def check_not_held(what: str, status: int, waited_s: float) -> list[Finding]:
    """L12 and L16: a request for what is there is answered with it, and at once."""
    if status != 200:
        return [must("L12", BLOCKING, f"{what} was answered {status}")]
    if waited_s > AT_ONCE_S:
        return [must("L12", BLOCKING, f"{what} was answered after {waited_s:.1f} s")]
    return []


def check_refused(what: str, status: int | None) -> list[Finding]:
    """L13: what no server can answer is refused at once. `status`: `None` where no answer came."""
    if status == 400:
        return []
    got = "not answered at once" if status is None else f"answered {status}"
    return [should("L13", BLOCKING, f"{what} was {got}, not 400")]


def check_hinted(status: int, first_byte_s: float, last_byte_s: float, part_target_s: Fraction) -> list[Finding]:
    """L9: a hinted part is answered, and once it begins comes at full speed."""
    if status != 200:
        return [must("L9", _HINT, f"the hinted part was answered {status}")]
    if last_byte_s - first_byte_s > part_target_s:
        drip_s = last_byte_s - first_byte_s
        return [should("L9", _HINT, f"the hinted part dripped for {drip_s:.2f} s: players take that for their network")]
    return []


def check_delta_answer(full: MediaPlaylist, delta: MediaPlaylist) -> list[Finding]:
    """L15 for a delta and the full playlist of the same position."""
    # What other renditions had come to when each was answered may differ, and so may what there was to tell.
    findings = check_delta(*(replace(one, rendition_reports=(), dateranges=()) for one in (full, delta)))
    control = full.server_control
    if delta.skipped_segments or control is None or control.can_skip_until_s is None:
        return findings
    beyond_s = full.listed_s - control.can_skip_until_s
    if beyond_s > 2 * (full.target_duration_s or 0):
        message = f"_HLS_skip=YES skips nothing of what is {float(beyond_s):.1f} s beyond CAN-SKIP-UNTIL"
        findings.append(should("L15", _DELTA, message))
    return findings


def check_report(
    where: str, reported: tuple[int | None, int | None], at_least: Position | None, at_most: Position | None
) -> list[Finding]:
    """L10: a report is no older than what could be read before it was asked for, and no newer than what came after."""
    msn, part = reported
    if msn is None:
        return []
    # Who reports the last part of a segment means all of it, which is (msn + 1, -1) here.
    if at_least is not None and (msn, part or 0) < at_least != (msn + 1, -1):
        message = f"it reports segment {msn}, part {part}, behind what had been published: {_said(at_least)}"
        return [must("L10", "RFC 8216bis §4.4.5.4", message, where)]
    if at_most is not None and (msn, part or 0) > at_most:
        message = f"it reports segment {msn}, part {part}, beyond what is published: {_said(at_most)}"
        return [must("L10", "RFC 8216bis §4.4.5.4", message, where)]
    return []


def check_listed(kind: str, status: int) -> list[Finding]:
    """P20: what a playlist lists is there."""
    if status in {200, 206}:
        return []
    return [must("P20", _GONE, f"a listed {kind} was answered {status}")]


def check_kept(kind: str, status: int, since_s: float, kept_s: float) -> list[Finding]:
    """P21: what has left the playlist stays for as long as somebody may still want it."""
    if status in {200, 206}:
        return []
    message = f"a {kind} was answered {status} {since_s:.1f} s after it left the playlist: {kept_s:.0f} s are due"
    return [must("P21" if kind == "segment" else "L7", _GONE, message)]


def _said(at: Position) -> str:
    return f"segment {at[0]}, part {at[1]}" if at[1] >= 0 else f"segment {at[0] - 1}"
