"""The rows that wait to be taken: raw ones at once, minutes and segments when they are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.sessions.audience import Audience
from relay.sessions.delivery import NS_PER_MS
from relay.sessions.model import OptedOutRow
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.sessions.model import AudienceRow, MinuteRow, PlayerEventRow, RequestRow
    from relay.sessions.session import Session

    OtherRow = MinuteRow | AudienceRow | RequestRow | PlayerEventRow | OptedOutRow

MAX_ROWS: Final = 100_000
"""Seconds of the busiest relay. What comes beyond is dropped, and counted."""

MINUTES_AT_ONCE: Final = 500
"""Sessions whose minute is closed in one go, about 10 ms of work."""

MS_PER_HOUR: Final = 3_600_000


class Outbox:
    """All rows but those of sessions, each handed out once."""

    def __init__(self) -> None:
        self.audience = Audience()
        self.dropped = 0
        self._minutes: dict[Session, None] = {}
        self._rows: list[OtherRow] = []

    @property
    def waiting(self) -> int:
        """How many rows could be taken now."""
        return len(self._rows)

    def keep(self, row: OtherRow) -> None:
        """Hand `row` out next."""
        if len(self._rows) < MAX_ROWS:
            self._rows.append(row)
        else:
            self.dropped += 1

    def begin_minute(self, session: Session, at_ns: int) -> None:
        """`session` is in another minute now; that before is over."""
        self.finish_minute(session)
        session.minute.begin(at_ns)
        self._minutes[session] = None

    def finish_minute(self, session: Session) -> None:
        """What `session` did in the minute in which it is, as rows. Who has opted out has none."""
        if self._minutes.pop(session, self) is self:
            return
        for row in session.finish_minute():
            if not session.has_opted_out:
                self.keep(row)

    def drop_minute(self, session: Session) -> None:
        """`session` is no more; another one has its accounts."""
        self._minutes.pop(session, None)

    def count_out(self, session: Session) -> None:
        """A session of somebody who has opted out is over: its counts are kept, by the hour."""
        plays, watched_ns, sent = session.take_counts()
        hour_ms = session.ended_at_ns // NS_PER_MS // MS_PER_HOUR * MS_PER_HOUR
        self.keep(OptedOutRow(hour_ms, session.stream, plays, round(watched_ns / NS_PER_S, 3), sent))

    def take(self, now_ns: int) -> list[OtherRow]:
        """What is complete by now."""
        due: list[Session] = []
        for session in self._minutes:
            if session.minute.until_ns > now_ns or len(due) >= MINUTES_AT_ONCE:
                break
            due.append(session)
        for session in due:
            self.finish_minute(session)
        rows, self._rows = self._rows, []
        rows.extend(self.audience.take_rows(now_ns))
        return rows

    def take_all(self) -> list[OtherRow]:
        """Everything, also minutes and segments that are not over: the relay stops."""
        for session in list(self._minutes):
            self.finish_minute(session)
        rows, self._rows = self._rows, []
        rows.extend(self.audience.take_all())
        return rows
