"""From requests to sessions: pure, with the time in every call; the same requests give the same sessions.

The rules, all of them kept in this file and in `session`:

1. A GET opens a *provisional* session; a request that fails, or writes nothing, opens none (scanners, HEAD, previews).
2. The first media bytes make it a play. Playlists and init segments never do, and never keep a play alive: a paused
   player goes on reading playlists for hours.
3. A play without media for the idle limit has ended, at its last media and not when the limit ran out. The rule is
   applied when time passes (`sweep`) and again before each request, so when `sweep` is called does not matter to the
   outcome.
4. Media with the same identity within five minutes of that end continue the same session, with a gap. Later ones
   begin a new session, so a token that nobody used for a day is a new viewer.
5. A provisional session that goes idle is an exit before video start. But mpv, and pages that look before they play,
   open the multivariant playlist twice and go on with one of the two tokens: an attempt that asked for nothing else,
   when the same client opened another one at about that time and played it, is no attempt.
6. What players still drain from a stream that has ended belongs to the ended session and does not resume it.
   Nor does what is on its way when a player says that it is closed.
7. A player's other names (`aliases`) lead to the session that had them first, within those five minutes. A session that
   has not played yet is absorbed by the one that has the name; two that have both played stay two.
8. Reports of a player tell how it plays; they open no session, and keep one alive only by saying that it plays.
9. Who has opted out is counted as a viewer while watching, and leaves an hour's counts: no session, no raw rows.

The tables are bounded. Where they are full, a session that has ended (and is stored) gives way, then one that never
played.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final

from relay.sessions.aliases import Name, Names, Waiting, names_of, names_of_report
from relay.sessions.delivery import NS_PER_MS
from relay.sessions.identity import Ids, Who, viewer_id_of
from relay.sessions.model import EndReason, Identity, LiveSession, ObjectKind, SessionRow
from relay.sessions.outbox import Outbox
from relay.sessions.playback import FINAL_STATES
from relay.sessions.requests import request_row
from relay.sessions.session import RESUME_WITHIN_NS, Phase, Session
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relay.sessions.model import Access, Client, PlayerEventRow, PlayerReport
    from relay.sessions.outbox import OtherRow

MAX_SESSIONS: Final = 50_000
DOUBLE_MASTER_WITHIN_NS: Final = 10 * NS_PER_S
STORE_EVERY_NS: Final = NS_PER_S // 2
"""How often a session that goes on is stored: with a sweep each 0.25 s, a crash loses less than its last second."""

QUIT_DRAINS_NS: Final = 3 * NS_PER_S
"""Media that are on their way when a player says that it is closed have been written within this."""

_SCHEDULE_SLACK: Final = 64


class Tracker:
    """All sessions of now. Not for several threads."""

    hears_requests = True  # in what was kept, what players told with them is apart

    def __init__(
        self,
        idle_ns: int,
        max_sessions: int = MAX_SESSIONS,
        *,
        keeps_requests: bool = True,
        viewer_of: Callable[[str, Identity], str] = viewer_id_of,
        who_of: Callable[[Client], Who] = Who.of,
    ) -> None:
        """Without `keeps_requests` no raw rows are made. `viewer_of` and `who_of` name those of kept requests."""
        self._idle_ns = idle_ns
        self._max_sessions = max_sessions
        self._sessions: dict[tuple[str, str], Session] = {}
        self._spare: OrderedDict[tuple[str, str], Session] = OrderedDict()  # who is not watching, longest first
        self._watching: Counter[str] = Counter()
        self._schedule: list[tuple[int, int, Session]] = []
        self._pushed = 0
        self._changed: dict[Session, None] = {}
        self._stored: dict[str, Session] = {}
        self._stored_until_ns = 0
        self._plays: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._keeps_requests = keeps_requests
        self._viewer_of, self._who_of = viewer_of, who_of
        self._names, self._waiting = Names(), Waiting()
        self._gone: OrderedDict[Name, None] = OrderedDict()
        self.outbox = Outbox()
        self.dropped = 0
        self.doubles = 0

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def changed(self) -> int:
        """Sessions that wait to be stored."""
        return len(self._changed)

    def viewers(self, stream: str) -> int:
        """How many watch `stream` now: plays that have not ended."""
        return self._watching[stream]

    def restore(self, rows: Iterable[SessionRow]) -> None:
        """Sessions that an earlier process ended lately: whoever returns to one in time goes on with it."""
        for row in rows:
            session = Session.restored(row, (row.stream_id, ""))
            self._stored[row.viewer_id] = session
            self._stored_until_ns = max(self._stored_until_ns, session.ended_at_ns + RESUME_WITHIN_NS)

    def note(self, access: Access, identity: Identity) -> None:
        """Take a request into account."""
        is_media = access.is_media
        if not is_media and access.is_empty:
            return
        at_ns = access.at_ns
        key = (access.stream, identity.id)
        session = self._sessions.get(key)
        if session is None:
            session = self._names.get(key)
        names: Sequence[Name] = ()
        cmcd = access.cmcd
        if access.playback_session_id is not None or (cmcd is not None and cmcd.sid is not None):
            names = names_of(access)
            session = self._same(session, names, at_ns)
        if session is not None:
            self.pass_until(session, at_ns)
        if session is None or (is_media and session.phase is Phase.ENDED and session.is_over(at_ns)):
            session = self._open(key, identity, access)
            if session is None:
                return
        if access.client.has_opted_out:
            session.has_opted_out = True
        if is_media and session.phase is not Phase.WATCHING:
            self._play(session, access)
        self._account(session, access, is_media=is_media)
        if session.key != key or names or self._waiting:
            self._link(session, (key, *names))

    def _account(self, session: Session, access: Access, *, is_media: bool) -> None:
        at_ns = access.at_ns
        if at_ns >= session.minute.until_ns:
            self.outbox.begin_minute(session, at_ns)
        if session.take(access, is_media=is_media) and access.msn is not None:
            media_at_ms = at_ns // NS_PER_MS if access.media_at_ms is None else access.media_at_ms
            self.outbox.audience.take(access.stream, access.msn, media_at_ms, session.ids.session_id, at_ns)
        if self._keeps_requests and not session.has_opted_out:
            self.outbox.keep(request_row(session, access))
        cmcd = access.cmcd
        if cmcd is not None and self.hears_requests and (told := session.told_with(cmcd, access)) is not None:
            self._keep_told(session, told)
        self._changed[session] = None

    def report(self, report: PlayerReport, identity: Identity | None) -> bool:
        """Take what a player reports into account; `identity` is that of the token that it came with, if any.

        Of a session that is not known yet it is kept for a minute. False: the session ended too long ago to be resumed,
        and its player need not report any more.
        """
        names = names_of_report(report)
        if identity is not None:
            names.insert(0, (report.stream, identity.id))
        if not names:
            return True
        session = next(filter(None, (self._sessions.get(name) or self._names.get(name) for name in names)), None)
        if session is None:
            if any(name in self._gone for name in names):
                return False
            self._waiting.keep(names[0], report)
            return True
        self.pass_until(session, report.received_ns)
        if session.phase is Phase.ENDED and session.is_over(report.received_ns):
            return False
        for name in names:
            self._names.give(name, session)
        self._tell(session, report)
        return True

    def leave(self, session: Session) -> None:
        """`session` cannot go on any more."""
        self._names.forget(session)

    def pass_until(self, session: Session, now_ns: int) -> None:
        """End `session` if it has gone idle by now."""
        is_late = now_ns - session.last_media_ns > self._idle_ns  # sooner none is due, and most come sooner
        if is_late and session.phase is not Phase.ENDED and now_ns > session.due_ns(self._idle_ns):
            self._end(session, EndReason.IDLE, now_ns)

    def tell(self, session: Session, row: PlayerEventRow) -> None:
        """Take a report into account that `session` has entered: the player may have said that it is over."""
        self._changed[session] = None
        if row.state in FINAL_STATES and session.phase is not Phase.ENDED:
            reason = EndReason.PLAYER_ERROR if row.state == "f" else EndReason.PLAYER_QUIT
            at_ns = (row.at_us + session.playback.lag_us) * 1000
            self._end(session, reason, row.received_us * 1000, at_ns)

    def take_rows(self, now_ns: int) -> list[OtherRow]:
        """All rows but those of sessions that are complete by now; each is handed out once."""
        return self.outbox.take(now_ns)

    def sweep(self, now_ns: int) -> None:
        """End what has gone idle by now and forget what cannot be resumed any more."""
        while self._schedule and self._schedule[0][0] < now_ns:
            entry = heapq.heappop(self._schedule)
            session = entry[2]
            if not self._is_current(entry):
                continue
            if session.due_ns(self._idle_ns) >= now_ns:
                self._reschedule(session)
            elif session.phase is Phase.ENDED:
                self._forget(session)
            else:
                self._end(session, EndReason.IDLE, now_ns)
        while self._plays and now_ns - next(iter(self._plays.values())) > RESUME_WITHIN_NS + self._idle_ns:
            self._plays.popitem(last=False)
        if now_ns > self._stored_until_ns:
            self._stored.clear()

    def end_stream(self, stream: str, now_ns: int) -> None:
        """The stream has ended, and with it whoever watched it."""
        for session in list(self._sessions.values()):
            if session.stream == stream and session.phase is not Phase.ENDED:
                self._end(session, EndReason.STREAM_END, now_ns)

    def end_all(self, reason: EndReason, now_ns: int) -> None:
        """The relay stops."""
        for session in list(self._sessions.values()):
            if session.phase is not Phase.ENDED:
                self._end(session, reason, now_ns)

    def take_changed(self, now_ns: int, limit: int) -> list[SessionRow]:
        """Up to `limit` rows that are due to be stored; what changed again since it was stored waits for its turn."""
        due = [session for session in self._changed if now_ns - session.stored_at_ns >= STORE_EVERY_NS][:limit]
        for session in due:
            del self._changed[session]
            session.stored_at_ns = now_ns
        return [session.row() for session in due if session.is_worth_a_row]

    def take_all(self) -> list[SessionRow]:
        """Every row that was not stored in its present state."""
        changed, self._changed = self._changed, {}
        return [session.row() for session in changed if session.is_worth_a_row]

    def watching(self) -> list[LiveSession]:
        """Everyone who watches now."""
        found = [session for session in self._sessions.values() if session.phase is Phase.WATCHING]
        return [LiveSession(one.row(), one.delivery.rendition) for one in found if not one.has_opted_out]

    def _open(self, key: tuple[str, str], identity: Identity, access: Access) -> Session | None:
        if access.status >= 400:
            return None
        viewer = self._viewer_of(access.stream, identity)
        session = self._stored.pop(viewer, None)
        if session is not None and not session.is_over(access.at_ns):
            session.key = key
        else:
            session = Session(key, Ids.of(viewer, identity, access.at_ns), self._who_of(access.client), access.at_ns)
            if access.kind is ObjectKind.MULTIVARIANT:
                session.asked_at_ns = access.at_ns - access.took_ms * NS_PER_MS
        if key not in self._sessions and not self._has_room(access):
            self.dropped += 1
            return None
        if (earlier := self._sessions.get(key)) is not None:
            self.leave(earlier)
        self._sessions[key] = self._spare[key] = session
        self._spare.move_to_end(key)
        self._reschedule(session)
        return session

    def _has_room(self, access: Access) -> bool:
        if len(self._sessions) < self._max_sessions:
            return True
        if not self._spare:
            return False
        oldest = next(iter(self._spare.values()))
        if oldest.phase is Phase.PROVISIONAL:
            if not access.is_media:
                return False
            self.dropped += 1
        self._forget(oldest)
        return True

    def _play(self, session: Session, access: Access) -> None:
        if session.phase is Phase.ENDED and self._drains(session, access.at_ns):
            return
        if session.has_played:
            session.resume(access.at_ns)
        else:
            session.start(access, self._who_of(access.client))
        self._spare.pop(session.key)
        self._watching[session.stream] += 1
        client = (session.stream, access.client.fallback_id)
        self._plays[client] = session.opened_at_ns
        self._plays.move_to_end(client)
        if len(self._plays) > self._max_sessions:
            self._plays.popitem(last=False)
        session.stored_at_ns = 0
        self._reschedule(session)

    def _end(self, session: Session, reason: EndReason, now_ns: int, quit_ns: int | None = None) -> None:
        if session.phase is Phase.WATCHING:
            self._watching[session.stream] -= 1
        session.end(reason, now_ns, quit_ns)
        if session.has_opted_out:
            self.outbox.count_out(session)
        session.is_double = self._is_double(session)
        self.doubles += session.is_double
        session.stored_at_ns = 0
        self._spare[session.key] = session
        self._spare.move_to_end(session.key)
        self._changed[session] = None
        self._reschedule(session)

    def _drains(self, session: Session, at_ns: int) -> bool:
        """Whether media at `at_ns` are still of before the end: the rest of an ended stream, or a late note."""
        if not session.has_played:
            return False
        limit_ns = session.ended_at_ns
        if session.end_reason is EndReason.STREAM_END:
            limit_ns = max(limit_ns, session.closed_at_ns + self._idle_ns)
        elif session.end_reason in {EndReason.PLAYER_QUIT, EndReason.PLAYER_ERROR}:
            limit_ns = max(limit_ns, session.closed_at_ns) + QUIT_DRAINS_NS
        return at_ns <= limit_ns

    def _is_double(self, session: Session) -> bool:
        if session.has_played or not session.is_master_only:
            return False
        played_ns = self._plays.get((session.stream, session.who.viewer_day_id))
        return played_ns is not None and abs(played_ns - session.opened_at_ns) <= DOUBLE_MASTER_WITHIN_NS

    def _forget(self, session: Session) -> None:
        del self._sessions[session.key]
        self._spare.pop(session.key)
        if session.playback.last_us:
            for name in (session.key, *session.names):
                self._gone[name] = None
            while len(self._gone) > self._max_sessions:
                self._gone.popitem(last=False)
        self.leave(session)

    def _same(self, session: Session | None, names: Sequence[Name], at_ns: int) -> Session | None:
        """The session that has one of `names`, which may be another than the one of the request's token."""
        for name in names:
            other = self._names.get(name)
            if other is None or other is session or other.key[0] != name[0]:
                continue
            if other.phase is Phase.ENDED and other.is_over(at_ns):
                continue
            if session is None:
                session = other
            elif session.phase is Phase.PROVISIONAL:
                self._absorb(session, other)
                session = other
            elif other.phase is Phase.PROVISIONAL:
                self._absorb(other, session)
        return session

    def _absorb(self, lost: Session, kept: Session) -> None:
        kept.absorb(lost)
        self.doubles += 1
        del self._sessions[lost.key]
        self._spare.pop(lost.key)
        self._changed.pop(lost, None)
        self.outbox.drop_minute(lost)
        names = (lost.key, *lost.names)
        self._names.forget(lost)
        for name in names:
            self._names.give(name, kept)

    def _link(self, session: Session, names: Sequence[Name]) -> None:
        for name in names:
            self._names.give(name, session)
        if self._waiting:
            for report in self._waiting.take(names):
                self._tell(session, report)

    def _tell(self, session: Session, report: PlayerReport) -> None:
        if report.client.has_opted_out:
            session.has_opted_out = True
        if (row := session.tell(report)) is not None:
            self._keep_told(session, row)
            self.tell(session, row)

    def _keep_told(self, session: Session, row: PlayerEventRow) -> None:
        if self._keeps_requests and not session.has_opted_out:
            self.outbox.keep(row)

    def _reschedule(self, session: Session) -> None:
        session.scheduled_ns = session.due_ns(self._idle_ns)
        self._pushed += 1
        heapq.heappush(self._schedule, (session.scheduled_ns, self._pushed, session))
        if len(self._schedule) > 2 * len(self._sessions) + _SCHEDULE_SLACK:
            self._schedule = [entry for entry in self._schedule if self._is_current(entry)]
            heapq.heapify(self._schedule)

    def _is_current(self, entry: tuple[int, int, Session]) -> bool:
        due_ns, _, session = entry
        return due_ns == session.scheduled_ns and self._sessions.get(session.key) is session
