"""Requests that are no HTTP: counted by what is wrong with them, and told in a line, without what they contain."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from aiohttp import http_exceptions, web

from relay.logs import Throttle
from relay.sessions import network_of

WORDS: Final = {
    "tls": "TLS (https://) on a port of plain HTTP",
    "method": "it begins with no method of HTTP",
    "request_line": "its first line is no request",
    "address": "its address is malformed",
    "too_long": "a line is too long",
    "header": "a header is malformed",
    "body": "its body is not encoded as its headers say",
    "other": "it breaks the rules of HTTP",
}
"""What can be wrong. Never a word of the request itself: it may be a password that was typed into the wrong port."""

_TLS: Final = "Received HTTPS traffic"
_KINDS: Final = (
    (http_exceptions.BadHttpMethod, "method"),
    (http_exceptions.BadStatusLine, "request_line"),
    (http_exceptions.InvalidURLError, "address"),
    (http_exceptions.LineTooLong, "too_long"),
    (http_exceptions.InvalidHeader, "header"),
    (http_exceptions.PayloadEncodingError, "body"),
)
_QUOTE: Final = ":\n\n"
_TOLD_EVERY_S: Final = 1.0
_log: Final = logging.getLogger("relay.http")


class MalformedRequests(logging.Filter):
    """Rewrites what aiohttp logs of each of them, which is a traceback: they are no mistake of ours.

    `counts` has all of them, by their key in `WORDS`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._throttle = Throttle(_TOLD_EVERY_S)

    def logger(self, port: int) -> logging.Logger:
        """For the server on `port` to log to. Of some malformed requests aiohttp tells only where that is `DEBUG`."""
        log = _log.getChild(str(port))
        log.setLevel(logging.DEBUG)
        log.filters[:] = [self]
        return log

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is to be written. One about a malformed request is changed, and taken for information."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, http_exceptions.HttpProcessingError):
            return _log.isEnabledFor(record.levelno)
        kind = _kind_of(error)
        self.counts[kind] += 1
        times = self._throttle.count(record.created)
        others = f", and {times - 1} more since the last such line" if times > 1 else ""
        record.msg = "a request from %s was malformed: %s%s"
        record.args = (network_of(_peer_of(record)), _words_for(kind, error), others)
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.INFO, "INFO"
        return times > 0 and _log.isEnabledFor(record.levelno)


MALFORMED: Final = web.AppKey("MALFORMED", MalformedRequests)
"""Where an application has its own, for the server that runs it."""


def _peer_of(record: logging.LogRecord) -> str:
    return str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""


def _kind_of(error: http_exceptions.HttpProcessingError) -> str:
    if error.message.startswith(_TLS):
        return "tls"
    return next((kind for leaf, kind in _KINDS if isinstance(error, leaf)), "other")


def _words_for(kind: str, error: http_exceptions.HttpProcessingError) -> str:
    """`WORDS`, and where the parser has said more: only before its quotation are the words its own."""
    reason, quote, _ = error.message.partition(_QUOTE)
    return f"{WORDS[kind]} ({reason})" if kind == "other" and quote else WORDS[kind]
