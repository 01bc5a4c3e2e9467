"""Packets that are not decoded: when each is to be shown, and when they are wanted."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import pytest

from fixtures.clock import MS, NOW, S
from fixtures.decoding import INFO, Bench
from fixtures.media import Clip, write_clip, write_comb
from relay.decode import CopiedVideo, TimestampGuard, decode_keyframe
from relay.decode.clock import SourceClock
from relay.decode.copying import MAX_STEP_NS, SETTLE_NS, PacketCopier
from relay.decode.guard import MAX_MISSING

if TYPE_CHECKING:
    from pathlib import Path

    from av.packet import Packet

FRAME_NS = 40 * MS
B_FRAMES = Clip(frames=100, gop=25, b_frames=2, codec_options={"x264-params": "scenecut=0"}, audio_codec="aac")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", B_FRAMES)


def packets(path: Path) -> list[Packet[Any]]:
    container = av.open(path)
    return [packet for packet in container.demux(video=0) if packet.size]


def copy(items: list[Packet[Any]], late_ns: dict[int, int] | None = None) -> list[CopiedVideo]:
    """What comes of packets that arrive one frame after the other, some of them late."""
    copier = PacketCopier(TimestampGuard(), SourceClock(), Fraction(25))
    arrivals = [NOW + n * FRAME_NS + (late_ns or {}).get(n, 0) for n in range(len(items))]
    return [one for packet, arrival in zip(items, arrivals, strict=True) for one in copier.take(packet, arrival)]


def test_packets_keep_their_order_and_their_times(path: Path) -> None:
    copied = copy(packets(path))
    assert len(copied) == 100
    assert [one.data for one in copied] == [bytes(packet) for packet in packets(path)]
    times = sorted(one.time_ns for one in copied)
    assert {round((after - before) / MS) for before, after in pairwise(times)} == {40}
    assert {one.line for one in copied} == {0}
    assert copied[0].codec == "h264"
    assert copied[0].extradata[0] == 1
    assert all(one.time_ns <= NOW + n * FRAME_NS + MS for n, one in enumerate(copied)), "nothing is seen before it came"


def test_what_a_server_sends_at_once_says_nothing_of_the_cameras_rhythm(path: Path) -> None:
    burst = {n: (10 - n) * FRAME_NS for n in range(10)}
    late, usual = copy(packets(path), burst), copy(packets(path))
    assert {round((a.time_ns - b.time_ns) / MS) for a, b in zip(late, usual, strict=True)} == {0}


def test_the_clock_is_followed_from_keyframe_to_keyframe(path: Path) -> None:
    late = dict.fromkeys(range(60), 60 * MS)
    copied = copy(packets(path), late)
    lag = [one.time_ns - other.time_ns for one, other in zip(copied, copy(packets(path)), strict=True)]
    assert lag[:60] == [lag[0]] * 60
    assert lag[75:] == [lag[0] - MAX_STEP_NS] * 25


def test_a_clock_that_was_set_is_another_line_of_time(path: Path) -> None:
    later = dict.fromkeys(range(40, 100), 3600 * S)
    copied = copy(packets(path), later)
    assert [one.line for one in copied] == [0] * 50 + [1] * 50
    assert copied[50].time_ns - copied[49].time_ns > 3500 * S


def test_what_the_source_says_that_it_is_late_by_is_taken_whole_with_the_next_keyframe(path: Path) -> None:
    clock, copied, late_ns = SourceClock(), [], 300 * MS
    copier = PacketCopier(TimestampGuard(), clock, Fraction(25))
    for n, packet in enumerate(packets(path)):
        if n == 50:
            clock.fall_behind(late_ns)
        copied += copier.take(packet, NOW + n * FRAME_NS + (late_ns if n >= 50 else 0))
    times = sorted(one.time_ns for one in copied)
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) == pytest.approx(FRAME_NS + late_ns, abs=MS)
    assert sorted(steps)[-2] < FRAME_NS + MAX_STEP_NS
    assert {one.line for one in copied} == {0}


def test_packets_without_a_time_are_put_where_they_belong(path: Path) -> None:
    first = packets(path)
    for packet in first[:1]:
        packet.pts = packet.dts = None
    copied = copy(first)
    assert round((copied[0].time_ns - min(one.time_ns for one in copied[1:])) / MS) == -40
    untimed = packets(path)
    for packet in untimed:
        packet.pts = packet.dts = None
    copied = copy(untimed)
    assert len(copied) == 100
    times = [one.time_ns for one in copied]
    assert all(0 < after - before < 2 * FRAME_NS for before, after in pairwise(times[MAX_MISSING + 1 :]))


def test_one_picture_in_the_middle_without_a_time_follows_the_one_before(path: Path) -> None:
    items = packets(path)
    items[60].pts = items[60].dts = None
    copied = copy(items)
    assert copied[60].time_ns - copied[59].time_ns == FRAME_NS
    assert SETTLE_NS < 60 * FRAME_NS


class Taker:
    """Wants packets, until it has `limit` of them; looks at the first picture if it `has_to_see` it."""

    def __init__(self, limit: int = 1000, *, is_willing: bool = True, has_to_see: bool = False) -> None:
        self.copied: list[CopiedVideo] = []
        self.seen: list[tuple[int, bool]] = []
        self.limit = limit
        self.is_willing = is_willing
        self.has_to_see = has_to_see

    def wants(self, info: Any) -> bool:
        return self.is_willing

    def sees(self, info: Any) -> bool:
        self.seen.append((info.rotation, info.is_interlaced))
        return not info.rotation and not info.is_interlaced

    def take(self, copied: CopiedVideo) -> bool:
        self.copied.append(copied)
        return len(self.copied) < self.limit


def run(path: Path, taker: Taker) -> Bench:
    steps: list[Any] = []
    for packet in av.open(path).demux():
        if packet.size:
            steps += [packet] if packet.stream.type == "audio" else [packet, FRAME_NS]
    bench = Bench([steps], INFO)
    bench.decoder.copy_to(taker)
    return bench.run()


def damaged(packet: Packet[Any]) -> Packet[Any]:
    """A keyframe in the place of `packet` that no decoder reads."""
    broken: Packet[Any] = av.Packet(bytes(8))
    broken.stream, broken.time_base, broken.is_keyframe = packet.stream, packet.time_base, True
    broken.pts, broken.dts = packet.pts, packet.dts
    return broken


def test_who_wants_packets_gets_them_and_sound_is_decoded_all_the_same(path: Path) -> None:
    taker = Taker()
    bench = run(path, taker)
    assert len(taker.copied) == 100
    assert bench.video == []
    assert bench.found == [INFO]
    assert bench.states == [None]
    assert bench.decoder.counters["frames"] == 100
    assert bench.audio
    nearest = [min(abs(sound.time_ns - one.time_ns) for one in taker.copied) for sound in bench.audio]
    assert max(nearest) < FRAME_NS


def test_who_wants_no_more_gets_pictures_from_the_next_keyframe_on(path: Path) -> None:
    taker = Taker(limit=30)
    bench = run(path, taker)
    assert len(taker.copied) == 30
    assert len(bench.video) >= 48
    assert [info.pixel_format for info in bench.found] == ["yuv420p", "yuv420p"]
    unwilling = Taker(is_willing=False)
    assert len(run(path, unwilling).video) >= 98
    assert unwilling.copied == []


def test_the_first_picture_is_looked_at_and_all_are_copied_all_the_same(path: Path) -> None:
    taker = Taker(has_to_see=True)
    bench = run(path, taker)
    assert taker.seen == [(0, False)]
    assert [one.data for one in taker.copied] == [bytes(packet) for packet in packets(path)]
    assert (bench.video, bench.decoder.counters["frames"]) == ([], 100)
    silent = Taker()
    run(path, silent)
    assert silent.seen == []


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_what_is_to_be_turned_is_seen_in_its_first_picture_and_decoded_from_there(
    tmp_path: Path, rotation: int
) -> None:
    taker = Taker(has_to_see=True)
    bench = run(write_clip(tmp_path / "phone.mp4", Clip(frames=50, rotation=rotation)), taker)
    assert [(abs(turned), is_interlaced) for turned, is_interlaced in taker.seen] == [(abs(rotation), False)]
    assert taker.copied == []
    assert len(bench.video) >= 48
    assert len(bench.found) == 1


def test_what_is_interlaced_is_seen_in_its_first_picture_and_decoded_from_there(tmp_path: Path) -> None:
    taker = Taker(has_to_see=True)
    bench = run(write_comb(tmp_path / "comb.ts", "libx264"), taker)
    assert (taker.seen, taker.copied) == ([(0, True)], [])
    assert len(bench.video) >= 45


def test_a_picture_that_cannot_be_decoded_tells_nothing_and_the_next_keyframe_is_looked_at(path: Path) -> None:
    items = packets(path)
    items[0] = damaged(items[0])
    taker = Taker(has_to_see=True)
    bench = Bench([[step for packet in items for step in (packet, FRAME_NS)]], INFO)
    bench.decoder.copy_to(taker)
    bench.run()
    assert taker.seen == [(0, False)]
    assert len(taker.copied) == 100


def test_one_keyframe_can_be_looked_at(path: Path) -> None:
    with av.open(path) as container:
        bitstream = av.BitStreamFilterContext("h264_mp4toannexb", container.streams.video[0])
        (packet, *_) = bitstream.filter(next(container.demux(video=0)))
    still = decode_keyframe("h264", bytes(packet))
    assert still is not None
    assert (still.frame.width, still.frame.height, still.sample_aspect) == (320, 180, 1)
    assert decode_keyframe("h264", b"\x00\x00\x00\x01\x65garbage") is None
    assert decode_keyframe("hevc", b"") is None


def test_a_keyframe_tells_how_wide_its_pixels_are(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "pal.ts", Clip(720, 576, frames=5, sample_aspect=Fraction(16, 11)))
    with av.open(path) as container:
        packet = next(container.demux(video=0))
    still = decode_keyframe("h264", bytes(packet))
    assert still is not None
    assert still.sample_aspect == Fraction(16, 11)
