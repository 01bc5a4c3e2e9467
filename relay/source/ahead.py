"""A live playlist is read as it grows, in a thread of its own, and what was read waits until it is due.

Were it read no earlier than it plays, what is still to be played would lie at its origin alone, which keeps it for as
long as its playlist is. Who is as far behind as that, after a pause, comes too late for every second segment.
"""

from __future__ import annotations

import contextvars
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from relay.source.pacing import BREATH_S
from relay.source.reservoir import Reservoir
from relay.timeline import timestamp_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer
    from av.packet import Packet

_JOIN_S: Final = 0.5


class ReadAhead:
    """The thread, and what it has read. From its start on the container is its own: it reads it, and closes it."""

    def __init__(self, container: InputContainer, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._container = container
        self._monotonic_ns = monotonic_ns
        self._reservoir: Reservoir[Packet[Any]] = Reservoir()
        self._taken: Packet[Any] | None = None
        self._failure: Exception | None = None
        self._is_closing = False
        self._changed = threading.Condition()
        # With the caller's context, because in it is the stream's name for the log.
        run = partial(contextvars.copy_context().run, self._run)
        self._thread = threading.Thread(target=run, name="read ahead", daemon=True)
        self._thread.start()

    @property
    def has_run_dry(self) -> bool:
        """Whether the last packet had been waited for, and came too late."""
        return self._reservoir.has_run_dry

    def packets(self) -> Iterator[Packet[Any] | None]:
        """As they are asked for; `None` when there was none for a breath. At its end, raises what reading raised."""
        while True:
            with self._changed:
                self._changed.wait_for(self._has_something, BREATH_S)
                packet = self._taken
                self._changed.notify_all()
                if packet is None and self._reservoir.is_spent:
                    break
            yield packet
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Let go of it. A read that hangs ends with its timeout, and then the thread does."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(_JOIN_S)

    def _has_something(self) -> bool:
        self._taken = self._reservoir.take(self._monotonic_ns())
        return self._taken is not None or self._reservoir.is_spent

    def _run(self) -> None:
        try:
            for packet in self._container.demux():
                if not self._put(packet):
                    break
        except Exception as error:  # noqa: BLE001 - whoever asks for packets is told, when there are no more
            self._failure = error
        with self._changed:
            self._reservoir.finish()
            self._changed.notify_all()
            # Not before: the packets that wait are decoded by what belongs to the container.
            self._changed.wait_for(lambda: self._is_closing)
        # Here, since FFmpeg ends in a segmentation fault where a container is closed that is being read.
        self._container.close()

    def _put(self, packet: Packet[Any]) -> bool:
        """Keep `packet`, as soon as there is room. `False`: nobody wants any more."""
        media_ns = timestamp_ns(packet.pts if packet.dts is None else packet.dts, packet.time_base)
        with self._changed:
            self._reservoir.put(packet, packet.size, media_ns, self._monotonic_ns())
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_closing or not self._reservoir.is_full(self._monotonic_ns()))
            return not self._is_closing
