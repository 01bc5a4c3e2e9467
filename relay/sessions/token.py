"""The viewer token that travels in the path: who, since when, for which stream, signed.

    text = base64url(id (12 random bytes)  issued_at_s (u40, big-endian)  mac (10 bytes))     36 characters, unpadded
    mac  = HMAC-SHA256(key, "relay viewer token 1" NUL id issued_at_s stream)[:10]

The stream is signed and not carried, since the path names it already. 27 bytes are a multiple of three, so every
token has exactly one spelling. A token does not expire by age: the playlists are the same bytes for all and could not
carry a new one to a page that has been open for a week. Unused, it ends by being forgotten: whoever returns with it
after the resume window begins a new session.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.errors import TokenError
from relay.keyfile import load_or_make

if TYPE_CHECKING:
    from pathlib import Path

ID_BYTES: Final = 12
MAC_BYTES: Final = 10
"""80 bits: RFC 2104 §5 allows no less, and a forger has one guess a request."""

MAX_SKEW_S: Final = 300
"""How far another relay with the same key may be ahead of our clock."""

KEY_FILE: Final = "viewer.key"
_TIME_BYTES: Final = 5
_CONTEXT: Final = b"relay viewer token 1\0"
_SPELLING: Final = re.compile(r"[A-Za-z0-9_-]{36}", re.ASCII)


class Token(NamedTuple):
    """What a valid token says: its id (24 hexadecimal digits) and when it was made."""

    id: str
    issued_at_s: int


class TokenMint:
    """Makes and verifies tokens. It keeps no state, so any relay with the same key accepts them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mint(self, stream: str, now_s: int) -> str:
        """A new token for a viewer of `stream`."""
        body = secrets.token_bytes(ID_BYTES) + now_s.to_bytes(_TIME_BYTES, "big")
        return urlsafe_b64encode(body + self._mac(body, stream)).decode("ascii")

    def verify(self, token: str, stream: str, now_s: int) -> Token:
        """What `token` says. Raises `TokenError` if it is malformed, not ours, of another stream, or of the future."""
        if not _SPELLING.fullmatch(token):
            raise TokenError("the viewer token is malformed")
        raw = urlsafe_b64decode(token)
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body, stream)):
            raise TokenError("the viewer token is not signed by this relay for this stream")
        issued_at_s = int.from_bytes(body[ID_BYTES:], "big")
        if issued_at_s > now_s + MAX_SKEW_S:
            raise TokenError("the viewer token was made in the future")
        return Token(body[:ID_BYTES].hex(), issued_at_s)

    def _mac(self, body: bytes, stream: str) -> bytes:
        return hmac.digest(self._key, _CONTEXT + body + stream.encode(), "sha256")[:MAC_BYTES]


def load_or_make_key(data: Path) -> bytes:
    """The key of the data folder, made at first use. Raises `DataFolderError`."""
    return load_or_make(data / KEY_FILE, "key of viewer tokens")
