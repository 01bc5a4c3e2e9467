"""Numbers for Prometheus. Labels are bounded by the settings and the code: streams, states, kinds; never a viewer."""

from __future__ import annotations

import asyncio
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from relay.links import TRANSFORM_BUCKETS_S
from relay.model import Quality, StreamState
from relay.serve.malformed import WORDS
from relay.serve.prepared import NO_STORE
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from relay.events.desk import EventDesk
    from relay.model import StreamStatus
    from relay.serve.access import AccessLog
    from relay.serve.hub import Hub
    from relay.serve.malformed import MalformedRequests
    from relay.sessions import SessionRecorder

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LAG_EVERY_S: Final = 0.1
_LAG_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_TRANSFORM_BOUNDS: Final = [*map(str, TRANSFORM_BUCKETS_S), "+Inf"]


class RelayCollector(Collector):
    """Reads the relay's own counters when it is asked; nothing is counted twice."""

    def __init__(
        self,
        hub: Hub,
        recorder: SessionRecorder,
        log: AccessLog,
        malformed: MalformedRequests,
        statuses: Callable[[], Sequence[StreamStatus]],
        desk: EventDesk,
    ) -> None:
        self._hub = hub
        self._recorder = recorder
        self._log = log
        self._malformed = malformed
        self._statuses = statuses
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self._requests()
        viewers = GaugeMetricFamily("relay_viewers", "Viewers now.", labels=["stream"])
        for name in self._hub.streams:
            viewers.add_metric([name], self._recorder.viewers(name))
        yield viewers
        sessions = GaugeMetricFamily("relay_sessions", "What the session recorder counts, by name.", labels=["name"])
        for name, count in self._recorder.counters().items():
            sessions.add_metric([name], count)
        yield sessions
        yield from self._states()
        yield from self._figures()
        yield from self._transforms()
        yield from self._counts()
        yield from self._events()

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "relay_requests", "GET requests for media and playlists.", labels=["stream", "kind", "status"]
        )
        for (stream, kind, status), count in self._log.requests.items():
            requests.add_metric([stream, kind, str(status)], count)
        yield requests
        sent = CounterMetricFamily("relay_sent_bytes", "Bytes of bodies really written.", labels=["stream", "kind"])
        for (stream, kind), count in self._log.bytes_sent.items():
            sent.add_metric([stream, kind], count)
        yield sent
        told = CounterMetricFamily("relay_cmcd", "What players said of themselves (CMCD).", labels=["outcome"])
        for outcome, count in self._log.cmcd.items():
            told.add_metric([outcome], count)
        yield told
        malformed = CounterMetricFamily("relay_malformed_requests", "What came and was no HTTP.", labels=["reason"])
        for reason in WORDS:
            malformed.add_metric([reason], self._malformed.counts[reason])
        yield malformed

    def _states(self) -> Iterator[Metric]:
        states = GaugeMetricFamily("relay_stream_state", "1 for the state a stream is in.", labels=["stream", "state"])
        for status in self._statuses():
            for state in StreamState:
                states.add_metric([status.name, state.value], float(status.health.state is state))
        yield states
        since = GaugeMetricFamily(
            "relay_stream_state_since_seconds", "The Unix time at which the state began.", labels=["stream"]
        )
        for status in self._statuses():
            since.add_metric([status.name], status.health.since_ns / NS_PER_S)
        yield since

    def _figures(self) -> Iterator[Metric]:
        """Health in figures; what is counted (repeated and dropped frames) is among the events."""
        quality = GaugeMetricFamily(
            "relay_stream_quality", "1 for the quality of the connection to the camera.", labels=["stream", "quality"]
        )
        fps = GaugeMetricFamily("relay_stream_fps", "Frames a second, in and out.", labels=["stream", "direction"])
        jitter = GaugeMetricFamily("relay_stream_jitter_seconds", "How unevenly frames come in.", labels=["stream"])
        interruptions = GaugeMetricFamily(
            "relay_stream_interruptions", "Reconnects and stalls in the last hour.", labels=["stream", "kind"]
        )
        delay = GaugeMetricFamily(
            "relay_stream_delay_seconds",
            "What a stage adds between capture and the moment at which viewers can fetch.",
            labels=["stream", "stage"],
        )
        for status in self._statuses():
            name, figures = status.name, status.figures
            for one in Quality:
                quality.add_metric([name, one.value], float(figures.quality is one))
            fps.add_metric([name, "in"], figures.fps_in)
            fps.add_metric([name, "out"], figures.fps_out)
            jitter.add_metric([name], figures.jitter_ms / 1e3)
            interruptions.add_metric([name, "reconnect"], figures.reconnects_1h)
            interruptions.add_metric([name, "stall"], figures.stalls_1h)
            for stage, delay_ms in figures.delay_ms.items():
                delay.add_metric([name, stage], delay_ms / 1e3)
        yield from (quality, fps, jitter, interruptions, delay)

    def _transforms(self) -> Iterator[Metric]:
        """By name and place in the chain: there may be two of a name. What is labelled is bounded by the settings."""
        labels = ["stream", "transform", "position"]
        times = HistogramMetricFamily("relay_transform_seconds", "What a transform takes for a frame.", labels=labels)
        frames = CounterMetricFamily(
            "relay_transform_frames",
            "Frames on which a transform failed, or was late, or which it left out to rest.",
            labels=[*labels, "outcome"],
        )
        every = GaugeMetricFamily(
            "relay_transform_every", "A transform works on every n-th frame: 1 unless it rests.", labels=labels
        )
        for status in self._statuses():
            for position, figures in enumerate(status.transforms):
                values = [status.name, figures.label, str(position)]
                times.add_metric(values, _buckets(figures.counts), figures.seconds)
                every.add_metric(values, figures.every)
                counted = (("failed", figures.failures), ("late", figures.late), ("rested", figures.rested))
                for outcome, count in counted:
                    frames.add_metric([*values, outcome], count)
        yield from (times, frames, every)

    def _counts(self) -> Iterator[Metric]:
        counters = CounterMetricFamily(
            "relay_stream_events", "What happened to a stream, by the name of its counter.", labels=["stream", "event"]
        )
        gauges = GaugeMetricFamily("relay_stream_gauge", "What a stream is at now, by name.", labels=["stream", "name"])
        for name, stream in self._hub.streams.items():
            for event, count in stream.counters.items():
                counters.add_metric([name, event], count)
        for status in self._statuses():
            for event, count in status.counters.items():
                counters.add_metric([status.name, event], count)
            for gauge, value in status.gauges.items():
                gauges.add_metric([status.name, gauge], value)
        yield counters
        yield gauges

    def _events(self) -> Iterator[Metric]:
        """What was noticed in front of the cameras. Kinds are no labels: a transform may emit any."""
        events = CounterMetricFamily(
            "relay_events", "Events that were told, or held back and why.", labels=["stream", "outcome"]
        )
        for (stream, outcome), count in self._desk.counters.items():
            events.add_metric([stream, outcome], count)
        yield events
        store = GaugeMetricFamily("relay_event_store", "What the store of events counts, by name.", labels=["name"])
        for name, count in self._desk.store.counters().items():
            store.add_metric([name], count)
        yield store


def _buckets(counts: Iterable[int]) -> Sequence[tuple[str, float]]:
    """Bound by bound, how many were no longer than that: of Prometheus's histograms each bucket has those below it."""
    return list(zip(_TRANSFORM_BOUNDS, accumulate(counts), strict=True))


class Metrics:
    """The handler of `/metrics`."""

    def __init__(self, *collectors: Collector) -> None:
        self._own = CollectorRegistry(auto_describe=False)
        for collector in collectors:
            self._own.register(collector)
        self._lag = Histogram(
            "relay_event_loop_lag_seconds",
            "How late the event loop comes to what it is to do: what every viewer waits beside all else.",
            buckets=_LAG_BUCKETS_S,
            registry=self._own,
        )
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)

    async def watch_lag(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + _LAG_EVERY_S
            await asyncio.sleep(_LAG_EVERY_S)
            self._lag.observe(max(0.0, loop.time() - due_s))

    def register(self, collector: Collector) -> None:
        """Have its figures among the others."""
        self._own.register(collector)

    async def handle(self, request: web.Request) -> web.Response:
        """All numbers as text. The process's own are read from files, and so in a thread."""
        del request
        body = generate_latest(self._own) + await asyncio.to_thread(generate_latest, self._process)
        return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE, "Cache-Control": NO_STORE})
