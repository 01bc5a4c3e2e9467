"""What a session is called, and whose it is: nothing that leads back to a token or an address."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.sessions.player import Player, parse_user_agent

if TYPE_CHECKING:
    from relay.sessions.model import Client, Identity

NS_PER_US: Final = 1000
_ID_BYTES: Final = 12


class Ids(NamedTuple):
    """What a session is called. None of it leads back to the token."""

    session_id: str
    viewer_id: str
    id_source: str

    @classmethod
    def of(cls, viewer: str, identity: Identity, opened_at_ns: int) -> Ids:
        """The ids of the session that `viewer` opens: the same input gives the same ids, live and from logs."""
        return cls(_digest(f"{viewer}\0{opened_at_ns // NS_PER_US}"), viewer, identity.source)


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
    country: str = ""
    referrer_host: str = ""

    @classmethod
    def of(cls, client: Client) -> Who:
        """`client`, its user agent taken apart."""
        player = parse_user_agent(client.user_agent)
        return cls(client.fallback_id, client.network, player, client.country, client.referrer_host)
