"""What the HTTP side calls: it joins token, tracker and store, and never lets any of them disturb serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.errors import TokenError
from relay.sessions.aliases import digest_of
from relay.sessions.delivery import NS_PER_MS
from relay.sessions.model import EndReason, Identity, IdSource
from relay.sessions.session import RESUME_WITHIN_NS
from relay.sessions.tracker import MAX_SESSIONS, Tracker
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.sessions.model import Access, LiveSession, PlayerReport, SessionRow, ViewingRow, ViewingSink
    from relay.sessions.store import SessionStore
    from relay.sessions.token import TokenMint

SWEEP_EVERY_S: Final = 0.25
ROWS_PER_SWEEP: Final = 500
"""About 4 ms of work, enough for 1000 viewers. Of more, a quarter is taken each time, so they cannot pile up."""

TAKE_ROWS_EVERY_NS: Final = 5 * NS_PER_S
"""Rows but those of sessions are stored together: of one viewer's requests, a batch each quarter second would be mostly
its own header. A crash costs their last five seconds, and of a session's row, which is stored by itself, one."""


class SessionRecorder:
    """Who watches, and the record of it. All but the store's thread runs on the event loop.

    At its start it takes up the sessions that the relay's last stop or crash interrupted: a page that plays on is one
    viewing.
    """

    def __init__(
        self,
        store: SessionStore,
        mint: TokenMint,
        idle_s: float,
        sinks: Sequence[ViewingSink] = (),
        *,
        keeps_requests: bool = True,
    ) -> None:
        """`sinks` are given every row, the sessions' included; raw rows are made only if it `keeps_requests`."""
        self._store = store
        self._mint = mint
        self._sinks = tuple(sinks)
        self._tracker = Tracker(round(idle_s * NS_PER_S), keeps_requests=keeps_requests)
        self._tracker.restore(store.ended_lately(RESUME_WITHIN_NS // NS_PER_MS))
        self._verified: dict[tuple[str, str], Identity] = {}
        self._refused_tokens = 0
        self._rows_taken_ns = 0
        self._is_closed = False

    def note(self, access: Access) -> None:
        """Take a request into account: a few microseconds, no I/O."""
        self._tracker.note(access, self._identity(access))

    def report(self, report: PlayerReport) -> bool:
        """Take into account what a player tells. False: its session is over, and it need not report any more."""
        viewer = report.viewer if report.stream else None
        identity = self._owner(report.stream, viewer, report.received_ns) if viewer is not None else None
        return self._tracker.report(report, identity)

    def viewers(self, stream: str) -> int:
        """How many watch `stream` now."""
        return self._tracker.viewers(stream)

    def sessions_live(self) -> list[LiveSession]:
        """Everyone who watches, as of now."""
        return self._tracker.watching()

    def sweep(self, now_ns: int) -> None:
        """End what has gone idle and hand the store what has changed; to be called every `SWEEP_EVERY_S`."""
        self._tracker.sweep(now_ns)
        limit = max(ROWS_PER_SWEEP, self._tracker.changed // 4)
        is_due = now_ns - self._rows_taken_ns >= TAKE_ROWS_EVERY_NS or self._tracker.outbox.waiting >= ROWS_PER_SWEEP
        if is_due:
            self._rows_taken_ns = now_ns
        others = self._tracker.take_rows(now_ns) if is_due else ()
        self._hand_out(self._tracker.take_changed(now_ns, limit), others)

    def end_stream(self, stream: str, now_ns: int) -> None:
        """The stream has ended (its playlists have ENDLIST): so have its viewers' sessions."""
        self._tracker.end_stream(stream, now_ns)

    def close(self, now_ns: int, reason: EndReason = EndReason.SERVER_STOP, timeout_s: float = 1.0) -> bool:
        """End all sessions, write them and close the store, within `timeout_s`. False if rows were lost. Idempotent."""
        if self._is_closed:
            return True
        self._is_closed = True
        self._tracker.sweep(now_ns)
        self._tracker.end_all(reason, now_ns)
        self._hand_out(self._tracker.take_all(), self._tracker.outbox.take_all())
        return self._store.close(timeout_s)

    def _hand_out(self, sessions: list[SessionRow], others: Sequence[ViewingRow]) -> None:
        if rows := [*sessions, *others]:
            self._store.put(rows)
            for sink in self._sinks:
                sink.put(rows)

    def counters(self) -> dict[str, int]:
        """Numbers for metrics; all but `sessions_tracked` only grow."""
        return {
            "sessions_tracked": len(self._tracker),
            "sessions_dropped": self._tracker.dropped,
            "double_masters": self._tracker.doubles,
            "tokens_refused": self._refused_tokens,
            "viewing_rows_dropped": self._tracker.outbox.dropped,
            "session_rows_written": self._store.rows_written,
            "session_rows_dropped": self._store.rows_dropped,
            "session_write_failures": self._store.write_failures,
        }

    def _identity(self, access: Access) -> Identity:
        """The surest that it has: a good token, CMCD's `sid`, Apple's id, the client's hash. Nobody is refused."""
        if access.viewer is not None:
            identity = self._owner(access.stream, access.viewer, access.at_ns)
            if identity is not None:
                return identity
        if access.cmcd is not None and access.cmcd.sid is not None:
            return Identity(digest_of(IdSource.CMCD_SID, access.cmcd.sid), IdSource.CMCD_SID)
        if access.playback_session_id is not None:
            source = IdSource.PLAYBACK_SESSION
            return Identity(digest_of(source, access.playback_session_id), source)
        return Identity(access.client.fallback_id, IdSource.FALLBACK_HASH)

    def _owner(self, stream: str, viewer: str, at_ns: int) -> Identity | None:
        """Whose token `viewer` is; None where it is not a good one."""
        text = (stream, viewer)
        identity = self._verified.get(text)
        if identity is not None:
            return identity
        try:
            token = self._mint.verify(viewer, stream, at_ns // NS_PER_S)
        except TokenError:
            self._refused_tokens += 1
            return None
        if len(self._verified) >= MAX_SESSIONS:
            self._verified.clear()
        identity = self._verified[text] = Identity(token.id, IdSource.PATH_TOKEN)
        return identity
