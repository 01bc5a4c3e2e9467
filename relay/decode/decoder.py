"""The thread that reads a camera for as long as its stream lives: connect, decode, and after a failure try again."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Final

from relay.decode.connection import Connection
from relay.errors import SourceAwaitedError, SourceEndedError, SourceError, SourceStalledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config import StreamSettings
    from relay.decode.ports import CopyTaker, DecodedAudio, DecodedVideo, RetryPolicy, Source
    from relay.model import SourceInfo

COUNTERS: Final = (
    "packets",
    "frames",
    "decode_errors",
    "reconnects",
    "stalls",
    "burst_frames",
    "discarded_timestamps",
    "timestamp_jumps",
)
_PARKED_S: Final = 1.0
OVERTIME_S: Final = 10.0
"""A source answers within its timeouts. One that does not, so much later, is wedged in its driver or in FFmpeg."""


class Decoder:
    """`run` is the body of the thread; all callbacks are called in it and have to return at once.

    `on_found` says what the source sends, once a connection, before its first picture; `on_state` gives `None` when
    pictures come and the error when they stop. `counters` only grow; other threads may read them. Stalls are found by
    `monotonic_s`.
    """

    def __init__(
        self,
        settings: StreamSettings,
        open_source: Callable[[], Source],
        unix_ns: Callable[[], int],
        on_found: Callable[[SourceInfo], None],
        on_video: Callable[[DecodedVideo], None],
        on_audio: Callable[[DecodedAudio], None],
        on_state: Callable[[SourceError | None], None],
        backoff: RetryPolicy,
    ) -> None:
        self._settings = settings
        self._open_source = open_source
        self._unix_ns = unix_ns
        self._on_found, self._on_video, self._on_audio, self._on_state = on_found, on_video, on_audio, on_state
        self._backoff = backoff
        self.monotonic_s: Callable[[], float] = time.monotonic
        self._due_s = math.inf
        self._copy_to: CopyTaker | None = None
        self._stopping = threading.Event()
        self.counters = dict.fromkeys(COUNTERS, 0)
        self._connection: Connection | None = None
        self._last_gauges: dict[str, float] = {}

    @property
    def is_wedged(self) -> bool:
        """Whether the source should have answered long ago. Nothing can wake the thread; its process has to go."""
        return self.monotonic_s() > self._due_s

    @property
    def gauges(self) -> dict[str, float]:
        """Of the connection there is, or of the last; see `Connection.gauges`. Any thread may ask."""
        connection = self._connection
        return dict(self._last_gauges) if connection is None else connection.gauges()

    def run(self) -> None:
        """Read the source until `stop`. Each `SourceError` is reported and retried; the end of a file stays its end."""
        while not self._stopping.is_set():
            self._due_s = self.monotonic_s() + 2 * self._settings.open_timeout_s + OVERTIME_S
            try:
                source = self._open_source()
            except SourceError as error:
                self._report(error)
                self._pause(error, healthy_s=0.0)
                continue
            try:
                self._read(source)
            finally:
                source.close()
                self._due_s = math.inf

    def copy_to(self, taker: CopyTaker) -> None:
        """Before `run`: ask `taker`, of every connection, whether it wants its packets as they are."""
        self._copy_to = taker

    def stop(self) -> None:
        """Make `run` return: at once from a wait, within the read timeout from FFmpeg."""
        self._stopping.set()

    def _read(self, source: Source) -> None:
        connection = Connection(source, self.counters, self._found, self._on_video, self._on_audio, self.monotonic_s)
        try:
            if self._copy_to is not None:
                connection.offer_to(self._copy_to)
            self._connection = connection
            try:
                self._take_all(source, connection)
            finally:
                self._last_gauges, self._connection = connection.gauges(), None
        except SourceError as error:
            healthy_s = connection.healthy_s
            self.counters["stalls"] += isinstance(error, SourceStalledError)
            self._report(error)
            # Closed before the wait: a camera that serves one client would refuse us because of ourselves.
            source.close()
            if isinstance(error, SourceEndedError) and not source.is_live:
                self._park()
            else:
                self._pause(error, healthy_s)

    def _take_all(self, source: Source, connection: Connection) -> None:
        read_timeout_s = self._settings.read_timeout_s
        patience_s = read_timeout_s + source.stall_after_s + OVERTIME_S
        self._due_s = self.monotonic_s() + patience_s
        try:
            for item in source.media():
                if self._stopping.is_set():
                    return
                # Before the item is taken: on a timeout FFmpeg first gives out what its parser held, and waits again.
                connection.check_alive(read_timeout_s)
                connection.take(item, self._unix_ns())
                self._due_s = self.monotonic_s() + patience_s
        except SourceError:
            connection.end_burst()
            raise

    def _found(self, info: SourceInfo) -> None:
        self._on_found(info)
        self._on_state(None)

    def _report(self, error: SourceError) -> None:
        if not self._stopping.is_set():
            self._on_state(error)

    def _pause(self, error: SourceError, healthy_s: float) -> None:
        self._due_s = math.inf
        if not self._stopping.is_set():
            self.counters["reconnects"] += not isinstance(error, SourceAwaitedError)
            self._stopping.wait(self._backoff.delay_s(error, healthy_s))

    def _park(self) -> None:
        """The end of a file is no failure: it stays at its end until somebody stops it."""
        self._due_s = math.inf
        while not self._stopping.wait(_PARKED_S):
            pass
