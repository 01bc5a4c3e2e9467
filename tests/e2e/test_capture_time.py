"""When a picture was captured, as the camera tells by RTCP, against the time burnt in; and what a relay tells of it."""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import TYPE_CHECKING

import psutil
import pytest

from fixtures.barcode import read_strip
from fixtures.processes import wait_for
from fixtures.soaking import PARENT_LIMIT_MB, WORKER_LIMIT_MB
from relay.config import StreamSettings
from relay.decode import Decoder, to_i420
from relay.source import Backoff, open_source

if TYPE_CHECKING:
    from fixtures.processes import Camera, Relay
    from relay.decode import DecodedVideo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

MS = 1_000_000
WITHIN_MS = 40
"""The camera's clock is this machine's. A frame carries the time it was drawn at, and is stamped up to 20 ms later."""


def test_the_camera_is_believed_where_it_says_when(camera: Camera) -> None:
    settings = StreamSettings(source=camera.url("/small"))
    errors_ms: list[tuple[float, float]] = []

    def see(decoded: DecodedVideo) -> None:
        i420 = to_i420(decoded.frame, "bt709")
        read = read_strip(i420[: i420.shape[0] * 2 // 3], source_size=(640, 360))
        if read is not None:
            by_sender = decoder.gauges.get("capture_by_sender", 0.0)
            errors_ms.append((by_sender, decoded.time_ns / MS - read[0]))

    decoder = Decoder(
        settings,
        lambda: open_source(settings, "cam"),
        time.time_ns,
        on_found=lambda _: None,
        on_video=see,
        on_audio=lambda _: None,
        on_state=lambda _: None,
        backoff=Backoff(),
    )
    thread = threading.Thread(target=decoder.run)
    thread.start()
    time.sleep(8)
    # What the sender says glides in at 2.5 ms a second from what the arrivals said.
    told_ms = decoder.gauges["sender_delay_ms"]
    decoder.stop()
    thread.join(10)
    after = [error for by_sender, error in errors_ms if by_sender]
    assert len(after) > 15
    assert decoder.gauges["capture_by_sender"] == 1
    assert 0 <= told_ms < 200
    assert -WITHIN_MS < median(after) < told_ms + WITHIN_MS


def test_an_owner_is_told_which_times_are_believed_and_by_how_much_they_differ(relay: Relay) -> None:
    wait_for(lambda: relay.status()["gauges"].get("capture_by_sender") == 1, 20, "the camera's own times")
    gauges = relay.status()["gauges"]
    assert 0 <= gauges["sender_delay_ms"] < 200
    assert -WITHIN_MS < gauges["capture_delay_ms"] < 500
    metrics = relay.get("/metrics").decode()
    assert 'relay_stream_gauge{name="capture_by_sender",stream="cam"} 1.0' in metrics
    for name in ("capture_delay_ms", "sender_delay_ms"):
        assert f'relay_stream_gauge{{name="{name}",stream="cam"}}' in metrics


def test_neither_parent_nor_worker_takes_more_memory_than_it_may(relay: Relay) -> None:
    assert 0 < psutil.Process(relay.pid).memory_info().rss / 1e6 < PARENT_LIMIT_MB
    assert 0 < relay.worker().memory_info().rss / 1e6 < WORKER_LIMIT_MB
