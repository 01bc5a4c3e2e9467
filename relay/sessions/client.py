"""Who asks, without keeping who it is: addresses are cut to a network, and hashed with a key that lives for a day.

What is stored is the /24 or /48. The fallback id, by which viewers without a token are told apart and unique viewers
a day are counted, is a keyed hash of address and user agent. Its key is in memory only and replaced every UTC day, so
nobody, the owner of the relay included, can find an address again from yesterday's ids; and so a viewer is never
known from one day to the next.

Of the page that plays, only the host's name is kept (`referrer_host`): addresses of pages have names and searches in
them. Who sends `Sec-GPC: 1` (Global Privacy Control) or `DNT: 1` is marked, and is but counted.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from relay.sessions.model import Client

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN_NETWORK: Final = "unknown"
MAX_USER_AGENT: Final = 512
SECONDS_PER_DAY: Final = 86_400
_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 48
_IPV6_HOME_PREFIX: Final = 64
_ID_BYTES: Final = 12
_MAX_CACHED: Final = 4096
_PAGE: Final = re.compile(r"https?://([a-z0-9.-]{1,253})(?::[0-9]{0,5})?(?:[/?#]|$)", re.IGNORECASE)
_NUMERIC: Final = re.compile(r"[0-9.]+")


def mask_client(
    peer_address: str, user_agent: str, day_key: bytes, referrer_host: str = "", *, has_opted_out: bool = False
) -> Client:
    """The client at `peer_address` as it may be remembered. An address that is none (a Unix socket's) is `unknown`."""
    user_agent = user_agent[:MAX_USER_AGENT]
    network, identity = _mask(peer_address)
    digest = hmac.digest(day_key, f"{identity}\0{user_agent}".encode(errors="replace"), "sha256")
    fallback_id = digest[:_ID_BYTES].hex()
    return Client(network, user_agent, fallback_id, referrer_host=referrer_host, has_opted_out=has_opted_out)


def referrer_host(headers: Mapping[str, str]) -> str:
    """The host of the page that plays, by `Referer` or else `Origin`: at most 253 of [a-z0-9.-]; empty if unknown.

    A page at a bare address has no name, and at home that address may be the viewer's own: it is left out.
    """
    page = headers.get("Referer") or headers.get("Origin")
    return _host_of(page) if page else ""


@lru_cache(maxsize=256)  # a player says the same with every request
def _host_of(page: str) -> str:
    found = _PAGE.match(page)
    if found is None or _NUMERIC.fullmatch(found[1]):
        return ""
    return found[1].lower()


def has_opted_out(headers: Mapping[str, str]) -> bool:
    """Whether the client asks not to be followed."""
    return headers.get("Sec-GPC") == "1" or headers.get("DNT") == "1"


def network_of(peer_address: str) -> str:
    """What of an address may be kept or logged: the /24 or /48 that it is in, or `unknown`."""
    return _mask(peer_address)[0]


def _mask(peer_address: str) -> tuple[str, str]:
    """The network to keep and, to be hashed, the host: an IPv6 device changes its address within its /64 every day."""
    try:
        address = ipaddress.ip_address(peer_address.partition("%")[0])
    except ValueError:
        return UNKNOWN_NETWORK, peer_address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return _network(address, _IPV6_PREFIX), _network(address, _IPV6_HOME_PREFIX)
        address = address.ipv4_mapped
    return _network(address, _IPV4_PREFIX), str(address)


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int) -> str:
    host_bits = address.max_prefixlen - prefix
    return f"{type(address)(int(address) >> host_bits << host_bits)}/{prefix}"


class ClientMasks:
    """`mask_client` with today's key, remembering who was just seen: a player asks several times a second."""

    def __init__(self) -> None:
        self._day = -1
        self._key = b""
        self._clients: dict[tuple[str, str, str, bool], Client] = {}

    def client(
        self, peer_address: str, user_agent: str, now_s: int, referrer_host: str = "", *, has_opted_out: bool = False
    ) -> Client:
        """The masked client. The key changes at midnight UTC, and then everything kept by the old one is forgotten."""
        day = now_s // SECONDS_PER_DAY
        if day != self._day:
            self._day, self._key = day, secrets.token_bytes(32)
            self._clients.clear()
        seen = (peer_address, user_agent, referrer_host, has_opted_out)
        client = self._clients.get(seen)
        if client is None:
            if len(self._clients) >= _MAX_CACHED:
                self._clients.clear()
            client = self._clients[seen] = mask_client(
                peer_address, user_agent, self._key, referrer_host, has_opted_out=has_opted_out
            )
        return client
