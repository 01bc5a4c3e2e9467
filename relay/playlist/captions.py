"""Captions: what is read of a stream's events, as one WebVTT segment beside each segment of the pictures. Pure.

1. A segment of text is made when that of the pictures is complete, of what was told until then, and never changes. An
   event that is told later is read from the next segment on.
2. Cues have the time of the media. X-TIMESTAMP-MAP (RFC 8216bis §3.1.4) says where a segment's own time lies on the
   clock of MPEG-2: 90 kHz since the epoch here, of which it has 33 bits, where `tfdt` has all.
3. Nobody knows the end of what goes on, so it is read in cues one behind the other, none of which goes further than
   `lead_s` beyond its segment. A player that is nearer to the live edge than a segment is long needs a lead as long as
   that, or it would read nothing up to the next segment; all others read a caption up to that much longer.
4. What is read during a segment is in it (§3.1.4). So a cue that reaches into the next one is there again, with the
   same id, times and text, by which players know it.
5. An event has three cues in a segment at the most, where no segment is shorter than half the lead: those of
   `dateranges.MAX_LISTED` events are what a segment can hold.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relay.playlist.dateranges import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.model import DateRange

_NS_PER_MS: Final = 1_000_000
_MS_PER_S: Final = 1000
_TICKS_PER_MS: Final = 90
_CLOCK_CYCLE: Final = 1 << 33
"""After so many ticks the clock of MPEG-2 begins anew (ISO/IEC 13818-1 §2.4.3.7): every 26.5 hours."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A text, and from when to when it is read, in milliseconds since the epoch."""

    id: str
    start_ms: int
    end_ms: int
    text: str


class Captions:
    """The cues of one stream, as they are published segment by segment."""

    def __init__(self, lead_s: int) -> None:
        self._lead_ms = lead_s * _MS_PER_S
        self._cues: list[Cue] = []
        self._read_until_ms: dict[str, int] = {}

    def segment(self, msn: int, start_ns: int, end_ns: int, since_ns: int, events: Sequence[DateRange]) -> str:
        """The text of segment `msn`, whose pictures are shown from `start_ns` to `end_ns`.

        `events` are all that are told now. What was before `since_ns` nobody can see any more.
        """
        start_ms, last_ms = start_ns // _NS_PER_MS, end_ns // _NS_PER_MS + self._lead_ms
        self._cues = [cue for cue in self._cues if cue.end_ms > start_ms]
        known = self._read_until_ms
        self._read_until_ms = {one.id: known[one.id] for one in events if one.id in known}
        for one in events:
            text = cue_text(one.caption)
            begin_ms = max(one.start_ns // _NS_PER_MS, since_ns // _NS_PER_MS, self._read_until_ms.get(one.id, 0))
            until_ms = last_ms if one.end_ns is None else min(last_ms, one.end_ns // _NS_PER_MS)
            if text and one.start_ns < end_ns and until_ms > max(begin_ms, start_ms):
                self._cues.append(Cue(f"{msn}.{len(self._cues)}", begin_ms, until_ms, text))
                self._read_until_ms[one.id] = until_ms
        return render_webvtt(self._cues, start_ms)


def caption_uri(msn: int) -> str:
    """The last step of the address of a segment of text."""
    return f"{msn}.vtt"


def cue_text(text: str) -> str:
    """`text` as a cue's: on one line, and with nothing in it that ends a cue or begins a tag."""
    return html.escape(plain(text), quote=False)


def render_webvtt(cues: Sequence[Cue], start_ms: int) -> str:
    """A WebVTT segment that begins at `start_ms`.

    Its own time begins then too, or with the first cue, where that was on before.
    """
    zero_ms = min([start_ms, *(cue.start_ms for cue in cues)])
    clock = start_ms * _TICKS_PER_MS % _CLOCK_CYCLE
    blocks = [f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{clock},LOCAL:{_timestamp(start_ms - zero_ms)}\n"]
    for cue in cues:
        times = f"{_timestamp(cue.start_ms - zero_ms)} --> {_timestamp(cue.end_ms - zero_ms)}"
        blocks.append(f"{cue.id}\n{times}\n{cue.text}\n")
    return "\n".join(blocks)


def _timestamp(time_ms: int) -> str:
    seconds, ms = divmod(time_ms, _MS_PER_S)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
