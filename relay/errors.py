"""Everything that `relay` raises on purpose.

    RelayError
    ├── ConfigError            a setting is missing, malformed or contradicts another        never retried
    ├── DataFolderError        the data folder cannot be used, or another relay uses it      never retried
    ├── ListenError            the address to listen on is taken or not ours                 never retried
    ├── SourceError            the camera, file or URL
    │   ├── SourceNotFoundError      no such file, device, host name or path                 retried slowly (1)
    │   ├── SourceUnsupportedError   a scheme or codec that cannot be read here              retried slowly (1)
    │   ├── SourceAuthError          the camera refuses the credentials                      retried slowly
    │   ├── SourceUnreachableError   no connection: refused, or no way to the host           retried at once
    │   ├── SourceFaultyError        it takes the connection and then fails                  retried slowly
    │   ├── SourceAwaitedError       nobody pushes to the stream                             waited for
    │   ├── SourceStalledError       open, but nothing comes                                 retried
    │   └── SourceEndedError         the end of a file, or the camera hung up                retried
    ├── UserCodeError          module:function of a user's own cannot be found or given      never retried
    ├── TransformError         a transform is unknown, misconfigured or raised               retried
    ├── EncodeError            the encoder refused its settings or a frame                   never retried
    ├── OutputError            a file cannot be written                                      never retried
    ├── PushError              what a pusher sends is no RTMP, or more than is allowed      never retried
    │   └── PushRefusedError         a wrong name or key, or the stream is taken             never retried
    ├── ProtocolError          a message between worker and supervisor is malformed          never retried
    ├── TokenError             a viewer token is malformed, expired or badly signed          never retried
    ├── FetchError             an address that is checked gives no answer that can be used   retried
    ├── QueryError             a question about the viewing data cannot be answered          never retried
    ├── JobError               a question to the viewing data got no whole answer            retried
    └── StoreError             a file of sessions or events cannot be opened or read         never retried

(1) A relay whose only stream was not seen since it started ends with this; else that may come back: a cable, a file.

`retryable` says whether trying the same thing again can help; `for_viewers` is what may be told to people who watch,
whom addresses, file names and code do not concern. A message names the thing, its value and the way out;
it never holds a password: URLs pass through `redact` first.
"""

import re
from typing import ClassVar

_TELLTALE = r"[\w.-]*(?:pass|passwd|password|pwd|token|secret|key|auth|user|usr|signature|sig)[\w.-]*"
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s\"'<>]+@", re.IGNORECASE)
_SECRET_QUERY = re.compile(rf"(?P<key>[?&]{_TELLTALE}=)[^&#\s]*", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(_TELLTALE, re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with the userinfo of every URL, and the value of every secret-looking query parameter, replaced.

    Greedy up to the last `@` of the word: people write passwords with `@`, `/` and `#` as they are, whatever RFC 3986
    says, and a path that is hidden for nothing does less harm than half a password that is shown.
    """
    text = _USERINFO.sub(r"\g<scheme>***@", text)
    return _SECRET_QUERY.sub(r"\g<key>***", text)


def is_secret(parameter: str) -> bool:
    """Whether a parameter of this name, given to code that is not ours, may be a password: its value is not shown."""
    return _SECRET_PARAMETER.fullmatch(parameter) is not None


class RelayError(Exception):
    """The root. Catch this at the edges (CLI, worker, HTTP); everything else is a bug and may surface as one."""

    retryable: ClassVar[bool] = False
    for_viewers: ClassVar[str] = "the stream has a problem"

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class ConfigError(RelayError):
    """Raised by `config` alone: names the key, the value and what would be accepted."""


class DataFolderError(RelayError):
    """Raised where the data folder is opened: not writable, or locked by another relay."""


class ListenError(RelayError):
    """Raised by `serve` when the address cannot be bound."""


class SourceError(RelayError):
    """Raised by `source` and `decode`; the supervisor turns it into the stream's state."""

    retryable = True
    for_viewers = "the camera cannot be read"


class SourceNotFoundError(SourceError):
    """No such file, device, host name or RTSP path."""

    retryable = False
    for_viewers = "the camera was not found"


class SourceUnsupportedError(SourceError):
    """A scheme, format or codec that FFmpeg's libraries here cannot read."""

    retryable = False


class SourceAuthError(SourceError):
    """401 or 403 from the camera. Retried slowly: cameras lock accounts that are hammered."""

    for_viewers = "the camera refuses the relay"


class SourceUnreachableError(SourceError):
    """No connection can be made: refused, no way to the host, or a device that is taken."""

    for_viewers = "the camera cannot be reached"


class SourceFaultyError(SourceError):
    """It takes the connection and then says nothing, answers with an error, or says what no camera says."""

    for_viewers = "the camera does not answer as it should"


class SourceAwaitedError(SourceError):
    """The relay listens for this stream, and nobody sends. Not a failure: there is nothing to slow down for."""

    for_viewers = "waiting for the camera to start sending"


class SourceStalledError(SourceError):
    """The source was open and then nothing came for the read timeout."""

    for_viewers = "the camera sends nothing"


class SourceEndedError(SourceError):
    """The end of a file that does not loop, or a camera that closed the connection."""

    for_viewers = "the camera has stopped sending"


class UserCodeError(RelayError):
    """Raised by `usercode`; who asked for the code turns it into an error of its own."""


class TransformError(RelayError):
    """Raised by `transform`: unknown name, bad parameter, or an exception out of a user's own code."""

    retryable = True
    for_viewers = "the picture cannot be prepared"


class EncodeError(RelayError):
    """The encoder could not be opened with these settings, or refused a frame."""


class OutputError(RelayError):
    """Raised by `offline`: the file that is made cannot be begun, written or given its name."""


class PushError(RelayError):
    """Raised by `ingest`: what a pusher sends is malformed or over a bound. It ends that connection, nothing else."""


class PushRefusedError(PushError):
    """A pusher that is told why it may not push: its message goes to it, so it holds neither names nor keys."""


class ProtocolError(RelayError):
    """A message on the worker's socket is too large or not what the protocol allows."""


class TokenError(RelayError):
    """A viewer token is malformed, expired or badly signed. Serving goes on without it on a public stream."""


class FetchError(RelayError):
    """Raised by `check`: no answer that can be used. `kind`: unreachable, timeout, broken, too large, redirects."""

    retryable = True

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class QueryError(RelayError):
    """Raised by `analytics`: a question that is no question, or one that needs a package that is not installed."""


class JobError(RelayError):
    """Raised by `serve`: the process that answers a question failed or took too long, or too many ask at once."""

    retryable = True


class StoreError(RelayError):
    """A file in which sessions or events are kept cannot be opened, read or written."""
