"""The JSON interface, health checks and metrics."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fixtures.origin import UNIX_NS, Camera
from fixtures.published import FORMAT, MSN
from relay.links import TRANSFORM_BUCKETS_S, TransformFigures
from relay.model import Rung, StreamHealth, StreamState, StreamStatus

if TYPE_CHECKING:
    from fixtures.desk import NotedDesk
    from fixtures.origin import Client
    from relay.serve import Hub


async def test_the_clock(client: Client) -> None:
    answer = await client.get("/api/v1/time")
    assert json.loads(answer.body) == {"unix_ms": UNIX_NS / 1e6}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_streams(client: Client, camera: Camera, hub: Hub, desk: NotedDesk) -> None:
    desk.changes["cam"] += 3
    hub.publish_snapshot("cam", UNIX_NS, b"jpeg")
    await client.get("/live/cam/index.m3u8")
    cam, yard = json.loads((await client.get("/api/v1/streams")).body)["streams"]
    assert cam["name"] == "cam"
    assert cam["viewers"] == 1
    assert (cam["event_changes"], yard["event_changes"]) == (3, 0)
    assert cam["health"] == {
        "state": "live",
        "since_ms": UNIX_NS // 1_000_000,
        "reason": "",
        "quality": "good",
        "fps_in": 29.97,
        "fps_out": 30.0,
        "repeated_frames": 4,
        "dropped_frames": 0,
        "jitter_ms": 3.1,
        "reconnects_1h": 1,
        "stalls_1h": 2,
        "delay_ms": {"receive": 1.5, "publish": 0.2},
    }
    assert (cam["on_demand"], yard["on_demand"]) == (False, True)
    assert cam["format"] == {
        "width": 1280,
        "height": 720,
        "rate": "30",
        "audio": True,
        "latency": "lan",
        "latency_profile": "low",
        "encoder": "software",
        "segment_s": 2.0,
        "copied": None,
        "ladder": [],
    }
    assert (cam["playlist"], cam["snapshot"]) == ("live/cam/index.m3u8", "live/cam/snapshot.jpg")
    assert (cam["transport_stream"], yard["transport_stream"]) == ("live/cam/ts.m3u8", None)
    assert cam["counters"]["frames_decoded"] == 7
    assert cam["counters"]["parts_published"] == 146
    assert cam["window"]["part_target_s"] == 0.2
    assert cam["window"]["renditions"]["audio"]["last_part"] == [MSN + 7, 2]
    assert (yard["format"], yard["window"], yard["snapshot"]) == (None, None, None)
    assert yard["health"]["reason"] == "the camera is away"


async def test_a_ladder_is_told_rung_by_rung(client: Client, statuses: list[StreamStatus]) -> None:
    rungs = (Rung("video", 1280, 720, Fraction(30), 2500), Rung("video-360p15", 640, 360, Fraction(15), 550))
    statuses[0] = replace(statuses[0], format=replace(FORMAT, ladder=rungs))
    cam = json.loads((await client.get("/api/v1/streams")).body)["streams"][0]
    assert cam["format"]["ladder"] == [
        {"name": "video", "width": 1280, "height": 720, "rate": "30", "bitrate_kbps": 2500, "codec": "h264"},
        {"name": "video-360p15", "width": 640, "height": 360, "rate": "15", "bitrate_kbps": 550, "codec": "h264"},
    ]


async def test_it_is_ready_when_every_stream_can_be_played(
    client: Client, camera: Camera, hub: Hub, statuses: list[StreamStatus]
) -> None:
    assert (await client.get("/healthz")).text == "ok\n"
    answer = await client.get("/readyz")
    assert (answer.status, json.loads(answer.body)) == (503, {"ready": False, "waiting_for": ["yard"]})
    statuses[1] = StreamStatus("yard", 1, None, StreamHealth(StreamState.STOPPED, 0), {}, {})
    assert (await client.get("/readyz")).status == 200
    statuses.pop()
    yard = Camera(hub, "yard")
    yard.open()
    yard.publish_segments(1)
    assert (await client.get("/readyz")).status == 200


async def test_metrics_have_bounded_labels(client: Client, camera: Camera) -> None:
    body = (await client.get("/live/cam/v/secret/video-1/index.m3u8")).body
    await client.get("/live/cam/v/secret/video-1/1.m4s")
    text = (await client.get("/metrics")).text
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["relay_requests_total", "200", "cam", "playlist"] == 1
    assert values["relay_requests_total", "404", "cam", "segment"] == 1
    assert values["relay_sent_bytes_total", "cam", "playlist"] == len(body)
    assert values["relay_viewers", "cam"] == 1
    assert values["relay_stream_state", "slate", "yard"] == 1
    assert values["relay_stream_state", "live", "yard"] == 0
    assert values["relay_stream_events_total", "cam", "parts_published"] == 146
    assert values["relay_stream_events_total", "cam", "frames_decoded"] == 7
    assert values["relay_stream_gauge", "cam", "fps"] == 29.5
    assert values["relay_stream_state_since_seconds", "cam"] == pytest.approx(UNIX_NS / 1e9)
    assert values["relay_stream_quality", "cam", "good"] == 1
    assert values["relay_stream_quality", "unknown", "yard"] == 1
    assert values["relay_stream_fps", "cam", "in"] == pytest.approx(29.97)
    assert values["relay_stream_interruptions", "cam", "stall"] == 2
    assert values["relay_stream_delay_seconds", "cam", "receive"] == pytest.approx(0.0015)
    assert values["relay_sessions", "sessions_tracked"] == 3
    assert values[("process_resident_memory_bytes",)] > 0
    assert "secret" not in text


@pytest.mark.clock
async def test_a_late_event_loop_is_seen(client: Client) -> None:
    await asyncio.sleep(0.3)  # it is looked at ten times a second
    text = (await client.get("/metrics")).text
    assert "relay_event_loop_lag_seconds_count 0.0" not in text
    assert 'relay_event_loop_lag_seconds_bucket{le="+Inf"}' in text


COUNTS = (3, 2, *(0,) * (len(TRANSFORM_BUCKETS_S) - 2), 1)
FACES = TransformFigures("faces", COUNTS, 1.5, 4.25, 1, 2, 3, every=2, delay_frames=2, is_failing=True)


async def test_what_each_transform_takes_and_how_it_does(client: Client, statuses: list[StreamStatus]) -> None:
    statuses[0] = replace(statuses[0], transforms=(TransformFigures("crop"), FACES))
    cam, yard = json.loads((await client.get("/api/v1/streams")).body)["streams"]
    assert [one["name"] for one in cam["transforms"]] == ["crop", "faces"]
    assert cam["transforms"][1] == {
        "name": "faces",
        "frames": 6,
        "mean_ms": 4.25,
        "total_s": 1.5,
        "histogram": {
            "le_ms": [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 35.0, 50.0, 100.0, 200.0, 500.0, 1000.0],
            "frames": list(COUNTS),
        },
        "failures": 1,
        "is_failing": True,
        "late": 2,
        "rested": 3,
        "every": 2,
        "delay_frames": 2,
    }
    assert yard["transforms"] == []


async def test_times_of_transforms_are_histograms(client: Client, statuses: list[StreamStatus]) -> None:
    statuses[0] = replace(statuses[0], transforms=(FACES, TransformFigures("crop"), FACES))
    values = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families((await client.get("/metrics")).text)
        for sample in family.samples
    }

    def value(name: str, position: int, **labels: str) -> float:
        at = {"stream": "cam", "transform": ["faces", "crop", "faces"][position], "position": str(position), **labels}
        return values[name, tuple(sorted(at.items()))]

    for position in (0, 2):
        bounds = ["0.0005", "0.001", "1.0", "+Inf"]
        buckets = [value("relay_transform_seconds_bucket", position, le=bound) for bound in bounds]
        assert buckets == [3, 5, 5, 6]
        assert value("relay_transform_seconds_count", position) == 6
        assert value("relay_transform_seconds_sum", position) == 1.5
        outcomes = [
            value("relay_transform_frames_total", position, outcome=one) for one in ("failed", "late", "rested")
        ]
        assert outcomes == [1, 2, 3]
        assert value("relay_transform_every", position) == 2
    assert value("relay_transform_seconds_count", 1) == 0
