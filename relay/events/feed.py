"""The live feed: who listens to what happens, and what each of them is to be sent next. Pure: bytes for others to send.

The form is that of server-sent events (WHATWG HTML §9.2, html.spec.whatwg.org/multipage/server-sent-events.html):

1. A message has an id, RUN-NUMBER. Numbers go up by one over all streams; RUN tells this start from earlier ones.
2. The last messages of each stream are kept (`MOST_KEPT`, `MOST_KEPT_BYTES`). Who comes again with the last id that it
   saw is sent what followed. Where not all of that is kept, a `gap` comes first: what is missing stands in the store.
3. Of who does not read, so much waits (`MOST_WAITING`, `MOST_WAITING_BYTES`). Beyond that the oldest messages are left
   out and counted, and a `gap` says so.
4. Whoever listens is told a first id at once, so that nothing is lost where the connection ends before a message came.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from heapq import merge
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.events.telling import Phases, described, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay.events.model import TimedEvent

RETRY_MS: Final = 2000
"""After so long a browser connects again."""
MOST_LISTENERS: Final = 200
"""Each has a connection of its own, as long as its page is looked at."""
MOST_KEPT: Final = 256
MOST_KEPT_BYTES: Final = 512 * 1024
"""Of one stream: an event has 4 KB of data at the most."""
MOST_WAITING: Final = 256
MOST_WAITING_BYTES: Final = 512 * 1024
HEARTBEAT: Final = b":\n\n"
"""A comment, which clients pass over (§9.2.6): proxies and routers end connections on which nothing comes."""
_GAP: Final = b"event: gap\ndata: {}\n\n"
_ID: Final = re.compile(r"(\d{1,16})-(\d{1,16})", re.ASCII)


class Message(NamedTuple):
    """One message, as all who listen are sent it."""

    number: int
    data: bytes


class Backlog:
    """The last messages of one stream."""

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.lost_up_to = 0
        """The number of the newest message that is not kept any more."""
        self._size_bytes = 0

    def keep(self, message: Message) -> None:
        """Add the newest; let go of what is too much, never of the newest itself."""
        self.messages.append(message)
        self._size_bytes += len(message.data)
        while len(self.messages) > 1 and (len(self.messages) > MOST_KEPT or self._size_bytes > MOST_KEPT_BYTES):
            gone = self.messages.popleft()
            self._size_bytes -= len(gone.data)
            self.lost_up_to = gone.number


class Listener:
    """One who listens to a stream, or, without a name, to all. `wake` is called when there is something to `take`."""

    def __init__(self, stream: str | None, wake: Callable[[], None], opening: bytes) -> None:
        self.stream = stream
        self.dropped = 0
        self.is_over = False
        """The feed has ended: after what waits, nothing comes."""
        self._wake = wake
        self._opening = opening
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._has_gap = False

    def put(self, message: Message) -> int:
        """Have `message` sent. How many older ones that still waited are left out for it."""
        self._waiting.append(message)
        self._waiting_bytes += len(message.data)
        dropped = 0
        while len(self._waiting) > 1 and (
            len(self._waiting) > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES
        ):
            self._waiting_bytes -= len(self._waiting.popleft().data)
            dropped += 1
        if dropped:
            self._has_gap = True
            self.dropped += dropped
        self._wake()
        return dropped

    def miss(self) -> None:
        """Something that it asks for is not kept."""
        self._has_gap = True

    def take(self) -> bytes:
        """All that is to be sent now; empty if nothing is."""
        blocks = [self._opening, *([_GAP] if self._has_gap else []), *(message.data for message in self._waiting)]
        self._opening, self._has_gap = b"", False
        self._waiting.clear()
        self._waiting_bytes = 0
        return b"".join(blocks)

    def end(self) -> None:
        """Nothing will follow."""
        self.is_over = True
        self._wake()


class Feed:
    """All who listen, and what was told last. `run` is larger at each start of the relay: Unix milliseconds."""

    def __init__(self, run: int, most_listeners: int = MOST_LISTENERS) -> None:
        self.counters: Counter[str] = Counter(told=0, dropped=0, refused=0)
        self._run = run
        self._most_listeners = most_listeners
        self._phases = Phases()
        self._number = 0
        self._backlogs: dict[str, Backlog] = {}
        self._listeners: list[Listener] = []
        self._is_over = False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def hear(self, event: TimedEvent, jpeg: bytes = b"") -> None:
        """Tell all who listen. The picture is fetched by whoever wants to see it."""
        del jpeg
        self._number += 1
        lines = f"id: {self._id(self._number)}\nevent: {self._phases.of(event)}\ndata: {to_json(described(event))}\n\n"
        message = Message(self._number, lines.encode())
        self._backlogs.setdefault(event.stream, Backlog()).keep(message)
        self.counters["told"] += 1
        for listener in self._listeners:
            if listener.stream in (None, event.stream):
                self.counters["dropped"] += listener.put(message)

    def listen(self, stream: str | None, last_id: str, wake: Callable[[], None]) -> Listener | None:
        """Somebody listens from now on, or, with the last id that they saw, from then on. None: there are too many."""
        if self._is_over or len(self._listeners) >= self._most_listeners:
            self.counters["refused"] += 1
            return None
        backlogs = [backlog for name, backlog in self._backlogs.items() if stream in (None, name)]
        seen = self._seen(last_id) if last_id else self._number
        missed = self._after(backlogs, seen)
        first = missed[0].number - 1 if missed else self._number
        listener = Listener(stream, wake, f"retry: {RETRY_MS}\nid: {self._id(first)}\n\n".encode())
        if seen is None or any(backlog.lost_up_to > seen for backlog in backlogs):
            listener.miss()
        for message in missed:
            self.counters["dropped"] += listener.put(message)
        self._listeners.append(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def end(self) -> None:
        """The relay stops: let all who listen go."""
        self._is_over = True
        for listener in self._listeners:
            listener.end()

    def _id(self, number: int) -> str:
        return f"{self._run}-{number}"

    def _seen(self, last_id: str) -> int | None:
        """The number of an id; None for one of another start, or that never was."""
        match = _ID.fullmatch(last_id)
        if match is None or int(match[1]) != self._run or int(match[2]) > self._number:
            return None
        return int(match[2])

    @staticmethod
    def _after(backlogs: Iterable[Backlog], seen: int | None) -> list[Message]:
        """What is kept behind `seen`, in the order in which it was told: everything, where that is not known."""
        kept = merge(*(backlog.messages for backlog in backlogs))
        return [message for message in kept if seen is None or message.number > seen]
