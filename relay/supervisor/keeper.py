"""Keeps one stream published, whatever its worker does: the loop of spawn, listen, bury and spawn again."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from relay import wire
from relay.errors import ProtocolError, SourceError
from relay.model import MediaKind, StreamHealth, StreamState, StreamStatus
from relay.supervisor.demand import Demand
from relay.supervisor.events import Events
from relay.supervisor.formats import Remembered, settings_key
from relay.supervisor.health import HealthMeter
from relay.supervisor.ledger import Ledger
from relay.supervisor.memory import Memory
from relay.supervisor.places import Places
from relay.supervisor.restart import RestartState
from relay.supervisor.rungs import Rungs
from relay.timeline import NS_PER_S, SKIP_AFTER_SEGMENTS, Grid
from relay.walls import NO_TAPS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from relay.config import StreamSettings
    from relay.model import Part, PushDoor, StreamFormat
    from relay.supervisor.memory import DataFolder
    from relay.supervisor.process import WorkerProcess
    from relay.supervisor.supervisor import Outlets
    from relay.timeline import ClockLine

log = structlog.get_logger()

FIRST_WORD_WITHIN_S: Final = 20.0
"""A worker imports FFmpeg and OpenCV first, which takes seconds on a small board with a cold disk."""

SILENT_FOR_S: Final = 2.0
"""Workers speak twice a second. One that does not is stopped or wedged: it is killed and replaced."""

FIRST_PROBE_WITHIN_S: Final = 8.0
COPY_PROBE_WITHIN_S: Final = 12.0
"""Where pictures are to be copied, the first probe looks at their keyframes for ten seconds."""

STOP_WITHIN_S: Final = 0.6
AT_ONCE: Final = 5
RESPAWN_EVERY_S: Final = 1.0
"""A worker that cannot even start (a broken installation) must not keep a core busy with trying."""

NOBODY_WATCHES: Final = "nobody is watching; the first viewer opens the camera"
MAX_CLOCK_LEAD_NS: Final = 60 * NS_PER_S


class StreamKeeper:
    """One stream's worker, format, place on the timeline and state."""

    def __init__(
        self,
        name: str,
        settings: StreamSettings,
        choose: Callable[[wire.Found | None, Remembered | None], tuple[StreamFormat, str]],
        outlets: Outlets,
        folder: DataFolder,
        *,
        clock: Callable[[], ClockLine],
        spawn: Callable[[], Awaitable[WorkerProcess]],
        exits_if_unopenable: bool,
    ) -> None:
        self.name = name
        self._settings = settings
        self._choose_format = choose
        self._publisher = publisher = outlets.publisher
        self._clock = clock
        self.demand = Demand(is_on_demand=settings.on_demand, idle_close_s=settings.idle_close_s)
        self._rungs = Rungs(name, self.demand, publisher, may_sleep=settings.renditions_on_demand)
        self._is_probing = self._was_asleep = self._is_suspended = settings.on_demand
        self._probe_ends_s = math.inf
        self._exits_if_unopenable = exits_if_unopenable
        self._spawn = spawn
        self._key = settings_key(settings)
        self._remembered = folder.recall(name)
        self._seen_ever = self._has_seen(self._remembered)
        self._seen_now = False
        self._places: Places | None = None
        self._snapshot = b""
        self.door: PushDoor | None = None
        self.taps = NO_TAPS
        self._worker: WorkerProcess | None = None
        self._is_started = self._is_replaced = self._has_published = self._is_over = False
        self._restarts = RestartState()
        self._end_reason, self._last_end = "", ""
        self._health = StreamHealth(StreamState.CONNECTING, self._now_ns())
        self._ledger = Ledger()
        self._meter = HealthMeter()
        self._events = Events(name, outlets)
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._memory = Memory(folder, name)
        self._log = log.bind(stream=name)

    def status(self, *, clock_is_back: bool) -> StreamStatus:
        """What to tell of this stream."""
        health = self._health
        if clock_is_back and health.state is StreamState.LIVE:
            health = replace(
                health, state=StreamState.CLOCK, reason="the system's clock was set back; the old time is kept"
            )
        ledger = self._ledger
        counters = ledger.counters
        remembered, rate = self._remembered, self._places.grid.rate if self._places else None
        return StreamStatus(
            name=self.name,
            generation=remembered.generation if remembered else 0,
            format=remembered.format if remembered and self._places else None,
            health=health,
            counters=counters,
            gauges=ledger.gauges,
            figures=self._meter.figures(self._now_ns(), health.state, counters, rate),
            is_on_demand=self.demand.is_on_demand,
            transforms=ledger.transforms,
        )

    async def run(self) -> None:
        """Keep the stream up until `stop`. Raises the `RelayError` of an only stream that cannot be opened."""
        while await self._is_wanted():
            began_ns, self._end_reason = self._now_ns(), ""
            self._is_started = self._is_replaced = self._has_published = False
            self._idle.clear()
            try:
                with self.demand.of_shown():
                    code = await self._employ()
            finally:
                self._idle.set()
            if not self._stopping.is_set():
                self._bury(code, began_ns)
                await self._pause()

    async def stop(self) -> None:
        """End the worker and the stream, within `STOP_WITHIN_S`. What a worker says later is not published."""
        self._stopping.set()
        self.demand.wake()
        if self._worker is not None:
            self._worker.send(wire.Stop())
        await _happens(self._idle, STOP_WITHIN_S)
        await self._memory.settle(STOP_WITHIN_S)
        self._is_over = True
        self._health = StreamHealth(StreamState.STOPPED, self._now_ns())
        self._publisher.end_stream(self.name)

    def clock_changed(self) -> None:
        """Tell the worker of the supervisor's new clock line."""
        if self._worker is not None:
            self._worker.send(wire.ClockUpdate(self._clock()))

    async def _is_wanted(self) -> bool:
        """Wait, without a worker, until there is a use for one. False: the relay stops."""
        if not self._stopping.is_set() and not self._is_probing and not self.demand.is_wanted:
            await self._sleep()
        return not self._stopping.is_set()

    async def _sleep(self) -> None:
        """Until somebody comes.

        A short nap leaves the playlist as it is: the next worker fills the hole, as when one dies. After a longer one
        nobody is to see what is old.
        """
        last = self._health
        outage = f" (when last tried: {last.reason})" if last.state is StreamState.OFFLINE else ""
        self._set_health(StreamHealth(StreamState.STOPPED, self._now_ns(), f"{NOBODY_WATCHES}{outage}"))
        self._was_asleep = True
        nap_s = float(SKIP_AFTER_SEGMENTS * self._places.grid.segment_s) if self._places else 0.0
        if self._is_suspended or not await self.demand.wait(nap_s):
            self._is_suspended = True
            self._publisher.suspend(self.name)
            await self.demand.wait()
        if not self._stopping.is_set():
            self._set_health(StreamHealth(StreamState.CONNECTING, self._now_ns(), "the first viewer has come"))

    async def _employ(self) -> int | None:
        """Have a worker from its start to its end. Returns its exit status, where it has one."""
        try:
            worker = await self._spawn()
        except OSError as error:
            self._end_reason = f"it cannot be started: {error}"
            return None
        self._worker = worker
        try:
            if not self._stopping.is_set():  # it may have been, while the worker was being started
                await self._converse(worker)
        except ProtocolError as error:
            self._end_reason = str(error)
        finally:
            self._worker = self.door = None
            self._rungs.dismiss()
            code = await worker.kill()
        return code

    async def _pause(self) -> None:
        """Between workers that come to nothing. One that has published is replaced at once, however often it dies."""
        if self._restarts.failures > AT_ONCE and not self._has_published:
            await _happens(self._stopping, RESPAWN_EVERY_S)

    async def _converse(self, worker: WorkerProcess) -> None:
        hold_s = self._restarts.hold_source_s
        settings = self._settings_of_worker().model_dump(mode="json")
        reason = f"restarting: {self._last_end}" if hold_s else ""
        worker.send(wire.Configure(self.name, settings, self._clock(), hold_s, reason, self.taps))
        within_s = FIRST_WORD_WITHIN_S
        probe_until_s: float | None = None
        while (message := await worker.receive(within_s)) is not None and not self._is_over:
            within_s = SILENT_FOR_S
            if isinstance(message, wire.Hello):
                within_probe_s = self._probe_within_s()
                probe_until_s = time.monotonic() + (0 if hold_s or self._knows_format() else within_probe_s)
                self._probe_ends_s = time.monotonic() + within_probe_s
            self._heed(worker, message)
            self._events.heed(message)
            self._ledger.heed(message)
            self._rungs.heed(message)
            if not self.demand.is_wanted:
                self._dismiss_when_probed(worker)
            elif not self._is_started and probe_until_s is not None and time.monotonic() >= probe_until_s:
                self._start(worker, None)

    def _heed(self, worker: WorkerProcess, message: wire.Message) -> None:
        match message:
            case wire.PartReady(part, _):
                self._publish(part)
            case wire.InitReady(init, _):
                if self._places is not None and self._remembered is not None:
                    self._places.describe(init)
                    self._remember(self._remembered.described(init))
                self._publisher.publish_init(self.name, init)
            case wire.Snapshot(time_ns, jpeg):
                self._snapshot, self._is_probing = jpeg, False
                self._publisher.publish_snapshot(self.name, time_ns, jpeg)
            case wire.Found():
                self._meter.source_found(message.source.rate)
                self._found(worker, message)
            case wire.Health(health, fatal):
                self._hear_health(health, is_fatal=fatal)
            case wire.Listening(door):
                self.door = door
            case wire.Stats(counters, gauges):
                self._meter.stats(self._now_ns(), counters, gauges)
            case wire.Bye(error, _):
                self._end_reason = error
            case _:
                pass

    def _hear_health(self, health: StreamHealth, *, is_fatal: bool) -> None:
        self._set_health(health)
        self._is_probing = self._is_probing and health.state is not StreamState.OFFLINE
        is_hopeless = is_fatal and not self._seen_now
        is_unknown = health.state is StreamState.OFFLINE and not self._seen_ever
        if self._exits_if_unopenable and (is_hopeless or is_unknown):
            raise SourceError(health.detail or health.reason)

    def _set_health(self, health: StreamHealth) -> None:
        why = health.detail or health.reason
        if (health.state, why) != (self._health.state, self._health.detail or self._health.reason):
            self._log.info("state", state=health.state.value, reason=why)
        self._meter.state(self._now_ns(), self._health.state, health.state)
        self._health = health

    def _found(self, worker: WorkerProcess, found: wire.Found) -> None:
        """A camera is there.

        The first one ever seen decides what is `auto`; a stream without one gets its generation.
        """
        before = self._remembered
        wanted, _ = self._choose_format(found, before)
        self._seen_ever = self._seen_now = True
        if not self._is_started:
            self._start(worker, found)
        elif before is not None and before.format != wanted:
            self._remember(Remembered(wanted, before.generation + 1, seen=True, key=self._key))
            self._places, self._is_replaced = None, True
            worker.send(wire.Stop())
        elif before is not None and not before.seen:
            self._remember(replace(before, seen=True, key=self._key))

    def _dismiss_when_probed(self, worker: WorkerProcess) -> None:
        """Nobody wants the pictures now. With the worker goes the camera, once it was seen at the relay's start."""
        if self._is_replaced or (self._is_probing and time.monotonic() < self._probe_ends_s):
            return
        self._is_probing, self._is_replaced = False, True
        if self._places is None:
            self._open_generation(None)
        worker.send(wire.Stop())

    def _settings_of_worker(self) -> StreamSettings:
        """What was decided stays so: a stream that `auto` has encoded is not looked at for copying again."""
        remembered = self._remembered
        is_decided = remembered is not None and self._has_seen(remembered) and remembered.format.copied is None
        if self._settings.video == "auto" and is_decided:
            return self._settings.model_copy(update={"video": "encode"})
        return self._settings

    def _probe_within_s(self) -> float:
        return FIRST_PROBE_WITHIN_S + (0 if self._settings.video == "encode" else COPY_PROBE_WITHIN_S)

    def _knows_format(self) -> bool:
        return self._places is not None or self._has_seen(self._remembered)

    def _has_seen(self, remembered: Remembered | None) -> bool:
        """Whether it was with these settings, and not another camera, that something was found."""
        return remembered is not None and remembered.seen and remembered.key == self._key

    def _start(self, worker: WorkerProcess, found: wire.Found | None) -> None:
        """Decide format and place on the timeline, and, if somebody wants it, let the worker publish."""
        if self._places is None:
            self._open_generation(found)
        remembered, places = self._remembered, self._places
        if remembered is None or places is None:
            raise ProtocolError("a worker was started before its format was known")
        if not self.demand.is_wanted:
            return
        self._is_started = True
        if self._is_suspended:
            places.begin(places.grid.first_slot_on_demand(self._now_ns(), remembered.last_msn))
        slots = self._rungs.settle(places)
        worker.send(wire.Start(remembered.format, slots, self._snapshot, is_data_old=self._was_asleep))
        self._rungs.employ(worker.send)
        self._is_suspended = self._was_asleep = False

    def _open_generation(self, found: wire.Found | None) -> None:
        before = self._remembered
        wanted, why = self._choose_format(found, before)
        if why:
            self._log.info("ladder", why=why, renditions=[rung.text for rung in wanted.ladder])
        generation, last_msn = (before.generation, before.last_msn) if before else (1, None)
        grid = Grid.of(wanted)
        is_ahead = (
            last_msn is not None and grid.start_ns(grid.first_slot(last_msn)) > self._now_ns() + MAX_CLOCK_LEAD_NS
        )
        if before is not None and (before.format != wanted or is_ahead):
            generation, last_msn = generation + 1, None
        seen = found is not None or self._has_seen(before)
        self._remember(Remembered(wanted, generation, seen, self._key if seen else "", last_msn))
        self._places = Places(wanted, grid.first_slot_to_publish(self._now_ns(), last_msn))
        self._publisher.open_generation(self.name, generation, wanted)
        self._rungs.open(wanted, self._places)

    def _publish(self, part: Part) -> None:
        places = self._places
        if places is None:
            return
        next_slot = places.publish(part)
        self._publisher.publish_part(self.name, part)
        self._has_published = True
        if part.rendition == MediaKind.VIDEO:
            self._meter.published((self._now_ns() - places.grid.start_ns(next_slot - 1)) / 1e6)
        remembered = self._remembered
        if places.is_video(part) and remembered is not None and part.msn > (remembered.last_msn or 0):
            self._remember(replace(remembered, last_msn=part.msn))

    def _remember(self, remembered: Remembered) -> None:
        self._remembered = remembered
        self._memory.keep(remembered)

    def _bury(self, code: int | None, began_ns: int) -> None:
        """Take note of a worker that ended by itself."""
        self._ledger.end_worker()
        self._events.end_worker(self._now_ns())
        self._meter.begin_worker()
        self._is_probing = False
        if self._is_replaced:
            return  # asked to end: for a new generation, or because nobody watches
        crash = f"its worker was ended by signal {-code}" if code and code < 0 else "its worker ended"
        self._last_end = self._end_reason or crash
        if not self._has_published:
            reason = "its worker cannot be started"
            self._health = StreamHealth(StreamState.OFFLINE, self._now_ns(), reason, self._last_end)
        self._ledger.count_restart()
        self._restarts = self._restarts.failed(self._now_ns())
        lived_s = (self._now_ns() - began_ns) / NS_PER_S
        told = {"code": code, "error": self._end_reason, "lived_s": round(lived_s, 1)}
        restarts = self._restarts
        self._log.error("worker ended", **told, failures=restarts.failures, hold_source_s=restarts.hold_source_s)

    def _now_ns(self) -> int:
        return self._clock().unix_at(time.monotonic_ns())


async def _happens(event: asyncio.Event, within_s: float) -> None:
    """Wait for `event`, for `within_s` at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
