"""The JSON interface: the relay's clock, its streams, whether it is well."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from relay.links import TRANSFORM_BUCKETS_S
from relay.model import StreamState
from relay.serve.prepared import NO_STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relay.links import TransformFigures
    from relay.model import StreamFormat, StreamStatus
    from relay.serve.hub import Hub, StreamHub
    from relay.sessions import SessionRecorder

_NS_PER_MS: Final = 1_000_000
_HEADERS: Final = {"Cache-Control": NO_STORE}
_BOUNDS_MS: Final = [round(bound_s * 1e3, 3) for bound_s in TRANSFORM_BUCKETS_S]


class Api:
    """Handlers of `/api/v1/...` and of the health checks."""

    def __init__(
        self,
        hub: Hub,
        recorder: SessionRecorder,
        statuses: Callable[[], Sequence[StreamStatus]],
        unix_ns: Callable[[], int],
        event_changes: Mapping[str, int],
    ) -> None:
        self._hub = hub
        self._recorder = recorder
        self._statuses = statuses
        self._unix_ns = unix_ns
        self._event_changes = event_changes

    async def time(self, request: web.Request) -> web.Response:
        """The relay's clock, by which PROGRAM-DATE-TIME runs: a page learns its own clock's error from it."""
        del request
        return web.json_response({"unix_ms": self._unix_ns() / _NS_PER_MS}, headers=_HEADERS)

    async def streams(self, request: web.Request) -> web.Response:
        """All streams with health, viewers, format and counters."""
        del request
        described = [self._describe(status) for status in self._statuses()]
        return web.json_response({"streams": described}, headers=_HEADERS)

    async def healthz(self, request: web.Request) -> web.Response:
        """The event loop answers."""
        del request
        return web.Response(text="ok\n", headers=_HEADERS)

    async def readyz(self, request: web.Request) -> web.Response:
        """Whether every stream can be played, be it as a slate; a stream that was stopped is not waited for."""
        del request
        stopped = {status.name for status in self._statuses() if status.health.state is StreamState.STOPPED}
        waiting = sorted(
            name for name, stream in self._hub.streams.items() if not stream.is_ready and name not in stopped
        )
        status = HTTPStatus.SERVICE_UNAVAILABLE if waiting else HTTPStatus.OK
        return web.json_response({"ready": not waiting, "waiting_for": waiting}, status=status, headers=_HEADERS)

    def _describe(self, status: StreamStatus) -> dict[str, Any]:
        stream = self._hub.streams.get(status.name)
        return {
            "name": status.name,
            "generation": status.generation,
            "on_demand": status.is_on_demand,
            "health": _describe_health(status),
            "viewers": self._recorder.viewers(status.name),
            "format": _describe_format(status.format) if status.format else None,
            "window": _describe_window(stream),
            "playlist": f"live/{status.name}/index.m3u8",
            "transport_stream": f"live/{status.name}/ts.m3u8" if _has_transport(stream) else None,
            "snapshot": f"live/{status.name}/snapshot.jpg" if stream and stream.snapshot else None,
            "counters": {**status.counters, **(stream.counters if stream else {})},
            "event_changes": self._event_changes.get(status.name, 0),
            "gauges": status.gauges,
            "transforms": [_describe_transform(figures) for figures in status.transforms],
        }


def _describe_transform(figures: TransformFigures) -> dict[str, Any]:
    """One link of the chain: what it counts, what it takes, and that it works on every n-th frame."""
    return {
        "name": figures.label,
        "frames": figures.runs,
        "mean_ms": round(figures.mean_ms, 3),
        "total_s": round(figures.seconds, 3),
        "histogram": {"le_ms": _BOUNDS_MS, "frames": list(figures.counts)},
        "failures": figures.failures,
        "is_failing": figures.is_failing,
        "late": figures.late,
        "rested": figures.rested,
        "every": figures.every,
        "delay_frames": figures.delay_frames,
    }


def _has_transport(stream: StreamHub | None) -> bool:
    """Whether it can be had as MPEG-TS, as far as is known."""
    return stream is not None and stream.current is not None and stream.current.transport is not None


def _describe_health(status: StreamStatus) -> dict[str, Any]:
    figures = status.figures
    return {
        "state": status.health.state.value,
        "since_ms": status.health.since_ns // _NS_PER_MS,
        "reason": status.health.reason,
        "quality": figures.quality.value,
        "fps_in": round(figures.fps_in, 2),
        "fps_out": round(figures.fps_out, 2),
        "repeated_frames": figures.repeated_frames,
        "dropped_frames": figures.dropped_frames,
        "jitter_ms": round(figures.jitter_ms, 1),
        "reconnects_1h": figures.reconnects_1h,
        "stalls_1h": figures.stalls_1h,
        "delay_ms": {stage: round(delay_ms, 1) for stage, delay_ms in figures.delay_ms.items()},
    }


def _describe_format(stream: StreamFormat) -> dict[str, Any]:
    return {
        "width": stream.width,
        "height": stream.height,
        "rate": str(stream.rate),
        "audio": stream.audio,
        "latency": stream.latency.value,
        "latency_profile": stream.latency_profile.value,
        "encoder": stream.encoder,
        "segment_s": float(stream.segment_s),
        "copied": stream.copied.codec if stream.copied else None,
        "ladder": [
            {
                "name": rung.name,
                "width": rung.width,
                "height": rung.height,
                "rate": str(rung.rate),
                "bitrate_kbps": rung.bitrate_kbps,
                "codec": rung.codec,
            }
            for rung in stream.ladder
        ],
    }


def _describe_window(stream: StreamHub | None) -> dict[str, Any] | None:
    """What the playlists of now hold, by rendition."""
    if stream is None or stream.current is None:
        return None
    generation = stream.current
    settings = next(iter(generation.renditions.values())).window.settings
    return {
        "target_duration_s": settings.target_duration_s,
        "part_target_s": float(settings.part_target_s),
        "renditions": {
            rendition.name: {
                "media_sequence": rendition.window.media_sequence,
                "last_part": rendition.window.last_part,
                "is_ended": rendition.window.is_ended,
                "is_asleep": rendition.is_asleep,
            }
            for rendition in generation.renditions.values()
        },
    }
