"""The values of viewing data: one request (`Access`), who sent it (`Client`), one viewing (`SessionRow`).

Names are the field's own (CTA-2066, CTA-5004) in snake case with their unit. Times are UTC. Nothing here holds an
address, a token or a text that a client could choose freely.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from relay.model import MediaKind

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
    """What a session was recognized by. A fallback hash cannot tell apart two like players behind one address."""

    PATH_TOKEN = "path_token"  # noqa: S105 - the name of a source, not a secret
    FALLBACK_HASH = "fallback_hash"


class EndReason(StrEnum):
    """Why a session ended."""

    IDLE = "idle"
    STREAM_END = "stream_end"
    SERVER_STOP = "server_stop"
    SERVER_CRASH = "server_crash"


class Identity(NamedTuple):
    """Whose request it is: an id that is unique within its stream, and where it comes from."""

    id: str
    source: IdSource


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a request, already masked: see `client.mask_client`."""

    network: str
    user_agent: str
    fallback_id: str


@dataclass(frozen=True, slots=True)
class Access:
    """One GET that was answered. HEAD is not an access: link previews and monitors would count as viewers.

    `viewer` is the token's text from the path (of a multivariant playlist: the token that it hands out). `bytes_sent`
    is what was really written of the body; `is_complete` says that the object's last byte was among it, so that an
    abandoned part or a probe of two bytes (AVPlayer sends `Range: bytes=0-1`) is not taken for watched media.
    `rendition`, `media_kind`, `msn`, `part_index` are None where the object has none; `duration_s` is the object's, 0
    for what is not media. `at_ns` is when the last byte was written.
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


class SessionRow(NamedTuple):
    """One viewing as it is stored and exported; the field names are the column names.

    `session_id` is this viewing, `viewer_id` the token's (or hash's) owner across viewings, `viewer_day_id` the daily
    keyed hash by which unique viewers are counted. While it goes on, `ended_at_ms` and `end_reason` are None.
    `error_codes` holds (HTTP status, count). `watched_time_s` is labelled by `watched_time_source`.
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
