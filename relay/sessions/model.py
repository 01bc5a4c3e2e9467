"""The values of viewing data: what comes in (`Access`, `PlayerReport`), and the rows that are kept of it.

Names are the field's own (CTA-2066, CTA-5004) in snake case with their unit. Times are UTC. No row holds an address, a
token or a text that a client could choose freely: what a row holds may be written, sent and shown as it is.

A row's class is its table (`TABLES`): store, sinks, Parquet and exports have the same columns under the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.model import MediaKind
    from relay.sessions.said import Cmcd

_PARTIAL_CONTENT: Final = 206


class ObjectKind(StrEnum):
    """What a request asked for."""

    MULTIVARIANT = "multivariant"
    PLAYLIST = "playlist"
    INIT = "init"
    SEGMENT = "segment"
    PART = "part"
    CAPTIONS = "captions"
    """A segment of text. It is no media: who reads captions watches pictures, and is accounted for by those."""


class IdSource(StrEnum):
    """What a session was recognized by, the surest first: what a request has of these, the first of it counts.

    A fallback hash cannot tell apart two like players behind one address.
    """

    PATH_TOKEN = "path_token"  # noqa: S105 - the name of a source, not a secret
    CMCD_SID = "cmcd_sid"
    PLAYBACK_SESSION = "playback_session"
    """`X-Playback-Session-Id`, which Apple's players send."""
    FALLBACK_HASH = "fallback_hash"


class Provenance(StrEnum):
    """Where a figure comes from: every one that could be of several kinds is stored with this label."""

    MEASURED = "measured"
    """The relay saw it itself: bytes, requests, statuses."""
    CMCD = "cmcd"
    """The player said it (CTA-5004)."""
    ESTIMATED = "estimated"
    """Concluded from requests alone."""


class EndReason(StrEnum):
    """Why a session ended."""

    IDLE = "idle"
    PLAYER_QUIT = "player_quit"
    """The player said that it was closed (`sta=q`, `e=e`)."""
    PLAYER_ERROR = "player_error"
    """The player said that it cannot go on (`sta=f`)."""
    STREAM_END = "stream_end"
    SERVER_STOP = "server_stop"
    SERVER_CRASH = "server_crash"


class Identity(NamedTuple):
    """Whose request it is: an id that is unique within its stream, and where it comes from."""

    id: str
    source: IdSource


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a request, already masked: see `client.mask_client`.

    `country` is ISO 3166-1 alpha-2 or empty, `referrer_host` the host of the page that plays, or empty. Of who
    `has_opted_out` (`Sec-GPC: 1` or `DNT: 1`) nothing but counts is kept.
    """

    network: str
    user_agent: str
    fallback_id: str
    country: str = ""
    referrer_host: str = ""
    has_opted_out: bool = False


class Access(NamedTuple):
    """One GET that was answered. HEAD is not an access: link previews and monitors would count as viewers.

    `viewer` is the token's text from the path (of a multivariant playlist: the token that it hands out). `bytes_sent`
    is what was really written of the body; `is_complete` says that the object's last byte was among it, so that an
    abandoned part or a probe of two bytes (AVPlayer sends `Range: bytes=0-1`) is not taken for watched media.
    `rendition`, `media_kind`, `msn`, `part_index` are None where the object has none; `duration_s` is the object's, 0
    for what is not media. `at_ns` is when the last byte was written, `took_ms` the time until then since the request
    had come, of which it waited `hold_ms` for what it asked for to be there (a blocking reload, a hinted part).
    `media_at_ms` is when the object's media was captured (PROGRAM-DATE-TIME), `bitrate_kbps` what its rendition
    declares.
    """

    stream: str
    viewer: str | None
    kind: ObjectKind
    rendition: str | None
    media_kind: MediaKind | None
    msn: int | None
    part_index: int | None
    duration_s: float
    status: int
    bytes_sent: int
    is_complete: bool
    at_ns: int
    client: Client
    took_ms: int = 0
    hold_ms: int = 0
    media_at_ms: int | None = None
    bitrate_kbps: int | None = None
    playback_session_id: str | None = None
    cmcd: Cmcd | None = None

    @property
    def is_media(self) -> bool:
        """Whether media bytes reached the player: what starts a session and keeps it alive."""
        return (
            self.bytes_sent > 0
            and 200 <= self.status < 300
            and (self.kind is ObjectKind.PART or self.kind is ObjectKind.SEGMENT)
        )

    @property
    def is_glimpse(self) -> bool:
        """Whether it brought a range from within an object: a probe's, or an I-frame that somebody scrubbed over.

        It is no time that passed in the player.
        """
        return self.status == _PARTIAL_CONTENT and not self.is_complete

    @property
    def is_empty(self) -> bool:
        """Whether it was answered well and yet nothing was written: the client was gone, or asked with HEAD."""
        return self.bytes_sent == 0 and 200 <= self.status < 300


class PlayerReport(NamedTuple):
    """One event that a player reported by itself: a line of `POST /cmcd` (CTA-5004-B, event mode).

    `event` is its `e` (ps, e, t, c, b, bc, pe, sk, as, ...), `ts_ms` its `ts` by the player's own clock, `received_ns`
    when it came by the relay's. It says which session it is about by `cmcd.sid`, or, as our own page does, also by the
    viewer's token (`viewer`) and stream; `stream` is empty where the report does not say.
    """

    event: str
    ts_ms: int
    received_ns: int
    stream: str
    viewer: str | None
    cmcd: Cmcd
    client: Client
    sequence: int | None = None
    """`sn`: repeated in a report that was sent again."""
    response_status: int | None = None
    """`rc` of a response that the player tells of (`e=rr`)."""


class SessionRow(NamedTuple):
    """One viewing as it is stored and exported; the field names are the column names.

    `session_id` is this viewing, `viewer_id` the token's (or hash's) owner across viewings, `viewer_day_id` the daily
    keyed hash by which unique viewers are counted. While it goes on, `ended_at_ms` and `end_reason` are None.
    `error_codes` holds (HTTP status, count), `player_error_codes` (what the player called it, count). A `..._source` is
    a `Provenance`, empty where there is no such figure.
    """

    session_id: str
    viewer_id: str
    viewer_day_id: str
    id_source: str
    stream_id: str
    started_at_ms: int
    first_media_at_ms: int | None
    last_media_at_ms: int | None
    ended_at_ms: int | None
    end_reason: str | None
    exit_before_video_start: bool
    watched_time_s: float
    watched_time_source: str
    media_time_s: float
    bytes_sent: int
    request_count: int
    renditions: tuple[str, ...]
    http_error_count: int
    error_codes: tuple[tuple[int, int], ...]
    gap_count: int
    gap_ms: int
    client_net: str
    device_type: str
    os: str
    player_name: str
    player_version: str
    is_bot: bool
    country: str = ""
    referrer_host: str = ""
    edge_id: str = ""
    """Which relay or cache served it; empty for this relay's own."""
    initial_startup_time_ms: int | None = None
    startup_source: str = ""
    playback_stall_count: int = 0
    playback_stall_duration_ms: int = 0
    stall_source: str = ""
    bits_played: int = 0
    average_playback_bitrate_kbps: int | None = None
    """Of what was shown: bits played by media time."""
    bitrate_source: str = ""
    rendition_switch_count: int = 0
    max_rendition: str = ""
    """That of the highest bit rate among those it watched."""
    live_latency_ms_p50: int | None = None
    latency_source: str = ""
    throughput_kbps_p50: int | None = None
    throughput_source: str = ""
    dropped_frames: int | None = None
    playback_failed: bool = False
    player_error_codes: tuple[tuple[str, int], ...] = ()
    pause_ms: int = 0
    """Time in which the player said that it was paused; 0 where it says nothing."""
    cmcd_coverage: float = 0.0
    """The part of its media requests that came with CMCD, 0 to 1."""
    is_restream: bool = False
    """It took media faster than it passes: a recorder, or a relay."""


class LiveSession(NamedTuple):
    """A viewing that goes on: its row as of now, and the main rendition that it is in (empty: not known yet)."""

    row: SessionRow
    rendition: str


class MinuteRow(NamedTuple):
    """One minute of one session in one rendition: what reports over time are made of, when raw requests are gone."""

    minute_ms: int
    stream_id: str
    session_id: str
    rendition_id: str
    watched_ms: int
    bytes_sent: int
    requests: int
    http_errors: int
    stall_count: int
    stall_ms: int
    buffer_ms_min: int | None
    throughput_kbps: int | None
    """The middle of what was seen or told in this minute."""
    latency_ms: int | None
    edge_id: str = ""


class AudienceRow(NamedTuple):
    """How many sessions fetched one segment of the timeline: the retention curve, in wall-clock time."""

    stream_id: str
    media_sequence: int
    media_at_ms: int
    viewers: int
    edge_id: str = ""


class RequestRow(NamedTuple):
    """One request, raw: enough for the sessionizer to make the same sessions of it again. Kept for days."""

    at_us: int
    stream_id: str
    session_id: str
    viewer_id: str
    id_source: str
    viewer_day_id: str
    object_kind: str
    media_kind: str
    rendition_id: str
    media_sequence: int | None
    part_index: int | None
    media_at_ms: int | None
    duration_ms: int
    status: int
    bytes_sent: int
    is_complete: bool
    took_ms: int
    hold_ms: int
    bitrate_kbps: int | None
    client_net: str
    country: str
    referrer_host: str
    device_type: str
    os: str
    player_name: str
    player_version: str
    is_bot: bool
    cmcd_version: int | None = None
    cmcd_br_kbps: int | None = None
    cmcd_bl_ms: int | None = None
    cmcd_mtp_kbps: int | None = None
    cmcd_has_starved: bool = False
    cmcd_is_urgent: bool = False
    cmcd_state: str = ""
    edge_id: str = ""


class PlayerEventRow(NamedTuple):
    """One report of a player, as it is kept: for days, as raw requests are.

    `event` is empty where the player told it with a request.
    """

    at_us: int
    """When it happened, by the relay's clock as far as that can be told."""
    received_us: int
    stream_id: str
    session_id: str
    event: str
    state: str
    startup_ms: int | None
    stall_ms: int | None
    latency_ms: int | None
    playhead_ms: int | None
    br_kbps: int | None
    pb_kbps: int | None
    buffer_ms: int | None
    dropped_frames: int | None
    error_codes: tuple[str, ...]
    edge_id: str = ""
    stall_count: int | None = None
    """How many stalls it tells of that no earlier row told; `stall_ms` is how long they took. None: it tells nothing.
    """


class OptedOutRow(NamedTuple):
    """An hour's counts of those who asked not to be followed: all that is kept of them. Rows of one hour add up."""

    hour_ms: int
    stream_id: str
    plays: int
    watched_time_s: float
    bytes_sent: int
    edge_id: str = ""


ViewingRow = SessionRow | MinuteRow | AudienceRow | RequestRow | PlayerEventRow | OptedOutRow

TABLES: Final[dict[str, type[ViewingRow]]] = {
    "sessions": SessionRow,
    "session_minutes": MinuteRow,
    "segment_audience": AudienceRow,
    "requests": RequestRow,
    "player_events": PlayerEventRow,
    "opted_out_hours": OptedOutRow,
}
"""What is kept, by the name of its table, folder, sink subject and export."""


class ViewingSink(Protocol):
    """What takes rows: the store, or a queue to somewhere else. `put` never blocks and never raises.

    A session's row is put again whenever it has changed, and the latest counts. A minute's and an audience's row is put
    when it is over; requests and reports once.
    """

    def put(self, rows: Iterable[ViewingRow]) -> None:
        """Take `rows`; what does not fit is dropped, and counted."""
