"""The decoder on scripted sources: what it reports, when it retries, and that it stops. Nothing sleeps."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import pytest

from fixtures.clock import MS, NOW, S
from fixtures.decoding import INFO, Bench, Step, live, picture, sound
from fixtures.media import Clip, write_clip
from relay.decode import connection as connection_module
from relay.errors import SourceAuthError, SourceEndedError, SourceError, SourceStalledError, SourceUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def packets(tmp_path: Path) -> Iterator[Callable[..., list[Any]]]:
    containers = []

    def demux(clip: Clip) -> list[Any]:
        container = av.open(write_clip(tmp_path / f"{len(containers)}.mkv", clip))
        containers.append(container)
        return [step for packet in container.demux() for step in (packet, 40 * MS * (packet.stream.type == "video"))]

    yield demux
    for container in containers:
        container.close()


def test_packets_become_pictures_and_sound_on_the_wall_clock(packets: Callable[..., list[Any]]) -> None:
    bench = Bench([packets(Clip(audio_codec="aac"))]).run()
    assert len(bench.video) == bench.decoder.counters["frames"] == 25
    assert [d.time_ns for d in bench.video] == [NOW + index * 40 * MS for index in range(25)]
    assert all(d.time_ns <= d.arrival_ns for d in bench.video)
    # Matroska keeps milliseconds.
    assert all(abs(b.time_ns - a.time_ns - 21_333_333) <= MS for a, b in pairwise(bench.audio))
    assert abs(bench.audio[0].time_ns - NOW) < 45 * MS, "it begins when the second picture has told of the first"
    assert bench.states == [None]
    assert bench.closed == 1


def test_b_frames_come_in_order(packets: Callable[..., list[Any]]) -> None:
    bench = Bench([packets(Clip(b_frames=2))]).run()
    assert len(bench.video) + bench.decoder.counters["burst_frames"] == 24, "the newest waits for what comes next"
    assert {b.time_ns - a.time_ns for a, b in pairwise(bench.video[3:-2])} == {40 * MS}


def test_before_the_first_keyframe_nothing_is_shown(packets: Callable[..., list[Any]]) -> None:
    steps = packets(Clip(gop=12, audio_codec="aac"))
    first = next(
        index for index, step in enumerate(steps) if isinstance(step, av.Packet) and step.stream.type == "video"
    )
    bench = Bench([steps[first + 1 :]]).run()
    assert bench.decoder.counters["packets"] == 24
    assert len(bench.video) == 13
    assert bench.decoder.counters["decode_errors"] == 0


def test_a_damaged_packet_is_counted_and_not_fatal(packets: Callable[..., list[Any]]) -> None:
    def bad(packet: Any) -> Any:
        damaged = av.Packet(b"\0\0\0\1\x65" + b"\xff" * 30)
        damaged.stream, damaged.pts, damaged.dts, damaged.time_base = (
            packet.stream,
            packet.pts,
            packet.dts,
            packet.time_base,
        )
        return damaged

    steps = packets(Clip())
    steps[6] = bad(steps[6])
    bench = Bench([steps]).run()
    assert bench.decoder.counters["decode_errors"] == 1
    assert len(bench.video) >= 20
    assert bench.states == [None]


def test_what_was_found_is_what_the_first_picture_shows() -> None:
    bench = Bench([live(2)], info=INFO, sample_aspect=Fraction(3, 2)).run()
    (info,) = bench.found
    assert (info.width, info.height, info.rate, info.pixel_format) == (96, 48, 25, "yuv420p")
    assert bench.video[0].sample_aspect == Fraction(3, 2)


def test_a_rate_that_nobody_says_is_measured_first() -> None:
    bench = Bench([live(40, step_ns=S // 15)], info=replace(INFO, rate=None)).run()
    (info,) = bench.found
    assert info.rate is not None
    assert abs(info.rate - 15) < Fraction(1, 100)
    assert len(bench.video) == 40 - connection_module.RATE_FRAMES


def test_a_failure_is_reported_retried_and_gone_from() -> None:
    refused, ended = SourceUnreachableError("off"), SourceEndedError("hung up")
    bench = Bench([refused, [*live(3), ended], live(2)]).run()
    assert bench.states == [refused, None, ended, None]
    assert [error for error, _ in bench.delays] == [refused, ended]
    assert bench.delays[0][1] == 0.0
    assert bench.delays[1][1] > 0.0
    assert bench.decoder.counters["reconnects"] == 2
    assert len(bench.video) == 5
    assert len(bench.found) == 2


def test_a_reconnect_begins_with_a_clock_of_its_own() -> None:
    ended = SourceEndedError("hung up")
    bench = Bench([[*live(3), lambda: bench.advance(7 * S), ended], live(3, start_ns=500_000 * S)])
    bench.run()
    times = [decoded.time_ns for decoded in bench.video]
    assert times[3:] == [NOW + 120 * MS + 7 * S + index * 40 * MS for index in range(3)]


def test_what_a_source_says_that_it_is_late_by_holds_for_sound_and_picture_from_then_on() -> None:
    hang_ns = 1500 * MS

    def hang() -> None:
        bench.advance(hang_ns)
        bench.delayed_ns += hang_ns

    first = [*live(3), sound(80 * MS)]
    bench = Bench([[*first, hang, sound(101 * MS), *live(3, start_ns=120 * MS)]])
    bench.run()
    pictures_ns = [decoded.time_ns - NOW for decoded in bench.video]
    assert pictures_ns == [0, 40 * MS, 80 * MS, *(hang_ns + 120 * MS + n * 40 * MS for n in range(3))]
    assert [decoded.time_ns - NOW for decoded in bench.audio] == [80 * MS, hang_ns + 101 * MS]
    assert [decoded.clock_jumps for decoded in bench.audio] == [0, 1]


class _Endless(list[Any]):
    """Steps, and then what `forever` makes, a tenth of a second apart; `None`, if nothing is said."""

    def __init__(self, steps: list[Step], forever: Callable[[], Step] = lambda: None) -> None:
        super().__init__(steps)
        self._forever = forever

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        while True:
            yield 100 * MS
            yield self._forever()


def stalled_after_s(steps: list[Step], **bench: Any) -> tuple[float, str]:
    """When, after its last picture, a source was given up that goes on with `steps`, and the reason."""
    made = Bench([steps, SourceAuthError("stop")], **bench).run()
    stall = next(error for error in made.states if error is not None)
    assert isinstance(stall, SourceStalledError)
    assert made.decoder.counters["stalls"] == 1
    assert isinstance(made.delays[0][0], SourceStalledError)
    last_ns = made.video[-1].arrival_ns if made.video else NOW
    return (made.now_ns - last_ns) / S, str(stall)


@pytest.mark.parametrize("rate", [30, 15, 5])
def test_no_picture_for_two_seconds_is_a_stall(rate: int) -> None:
    after_s, reason = stalled_after_s(_Endless(live(40, step_ns=S // rate)))
    assert 2 < after_s <= 2.1 + 1 / rate
    assert reason == "no video came for 2 s"


def test_a_slow_camera_may_take_three_frame_times() -> None:
    after_s, reason = stalled_after_s(_Endless(live(10, step_ns=2 * S)))
    assert 6 < after_s <= 6.1
    assert reason == "no video came for 6 s"


def test_before_the_first_picture_the_read_timeout_counts() -> None:
    after_s, _ = stalled_after_s(_Endless([]))
    assert 5 < after_s <= 5.1


def test_some_sources_are_silent_by_nature() -> None:
    after_s, _ = stalled_after_s(_Endless(live(3)), stall_after_s=15.0)
    assert 15 < after_s <= 15.1


def test_sound_alone_is_a_stall_too() -> None:
    after_s, _ = stalled_after_s(_Endless(live(3), lambda: sound(0)))
    assert 2 < after_s <= 2.1


def test_video_that_becomes_no_picture_is_a_stall_too(packets: Callable[..., list[Any]]) -> None:
    good = packets(Clip(frames=3, codec="mjpeg", pixel_format="yuvj420p"))
    like = good[0]

    def bad() -> Any:
        damaged = av.Packet(b"\xff" * 30)
        damaged.stream, damaged.time_base = like.stream, like.time_base
        return damaged

    after_s, reason = stalled_after_s(_Endless(good[:-2], bad))
    assert 2 < after_s <= 2.2
    assert reason == "video comes, but no new picture for 2 s"


def test_a_file_with_a_still_in_it_has_not_stalled() -> None:
    steps = [*live(2), None, 30 * S, None, picture(30 * S)]
    bench = Bench([steps], is_live=False).run()
    assert len(bench.video) == 3
    assert bench.states == [None]


def test_video_without_any_picture_is_a_stall(packets: Callable[..., list[Any]]) -> None:
    delta = [step for step in packets(Clip()) if isinstance(step, av.Packet)][1]
    after_s, reason = stalled_after_s(_Endless([], lambda: delta))
    assert connection_module.MAX_BLIND_S < after_s <= connection_module.MAX_BLIND_S + 0.1
    assert "keyframe" in reason


def test_a_source_that_does_not_come_back_is_wedged() -> None:
    seen = []

    def look() -> None:
        seen.append(bench.decoder.is_wedged)

    bench = Bench([[look, 16 * S, look, 2 * S, look, SourceEndedError("x")], SourceAuthError("x")])
    bench.run()
    assert seen == [False, False, True]
    bench.now_ns += 3600 * S
    assert not bench.decoder.is_wedged


def test_bad_timestamps_are_discarded_and_counted() -> None:
    steps: list[Step] = [picture(None), 40 * MS, *live(3), picture(80 * MS), picture(0), *live(2, start_ns=120 * MS)]
    bench = Bench([steps]).run()
    assert bench.decoder.counters["discarded_timestamps"] == 3
    assert len(bench.video) == 5
    assert all(a.time_ns < b.time_ns for a, b in pairwise(bench.video))


def test_a_jump_of_a_day_moves_no_picture_and_no_lip() -> None:
    day = 86_400 * S
    steps: list[Step] = []
    for index in range(20):
        shift = day if index >= 10 else 0
        steps += [picture(index * 40 * MS + shift), sound(index * 40 * MS + shift), 40 * MS]
    bench = Bench([steps]).run()
    assert [d.time_ns - NOW for d in bench.video] == [index * 40 * MS for index in range(20)]
    assert [d.time_ns - NOW for d in bench.audio] == [index * 40 * MS for index in range(1, 20)]


def test_what_waited_while_the_source_was_opened_is_placed_by_its_last_picture() -> None:
    waited: list[Step] = [step for n in range(20) for step in (picture(n * 40 * MS), sound(n * 40 * MS))]
    bench = Bench([[*waited, 40 * MS, *live(3, start_ns=800 * MS)]]).run()
    assert [d.time_ns - NOW for d in bench.video] == [0, 40 * MS, 80 * MS, 120 * MS]
    assert [d.frame.pts for d in bench.video] == [pts * MS for pts in (760, 800, 840, 880)]
    assert bench.audio == []
    assert bench.decoder.counters["burst_frames"] == 19


@pytest.mark.parametrize("then", [None, sound(780 * MS), SourceEndedError("hung up")], ids=["-", "sound", "the end"])
def test_the_last_picture_of_what_waited_is_shown_also_when_none_follows(then: Step) -> None:
    waited: list[Step] = [picture(n * 40 * MS) for n in range(20)]
    bench = Bench([[*waited, 101 * MS, then], live(2)]).run()
    assert [d.frame.pts for d in bench.video] == [760 * MS, 0, 40 * MS]


def test_sound_before_the_first_picture_or_off_the_clock_is_not_given() -> None:
    steps: list[Step] = [sound(0), picture(0), sound(0), 40 * MS, picture(40 * MS), sound(40 * MS), sound(5000 * S)]
    bench = Bench([steps]).run()
    assert [d.time_ns for d in bench.audio] == [NOW + 40 * MS]
    assert bench.decoder.counters["discarded_timestamps"] == 1


def test_the_end_of_a_file_is_not_retried() -> None:
    ended = SourceEndedError("the file is at its end")
    bench = Bench([[*live(2), ended], live(2)], is_live=False)
    reached = threading.Event()
    bench.decoder._on_state = lambda error: reached.set() if error else None
    thread = threading.Thread(target=bench.decoder.run)
    thread.start()
    assert reached.wait(5)
    assert thread.is_alive()
    bench.decoder.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert bench.delays == []
    assert bench.decoder.counters["reconnects"] == 0


def test_stop_interrupts_the_wait_for_the_next_attempt() -> None:
    bench = Bench([SourceUnreachableError("off"), live(1)])
    waiting = threading.Event()

    def delay_s(error: SourceError, healthy_s: float) -> float:
        waiting.set()
        return 3600.0

    bench.delay_s = delay_s  # type: ignore[method-assign]  # this one test waits
    thread = threading.Thread(target=bench.decoder.run)
    thread.start()
    assert waiting.wait(5)
    bench.decoder.stop()
    bench.decoder.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_source_that_breathes_is_stopped_between_frames() -> None:
    def stop() -> None:
        bench.decoder.stop()

    bench = Bench([[*live(2), stop, None, *live(5)]])
    bench.run()
    assert len(bench.video) == 2
    assert bench.closed == 1


def test_gauges_are_those_of_the_connection_and_stay_when_it_ends() -> None:
    seen = []
    bench = Bench([[*live(3), lambda: seen.append(bench.decoder.gauges), SourceEndedError("hung up")], live(2)])
    assert bench.decoder.gauges == {}
    bench.delay_s = lambda error, healthy_s: seen.append(bench.decoder.gauges) or 0.0  # type: ignore[method-assign]
    bench.run()
    assert seen == [{"capture_by_sender": 0.0, "audio_drift_ms": 0.0, "capture_delay_ms": 0.0}] * 2
    assert bench.decoder.gauges == seen[0]


def test_stopped_before_it_ran_it_opens_nothing() -> None:
    bench = Bench([live(1)])
    bench.decoder.stop()
    assert bench.run().video == []
