"""Something read again and again in a thread of its own, of which the last good reading stays."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from relay.errors import TransformError

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()

_PATIENCE_S: Final = 1.0
"""So long the end of the thread is waited for; in a read that takes longer it ends by itself, later."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and when, by the monotonic clock."""

    text: str
    at_s: float


class Reader:
    """Calls `read` every `interval_s` seconds. Frames never wait for it: they see the newest reading that there is."""

    def __init__(
        self, label: str, read: Callable[[], str], interval_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`read` returns the text, or raises `TransformError`; `label` is what logs call it."""
        self.clock = clock
        self.newest: Reading | None = None
        self.started_s = clock()
        self._label = label
        self._read = read
        self._interval_s = interval_s
        self._problem = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"data {label}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the read in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def step(self) -> None:
        """Read once. A failure is told once, and then again when it is another or when it is over."""
        try:
            text = self._read()
        except TransformError as error:
            problem = str(error)
            if problem != self._problem and not self._stopping.is_set():
                log.warning("data cannot be read", source=self._label, reason=problem)
            self._problem = problem
            return
        if self._problem:
            log.info("data can be read again", source=self._label)
        self._problem = ""
        self.newest = Reading(text, self.clock())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.step()
            self._stopping.wait(self._interval_s)
