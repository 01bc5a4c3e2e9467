"""Where all that is noticed comes in, and from which it goes out to store, playlists and whoever listens.

    notice ──episodes──> begun, over ──rules──> told ──┬──> store
    outage ────────────> begun, over ──rules──> told ──┼──> listeners
       │                                               └──> playlists: so many a second
       └──> playlists, whatever the rules say: players show it, or read it as a caption

Everything is called on the event loop's thread, and nothing blocks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from relay.events.episodes import REMEMBERED_IDS, Episodes, Ids
from relay.events.model import OUTAGE, TimedEvent
from relay.events.ranges import date_range_of
from relay.events.rules import Rules
from relay.events.schedule import time_zone
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.config import RelaySettings
    from relay.events.store import EventStore
    from relay.links import Emitted
    from relay.model import DateRange

log = structlog.get_logger()

Listener = Callable[[TimedEvent, bytes], None]

MOST_PICTURES_WAITING: Final = 16
"""Of one stream, of events that have to last before they are told: 3 MB at 720p."""
PLAYLIST_PER_S: Final = 1.0
PLAYLIST_BURST: Final = 20.0
"""What all players load with every reload; a fifth of what a playlist has room for."""
_ALIVE_EVERY_NS: Final = 10 * NS_PER_S
_IDLE_EVERY_NS: Final = 600 * NS_PER_S
"""Where nothing goes on the disk may sleep, but for what is too old by then."""
_KIND: Final = re.compile(r"[a-z][a-z0-9_.-]{0,62}")


class _Told(NamedTuple):
    """What was told of an event that goes on."""

    range: DateRange | None
    has_picture: bool


@dataclass(slots=True)
class _Stream:
    """What is known of one stream."""

    name: str
    ids: Ids
    episodes: Episodes
    rules: Rules
    outage: TimedEvent | None = None
    outage_range: DateRange | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, _Told] = field(default_factory=dict)
    room: float = PLAYLIST_BURST

    @property
    def is_busy(self) -> bool:
        """Whether anything goes on."""
        return self.outage is not None or len(self.episodes) > 0


class EventDesk:
    """The events of all streams.

    `listeners` are called with each change that is told: an event that begins (`end_ns` is `None`), one that is over,
    with the same id, or one that takes no time or is told when it is over already. With it comes its JPEG, where there
    is one that was not handed out before; `has_picture` says if there is one at all. They return at once: what is
    slower takes a copy and goes about it elsewhere. One that raises is logged and called again the next time.

    `changes` are all that were told, by stream: while they are no more, there is nothing new to be asked for.
    `counters` are by stream and outcome ("told", "held_back_schedule", ...). Both only grow. Opening it reads the
    store's file: raises `StoreError`.
    """

    def __init__(self, settings: RelaySettings, store: EventStore, publish: Callable[[str, DateRange], None]) -> None:
        self.listeners: list[Listener] = []
        self.changes: Counter[str] = Counter()
        self.store = store
        self._publish = publish
        self._counters: Counter[tuple[str, str]] = Counter()
        self._alive_ns = self._ticked_ns = 0
        zone = time_zone(settings.timezone)
        self._streams = {
            name: self._opened(name, Rules(stream.events, zone)) for name, stream in settings.streams.items()
        }

    @property
    def counters(self) -> Counter[tuple[str, str]]:
        """By stream and outcome."""
        counted = self._counters.copy()
        for stream in self._streams.values():
            counted.update({(stream.name, f"held_back_{why}"): n for why, n in stream.rules.held_back.items()})
        return counted

    def notice(self, stream: str, emitted: Emitted, jpeg: bytes = b"") -> None:
        """A transform of `stream` noticed something; `jpeg` is of a picture that left the chain with it, or empty."""
        one = self._streams[stream]
        if not _KIND.fullmatch(emitted.kind):  # it becomes part of an address
            self._counters[stream, "malformed"] += 1
            return
        jpeg = jpeg if self.store.keeps_pictures else b""
        *lost, own = one.episodes.take(emitted, has_picture=bool(jpeg))
        for event in lost:
            self._sort(one, event, b"")
        self._sort(one, own, jpeg)

    def outage(self, stream: str, date_range: DateRange, jpeg: bytes = b"") -> None:
        """The camera of `stream` is away, or back: then `date_range` has its end. `jpeg` is what it showed last."""
        one = self._streams[stream]
        event, told = one.outage, one.outage_range
        if event is None or told is None:
            jpeg = jpeg if self.store.keeps_pictures else b""
            name = one.ids.take(OUTAGE, date_range.start_ns)
            data = {"reason": date_range.attributes.get("X-REASON", date_range.caption)}
            event = TimedEvent(name, stream, OUTAGE, date_range.start_ns, None, data, bool(jpeg))
            one.outage, one.outage_range = event, replace(date_range, id=name, end_ns=None)
            self._publish(stream, one.outage_range)
            self._sort(one, event, jpeg)
        elif date_range.end_ns is not None:
            self._end_outage(one, event, date_range.end_ns)
            self._publish(stream, replace(told, end_ns=max(told.start_ns, date_range.end_ns)))

    def interrupt(self, stream: str, now_ns: int) -> None:
        """Its worker is gone: nobody will tell when that is over which goes on, so it is over now.

        Where the camera was away before, it was over then, as far as anybody knows.
        """
        one = self._streams[stream]
        for event in one.episodes.end_all(now_ns if one.outage is None else one.outage.start_ns):
            self._sort(one, event, b"")

    def tick(self, now_ns: int) -> None:
        """Tell what has lasted long enough by now. To be called about four times a second."""
        passed_s = min(PLAYLIST_BURST, max(0, now_ns - self._ticked_ns) / NS_PER_S)
        self._ticked_ns = now_ns
        for one in self._streams.values():
            one.room = min(PLAYLIST_BURST, one.room + passed_s * PLAYLIST_PER_S)
            for event in one.rules.due(now_ns):
                self._tell(one, event, one.pictures.pop(event.id, b""))
        is_busy = any(one.is_busy for one in self._streams.values())
        if abs(now_ns - self._alive_ns) >= (_ALIVE_EVERY_NS if is_busy else _IDLE_EVERY_NS):
            self._alive_ns = now_ns
            self.store.note_alive(now_ns)

    def close(self, now_ns: int, timeout_s: float = 1.0) -> bool:
        """End what goes on, write it and close the store, within `timeout_s`. False if something was lost."""
        for one in self._streams.values():
            self.interrupt(one.name, now_ns)
            if one.outage is not None:
                self._end_outage(one, one.outage, now_ns)
        return self.store.close(timeout_s)

    def _opened(self, name: str, rules: Rules) -> _Stream:
        ids = Ids(self.store.latest_ids(name, REMEMBERED_IDS))
        return _Stream(name, ids, Episodes(name, ids), rules)

    def _end_outage(self, one: _Stream, event: TimedEvent, end_ns: int) -> None:
        self._sort(one, replace(event, end_ns=max(event.start_ns, end_ns)), b"")
        one.outage = one.outage_range = None

    def _sort(self, one: _Stream, event: TimedEvent, jpeg: bytes) -> None:
        """Tell what the rules let pass; keep the picture of what may yet."""
        verdict = one.rules.judge(event)
        jpeg = jpeg or one.pictures.pop(event.id, b"")
        if verdict == "tell":
            self._tell(one, event, jpeg)
        elif verdict == "wait" and jpeg:
            if len(one.pictures) < MOST_PICTURES_WAITING:
                one.pictures[event.id] = jpeg
            else:
                self._counters[one.name, "pictures_dropped"] += 1

    def _tell(self, one: _Stream, event: TimedEvent, jpeg: bytes) -> None:
        self.changes[one.name] += 1
        before = one.told.pop(event.id, None)
        if before is None:
            self._counters[one.name, "told"] += 1
        event = replace(event, has_picture=bool(jpeg) or (before is not None and before.has_picture))
        published = self._tell_playlists(one, event, before)
        if not event.is_over:
            one.told[event.id] = _Told(published, event.has_picture)
        self.store.put(event, jpeg)
        for listener in self.listeners:
            try:
                listener(event, jpeg)
            except Exception as error:
                log.exception("somebody who is told of events failed", stream=one.name, error=str(error))

    def _tell_playlists(self, one: _Stream, event: TimedEvent, before: _Told | None) -> DateRange | None:
        """Publish what is not published yet of `event`; of one that goes on, what its end will have to repeat."""
        if one.outage is not None and event.id == one.outage.id:  # `outage` publishes it
            return None
        if before is not None:
            if before.range is not None:
                self._publish(one.name, replace(before.range, end_ns=event.end_ns))
            return None
        if one.room < 1:
            self._counters[one.name, "not_in_playlist"] += 1
            return None
        one.room -= 1
        told = date_range_of(event)
        self._publish(one.name, told)
        return told
