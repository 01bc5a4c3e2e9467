"""Logging for every process of the relay: people's lines on a terminal, JSON otherwise, and one place that redacts."""

from __future__ import annotations

import logging
import math
import sys
import threading
import traceback
from typing import TYPE_CHECKING

import structlog

from relay.errors import redact

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger


def configure(level: str) -> None:
    """Send all logging, ours and the libraries', to standard error in one format."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    renderer: structlog.typing.Processor
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # one line a request is 10 a second for each viewer


def redact_tracebacks() -> None:
    """What nobody catches is printed by the interpreter itself, past all logging: without credentials, from now on."""
    sys.excepthook = lambda _kind, error, _traceback: _print(error)
    threading.excepthook = lambda failed: _print(failed.exc_value)


def _print(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):  # by which a thread may end itself
        sys.stderr.write(redact("".join(traceback.format_exception(error))))


class Throttle:
    """For what can happen all day long: a line every `every_s` at most, and the number of those that it stands for."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._due_s = -math.inf
        self._times = 0

    def count(self, now_s: float) -> int:
        """It happened. How often since the last line, if there is to be one now; else 0."""
        self._times += 1
        if now_s < self._due_s:
            return 0
        self._due_s = now_s + self._every_s
        times, self._times = self._times, 0
        return times


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take credentials out of every value that goes to a log, however deep."""
    # What begins with an underscore is structlog's own, and is taken out before anything is written.
    return {key: value if key.startswith("_") else _redacted(value) for key, value in event.items()}


def _redacted(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {key: _redacted(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted(item) for item in value]
        case _:
            return redact(str(value))
