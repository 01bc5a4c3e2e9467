"""A whole worker at the other end of a real socket pair: what it says to a supervisor, and when it ends."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.media import Clip, write_clip
from fixtures.parent import FORMAT, GRID, Supervisor
from fixtures.worker import findings, places, run_of_places
from relay import wire
from relay.decode import Decoder
from relay.encode import AudioConformer
from relay.errors import EncodeError
from relay.model import MediaKind, Rung, StreamState
from relay.timeline import NS_PER_S, ClockLine, Grid
from relay.worker import camera as camera_module

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.pictures import WriteModule

pytestmark = pytest.mark.clock


def test_a_camera_from_the_first_word_to_the_last(supervisor: Supervisor) -> None:
    assert isinstance(supervisor.hear(), wire.Hello)
    supervisor.configure()
    found = supervisor.wait_for(wire.Found)
    assert (found.width, found.height, found.source.rate) == (320, 180, 15)
    slot = supervisor.start()
    for kind in MediaKind:
        while len(supervisor.parts(kind)) < 2 * GRID.parts_per_segment:
            supervisor.wait_for(wire.PartReady)
    supervisor.wait_for(wire.Stats)
    supervisor.wait_for(wire.Snapshot)
    supervisor.send(wire.Stop())
    asked_s = time.monotonic()
    bye = supervisor.wait_for(wire.Bye)
    assert (bye.error, bye.fatal) == ("", False)
    assert supervisor.hear() is None
    supervisor.worker.join(timeout=5)
    assert time.monotonic() - asked_s < 1
    for kind in MediaKind:
        parts = supervisor.parts(kind)
        assert places(parts)[0] == (GRID.msn(slot), GRID.part_index(slot))
        assert places(parts) == run_of_places(parts, GRID)
        assert findings(supervisor.init(kind), parts) == []
    states = [message.health.state for message in supervisor.heard if isinstance(message, wire.Health)]
    assert states[-1] is StreamState.LIVE
    stats = [message for message in supervisor.heard if isinstance(message, wire.Stats)][-1]
    assert stats.counters["frames"] >= stats.counters["slots"] > 0
    assert stats.counters.get("dropped_frames", 0) <= 1
    assert stats.gauges["cpu_s"] > 0
    assert stats.counters["connections"] == 1
    ages_ms = [stats.gauges[f"age_{step}_ms"] for step in ("received", "decoded", "transformed", "encoded")]
    assert 0 <= min(ages_ms) == ages_ms[0] < ages_ms[-1] < 5000, "each is of the newest frame at its step"
    assert stats.gauges["age_sent_ms"] > stats.gauges["package_ms"] > 0
    assert stats.gauges["jitter_ms"] >= 0


def test_a_ladder_from_one_camera(supervisor: Supervisor) -> None:
    rungs = (Rung("video", 320, 180, Fraction(15), 300), Rung("video-90p5", 160, 90, Fraction(5), 100))
    stream = replace(FORMAT, ladder=rungs)
    grid = Grid.of(stream)
    assert grid == GRID
    supervisor.configure()
    supervisor.wait_for(wire.Found)
    slot = supervisor.start(stream, grid)
    for name in stream.renditions:
        while len(supervisor.parts(name)) < 2 * grid.parts_per_segment:
            supervisor.wait_for(wire.PartReady)
    supervisor.wait_for(wire.Stats)
    supervisor.send(wire.Stop())
    assert supervisor.wait_for(wire.Bye).error == ""
    supervisor.hear_out()
    for name in stream.renditions:
        parts = supervisor.parts(name)
        assert places(parts)[0] == (grid.msn(slot), grid.part_index(slot))
        assert places(parts) == run_of_places(parts, grid)
        assert findings(supervisor.init(name), parts) == []
    stats = [message for message in supervisor.heard if isinstance(message, wire.Stats)][-1]
    assert stats.counters["frames"] >= stats.counters["slots"] > 0
    assert stats.gauges["encode_ms_video-90p5"] > 0


def test_the_still_is_sent_before_anybody_asks_for_the_stream(supervisor: Supervisor) -> None:
    supervisor.configure()
    assert supervisor.wait_for(wire.Snapshot).data.startswith(b"\xff\xd8\xff")
    supervisor.send(wire.Stop())
    assert supervisor.wait_for(wire.Bye).error == ""
    assert not [message for message in supervisor.heard if isinstance(message, wire.PartReady)]


def test_pictures_that_come_before_the_first_slot_are_not_dropped(supervisor: Supervisor) -> None:
    supervisor.configure(audio=False)
    supervisor.wait_for(wire.Found)
    slot = GRID.slot_at(time.time_ns()) // GRID.slots_per_part * GRID.slots_per_part + GRID.slots_per_segment
    supervisor.send(wire.Start(replace(FORMAT, audio=False), {"video": slot}))
    supervisor.wait_for(wire.Snapshot)  # they still go through the chain
    part = supervisor.wait_for(wire.PartReady).part
    assert part.start_ticks == GRID.tfdt(slot)
    stats = supervisor.wait_for(wire.Stats, lambda stats: "slots" in stats.counters)
    assert "dropped_frames" not in stats.counters
    assert "late_frames" not in stats.counters


def test_pictures_without_a_grid_are_counted(supervisor: Supervisor, user_module: WriteModule) -> None:
    name = user_module("def tell(frame): frame.emit('seen', slot=frame.slot)\n")
    supervisor.configure(audio=False, transforms=[f"{name}:tell"])
    slots = [supervisor.wait_for(wire.Noticed).event.data["slot"] for _ in range(5)]
    assert slots == sorted(set(slots))
    assert slots[-1] < 1000


def test_it_ends_when_the_supervisor_is_gone(supervisor: Supervisor) -> None:
    supervisor.configure()
    supervisor.wait_for(wire.Found)
    supervisor.hang_up()
    supervisor.worker.join(timeout=5)
    assert not supervisor.worker.is_alive()


def test_held_it_says_why_and_starts_with_the_slate(supervisor: Supervisor) -> None:
    supervisor.configure(hold_source_s=30, reason="restarting: its worker was ended by signal 11")
    supervisor.start()
    health = supervisor.wait_for(wire.Health).health
    assert (health.state, health.detail) == (StreamState.SLATE, "restarting: its worker was ended by signal 11")
    for kind in MediaKind:
        supervisor.wait_for(wire.PartReady, lambda message, kind=kind: message.part.rendition == kind.value)  # type: ignore[misc] - a default binds the loop's value
    assert not any(isinstance(message, wire.Found) for message in supervisor.heard)


def test_a_clock_that_was_set_is_followed(supervisor: Supervisor) -> None:
    supervisor.configure(audio=False)
    supervisor.wait_for(wire.Found)
    supervisor.start(replace(FORMAT, audio=False))
    supervisor.wait_for(wire.PartReady)
    ahead_ns = time.time_ns() + 3600 * NS_PER_S
    supervisor.send(wire.ClockUpdate(ClockLine(time.monotonic_ns(), ahead_ns)))
    later = supervisor.wait_for(wire.PartReady, lambda message: message.part.pdt_ns >= ahead_ns)
    assert later.part.index == 0
    assert later.part.pdt_ns < ahead_ns + 10 * NS_PER_S
    assert len(supervisor.parts(MediaKind.VIDEO)) < 3 * GRID.parts_per_segment  # not an hour of repeats


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (wire.Configure("door", {"source": "test:", "nonsense": 1}, ClockLine(0, 0)), "settings of stream door"),
        (wire.Hello(1), None),
    ],
)
def test_what_it_cannot_be_configured_with(supervisor: Supervisor, message: wire.Message, error: str | None) -> None:
    supervisor.send(message)
    if error is None:
        assert isinstance(supervisor.hear(), wire.Hello)
    else:
        bye = supervisor.wait_for(wire.Bye)
        assert bye.fatal
        assert error in bye.error
    assert supervisor.hear() is None


def test_an_order_that_is_none_ends_it_with_the_reason(supervisor: Supervisor) -> None:
    supervisor.configure()
    supervisor.send(wire.Hello(1))
    assert "cannot obey Hello" in supervisor.wait_for(wire.Bye).error
    supervisor.hear_out()


def test_a_thread_that_fails_ends_it_with_the_reason(supervisor: Supervisor) -> None:
    supervisor.configure()
    supervisor.wait_for(wire.Found)
    slot = GRID.slot_at(time.time_ns()) // GRID.slots_per_part * GRID.slots_per_part
    supervisor.send(wire.Start(FORMAT, {"video": slot + 1, "audio": slot}))
    assert re.match("video: .* begins no part", supervisor.wait_for(wire.Bye).error)
    supervisor.hear_out()


def test_a_thread_that_fails_tells_no_password(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise OSError("rtsp://me:geheim@camera/ fails")

    monkeypatch.setattr(camera_module, "to_i420", fail)
    supervisor.configure()
    assert supervisor.wait_for(wire.Bye).error == "decode: rtsp://***@camera/ fails"
    supervisor.hear_out()


def test_auto_encodes_a_film_that_is_to_be_turned(supervisor: Supervisor, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "phone.mp4", Clip(frames=50, rotation=90))
    supervisor.configure(source=str(path), video="auto", loop=True)
    found = supervisor.wait_for(wire.Found)
    assert (found.offer, found.width, found.height) == (None, 180, 320)


def test_a_camera_that_obeys_no_deadline_ends_it(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process can then be replaced, which is the one thing that frees a thread from a driver."""
    supervisor.configure(audio=False)
    supervisor.wait_for(wire.Found)
    monkeypatch.setattr(Decoder, "is_wedged", property(lambda _: True))
    assert "obeys no deadline" in supervisor.wait_for(wire.Bye).error
    supervisor.hear_out()


def test_sound_that_cannot_be_used_is_silence(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[Any]:
        raise EncodeError("sound (u8, 1 Hz, 99 channels) cannot be converted")

    monkeypatch.setattr(AudioConformer, "conform", refuse)
    supervisor.configure()
    supervisor.wait_for(wire.Found)
    supervisor.start()
    for kind in MediaKind:
        supervisor.wait_for(wire.PartReady, lambda message, kind=kind: message.part.rendition == kind.value)  # type: ignore[misc] - a default binds the loop's value
    stats = supervisor.wait_for(wire.Stats, lambda stats: "unreadable_sound" in stats.counters)
    assert stats.counters["unreadable_sound"] > 0


def test_pictures_that_cannot_be_used_are_the_cameras_fault(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Any:
        raise ValueError("conversion to rgb is not supported")

    monkeypatch.setattr(camera_module, "to_i420", refuse)
    supervisor.configure()
    health = supervisor.wait_for(wire.Health, lambda message: message.health.state is StreamState.OFFLINE).health
    assert "yuv420p cannot be converted here" in health.detail


def test_a_source_that_cannot_be_is_fatal(supervisor: Supervisor) -> None:
    supervisor.configure(source="nowhere.mp4")
    health = supervisor.wait_for(wire.Health, lambda message: message.fatal).health
    assert health.state is StreamState.OFFLINE
    assert "nowhere.mp4" in health.detail


def test_a_stream_that_is_pushed_to_opens_its_door_and_waits(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.configure(source="rtmp:", stall_after_s=0.5)
    door = supervisor.wait_for(wire.Listening).door
    waiting = supervisor.wait_for(wire.Health, lambda health: health.health.state is StreamState.OFFLINE)
    assert (waiting.health.reason, waiting.fatal) == ("waiting for the camera to start sending", False)
    clip = write_clip(tmp_path / "clip.flv", Clip(frames=50, audio_codec="aac"))
    with socket.create_connection(("127.0.0.1", door.port), timeout=5) as front:
        front.sendall(door.token.encode())
        assert front.recv(1) == b"+"
        front.sendall(clip.read_bytes())
        found = supervisor.wait_for(wire.Found)
    assert (found.width, found.height, found.source.rate, found.source.audio_codec) == (320, 180, 25, "aac")
    supervisor.wait_for(wire.Health, lambda health: health.health.state is StreamState.LIVE)
    supervisor.wait_for(
        wire.Health, lambda health: health.health == replace(waiting.health, since_ns=health.health.since_ns)
    )
    # Waiting is no reconnect; that the push ended is one.
    assert supervisor.wait_for(wire.Stats, lambda stats: stats.counters["frames"] > 0).counters["reconnects"] == 1


def test_a_whole_worker_wakes_a_rung_and_lays_it_down(supervisor: Supervisor) -> None:
    ladder = (Rung("video", 320, 180, Fraction(15), 300), Rung("video-90p", 160, 90, Fraction(15), 100))
    stream = replace(FORMAT, ladder=ladder)
    supervisor.configure(ladder="auto", renditions_on_demand=True)
    supervisor.wait_for(wire.Found)
    slot = GRID.next_segment_slot(GRID.slot_at(time.time_ns()))
    supervisor.send(wire.Start(stream, {"video": slot, "audio": slot}))
    supervisor.wait_for(wire.PartReady, lambda ready: ready.part.rendition == "video" and ready.part.is_last)
    supervisor.send(wire.Wake("video-90p", slot))
    ready = supervisor.wait_for(wire.PartReady, lambda ready: ready.part.rendition == "video-90p")
    assert (ready.part.msn, ready.part.index) == (GRID.msn(slot), 0)
    level = supervisor.wait_for(wire.PartReady, lambda ready: ready.part.rendition == "video").part
    supervisor.wait_for(
        wire.PartReady, lambda ready: ready.part.rendition == "video-90p" and ready.part.pdt_ns >= level.pdt_ns
    )
    supervisor.send(wire.Sleep("video-90p"))
    supervisor.wait_for(wire.Asleep)
    parts = supervisor.parts("video-90p")
    assert places(parts) == run_of_places(parts, GRID)
    assert parts[-1].is_last
    stats = supervisor.wait_for(wire.Stats, lambda stats: stats.gauges["renditions_awake"] == 1)
    assert stats.counters["rendition_wakes"] == 1
    assert stats.counters["backfilled_slots"] >= GRID.slots_per_segment - 1
    supervisor.send(wire.Stop())
    supervisor.hear_out()
