"""Other names of a session: what its player calls itself (CMCD `sid`, Apple's playback session id), as digests alone.

A player that opens the multivariant playlist twice has two tokens and one `sid`; a phone that hands over to a
television keeps Apple's id while address and token change. Both stay one viewing.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from relay.sessions.model import IdSource
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.sessions.model import Access, PlayerReport
    from relay.sessions.session import Session

Name = tuple[str, str]
"""The stream (empty where a report does not say), and a key or digest."""

MAX_NAMES: Final = 200_000
MAX_WAITING: Final = 1024
MAX_WAITING_PER_NAME: Final = 16
WAITS_NS: Final = 60 * NS_PER_S


@lru_cache(maxsize=4096)
def digest_of(source: IdSource, text: str) -> str:
    """What a client's own text is known by. A session's id is made of this, so it is never the text."""
    return blake2b(f"{source}\0{text}".encode(errors="replace"), digest_size=12).hexdigest()


def names_of(access: Access) -> list[Name]:
    """The names that come with a request, those that a report without a stream could use included."""
    names: list[Name] = []
    cmcd = access.cmcd
    if cmcd is not None and cmcd.sid is not None:
        digest = digest_of(IdSource.CMCD_SID, cmcd.sid)
        names += [(access.stream, digest), ("", digest)]
    if access.playback_session_id is not None:
        names.append((access.stream, digest_of(IdSource.PLAYBACK_SESSION, access.playback_session_id)))
    return names


def names_of_report(report: PlayerReport) -> list[Name]:
    """The names by which a report without a token says which session it is about."""
    if report.cmcd.sid is None:
        return []
    return [(report.stream, digest_of(IdSource.CMCD_SID, report.cmcd.sid))]


class Names:
    """Which session has which other name. It keeps as many as its sessions have, and no more than `MAX_NAMES`."""

    def __init__(self) -> None:
        self._sessions: dict[Name, Session] = {}

    def get(self, name: Name) -> Session | None:
        """Whose name it is."""
        return self._sessions.get(name)

    def give(self, name: Name, session: Session) -> None:
        """It is `session`'s from now on."""
        other = self._sessions.get(name)
        if name == session.key or other is session or len(self._sessions) >= MAX_NAMES:
            return
        if other is not None:
            other.names.discard(name)
        self._sessions[name] = session
        session.names.add(name)

    def forget(self, session: Session) -> None:
        """Its names lead nowhere."""
        for name in session.names:
            del self._sessions[name]
        session.names.clear()


class Waiting:
    """Reports of sessions that nobody has heard of yet: a player may report before its first request is noted."""

    def __init__(self) -> None:
        self._reports: OrderedDict[Name, list[PlayerReport]] = OrderedDict()
        self.dropped = 0

    def __bool__(self) -> bool:
        return bool(self._reports)

    def keep(self, name: Name, report: PlayerReport) -> None:
        """Keep `report` until somebody of that name comes."""
        while self._reports:
            oldest = next(iter(self._reports.values()))
            has_room = name in self._reports or len(self._reports) < MAX_WAITING
            if has_room and report.received_ns - oldest[0].received_ns <= WAITS_NS:
                break
            self.dropped += len(self._reports.popitem(last=False)[1])
        waiting = self._reports.setdefault(name, [])
        if len(waiting) < MAX_WAITING_PER_NAME:
            waiting.append(report)
        else:
            self.dropped += 1

    def take(self, names: Sequence[Name]) -> list[PlayerReport]:
        """What waits for any of `names`, in the order in which it came."""
        return [report for name in names for report in self._reports.pop(name, ())]
