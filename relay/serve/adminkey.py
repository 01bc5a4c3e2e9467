"""The admin's token, the invitations that stand for it once, and the cookies that browsers get for either. Pure.

    cookie = issued_at_s "." mac        mac = HMAC-SHA256(key, "relay admin cookie 1" NUL issued_at_s)[:16], hexadecimal

The token itself stays in its file, in the programs that send it, and in nobody's browser. An invitation is what is
printed, since what is printed ends up in logs: it is good once, for a quarter of an hour.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final

TOKEN_FILE: Final = "admin.token"  # noqa: S105 - a name
INVITATION_S: Final = 900.0
COOKIE_S: Final = 30 * 86_400
MAX_SKEW_S: Final = 300
"""How far a clock may have been set back since a cookie was made."""
_MAC_BYTES: Final = 16
_CONTEXT: Final = b"relay admin cookie 1\0"
_NAME_CONTEXT: Final = b"relay admin cookie name 1\0"
_COOKIE: Final = re.compile(r"(\d{1,12})\.([0-9a-f]{32})", re.ASCII)


class AdminKey:
    """The secret of one data folder, and what follows from it. Times are Unix time in seconds."""

    def __init__(self, key: bytes) -> None:
        self.token = key.hex()
        self.cookie_name = f"relay_admin_{hmac.digest(key, _NAME_CONTEXT, 'sha256')[:4].hex()}"
        """Of its own: a browser keeps one jar for all ports of a host, and another relay may be on the next one."""
        self._key = key
        self._invitation = ""
        self._invited_until_s = 0.0

    def invite(self, now_s: float) -> str:
        """A text that signs somebody in once, within `INVITATION_S`. An earlier one is not good any more."""
        self._invitation = secrets.token_urlsafe(18)
        self._invited_until_s = now_s + INVITATION_S
        return self._invitation

    def is_token(self, text: str) -> bool:
        """Whether `text` is the token."""
        return hmac.compare_digest(text.encode(), self.token.encode())

    def take(self, text: str, now_s: float) -> bool:
        """Whether `text` signs somebody in: the token, or the invitation, which is used up by it."""
        if self.is_token(text):
            return True
        if not self._invitation or now_s > self._invited_until_s:
            return False
        if not hmac.compare_digest(text.encode(), self._invitation.encode()):
            return False
        self._invitation = ""
        return True

    def cookie(self, now_s: float) -> str:
        """What a browser shows from now on, for `COOKIE_S`."""
        issued = str(int(now_s))
        return f"{issued}.{self._mac(issued)}"

    def knows(self, cookie: str, now_s: float) -> bool:
        """Whether `cookie` is one of ours, and not too old."""
        match = _COOKIE.fullmatch(cookie)
        if match is None or not hmac.compare_digest(match[2], self._mac(match[1])):
            return False
        return -MAX_SKEW_S <= now_s - int(match[1]) <= COOKIE_S

    def _mac(self, issued: str) -> str:
        return hmac.digest(self._key, _CONTEXT + issued.encode(), "sha256")[:_MAC_BYTES].hex()
