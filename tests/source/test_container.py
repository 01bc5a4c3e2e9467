from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import av
import av.error
import pytest

from fixtures.clock import Clock, S
from fixtures.media import Clip, tone, write_clip
from relay.config import StreamSettings
from relay.errors import SourceEndedError, SourceStalledError, SourceUnsupportedError
from relay.source import open_source
from relay.source.address import parse_address
from relay.source.container import ContainerSource
from relay.source.faults import stalled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def opened(path: Path, clock: Clock, **settings: object) -> ContainerSource:
    stream = StreamSettings.model_validate({"source": str(path), **settings})
    return ContainerSource(parse_address(str(path)), stream, av.open(path), clock.monotonic_ns, clock.sleep)


def read(source: ContainerSource, clock: Clock) -> Iterator[tuple[float, Any]]:
    """Every packet with the second it came at, until the file ends."""
    with suppress(SourceEndedError):
        for packet in source.media():
            if packet is not None:
                yield clock.monotonic_s(), packet


def test_a_file_plays_at_its_own_pace(tmp_path: Path) -> None:
    clock = Clock()
    source = opened(write_clip(tmp_path / "a.mp4", Clip(audio_codec="aac")), clock)
    came = [(at_s, packet) for at_s, packet in read(source, clock) if packet.size]
    video = [at_s for at_s, packet in came if packet.stream.type == "video"]
    assert len(video) == 25
    assert all(after - before == pytest.approx(0.04, abs=0.025) for before, after in pairwise(video))
    assert video[-1] == pytest.approx(0.96, abs=0.05)
    assert {packet.stream.type for _, packet in came} == {"video", "audio"}
    source.close()


def test_at_its_end_decoders_are_drained_and_it_says_so(tmp_path: Path) -> None:
    clock = Clock()
    source = opened(write_clip(tmp_path / "a.mp4", Clip(b_frames=2)), clock)
    frames = sum(len(packet.decode()) for _, packet in read(source, clock))
    assert frames == 25
    with pytest.raises(SourceEndedError, match="end"):
        list(source.media())
    assert not source.is_live
    source.close()


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("a.mp4", Clip(b_frames=2, audio_codec="aac")),
        ("a.mkv", Clip()),
        ("a.ts", Clip(b_frames=2, audio_codec="aac", first_pts=90)),
    ],
)
def test_a_loop_goes_on_without_a_frame_lost_or_a_time_repeated(tmp_path: Path, name: str, clip: Clip) -> None:
    clock = Clock()
    source = opened(write_clip(tmp_path / name, clip), clock, loop=True)
    times = []
    for _, packet in islice(read(source, clock), 300):
        times.extend(frame.pts * frame.time_base for frame in packet.decode() if isinstance(frame, av.VideoFrame))
    assert len(times) > 50
    steps = [after - before for before, after in pairwise(times)]
    within = Fraction(1, 1000) if clip.audio_codec is None else Fraction(1, 10)
    assert all(0 < step < Fraction(1, 25) + within for step in steps)
    assert clock.monotonic_s() == pytest.approx(float(times[-1] - times[0]), abs=0.3)
    source.close()


def test_a_file_without_timestamps_is_paced_and_left_without(tmp_path: Path) -> None:
    clock = Clock()
    source = opened(write_clip(tmp_path / "a.h264"), clock)
    came = list(read(source, clock))
    assert [packet.pts for _, packet in came] == [None] * len(came)
    assert came[-1][0] == pytest.approx(1, abs=0.1)
    assert source.info.rate is None
    source.close()


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", Clip(audio_codec="aac", sample_aspect=Fraction(4, 3), rate=Fraction(25, 2)))
    source = open_source(StreamSettings(source=str(path)), "cam")
    info = source.info
    assert (info.width, info.height, info.rate, info.video_codec) == (320, 180, Fraction(25, 2), "h264")
    assert (info.audio_codec, info.audio_sample_rate, info.audio_channels) == ("aac", 48_000, 2)
    assert source.sample_aspect == Fraction(4, 3)
    source.close()
    source = open_source(StreamSettings(source=str(path), audio=False), "cam")
    assert source.info.audio_codec is None
    source.close()


def test_sound_alone_is_no_camera(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        container.mux(stream.encode(tone(0, 1024)))
        container.mux(stream.encode())
    with pytest.raises(SourceUnsupportedError, match=r"no video .* aac"):
        open_source(StreamSettings(source=str(path)), "cam")


class Scripted:
    """A container that gives what a test says: packets, or errors to raise."""

    def __init__(self, real: Any, script: list[Any]) -> None:
        self._real, self._script = real, script
        self.streams, self.duration, self.start_time = real.streams, None, 0
        self.format = real.format

    def demux(self, *streams: object) -> Iterator[Any]:
        while self._script:
            step = self._script.pop(0)
            if isinstance(step, Exception):
                raise step
            yield step


def scripted(path: Path, source: str, clock: Clock, script: list[Any]) -> ContainerSource:
    container: Any = Scripted(av.open(write_clip(path / "a.mkv")), script)
    return ContainerSource(
        parse_address(source), StreamSettings(source=source), container, clock.monotonic_ns, clock.sleep
    )


def test_a_webcam_that_has_no_frame_ready_is_asked_again(tmp_path: Path) -> None:
    clock = Clock()
    packet = av.Packet(b"x")
    busy = [av.error.BlockingIOError(11, "again") for _ in range(3)]
    media = scripted(tmp_path, "/dev/video0", clock, [*busy, packet, *busy, packet]).media()
    assert [next(media) for _ in range(8)] == [None, None, None, packet, None, None, None, packet]
    with pytest.raises(SourceEndedError):
        next(media)


def test_a_webcam_that_never_has_one_has_stalled(tmp_path: Path) -> None:
    clock = Clock()
    source = scripted(tmp_path, "/dev/video0", clock, [av.error.BlockingIOError(11, "x") for _ in range(1000)])
    with pytest.raises(SourceStalledError, match="5 s"):
        list(source.media())
    assert clock.elapsed_ns == pytest.approx(5 * S, rel=0.01)


@pytest.mark.parametrize(("seconds", "said"), [(5.0, "5"), (0.5, "0.5"), (1.50341, "1.5"), (30.26, "30.3")])
def test_how_long_nothing_came_is_said_in_three_figures(seconds: float, said: str) -> None:
    assert str(stalled(parse_address("/dev/video0"), seconds)) == f"/dev/video0: nothing came for {said} s"


@pytest.mark.parametrize(
    ("error", "leaf", "words"),
    [
        (
            av.error.ExitError(1, "Immediate exit requested", "rtsp://u:geheim@cam/x"),
            SourceStalledError,
            "nothing came",
        ),
        (av.error.TimeoutError(110, "Connection timed out", "rtsp://u:geheim@cam/x"), SourceStalledError, "5 s"),
        (av.error.ConnectionResetError(104, "reset", "rtsp://u:geheim@cam/x"), SourceEndedError, "broke"),
        (av.error.InvalidDataError(1, "bad", "rtsp://u:geheim@cam/x"), SourceEndedError, "broke"),
    ],
)
def test_why_reading_ended(tmp_path: Path, error: Exception, leaf: type[Exception], words: str) -> None:
    source = scripted(tmp_path, "rtsp://u:geheim@cam/x", Clock(), [error])
    with pytest.raises(leaf, match=words) as caught:
        list(source.media())
    assert "geheim" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_webcam_that_was_unplugged(tmp_path: Path) -> None:
    with pytest.raises(SourceEndedError, match="unplugged"):
        list(scripted(tmp_path, "/dev/video0", Clock(), [av.error.OSError(19, "No such device")]).media())


def test_a_camera_that_hangs_up_has_ended_and_is_live(tmp_path: Path) -> None:
    source = scripted(tmp_path, "rtsp://cam/x", Clock(), [])
    assert source.is_live
    with pytest.raises(SourceEndedError, match="closed the connection"):
        list(source.media())


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_it_begins_where_it_is_told_to_and_a_loop_at_the_beginning(tmp_path: Path, name: str) -> None:
    clock = Clock()
    clip = Clip(frames=75, gop=25, first_pts=90, audio_codec="aac")
    source = opened(write_clip(tmp_path / name, clip), clock, start_s=2.3, loop=True)
    lumas, times = [], []
    for _, packet in islice(read(source, clock), 400):
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame):
                lumas.append(int(frame.to_ndarray()[0, 0]))
                times.append(frame.pts * frame.time_base)
    written = [40 + index * 4 % 40 for index in range(75)]
    expected = [*written[50:], *written, *written][: len(lumas)]
    assert len(lumas) > 90
    assert all(abs(luma - want) < 3 for luma, want in zip(lumas, expected, strict=True))
    assert all(0 < after - before < Fraction(1, 7) for before, after in pairwise(times))
    source.close()


def test_where_a_file_cannot_begin(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", Clip())
    with pytest.raises(SourceUnsupportedError, match=r"start_s = 7 lies behind its end, at 1.0 s"):
        opened(path, Clock(), start_s=7)
    with pytest.raises(SourceUnsupportedError, match="is for files"):
        open_source(StreamSettings(source="test:", start_s=7), "cam")


def test_a_file_that_cannot_be_rewound_ends(tmp_path: Path) -> None:
    clock = Clock()
    source = opened(write_clip(tmp_path / "a.mkv", Clip(frames=2)), clock, loop=True)
    real = source._container

    class Pipe:
        start_time = 0
        demux = real.demux

        def seek(self, offset: int) -> None:
            raise av.error.PermissionError(1, "Operation not permitted")

    source._container = Pipe()
    with pytest.raises(SourceEndedError, match="cannot be rewound"):
        list(source.media())
    real.close()
