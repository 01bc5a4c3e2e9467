"""What the user wrote as a source, understood: its kind, what FFmpeg opens, and what may be shown. Pure.

Users paste passwords into URLs as they are, with `@`, `:` or `/` in them, which RFC 3986 §3.2.1 does not allow; FFmpeg
and the cameras' own apps read such URLs differently. Here the userinfo is found, escaped for FFmpeg and kept out of
`label`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from relay.errors import SourceUnsupportedError, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEME: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_HOST: Final = re.compile(
    r"(?P<host>\[[0-9a-f:.]+(?:%[\w.~-]+)?\]|[\w.-]+)(?::(?P<port>\d{1,5}))?(?=[/?#]|$)", re.IGNORECASE
)
_DEFAULT_PORTS: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
WAYS: Final = (
    "test:, a file or folder, rtsp://, rtsps://, http://, https://, /dev/videoN, v4l2:NAME, avfoundation:N, screen:, "
    "python:MODULE:FUNCTION, wall:NAME,NAME, rtmp:, udp://, tcp://...?listen"
)


class SourceKind(StrEnum):
    """What has to be known to open a source and to explain its failures."""

    TEST = "test"
    FILE = "file"
    RTSP = "rtsp"
    HTTP = "http"
    V4L2 = "v4l2"
    AVFOUNDATION = "avfoundation"
    PUSH = "push"
    SCREEN = "screen"
    PYTHON = "python"
    WALL = "wall"


_WORDS: Final = {word: SourceKind(word) for word in ("test", "avfoundation", "screen", "python", "wall")}
"""What stands before a colon alone, without `//`."""

_WHOLE_WORDS: Final = frozenset({"test", "screen"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source is. `url` may hold credentials and is for FFmpeg alone; `label` may be shown."""

    kind: SourceKind
    url: str = field(repr=False)
    label: str
    host: str = ""
    port: int = 0

    @property
    def is_network(self) -> bool:
        """Whether there is a host that may refuse, be unknown or be silent."""
        return bool(self.host)

    @property
    def is_tls(self) -> bool:
        """Whether the host has to show a certificate."""
        return self.url.startswith(("rtsps://", "https://"))


def parse_address(source: str) -> Address:
    """The address that `source` means. Raises `SourceUnsupportedError` for a scheme that is not read here."""
    source = source.strip()
    word, colon, rest = source.partition(":")
    if word in _WORDS and (colon or word in _WHOLE_WORDS):
        kind = _WORDS[word]
        return Address(kind, rest.removeprefix("?") if kind is SourceKind.TEST else rest, redact(source).rstrip(":"))
    device = source.removeprefix("v4l2:")
    if device != source or re.match(r"/dev/(video|v4l/)", device):
        return Address(SourceKind.V4L2, device, device)
    if match := _SCHEME.fullmatch(source):
        return _parse_url(match["scheme"].lower(), match["rest"])
    return Address(SourceKind.FILE, source, source)


def _parse_url(scheme: str, rest: str) -> Address:
    if scheme == "file":
        path = unquote(rest.removeprefix("localhost"))
        return Address(SourceKind.FILE, path, path)
    if scheme not in _DEFAULT_PORTS:
        raise SourceUnsupportedError(f"{scheme}:// cannot be read here: a source is one of {WAYS}")
    userinfo, host, port, tail = _split_authority(rest)
    shown_host = host if not port else f"{host}:{port}"
    kind = SourceKind.HTTP if scheme.startswith("http") else SourceKind.RTSP
    return Address(
        kind,
        url=f"{scheme}://{_escaped(userinfo)}{shown_host}{tail}",
        label=redact(f"{scheme}://{'***@' if userinfo else ''}{shown_host}{tail}"),
        host=host.strip("[]"),
        port=int(port or _DEFAULT_PORTS[scheme]),
    )


def _split_authority(rest: str) -> tuple[str, str, str, str]:
    """Userinfo (without `@`, may be empty), host, port (may be empty) and what follows."""
    for start in _host_positions(rest):
        if match := _HOST.match(rest, start):
            return rest[: max(0, start - 1)], match["host"], match["port"] or "", rest[match.end() :]
    raise SourceUnsupportedError(
        "the URL has no host that can be read: write SCHEME://HOST:PORT/PATH, with USER:PASSWORD@ before HOST"
    )


def _host_positions(rest: str) -> Iterator[int]:
    """Where the host may begin, likeliest first.

    That is behind the last `@` before the path, as RFC 3986 has it; if no host stands there, a password has `/`, `?` or
    `#` in it, and the host is behind the first `@` that one follows.
    """
    end = re.search(r"[/?#]|$", rest)
    yield rest.rfind("@", 0, end.start() if end else None) + 1
    for at in re.finditer("@", rest):
        yield at.end()


def _escaped(userinfo: str) -> str:
    """Userinfo as RFC 3986 wants it, with its `@`; what was escaped already stays the same."""
    if not userinfo:
        return ""
    user, colon, password = userinfo.partition(":")
    return f"{quote(unquote(user), safe='')}{colon}{quote(unquote(password), safe='')}@"
