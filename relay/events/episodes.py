"""From what transforms emit to events that have a begin and an end. Pure.

What is emitted says by its `phase` what it is (`relay.transform.watching.watcher` has the words): `begin` and `end` of
something that lasts, or `at` for what takes no time. It was seen first `ago_s + lasted_s` before its own time, and last
`ago_s` before it. What has none of these words for a phase is a moment, and all of its data its own.

1. An end belongs to the begin of the same kind that says the same of zone, label, track and visit, as far as both say
   something; of several the one with which it has most of these in common, and of those the oldest.
2. An end whose begin is not known is an event of its own.
3. What begins while the very same goes on has lost its end: that one is over, when it was last known to go on.
4. No more than `MOST_OPEN` go on at once: then the oldest is over in the same way.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from relay.events.model import TimedEvent
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.links import Emitted
    from relay.model import JsonObject

MOST_OPEN: Final = 128
REMEMBERED_IDS: Final = 4096
"""Of one stream: more than can begin in the time by which clocks are set back."""
LATEST_NS: Final = 2**62
"""The year 2116: a time that every file can hold."""
_SAYS_WHICH: Final = ("zone", "label", "track", "visit")
_TIMES: Final = frozenset({"phase", "lasted_s", "ago_s"})
_LONGEST_S: Final = 366 * 86_400.0
_NS_PER_MS: Final = 1_000_000


class Ids:
    """The names of one stream's events; `taken` are those that it had before, the oldest first."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._order = deque(taken, maxlen=REMEMBERED_IDS)
        self._taken = set(self._order)

    def take(self, kind: str, start_ns: int) -> str:
        """A name that no other has: kind and time, and a number behind it where something else began then too."""
        base = name = f"{kind}-{start_ns // _NS_PER_MS}"
        number = 1
        while name in self._taken:
            number += 1
            name = f"{base}-{number}"
        if len(self._order) == REMEMBERED_IDS:
            self._taken.discard(self._order[0])
        self._order.append(name)
        self._taken.add(name)
        return name


@dataclass(frozen=True, slots=True)
class _Open:
    """An event that goes on, and the last moment in which it was known to."""

    event: TimedEvent
    seen_ns: int

    def over(self, at_ns: int | None = None) -> TimedEvent:
        """It is over: at `at_ns`, but not before it was seen last."""
        return replace(self.event, end_ns=self.seen_ns if at_ns is None else max(self.seen_ns, at_ns))


class Episodes:
    """What goes on in one stream."""

    def __init__(self, stream: str, ids: Ids) -> None:
        self._stream = stream
        self._ids = ids
        self._open: list[_Open] = []

    def __len__(self) -> int:
        return len(self._open)

    def take(self, emitted: Emitted, *, has_picture: bool = False) -> list[TimedEvent]:
        """The events that begin or end by it, its own being the last."""
        phase = emitted.data.get("phase")
        if phase not in ("begin", "end", "at"):
            at_ns = _bounded(emitted.time_ns)
            return [self._new(emitted.kind, at_ns, at_ns, emitted.data, has_picture=has_picture)]
        data = {name: value for name, value in emitted.data.items() if name not in _TIMES}
        last_ns = _bounded(emitted.time_ns - _ns(emitted.data.get("ago_s")))
        first_ns = _bounded(last_ns - _ns(emitted.data.get("lasted_s")))
        if phase == "begin":
            return self._begin(emitted.kind, first_ns, last_ns, data, has_picture=has_picture)
        open_one = self._counterpart(emitted.kind, data) if phase == "end" else None
        if open_one is None:
            return [self._new(emitted.kind, first_ns, last_ns, data, has_picture=has_picture)]
        self._open.remove(open_one)
        begun = open_one.event
        has_picture = has_picture or begun.has_picture
        end_ns = max(begun.start_ns, last_ns)
        return [replace(begun, end_ns=end_ns, data={**begun.data, **data}, has_picture=has_picture)]

    def end_all(self, at_ns: int) -> list[TimedEvent]:
        """Nobody will tell of their ends any more: all that goes on is over at `at_ns`."""
        ended = [one.over(at_ns) for one in self._open]
        self._open.clear()
        return ended

    def _begin(
        self, kind: str, first_ns: int, last_ns: int, data: JsonObject, *, has_picture: bool
    ) -> list[TimedEvent]:
        lost = [one for one in self._open if one.event.kind == kind and _which(one.event.data) == _which(data)]
        if not lost and len(self._open) >= MOST_OPEN:
            lost = self._open[:1]
        self._open = [one for one in self._open if one not in lost]
        begun = self._new(kind, first_ns, None, data, has_picture=has_picture)
        self._open.append(_Open(begun, last_ns))
        return [*(one.over() for one in lost), begun]

    def _counterpart(self, kind: str, data: JsonObject) -> _Open | None:
        """What goes on that an end with this data is the end of."""
        wanted = _which(data)
        matching = []
        for one in self._open:
            said = _which(one.event.data)
            common = said.keys() & wanted.keys()
            if one.event.kind == kind and all(said[name] == wanted[name] for name in common):
                matching.append((len(common), one))
        return max(matching, key=lambda match: match[0])[1] if matching else None

    def _new(self, kind: str, start_ns: int, end_ns: int | None, data: JsonObject, *, has_picture: bool) -> TimedEvent:
        name = self._ids.take(kind, start_ns)
        return TimedEvent(name, self._stream, kind, start_ns, end_ns, data, has_picture)


def _which(data: JsonObject) -> JsonObject:
    """What says which of several it is."""
    return {name: data[name] for name in _SAYS_WHICH if data.get(name) is not None}


def _ns(seconds: object) -> int:
    """A duration that a transform gave, which may be anything; 0 for what is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= _LONGEST_S:
        return 0
    return round(seconds * NS_PER_S)


def _bounded(time_ns: int) -> int:
    return min(max(0, time_ns), LATEST_NS)
