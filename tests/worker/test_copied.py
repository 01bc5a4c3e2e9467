"""A camera that is copied, its outages and returns, step by step, judged by the rules of CMAF and decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from fixtures.worker import Outbox, SteppedClock, findings, flat
from relay import slate, wire
from relay.check.boxes import read_init
from relay.check.declared import check_declared_init
from relay.check.renditions import Offered, Role, Variant
from relay.config import StreamSettings
from relay.encode import StillEncoder
from relay.errors import EncodeError
from relay.model import CodedPicture, Copied, Latency, MediaKind, SourceInfo, StreamFormat, StreamState, VideoCodec
from relay.packager import nal
from relay.supervisor.health import HealthMeter
from relay.timeline import NS_PER_S, ClockLine, Grid
from relay.worker import copied as copied_module
from relay.worker import stills
from relay.worker.audio import SpanAudioLine
from relay.worker.board import Board
from relay.worker.copied import CopyLine, RateMeter
from relay.worker.stills import CameraPicture

if TYPE_CHECKING:
    from relay.model import Init, Part
    from relay.packager import Span

MS = 1_000_000
FRAME_NS = 100 * MS
LATE_NS = 30 * MS
FORMAT = StreamFormat(96, 64, Fraction(10), audio=True, latency=Latency.LAN, copied=Copied("h264", 4))
MSN = 895_000_000
SETTINGS = StreamSettings(source="rtsp://door/", video="copy", audio=True)


@dataclass
class Camera:
    """Coded pictures of one luma, ten a second, with a keyframe every `gop`."""

    codec: VideoCodec = "h264"
    luma: int = 80
    gop: int = 20
    connection: int = 1
    codecs: str = "avc1.42c00a"
    size: tuple[int, int] = (96, 64)
    sent: int = 0

    def __post_init__(self) -> None:
        self.encoder = StillEncoder(self.codec, *self.size, self.codecs)
        self.sets: tuple[bytes, ...] = ()

    def picture(self, time_ns: int) -> CameraPicture:
        is_keyframe = self.sent % self.gop == 0
        self.sent += 1
        data = self.encoder.encode(flat(self.luma, *self.size), is_keyframe=is_keyframe)
        units = nal.split_units(data, 0)
        self.sets = nal.parameter_sets(units, self.codec, self.sets)
        info = SourceInfo(*self.size, Fraction(10), self.codec, "yuv420p", None, None, 0, 0)
        picture = CodedPicture(time_ns, is_keyframe, nal.sample_units(units, self.codec, self.sets))
        return CameraPicture(picture, (self.connection, 0, self.sets), self.codec, info)


@dataclass
class Stage:
    """A copy line with a scripted clock, and what it published."""

    format: StreamFormat = FORMAT
    data: bytes = b""
    settings: StreamSettings = SETTINGS
    spans: list[Span] = field(default_factory=list)
    longer_gops: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = SteppedClock()
        self.board = Board(self.clock, 2 * NS_PER_S)
        self.outbox = Outbox()
        slot = Grid.of(self.format).first_slot(MSN)
        start = wire.Start(self.format, {"video": slot, "audio": slot}, self.data)
        copied = self.format.copied
        assert copied is not None
        self.line = CopyLine("cam", self.settings, start, copied, self.clock, self.board, self.outbox.as_link())
        self.line.on_span = self.spans.append
        self.line.on_longer_gop = self.longer_gops.append

    def send(self, camera: Camera, frames: int) -> None:
        """So many pictures come, each a moment after it was captured; the last is in hand."""
        for _ in range(frames):
            self.line.step([camera.picture(self.clock.unix_ns())])
            self.clock.advance(FRAME_NS / NS_PER_S)

    def wait(self, seconds: float) -> None:
        """Nothing comes."""
        for _ in range(round(seconds / 0.25)):
            self.clock.advance(0.25)
            self.line.step([])

    @property
    def parts(self) -> list[Part]:
        return self.outbox.parts(MediaKind.VIDEO)

    def seams(self) -> list[list[Part]]:
        """Parts between seams."""
        runs: list[list[Part]] = []
        for part in self.parts:
            if part.is_discontinuous:
                runs.append([])
            runs[-1].append(part)
        return runs

    def inits(self) -> list[Init]:
        """The init in force for each of `seams`."""
        current: Init | None = None
        found = []
        for message in self.outbox.messages:
            if isinstance(message, wire.InitReady):
                current = message.init
            elif isinstance(message, wire.PartReady) and message.part.is_discontinuous:
                assert current is not None
                found.append(current)
        return found

    def shown(self) -> list[list[int]]:
        """Mean luma of each second between seams; each a decode of its own, as after a discontinuity."""
        return [seconds_of(init, parts) for init, parts in zip(self.inits(), self.seams(), strict=True)]

    def check(self) -> None:
        assert [part.msn for part in self.parts] == list(range(MSN, MSN + len(self.parts)))
        for init, parts in zip(self.inits(), self.seams(), strict=True):
            assert findings(init, parts) == []
        assert [span.msn for span in self.spans] == [part.msn for part in self.parts]


def seconds_of(init: Init, parts: list[Part]) -> list[int]:
    with av.open(io.BytesIO(init.data + b"".join(part.data for part in parts))) as container:
        frames = list(container.decode(video=0))[::10]
    assert not any(frame.is_corrupt for frame in frames)
    return [round(float(frame.to_ndarray()[: frame.height].mean()) / 10) * 10 for frame in frames]


def test_a_camera_is_cut_at_its_keyframes() -> None:
    stage, camera = Stage(), Camera()
    stage.send(camera, 62)
    assert [float(part.duration_s) for part in stage.parts] == [2.0, 2.0, 2.0]
    assert stage.shown() == [[80] * 6]
    assert stage.board.is_live()
    assert [init.codecs for init in stage.inits()] == ["avc1.42c00a"]
    snapshots = stage.outbox.of(wire.Snapshot)
    assert len(snapshots) == 2, "a keyframe every few seconds is looked at"
    assert slate.from_jpeg(snapshots[0].data, 96, 64, "bt709").shape == (96, 96)
    stage.check()


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_an_outage_is_a_slate_between_two_seams(codec: VideoCodec) -> None:
    stage = Stage(replace(FORMAT, copied=Copied(codec, 4)))
    stage.send(Camera(codec), 50)
    stage.wait(6)
    stage.send(Camera(codec, luma=160, connection=2), 45)
    before, slated, after = stage.shown()
    assert (before, after) == ([80] * 5, [160] * 4)
    assert len(slated) in {6, 7}
    assert max(slated) < 80
    assert seconds_of(stage.inits()[0], stage.parts) == before + slated + after, "as FFmpeg, which knows no other init"
    for one, other in pairwise(stage.spans):
        assert one.end_ns == other.start_ns, "time has no hole"
    assert stage.board.counters["slate_slots"] >= 60
    stage.check()


def test_a_camera_that_is_back_before_the_slate_is_one_seam_and_its_last_picture_stands() -> None:
    stage = Stage()
    stage.send(Camera(), 30)
    stage.wait(1.5)
    stage.send(Camera(luma=160, connection=2), 45)
    assert stage.shown() == [[80, 80, 80], [160] * 4]
    first = stage.seams()[0]
    assert float(first[-1].duration_s) == 2.5
    assert stage.spans[len(first) - 1].end_ns == stage.spans[len(first)].start_ns
    stage.check()


def test_a_connection_that_cannot_be_reached_by_standing_still_is_a_hole_behind_the_seam() -> None:
    stage = Stage(settings=StreamSettings(source="rtsp://door/", video="copy", stall_after_s=10))
    stage.send(Camera(), 30)
    stage.wait(5)
    stage.send(Camera(luma=160, connection=2), 45)
    assert [float(part.duration_s) for part in stage.parts] == [2.0, 1.0, 2.0, 2.0]
    stage.check()


def test_other_parameter_sets_are_a_seam_with_their_own_init() -> None:
    stage, small, large = Stage(), Camera(), Camera(luma=120, size=(128, 96))
    stage.send(small, 40)
    stage.send(large, 45)
    assert [(init.width, init.height) for init in stage.inits()] == [(96, 64), (128, 96)]
    assert stage.shown() == [[80] * 4, [120] * 4]
    assert seconds_of(stage.inits()[0], stage.parts) == [80] * 4 + [120] * 4, "as FFmpeg, which knows no other init"
    stage.check()


def test_nothing_of_a_connection_is_shown_before_its_keyframe() -> None:
    stage, camera = Stage(), Camera()
    camera.sent = 5
    camera.sets = Camera().picture(0).origin[2]
    stage.send(camera, 15)
    assert stage.parts == []
    assert stage.board.counters["dropped_frames"] == 15
    assert not stage.board.is_live()


def test_without_a_camera_there_is_the_slate_of_what_was_shown_before() -> None:
    bright = slate.to_jpeg(flat(200), 90, "bt709")
    stage = Stage(data=bright)
    stage.wait(8)
    ((*seconds,),) = stage.shown()
    assert len(seconds) in {4, 6}
    assert min(seconds) > 40, "its last picture is in the background"
    broken = Stage(data=b"no picture")
    broken.wait(8)
    assert len(broken.parts) >= 2
    stage.check()


@pytest.mark.parametrize("codecs", ["avc1.42e01e", "avc1.4d0028", "avc1.640c1f"])
def test_the_slate_is_what_codecs_says_also_of_a_worker_that_never_saw_the_camera(codecs: str) -> None:
    stage = Stage()
    stage.send(Camera(codecs=codecs), 50)
    stage.wait(6)
    heir, stranger = Stage(replace(FORMAT, copied=Copied("h264", 4, codecs=codecs))), Stage()
    heir.wait(8)
    stranger.wait(8)
    offered = Offered("video", Role.VARIANT, [Variant("video", 1, 1, (codecs,), (96, 64), None, None)])
    found = [
        [finding.rule for finding in check_declared_init(read_init(init.data), offered)]
        for init in (*stage.inits(), *heir.inits(), *stranger.inits())
    ]
    assert found == [[], [], [], ["V3"]]
    for one in (stage, heir):
        assert all(one.shown()), "it can be decoded"
        one.check()


def test_the_reason_on_the_slate_follows_the_board() -> None:
    stage = Stage()
    stage.wait(4)
    stage.board.held_because = "restarting"
    stage.wait(4)
    stage.check()


def test_a_clock_that_is_set_forward_is_not_filled_with_slate() -> None:
    stage = Stage()
    stage.send(Camera(), 30)
    stage.wait(4)
    line = stage.clock.line
    stage.clock.line = ClockLine(line.monotonic_ns, line.unix_ns + 3600 * NS_PER_S)
    stage.wait(5)
    assert len(stage.parts) < 10
    assert stage.parts[-1].pdt_ns - stage.parts[0].pdt_ns > 3600 * NS_PER_S
    stage.check()


def test_what_cannot_be_encoded_leaves_an_outage_without_slate(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> StillEncoder:
        raise EncodeError("no such encoder")

    stage = Stage()
    stage.send(Camera(), 30)
    monkeypatch.setattr(stills, "StillEncoder", refuse)
    stage.wait(6)
    stage.send(Camera(luma=160, connection=2), 45)
    assert stage.shown() == [[80] * 3, [160] * 4]


def test_a_gop_that_the_format_has_no_room_for_is_cut_and_told() -> None:
    stage = Stage()
    stage.send(Camera(gop=200), 90)
    assert [part.is_independent for part in stage.parts] == [True, False]
    assert [float(part.duration_s) for part in stage.parts] == [4.0, 4.0]
    assert stage.longer_gops == [8.0]
    stage.check()
    known = Stage(replace(FORMAT, copied=Copied("h264", 4, is_independent=False)))
    known.send(Camera(gop=200), 90)
    assert known.longer_gops == []


def test_bandwidth_is_never_below_what_was_sent() -> None:
    stage = Stage()
    stage.send(Camera(), 45)
    rng = np.random.default_rng(1)
    camera = Camera(connection=1)
    camera.encoder.encode(flat(0), is_keyframe=True)
    noisy = camera.picture(stage.clock.unix_ns())
    assert noisy.picture.is_keyframe
    big = replace(noisy.picture, units=(*noisy.picture.units, b"\x0c" + rng.bytes(20_000)))
    stage.line.step([replace(noisy, picture=big)])
    stage.clock.advance(0.1)
    stage.send(camera, 45)
    first, *_, last = [message.init for message in stage.outbox.of(wire.InitReady)]
    assert first.data == last.data
    peak = max(len(part.data) * 8 / part.duration_s for part in stage.parts)
    assert last.bandwidth >= peak > first.bandwidth
    assert last.average_bandwidth <= last.bandwidth


def test_the_average_is_said_anew_when_a_quiet_camera_wakes() -> None:
    meter = RateMeter()
    assert meter.add(1_000_000)
    assert (meter.bandwidth_bps, meter.average_bps) == (1_250_000, 1_250_000)
    assert [meter.add(100_000) for _ in range(30)] == [False] * 30
    assert meter.add(4_000_000)
    assert (meter.bandwidth_bps, meter.average_bps) == (5_000_000, 1_250_000)
    said = 0
    for _ in range(30):
        said += meter.add(4_000_000)
    assert 1 < said < 10
    assert meter.bandwidth_bps == 5_000_000 >= meter.average_bps >= 4_000_000
    assert not meter.add(100_000)
    assert meter.average_bps >= 4_000_000


def test_more_than_can_wait_is_dropped_up_to_a_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copied_module, "MAX_QUEUE", 3)
    stage, camera = Stage(), Camera()
    stage.send(camera, 30)
    for _ in range(4):
        stage.line.put(camera.picture(stage.clock.unix_ns()))
    items, has_hole = stage.line._inbox.take(0)
    stage.line.step(items, has_hole=has_hole)
    stage.send(camera, 60)
    assert stage.board.counters["dropped_frames"] >= 4
    assert stage.shown()[0] == [80] * 3
    stage.check()


def test_frames_a_second_are_those_that_go_out_whatever_the_length_of_segments() -> None:
    stage, camera, meter = Stage(), Camera(gop=200), HealthMeter()

    def fps_out() -> float:
        now_ns = stage.clock.unix_ns()
        meter.stats(now_ns, dict(stage.board.counters), {})
        return meter.figures(now_ns, StreamState.LIVE, stage.board.counters, Fraction(10)).fps_out

    live = []
    for _ in range(20):
        stage.send(camera, 5)
        live.append(fps_out())
    assert live[2:] == pytest.approx([10.0] * 18)
    slated = []
    for _ in range(40):
        stage.wait(0.5)
        slated.append(fps_out())
    assert slated[-20:] == pytest.approx([10.0] * 20, rel=0.1)
    assert stage.board.counters["slots"] == 100 + stage.board.counters["slate_slots"]


def test_its_thread_takes_what_is_put_until_it_is_stopped() -> None:
    stage, camera = Stage(), Camera()
    for _ in range(45):
        stage.line.put(camera.picture(stage.clock.unix_ns()))
        stage.clock.advance(FRAME_NS / NS_PER_S)

    stage.line.on_span = lambda _: stage.line.stop()
    stage.line.run()
    assert [float(part.duration_s) for part in stage.parts] == [2.0, 2.0]


def test_sound_is_cut_beside_the_pictures_and_silence_fills_the_rest() -> None:
    stage = Stage()
    audio = SpanAudioLine(SETTINGS, stage.clock, stage.board, stage.outbox.as_link())
    stage.line.on_span = audio.cut
    audio.open()
    camera = Camera()
    for _ in range(12):
        stage.send(camera, 5)
        audio.step([])
    stage.wait(4)
    audio.step([])
    parts = stage.outbox.parts(MediaKind.AUDIO)
    assert [part.msn for part in parts] == [part.msn for part in stage.parts][: len(parts)]
    assert [part.is_discontinuous for part in parts] == [part.is_discontinuous for part in stage.parts][: len(parts)]
    assert findings(stage.outbox.init(MediaKind.AUDIO), parts) == []
    for sound, pictures in zip(parts, stage.parts, strict=False):
        assert abs(sound.pdt_ns - pictures.pdt_ns) < 22 * MS
    line = stage.clock.line
    stage.clock.line = ClockLine(line.monotonic_ns, line.unix_ns + 3600 * NS_PER_S)
    audio.step([])
    audio.step([])
    assert len(stage.outbox.parts(MediaKind.AUDIO)) == len(parts), "an hour of silence is not made"
    audio.close()
