"""One viewer's session: what is known of it, and how it becomes a row.

    provisional ──first media bytes──> watching ──idle, stream end, stop──> ended
         │                                 ^                                 ^ │
         └──────────idle, stop─────────────┼─────────────────────────────────┘ │
                                           └──media again within 5 minutes─────┘  (the same row, with a gap)

**Watched time** is estimated for each unbroken run of media requests, as no player tells when it plays:

    min(unique media fetched, last media - first media + duration of the last object)

Neither alone would do: a player that starts fetches three segments at once and may be closed a moment later; a player
that is stalled asks again and again and shows nothing. A pause shorter than the idle limit cannot be seen. Where the
player tells its states (CMCD `ps` events), watched time is theirs: see `playback`.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from relay.model import MediaKind
from relay.sessions.coverage import Coverage, Run
from relay.sessions.delivery import NS_PER_MS, Delivery
from relay.sessions.identity import Ids, Who
from relay.sessions.minutes import Minute
from relay.sessions.model import EndReason, ObjectKind, PlayerEventRow, Provenance, SessionRow
from relay.sessions.playback import STATES, Playback
from relay.sessions.player import Player
from relay.sessions.summary import stalls, with_quality
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.sessions.model import Access, MinuteRow, PlayerReport
    from relay.sessions.playback import StateTimes
    from relay.sessions.said import Cmcd

RESUME_WITHIN_NS: Final = 300 * NS_PER_S
"""Who comes back with the same token this soon after the last media is still watching: a pause, a lost network."""

IDLE_OBJECTS: Final = 3
"""No session is idle before three of its own segments could have been fetched, however short the setting."""

RESTREAM_SPEED: Final = 1.5
RESTREAM_MEDIA_NS: Final = 30 * NS_PER_S
MAX_SEQUENCES: Final = 64
"""Reports known by their `sn`: one that is sent again comes within seconds."""

CLOCK_SLACK_US: Final = 60_000_000
"""A player cannot have watched longer than it has been here, give or take what it did before its first request."""

NS_PER_US: Final = 1000


class Phase(Enum):
    """Where a session is on its way."""

    PROVISIONAL = auto()
    WATCHING = auto()
    ENDED = auto()


class Session:
    """One session. The tracker decides when it begins, ends and resumes; the session keeps its accounts."""

    __slots__ = (
        "_audio", "_before", "_first_media_ns", "_gap_count", "_gap_ns", "_has_burst", "_last_duration_ns",
        "_longest_ns", "_media_before_ns", "_quit_ns", "_run", "_sequences", "_told_out", "_video",
        "_watched_before_ns", "asked_at_ns", "closed_at_ns", "delivery", "end_reason", "has_opted_out", "ids",
        "is_double", "is_master_only", "key", "last_media_ns", "last_seen_ns", "minute", "names", "opened_at_ns",
        "phase", "playback", "scheduled_ns", "stored_at_ns", "who",
    )  # fmt: skip

    def __init__(self, key: tuple[str, str], ids: Ids, who: Who, opened_at_ns: int) -> None:
        self.key = key
        self.ids = ids
        self.who = who
        self.phase = Phase.PROVISIONAL
        self.opened_at_ns = self.last_seen_ns = opened_at_ns
        self.asked_at_ns: int | None = None
        self.end_reason: EndReason | None = None
        self.closed_at_ns = opened_at_ns
        self.is_master_only = True
        self.is_double = self.has_opted_out = False
        self.scheduled_ns = self.stored_at_ns = 0  # the tracker's own notes
        self.names: set[tuple[str, str]] = set()
        self.delivery, self.playback, self.minute = Delivery(), Playback(), Minute()
        self._before: SessionRow | None = None
        self._has_burst = False
        self._first_media_ns: int | None = None
        self.last_media_ns = opened_at_ns
        self._quit_ns: int | None = None
        self._last_duration_ns = self._longest_ns = 0
        self._run = Run(opened_at_ns)
        self._video, self._audio = Coverage(), Coverage()
        self._media_before_ns = self._watched_before_ns = 0
        self._gap_count = self._gap_ns = 0
        self._sequences: deque[int] = deque(maxlen=MAX_SEQUENCES)
        self._told_out = (0, 0, 0)

    @classmethod
    def restored(cls, row: SessionRow, key: tuple[str, str]) -> Session:
        """An ended session as an earlier process stored it: its viewer may come back to this one."""
        player = Player(row.player_name, row.player_version, row.os, row.device_type, row.is_bot)
        who = Who(row.viewer_day_id, row.client_net, player, row.country, row.referrer_host)
        ids = Ids(row.session_id, row.viewer_id, row.id_source)
        session = cls(key, ids, who, row.started_at_ms * NS_PER_MS)
        session.phase = Phase.ENDED
        session.end_reason = EndReason(row.end_reason) if row.end_reason else EndReason.SERVER_CRASH
        session.is_master_only = False
        last_ms = row.last_media_at_ms or row.ended_at_ms or row.started_at_ms
        session.last_seen_ns = session.closed_at_ns = session.last_media_ns = last_ms * NS_PER_MS
        session._run = Run(session.last_media_ns)
        if row.first_media_at_ms is not None:
            session._first_media_ns = row.first_media_at_ms * NS_PER_MS
        session._media_before_ns = round(row.media_time_s * NS_PER_S)
        session._watched_before_ns = round(row.watched_time_s * NS_PER_S)
        # Not stored, but what was watched beyond the last media was watched of the last object.
        session._last_duration_ns = max(0, session._watched_before_ns - session._media_span_ns)
        session._gap_count, session._gap_ns = row.gap_count, row.gap_ms * NS_PER_MS
        delivery = session.delivery
        delivery.bytes_sent, delivery.request_count = row.bytes_sent, row.request_count
        delivery.restore_errors(row.http_error_count, row.error_codes)
        delivery.renditions = row.renditions
        session._before = row
        session.minute.skip(session._watched_before_ns, row.playback_stall_count, row.playback_stall_duration_ms)
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
        """Plays are; an attempt is once it has failed; a master playlist that the same player opened twice is not.

        Who has opted out has no row at all.
        """
        return not self.has_opted_out and (self.has_played or (self.phase is Phase.ENDED and not self.is_double))

    @property
    def alive_at_ns(self) -> int:
        """When it last was seen to play: its last media, or its player said so, out of its buffer."""
        playback = self.playback
        return max(self.last_media_ns, (playback.playing_us + playback.lag_us) * NS_PER_US)

    @property
    def ended_at_ns(self) -> int:
        """When it ended, if it has: when its player said, or when it last played, or, if never, its last request."""
        if self._quit_ns is not None:
            return self._quit_ns
        return self.alive_at_ns if self.has_played else self.last_seen_ns

    def is_over(self, at_ns: int) -> bool:
        """Whether, having ended, it is past being resumed."""
        return at_ns - self.ended_at_ns > RESUME_WITHIN_NS

    def due_ns(self, idle_ns: int) -> int:
        """When, if nothing more comes, it goes to its next phase (and, once ended, is forgotten)."""
        if self.phase is Phase.ENDED:
            return self.last_seen_ns + RESUME_WITHIN_NS
        if self.phase is Phase.WATCHING:
            alive_ns = self.alive_at_ns if self.playback.playing_us else self.last_media_ns
            return alive_ns + max(idle_ns, IDLE_OBJECTS * self._longest_ns)
        return self.last_seen_ns + idle_ns

    def start(self, access: Access, who: Who) -> None:
        """The first media bytes. Who fetches them is who watches: the master may have been opened by a page."""
        self.phase = Phase.WATCHING
        self.end_reason = self._quit_ns = None
        self.is_double = False
        self.who = who
        self._first_media_ns = self.last_media_ns = access.at_ns
        self._run = Run(access.at_ns)

    def resume(self, at_ns: int) -> None:
        """Media again, after the end: the same viewing with a gap in it."""
        self._media_before_ns, self._watched_before_ns = self._media_ns, self._estimated_ns
        self._has_burst = self._has_burst or self._bursts
        self._gap_count += 1
        self._gap_ns += max(0, at_ns - self.ended_at_ns)
        self.phase = Phase.WATCHING
        self.end_reason = self._quit_ns = None
        self._run = Run(at_ns)
        self.delivery.begin_again()

    def end(self, reason: EndReason, now_ns: int, quit_ns: int | None = None) -> None:
        """Nothing more is expected of it."""
        self.phase = Phase.ENDED
        self.end_reason = reason
        self.closed_at_ns = now_ns
        self._quit_ns = quit_ns

    def absorb(self, other: Session) -> None:
        """`other` never played, and is the same viewing as this one: its requests are this one's."""
        self.opened_at_ns = min(self.opened_at_ns, other.opened_at_ns)
        if self.asked_at_ns is None:
            self.asked_at_ns = other.asked_at_ns
        self.last_seen_ns = max(self.last_seen_ns, other.last_seen_ns)
        self.delivery.bytes_sent += other.delivery.bytes_sent
        self.delivery.request_count += other.delivery.request_count
        self.is_master_only = self.is_master_only and other.is_master_only

    def take(self, access: Access, *, is_media: bool) -> int:
        """Enter a request into the accounts; the new main media that it brought, in ns."""
        at_ns = access.at_ns
        if at_ns > self.last_seen_ns:
            self.last_seen_ns = at_ns
        delivery = self.delivery
        delivery.request_count += 1
        delivery.bytes_sent += access.bytes_sent
        if self.is_master_only and access.kind is not ObjectKind.MULTIVARIANT:
            self.is_master_only = False
        if access.status >= 400:
            delivery.fail(access.status)
        new_ns = self._take_media(access) if is_media else 0
        self.minute.take(access, new_ns)
        return new_ns

    def _take_media(self, access: Access) -> int:
        run, at_ns = self._run, access.at_ns
        if not access.is_glimpse:
            if at_ns > run.last_ns:
                run.last_ns = at_ns
            if at_ns < run.first_ns:
                run.first_ns = at_ns
        if self._first_media_ns is None or at_ns < self._first_media_ns:
            self._first_media_ns = at_ns
        if at_ns > self.last_media_ns:
            self.last_media_ns = at_ns
        delivery = self.delivery
        delivery.take_media(access)
        if not access.is_complete or access.msn is None:
            return 0
        duration_ns = round(access.duration_s * NS_PER_S)
        self._last_duration_ns = duration_ns
        if duration_ns > self._longest_ns:
            self._longest_ns = duration_ns
        if access.media_kind is MediaKind.AUDIO:
            new_ns = self._audio.add(access.msn, access.part_index, duration_ns)
            run.audio_ns += new_ns
            if delivery.rendition:  # it has pictures, and the audio group is the same time once more
                return 0
        else:
            new_ns = self._video.add(access.msn, access.part_index, duration_ns)
            run.video_ns += new_ns
            delivery.take_main(access, duration_ns, new_ns, self.playback.playing_kbps)
        return new_ns

    def told_with(self, cmcd: Cmcd, access: Access) -> PlayerEventRow | None:
        """What came with a request and is not in its row: None if nothing, or only what it plays, as before."""
        is_playing_the_same = cmcd.pb_kbps is None or cmcd.pb_kbps == self.playback.playing_kbps
        if (
            cmcd.startup_ms is None and cmcd.latency_ms is None and is_playing_the_same and not cmcd.error_codes
            and cmcd.dropped_frames is None and cmcd.stall_ms is None and cmcd.stalls_total is None
            and cmcd.stall_total_ms is None
        ):  # fmt: skip
            return None
        at_us = access.at_ns // NS_PER_US
        return self._event("", "", cmcd, at_us, at_us)

    def tell(self, report: PlayerReport) -> PlayerEventRow | None:
        """Enter what the player reported; None if it was reported before."""
        if report.sequence is not None:
            if report.sequence in self._sequences:
                return None
            self._sequences.append(report.sequence)
        self.last_seen_ns = max(self.last_seen_ns, report.received_ns)
        received_us = report.received_ns // NS_PER_US
        state = report.cmcd.state if report.cmcd.state in STATES else None
        return self._event(
            report.event, state or "", report.cmcd, self.playback.at_us(report.ts_ms, received_us), received_us
        )

    def _event(self, event: str, state: str, cmcd: Cmcd, at_us: int, received_us: int) -> PlayerEventRow:
        added = self.playback.new_stalls(cmcd)
        row = PlayerEventRow(
            at_us=at_us,
            received_us=received_us,
            stream_id=self.stream,
            session_id=self.ids.session_id,
            event=event,
            state=state,
            startup_ms=cmcd.startup_ms,
            stall_ms=added and added[1],
            latency_ms=cmcd.latency_ms,
            playhead_ms=cmcd.playhead_ms,
            br_kbps=cmcd.br_kbps,
            pb_kbps=cmcd.pb_kbps,
            buffer_ms=cmcd.bl_ms,
            dropped_frames=cmcd.dropped_frames,
            error_codes=cmcd.error_codes,
            stall_count=added and added[0],
        )
        self.playback.take(row)
        return row

    @property
    def _media_ns(self) -> int:
        return self._media_before_ns + self._run.media_ns

    @property
    def _estimated_ns(self) -> int:
        whole_ns = self._media_span_ns + self._last_duration_ns
        return min(self._watched_before_ns + self._run.watched_ns(self._last_duration_ns), whole_ns)

    @property
    def _media_span_ns(self) -> int:
        return 0 if self._first_media_ns is None else self.last_media_ns - self._first_media_ns

    @property
    def _bursts(self) -> bool:
        run = self._run
        span_ns = run.last_ns - run.first_ns + self._last_duration_ns
        return run.media_ns >= RESTREAM_MEDIA_NS and run.media_ns > RESTREAM_SPEED * span_ns

    def _times(self) -> StateTimes:
        playback = self.playback
        until_us = playback.last_us
        if self.has_played:
            until_us = max(until_us, self.last_media_ns // NS_PER_US - playback.lag_us)
        return playback.times(until_us)

    def _watched_ns(self, times: StateTimes) -> int:
        if not self.playback.has_states:
            return self._estimated_ns
        longest_us = (self.last_seen_ns - self.opened_at_ns) // NS_PER_US + CLOCK_SLACK_US
        before_ns = 0 if self._before is None else round(self._before.watched_time_s * NS_PER_S)
        return before_ns + min(times.watched_us, longest_us) * NS_PER_US

    def finish_minute(self) -> list[MinuteRow]:
        """The minute that it was in is over."""
        times = self._times()
        stalled = stalls(self.delivery, self.playback, times)
        before = self._before
        return self.minute.finish(
            self.stream,
            self.ids.session_id,
            self._watched_ns(times),
            stalled.times + (before.playback_stall_count if before else 0),
            stalled.duration_ms + (before.playback_stall_duration_ms if before else 0),
        )

    def take_counts(self) -> tuple[int, int, int]:
        """Plays, watched nanoseconds and bytes since they were last taken: all that is kept of who has opted out."""
        now = (int(self.has_played), self._watched_ns(self._times()), self.delivery.bytes_sent)
        plays, watched_ns, sent = self._told_out
        self._told_out = now
        return now[0] - plays, max(0, now[1] - watched_ns), now[2] - sent

    def row(self) -> SessionRow:
        """All of it, as it is now."""
        is_ended = self.phase is Phase.ENDED
        first_ns = self._first_media_ns
        who, player, delivery = self.who, self.who.player, self.delivery
        times = self._times()
        row = SessionRow(
            session_id=self.ids.session_id,
            viewer_id=self.ids.viewer_id,
            viewer_day_id=who.viewer_day_id,
            id_source=self.ids.id_source,
            stream_id=self.stream,
            started_at_ms=self.opened_at_ns // NS_PER_MS,
            first_media_at_ms=None if first_ns is None else first_ns // NS_PER_MS,
            last_media_at_ms=None if first_ns is None else self.last_media_ns // NS_PER_MS,
            ended_at_ms=self.ended_at_ns // NS_PER_MS if is_ended else None,
            end_reason=self.end_reason,
            exit_before_video_start=is_ended and first_ns is None,
            watched_time_s=round(self._watched_ns(times) / NS_PER_S, 3),
            watched_time_source=Provenance.CMCD if self.playback.has_states else Provenance.ESTIMATED,
            media_time_s=round(self._media_ns / NS_PER_S, 3),
            bytes_sent=delivery.bytes_sent,
            request_count=delivery.request_count,
            renditions=delivery.renditions,
            http_error_count=delivery.http_error_count,
            error_codes=delivery.error_codes,
            gap_count=self._gap_count,
            gap_ms=self._gap_ns // NS_PER_MS,
            client_net=who.client_net,
            device_type=player.device_type,
            os=player.os,
            player_name=player.name,
            player_version=player.version,
            is_bot=player.is_bot,
            country=who.country,
            referrer_host=who.referrer_host,
            is_restream=self._has_burst or self._bursts,
        )
        return with_quality(row, delivery, self.playback, times, self.asked_at_ns, self._before)
