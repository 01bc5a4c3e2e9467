"""A request as a row, and a row as a request again: what the sessionizer needs, and nothing of who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.model import MediaKind
from relay.sessions.identity import Who
from relay.sessions.model import Access, Client, ObjectKind, RequestRow
from relay.sessions.player import Player
from relay.sessions.said import Cmcd

if TYPE_CHECKING:
    from relay.sessions.session import Session

_NOTHING: Final = Cmcd()
_OBJECT_KINDS: Final = {kind.value: kind for kind in ObjectKind}
_MEDIA_KINDS: Final[dict[str, MediaKind | None]] = {"": None} | {kind.value: kind for kind in MediaKind}
MAX_CLIENTS: Final = 4096
_Key = tuple[str, str, str, str]
"""The day's hash is of address and user agent: with it goes all else that is known of a client, but for the page."""

# A named tuple's own constructor takes twice the time, and there are two for each of ten million rows.
_new: Final = tuple.__new__
_place = Cmcd._fields.index
_BEFORE_RATE: Final = _NOTHING[1 : _place("br_kbps")]
_BEFORE_STARVED: Final = _NOTHING[_place("mtp_kbps") + 1 : _place("has_starved")]
_BEHIND_URGENT: Final = _NOTHING[_place("is_urgent") + 1 :]


def request_row(session: Session, access: Access) -> RequestRow:
    """`access`, which belongs to `session`."""
    ids, (day_id, net, player, country, referrer) = session.ids, session.who
    told = access.cmcd
    cmcd = _NOTHING if told is None else told
    return RequestRow(
        access.at_ns // 1000,
        access.stream,
        ids.session_id,
        ids.viewer_id,
        ids.id_source,
        day_id,
        access.kind.value,
        "" if access.media_kind is None else access.media_kind.value,
        access.rendition or "",
        access.msn,
        access.part_index,
        access.media_at_ms,
        round(access.duration_s * 1000),
        access.status,
        access.bytes_sent,
        access.is_complete,
        access.took_ms,
        access.hold_ms,
        access.bitrate_kbps,
        net,
        country,
        referrer,
        player.device_type,
        player.os,
        player.name,
        player.version,
        player.is_bot,
        None if told is None else cmcd.version,
        cmcd.br_kbps,
        cmcd.bl_ms,
        cmcd.mtp_kbps,
        cmcd.has_starved,
        cmcd.is_urgent,
        cmcd.state or "",
    )


class Requests:
    """Rows as requests again. A client's row is taken apart once; `who` knows it by what `access` gave out."""

    def __init__(self) -> None:
        self._clients: dict[_Key, Client] = {}
        self._who: dict[str, Who] = {}

    def access(self, row: RequestRow) -> Access:
        """The request that `row` was."""
        key = (row.viewer_day_id, row.client_net, row.referrer_host, row.player_version)
        client = self._clients.get(key)
        if client is None:
            client = self._client(key, row)
        version = row.cmcd_version
        cmcd = None
        if version is not None:
            said = (version, *_BEFORE_RATE, row.cmcd_br_kbps, None, None, row.cmcd_bl_ms, row.cmcd_mtp_kbps,
                    *_BEFORE_STARVED, row.cmcd_has_starved, row.cmcd_is_urgent, *_BEHIND_URGENT)  # fmt: skip
            cmcd = _new(Cmcd, said)
        fields = (
            row.stream_id,
            None,
            _OBJECT_KINDS[row.object_kind],
            row.rendition_id or None,
            _MEDIA_KINDS[row.media_kind],
            row.media_sequence,
            row.part_index,
            row.duration_ms / 1000,
            row.status,
            row.bytes_sent,
            row.is_complete,
            row.at_us * 1000,
            client,
            row.took_ms,
            row.hold_ms,
            row.media_at_ms,
            row.bitrate_kbps,
            None,
            cmcd,
        )
        return _new(Access, fields)

    def who(self, client: Client) -> Who:
        """Whose request it was."""
        return self._who[client.user_agent]

    def _client(self, key: _Key, row: RequestRow) -> Client:
        if len(self._clients) >= MAX_CLIENTS:
            self._clients.clear()
            self._who.clear()
        name = "\0".join((*key, row.country, row.os, row.player_name))
        client = self._clients[key] = Client(row.client_net, name, row.viewer_day_id, row.country, row.referrer_host)
        player = Player(row.player_name, row.player_version, row.os, row.device_type, row.is_bot)
        self._who[name] = Who(row.viewer_day_id, row.client_net, player, row.country, row.referrer_host)
        return client
