"""Delivery directives and the rule of blocking reloads (RFC 8216bis §6.2.5.2), with the clause beside each check."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.playlist.window import Window

_DECIMAL_INTEGER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
LONGEST_WAIT_S: Final = 9
"""hls.js gives up on a playlist whose first byte takes 10 s (its playlistLoadPolicy)."""


@dataclass(frozen=True, slots=True)
class Directives:
    """What a client asks of a media playlist."""

    msn: int | None = None
    part: int | None = None
    skip: bool = False


class Answer(StrEnum):
    """What to do with a request for a media playlist."""

    NOW = "now"
    WAIT = "wait"
    REFUSE = "refuse"


def parse_directives(query: Iterable[tuple[str, str]]) -> Directives:
    """The directives in a query string. Raises `ValueError`, saying what is wrong, for malformed ones (400).

    Other parameters mean nothing here and break nothing; `_HLS_` ones that are unknown neither.
    """
    found: dict[str, str] = {}
    for name, value in query:
        if name in {"_HLS_msn", "_HLS_part", "_HLS_skip"}:
            if name in found:
                raise ValueError(f"{name} is given twice")
            found[name] = value
    msn, part, skip = (found.get(name) for name in ("_HLS_msn", "_HLS_part", "_HLS_skip"))
    if part is not None and msn is None:
        raise ValueError("_HLS_part needs _HLS_msn")
    if skip not in {None, "YES", "v2"}:
        raise ValueError("_HLS_skip is YES or v2")
    return Directives(_number("_HLS_msn", msn), _number("_HLS_part", part), skip is not None)


def decide(window: Window, directives: Directives) -> Answer:
    """Whether the playlist can be sent now, must wait for the next part, or is asked for too far in the future.

    Nothing is sent before there is a complete segment: players call a playlist without one empty, and give up.
    """
    if window.is_ended:
        return Answer.NOW
    if not window.listed:
        return Answer.WAIT
    last = window.listed[-1]
    msn, part = directives.msn, directives.part
    if msn is None or not window.settings.has_parts:
        # "Servers that do not support them MUST ignore them": only playlists with parts have CAN-BLOCK-RELOAD.
        return Answer.NOW
    if msn > last.msn + 2:
        # "greater than the Media Sequence Number of the last Media Segment in the current Playlist plus two"
        return Answer.REFUSE
    if part is None:
        return Answer.NOW if msn <= last.msn else Answer.WAIT
    if msn == last.msn and part >= len(last.parts):
        # A part beyond the last of a finished segment means "Part Index 0 of the following Media Segment".
        msn, part = msn + 1, 0
    return _decide_on_part(window, msn, part)


def decide_on_segments(window: Window, directives: Directives) -> Answer:
    """As `decide`, for a playlist of the same window that lists whole segments: it has no parts to wait for."""
    return decide(window, replace(directives, part=None))


def decide_on_iframes(window: Window, directives: Directives) -> Answer:
    """As `decide_on_segments`, for the I-frame playlist, which is not sent before it lists a segment."""
    if not window.is_ended and not window.iframes:
        return Answer.WAIT
    return decide_on_segments(window, directives)


def longest_wait_s(window: Window) -> int:
    """How long a request may block: "after three Target Durations ... 503", and never so long that hls.js gives up."""
    return min(window.settings.hold_back_s, LONGEST_WAIT_S)


def _decide_on_part(window: Window, msn: int, part: int) -> Answer:
    coming = window.next_part
    if coming is None or (msn, part) < coming:
        return Answer.NOW
    ahead_of_last = (msn - coming[0]) * window.settings.parts_per_segment + part - coming[1] + 1
    # "exceeds the last Partial Segment in the current Playlist by the Advance Part Limit"
    return Answer.REFUSE if ahead_of_last > _advance_part_limit(window) else Answer.WAIT


def _advance_part_limit(window: Window) -> Fraction:
    """Three divided by the Part Target Duration if that is less than one second, or three otherwise."""
    return 3 / min(window.settings.part_target_s, Fraction(1))


def _number(name: str, value: str | None) -> int | None:
    if value is None:
        return None
    if not _DECIMAL_INTEGER.fullmatch(value):
        raise ValueError(f"{name} is a decimal integer")
    return int(value)
