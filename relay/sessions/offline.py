"""The same sessions once more, from the requests and reports that were kept of them.

What is kept has no texts of clients, so a session's other names are already resolved in it: `viewer_id` says whose each
request is. It does not say when a stream ended or the relay stopped: sessions end by themselves here. Of who has opted
out nothing is kept, and nothing comes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.sessions.model import Identity, IdSource
from relay.sessions.requests import MAX_CLIENTS, Requests
from relay.sessions.tracker import Tracker
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relay.sessions.model import PlayerEventRow, RequestRow, SessionRow, ViewingRow
    from relay.sessions.session import Session

IDLE_NS: Final = 30 * NS_PER_S
_LOOK_EVERY_NS: Final = NS_PER_S // 4
"""As the relay does."""


class _Offline(Tracker):
    """A tracker that keeps a session's row until nothing can be added to it."""

    hears_requests = False

    def __init__(self, idle_ns: int, requests: Requests) -> None:
        super().__init__(idle_ns, keeps_requests=False, viewer_of=_viewer_of, who_of=requests.who)
        self.finished: list[SessionRow] = []
        self.by_id: dict[str, Session] = {}

    def find(self, key: tuple[str, str]) -> Session | None:
        return self._sessions.get(key)

    def look(self, now_ns: int) -> list[ViewingRow]:
        self.sweep(now_ns)
        self._changed.clear()
        rows, self.finished = self.finished, []
        return [*rows, *self.take_rows(now_ns)]

    def finish(self) -> list[ViewingRow]:
        left = [session.row() for session in self._sessions.values() if session.is_worth_a_row]
        rows, self.finished = self.finished, []
        return [*rows, *left, *self.outbox.take_all()]

    def leave(self, session: Session) -> None:
        """It is forgotten, or another one takes its place."""
        super().leave(session)
        self.by_id.pop(session.ids.session_id, None)
        if session.is_worth_a_row:
            self.finished.append(session.row())


def _viewer_of(_stream: str, identity: Identity) -> str:
    return identity.id


def resession(
    rows: Iterable[RequestRow], reports: Iterable[PlayerEventRow] = (), idle_ns: int = IDLE_NS
) -> Iterator[ViewingRow]:
    """Sessions, minutes, audiences of `rows` (by `at_us`) and `reports` (by `received_us`), each once: when it is over.

    Sessions that were still watched, or might have been resumed, when the rows end come last, as they were then.
    """
    requests = Requests()
    tracker = _Offline(idle_ns, requests)
    sources = {source.value: source for source in IdSource}
    coming = iter(reports)
    report = next(coming, None)
    early: dict[str, list[PlayerEventRow]] = {}
    identities: dict[str, Identity] = {}
    looks_at_ns = 0
    for row in rows:
        while report is not None and report.received_us < row.at_us:
            _tell(tracker, report, early)
            report = next(coming, None)
        access = requests.access(row)
        if access.at_ns >= looks_at_ns:
            looks_at_ns = access.at_ns + _LOOK_EVERY_NS
            yield from tracker.look(access.at_ns)
        identity = identities.get(row.viewer_id)
        if identity is None or identity.source != row.id_source:
            if len(identities) >= MAX_CLIENTS:
                identities.clear()
            identity = identities[row.viewer_id] = Identity(row.viewer_id, sources[row.id_source])
        tracker.note(access, identity)
        if row.session_id not in tracker.by_id:
            session = tracker.find((row.stream_id, row.viewer_id))
            if session is not None:
                tracker.by_id[session.ids.session_id] = tracker.by_id[row.session_id] = session
                for told in early.pop(row.session_id, ()):
                    _tell(tracker, told, early)
    while report is not None:
        _tell(tracker, report, early)
        report = next(coming, None)
    yield from tracker.finish()


def _tell(tracker: _Offline, report: PlayerEventRow, early: dict[str, list[PlayerEventRow]]) -> None:
    session = tracker.by_id.get(report.session_id)
    if session is None:
        early.setdefault(report.session_id, []).append(report)
        return
    if report.event:
        tracker.pass_until(session, report.received_us * 1000)
    session.playback.take(report)
    if report.event:
        session.last_seen_ns = max(session.last_seen_ns, report.received_us * 1000)
    tracker.tell(session, report)
