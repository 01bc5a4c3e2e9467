"""All streams together: one clock, one keeper a stream, and the statuses that API and pages show."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import structlog

from relay.errors import RelayError
from relay.supervisor.formats import choose_format
from relay.supervisor.keeper import StreamKeeper
from relay.supervisor.process import WorkerProcess
from relay.supervisor.spare import SpareWorkers
from relay.timeline import ClockEvent, ClockLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from relay.config import Isolation, RelaySettings
    from relay.model import DateRange, Init, Part, PushDoor, StreamFormat, StreamStatus
    from relay.supervisor.demand import Demand
    from relay.supervisor.events import Desk
    from relay.supervisor.memory import DataFolder

log = structlog.get_logger()

LOOK_AT_CLOCK_EVERY_S: Final = 1.0


class Publisher(Protocol):
    """Where the media goes: the origin's hub. Every call is quick and comes on the event loop."""

    def open_generation(self, stream: str, generation: int, stream_format: StreamFormat) -> None:
        """First of all, and whenever the format changes: an older generation ends."""

    def publish_init(self, stream: str, init: Init) -> None:
        """A rendition can be described."""

    def publish_part(self, stream: str, part: Part) -> None:
        """A rendition grew by a part."""

    def suspend(self, stream: str) -> None:
        """What was published is too old to be shown; when somebody asks, there will be more."""

    def sleep(self, stream: str, rendition: str) -> None:
        """A rung of its ladder is not encoded: who asks for it waits until it is. May be said again."""

    def wake(self, stream: str, rendition: str) -> None:
        """Such a rung is made again, and will come to where the largest one is now."""

    def publish_snapshot(self, stream: str, time_ns: int, jpeg: bytes) -> None:
        """There is a newer still."""

    def publish_event(self, stream: str, date_range: DateRange) -> None:
        """Something is to be told in its playlists, or that it is over."""

    def end_stream(self, stream: str) -> None:
        """Nothing will follow."""


class Outlets(NamedTuple):
    """Where everything goes that workers tell of: media to the hub, what happens to the desk."""

    publisher: Publisher
    desk: Desk


class Supervisor:
    """Runs every stream of the settings until `stop`. `cores` are those that all of them may use."""

    def __init__(
        self,
        settings: RelaySettings,
        outlets: Outlets,
        folder: DataFolder,
        spawn: Callable[[Isolation, str], Awaitable[WorkerProcess]] = WorkerProcess.spawn,
        *,
        cores: float,
    ) -> None:
        self._clock = ClockLine(time.monotonic_ns(), time.time_ns())
        self._clock_event = ClockEvent.STEADY
        self._workers = SpareWorkers(spawn, settings.log_level)
        is_only = len(settings.streams) == 1
        self._keepers = [
            StreamKeeper(
                name,
                stream,
                partial(choose_format, stream, settings.latency_of(stream), cores / len(settings.streams)),
                outlets,
                folder,
                clock=lambda: self._clock,
                spawn=partial(self._workers.take, stream.isolation),
                exits_if_unopenable=is_only and not stream.is_push,
            )
            for name, stream in settings.streams.items()
        ]
        self._demands = {keeper.name: keeper.demand for keeper in self._keepers}

    def unix_ns(self) -> int:
        """Now, on the relay's own clock."""
        return self._clock.unix_at(time.monotonic_ns())

    def statuses(self) -> list[StreamStatus]:
        """The streams' states, in the settings' order."""
        return [keeper.status(clock_is_back=self._clock_event is ClockEvent.STEPPED_BACK) for keeper in self._keepers]

    def door(self, name: str) -> PushDoor | None:
        """Where the worker of stream `name` takes a push now, if it does."""
        return next((keeper.door for keeper in self._keepers if keeper.name == name), None)

    def demand(self, stream: str) -> Demand:
        """To be entered by whoever fetches `stream`, which opens an on-demand camera."""
        return self._demands[stream]

    async def run(self) -> None:
        """Keep all streams up until cancelled. Raises the `RelayError` of an only stream that cannot be opened."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_clock(), name="clock")
                tasks.create_task(self._workers.keep(), name="spare worker")
                for keeper in self._keepers:
                    tasks.create_task(keeper.run(), name=f"keeper {keeper.name}")
        except* RelayError as group:
            raise group.exceptions[0] from None

    async def stop(self) -> None:
        """End all workers and streams. Call it before cancelling `run`; takes at most `keeper.STOP_WITHIN_S`."""
        await asyncio.gather(*(keeper.stop() for keeper in self._keepers))

    async def _keep_clock(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AT_CLOCK_EVERY_S)
            before = self._clock_event
            self._clock, self._clock_event = self._clock.observe(time.monotonic_ns(), time.time_ns())
            if self._clock_event is not before:
                log.warning("the system's clock was set", event_kind=self._clock_event.value)
            for keeper in self._keepers:
                keeper.clock_changed()
