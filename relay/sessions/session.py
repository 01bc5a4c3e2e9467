"""One viewer's session: what is known of it, and how it becomes a row.

    provisional ──first media bytes──> watching ──idle, stream end, stop──> ended
         │                                 ^                                 ^ │
         └──────────idle, stop─────────────┼─────────────────────────────────┘ │
                                           └──media again within 5 minutes─────┘  (the same row, with a gap)

**Watched time** is estimated for each unbroken run of media requests, as no player tells when it plays:

    min(unique media fetched, last media - first media + duration of the last object)

Neither alone would do: a player that starts fetches three segments at once and may be closed a moment later; a player
that is stalled asks again and again and shows nothing. A pause shorter than the idle limit cannot be seen.
"""

from __future__ import annotations

from enum import Enum, auto
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.model import MediaKind
from relay.sessions.coverage import Coverage
from relay.sessions.model import EndReason, ObjectKind, SessionRow
from relay.sessions.player import Player, parse_user_agent
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.sessions.model import Access, Client, Identity

RESUME_WITHIN_NS: Final = 300 * NS_PER_S
"""Who comes back with the same token this soon after the last media is still watching: a pause, a lost network."""

IDLE_OBJECTS: Final = 3
"""No session is idle before three of its own segments could have been fetched, however short the setting."""

MAX_RENDITIONS: Final = 16
MAX_ERROR_CODES: Final = 16
NS_PER_MS: Final = 1_000_000
_ID_BYTES: Final = 12


class Phase(Enum):
    """Where a session is on its way."""

    PROVISIONAL = auto()
    WATCHING = auto()
    ENDED = auto()


class Ids(NamedTuple):
    """What a session is called. None of it leads back to the token."""

    session_id: str
    viewer_id: str
    id_source: str

    @classmethod
    def of(cls, viewer: str, identity: Identity, opened_at_ns: int) -> Ids:
        """The ids of the session that `viewer` opens: the same input gives the same ids, live and from logs."""
        return cls(_digest(f"{viewer}\0{opened_at_ns}"), viewer, identity.source)


def viewer_id_of(stream: str, identity: Identity) -> str:
    """The id of a token's or hash's owner."""
    return _digest(f"{stream}\0{identity.source}\0{identity.id}")


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=_ID_BYTES).hexdigest()


class Who(NamedTuple):
    """The masked client of a session."""

    viewer_day_id: str
    client_net: str
    player: Player

    @classmethod
    def of(cls, client: Client) -> Who:
        """`client`, its user agent taken apart."""
        return cls(client.fallback_id, client.network, parse_user_agent(client.user_agent))


class _Run:
    """Media requests without a gap: from when, and how much unique media of each kind."""

    __slots__ = ("audio_ns", "first_ns", "last_ns", "video_ns")

    def __init__(self, at_ns: int) -> None:
        self.first_ns = self.last_ns = at_ns
        self.video_ns = self.audio_ns = 0

    @property
    def media_ns(self) -> int:
        """The main rendition's: a separate audio group is the same time once more, unless it is all there is."""
        return self.video_ns or self.audio_ns

    def watched_ns(self, last_duration_ns: int) -> int:
        return min(self.media_ns, self.last_ns - self.first_ns + last_duration_ns)


class Session:
    """One session. The tracker decides when it begins, ends and resumes; the session keeps its accounts."""

    __slots__ = (
        "_audio",
        "_bytes_sent",
        "_error_codes",
        "_first_media_ns",
        "_gap_count",
        "_gap_ns",
        "_http_error_count",
        "_last_duration_ns",
        "_last_media_ns",
        "_longest_ns",
        "_media_before_ns",
        "_renditions",
        "_request_count",
        "_run",
        "_video",
        "_watched_before_ns",
        "closed_at_ns",
        "end_reason",
        "ids",
        "is_double",
        "is_master_only",
        "key",
        "last_seen_ns",
        "opened_at_ns",
        "phase",
        "scheduled_ns",
        "stored_at_ns",
        "who",
    )

    def __init__(self, key: tuple[str, str], ids: Ids, who: Who, opened_at_ns: int) -> None:
        self.key = key
        self.ids = ids
        self.who = who
        self.phase = Phase.PROVISIONAL
        self.opened_at_ns = self.last_seen_ns = opened_at_ns
        self.end_reason: EndReason | None = None
        self.closed_at_ns = opened_at_ns
        self.is_master_only = True
        self.is_double = False
        self.scheduled_ns = self.stored_at_ns = 0  # the tracker's own notes
        self._first_media_ns: int | None = None
        self._last_media_ns = opened_at_ns
        self._last_duration_ns = self._longest_ns = 0
        self._run = _Run(opened_at_ns)
        self._video, self._audio = Coverage(), Coverage()
        self._media_before_ns = self._watched_before_ns = 0
        self._gap_count = self._gap_ns = 0
        self._bytes_sent = self._request_count = self._http_error_count = 0
        self._renditions: tuple[str, ...] = ()
        self._error_codes: dict[int, int] = {}

    @classmethod
    def restored(cls, row: SessionRow, key: tuple[str, str]) -> Session:
        """An ended session as an earlier process stored it: its viewer may come back to this one."""
        player = Player(row.player_name, row.player_version, row.os, row.device_type, row.is_bot)
        who = Who(row.viewer_day_id, row.client_net, player)
        ids = Ids(row.session_id, row.viewer_id, row.id_source)
        session = cls(key, ids, who, row.started_at_ms * NS_PER_MS)
        session.phase = Phase.ENDED
        session.end_reason = EndReason(row.end_reason) if row.end_reason else EndReason.SERVER_CRASH
        session.is_master_only = False
        last_ms = row.last_media_at_ms or row.ended_at_ms or row.started_at_ms
        session.last_seen_ns = session.closed_at_ns = session._last_media_ns = last_ms * NS_PER_MS
        session._run = _Run(session._last_media_ns)
        if row.first_media_at_ms is not None:
            session._first_media_ns = row.first_media_at_ms * NS_PER_MS
        session._media_before_ns = round(row.media_time_s * NS_PER_S)
        session._watched_before_ns = round(row.watched_time_s * NS_PER_S)
        # Not stored, but what was watched beyond the last media was watched of the last object.
        session._last_duration_ns = max(0, session._watched_before_ns - session._media_span_ns)
        session._gap_count, session._gap_ns = row.gap_count, row.gap_ms * NS_PER_MS
        session._bytes_sent, session._request_count = row.bytes_sent, row.request_count
        session._http_error_count, session._error_codes = row.http_error_count, dict(row.error_codes)
        session._renditions = row.renditions
        return session

    @property
    def stream(self) -> str:
        """The stream it watches."""
        return self.key[0]

    @property
    def has_played(self) -> bool:
        """Whether media bytes have reached it: a play, or view."""
        return self._first_media_ns is not None

    @property
    def is_worth_a_row(self) -> bool:
        """Plays are; an attempt is once it has failed; a master playlist that the same player opened twice is not."""
        return self.has_played or (self.phase is Phase.ENDED and not self.is_double)

    @property
    def ended_at_ns(self) -> int:
        """When it ended, if it has: with its last media, or, if there never was any, its last request."""
        return self._last_media_ns if self.has_played else self.last_seen_ns

    def due_ns(self, idle_ns: int) -> int:
        """When, if nothing more comes, it goes to its next phase (and, once ended, is forgotten)."""
        if self.phase is Phase.ENDED:
            return self.last_seen_ns + RESUME_WITHIN_NS
        if self.phase is Phase.WATCHING:
            return self._last_media_ns + max(idle_ns, IDLE_OBJECTS * self._longest_ns)
        return self.last_seen_ns + idle_ns

    def start(self, access: Access) -> None:
        """The first media bytes. Who fetches them is who watches: the master may have been opened by a page."""
        self.phase = Phase.WATCHING
        self.end_reason = None
        self.is_double = False
        self.who = Who.of(access.client)
        self._first_media_ns = self._last_media_ns = access.at_ns
        self._run = _Run(access.at_ns)

    def resume(self, at_ns: int) -> None:
        """Media again, after the end: the same viewing with a gap in it."""
        self.phase = Phase.WATCHING
        self.end_reason = None
        self._media_before_ns, self._watched_before_ns = self._media_ns, self._watched_ns
        self._gap_count += 1
        self._gap_ns += max(0, at_ns - self._last_media_ns)
        self._run = _Run(at_ns)

    def end(self, reason: EndReason, now_ns: int) -> None:
        """Nothing more is expected of it."""
        self.phase = Phase.ENDED
        self.end_reason = reason
        self.closed_at_ns = now_ns

    def take(self, access: Access) -> None:
        """Enter a request into the accounts."""
        self.last_seen_ns = max(self.last_seen_ns, access.at_ns)
        self._request_count += 1
        self._bytes_sent += access.bytes_sent
        if self.is_master_only and access.kind is not ObjectKind.MULTIVARIANT:
            self.is_master_only = False
        if access.status >= 400:
            self._http_error_count += 1
            if access.status in self._error_codes or len(self._error_codes) < MAX_ERROR_CODES:
                self._error_codes[access.status] = self._error_codes.get(access.status, 0) + 1

    def take_media(self, access: Access) -> None:
        """Enter a request that brought media, after `take`."""
        run, at_ns = self._run, access.at_ns
        if not access.is_glimpse:
            run.first_ns, run.last_ns = min(run.first_ns, at_ns), max(run.last_ns, at_ns)
        self._first_media_ns = min(self._first_media_ns or at_ns, at_ns)
        self._last_media_ns = max(self._last_media_ns, at_ns)
        rendition = access.rendition
        if rendition and rendition not in self._renditions and len(self._renditions) < MAX_RENDITIONS:
            self._renditions += (rendition,)
        if not access.is_complete or access.msn is None:
            return
        duration_ns = round(access.duration_s * NS_PER_S)
        self._last_duration_ns = duration_ns
        self._longest_ns = max(self._longest_ns, duration_ns)
        if access.media_kind is MediaKind.AUDIO:
            run.audio_ns += _add(self._audio, access.msn, access.part_index, duration_ns)
        else:
            run.video_ns += _add(self._video, access.msn, access.part_index, duration_ns)

    @property
    def _media_ns(self) -> int:
        return self._media_before_ns + self._run.media_ns

    @property
    def _watched_ns(self) -> int:
        whole_ns = self._media_span_ns + self._last_duration_ns
        return min(self._watched_before_ns + self._run.watched_ns(self._last_duration_ns), whole_ns)

    @property
    def _media_span_ns(self) -> int:
        return 0 if self._first_media_ns is None else self._last_media_ns - self._first_media_ns

    def row(self) -> SessionRow:
        """All of it, as it is now."""
        is_ended = self.phase is Phase.ENDED
        first_ns = self._first_media_ns
        player = self.who.player
        return SessionRow(
            session_id=self.ids.session_id,
            viewer_id=self.ids.viewer_id,
            viewer_day_id=self.who.viewer_day_id,
            id_source=self.ids.id_source,
            stream_id=self.stream,
            started_at_ms=self.opened_at_ns // NS_PER_MS,
            first_media_at_ms=None if first_ns is None else first_ns // NS_PER_MS,
            last_media_at_ms=None if first_ns is None else self._last_media_ns // NS_PER_MS,
            ended_at_ms=self.ended_at_ns // NS_PER_MS if is_ended else None,
            end_reason=self.end_reason,
            exit_before_video_start=is_ended and first_ns is None,
            watched_time_s=round(self._watched_ns / NS_PER_S, 3),
            watched_time_source="estimated",
            media_time_s=round(self._media_ns / NS_PER_S, 3),
            bytes_sent=self._bytes_sent,
            request_count=self._request_count,
            renditions=self._renditions,
            http_error_count=self._http_error_count,
            error_codes=tuple(sorted(self._error_codes.items())),
            gap_count=self._gap_count,
            gap_ms=self._gap_ns // NS_PER_MS,
            client_net=self.who.client_net,
            device_type=player.device_type,
            os=player.os,
            player_name=player.name,
            player_version=player.version,
            is_bot=player.is_bot,
        )


def _add(coverage: Coverage, msn: int, part_index: int | None, duration_ns: int) -> int:
    if part_index is None:
        return coverage.add_segment(msn, duration_ns)
    return coverage.add_part(msn, part_index, duration_ns)
