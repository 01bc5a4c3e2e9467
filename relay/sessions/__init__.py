"""Viewer sessions: from single requests to "who watched, how long, how well".

    Access ──recorder──> Identity (path token, else a daily hash) ──tracker──> SessionRow ──store──> SQLite

`tracker`, `session`, `coverage`, `token`, `client`, `player` are pure; `recorder` joins them; `store` has the only I/O.
"""

from relay.sessions.client import ClientMasks, mask_client, network_of
from relay.sessions.model import Access, Client, EndReason, IdSource, ObjectKind, SessionRow
from relay.sessions.recorder import SessionRecorder
from relay.sessions.store import SessionStore
from relay.sessions.token import Token, TokenMint, load_or_make_key

__all__ = [
    "Access",
    "Client",
    "ClientMasks",
    "EndReason",
    "IdSource",
    "ObjectKind",
    "SessionRecorder",
    "SessionRow",
    "SessionStore",
    "Token",
    "TokenMint",
    "load_or_make_key",
    "mask_client",
    "network_of",
]
