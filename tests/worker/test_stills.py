"""What is said of copied pictures beside their coded bytes: how large they are, and whether they are HDR."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
import pytest
from av.video.reformatter import ColorTrc

from fixtures.worker import Outbox, SteppedClock, flat
from relay import wire
from relay.config import StreamSettings
from relay.model import CodedPicture, Copied, Latency, SourceInfo, StreamFormat
from relay.packager import nal
from relay.pixels import video_frame
from relay.timeline import NS_PER_S, Grid
from relay.worker.board import Board
from relay.worker.copied import CopyLine
from relay.worker.stills import CameraPicture, CameraView

if TYPE_CHECKING:
    from relay.model import VideoCodec, VideoRange

SIZE = (96, 64)
RATE = Fraction(10)
FORMAT = StreamFormat(*SIZE, RATE, audio=True, latency=Latency.LAN, copied=Copied("h264", 4))
SETTINGS = StreamSettings(source="rtsp://door/", video="copy")
ENCODERS: dict[VideoCodec, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {}),
    "hevc": ("libx265", {"x265-params": "log-level=error:repeat-headers=1:pools=1:info=0"}),
}


@functools.cache
def keyframe(codec: VideoCodec, transfer: int) -> bytes:
    """One grey picture whose parameter sets say `transfer`."""
    name, options = ENCODERS[codec]
    context = cast("av.VideoCodecContext", av.CodecContext.create(name, "w"))
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.framerate, context.thread_count = 1 / RATE, RATE, 1
    context.color_trc = transfer
    context.options = {"preset": "ultrafast", "tune": "zerolatency", **options}
    frame = video_frame(flat(80, *SIZE))
    frame.pts, frame.time_base = 0, 1 / RATE
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def picture(codec: VideoCodec, transfer: int, time_ns: int = 0, connection: int = 1) -> CameraPicture:
    units = nal.split_units(keyframe(codec, transfer), 0)
    sets = nal.parameter_sets(units, codec)
    info = SourceInfo(*SIZE, RATE, codec, "yuv420p", None, None, 0, 0)
    coded = CodedPicture(time_ns, is_keyframe=True, units=nal.sample_units(units, codec, sets))
    return CameraPicture(coded, (connection, 0, sets), codec, info)


@pytest.mark.parametrize(
    ("transfer", "video_range"),
    [
        (ColorTrc.UNSPECIFIED, "SDR"),
        (ColorTrc.BT709, "SDR"),
        (ColorTrc.BT2020_10, "SDR"),
        (ColorTrc.SMPTE2084, "PQ"),
        (ColorTrc.ARIB_STD_B67, "HLG"),
    ],
    ids=lambda value: value.name if isinstance(value, ColorTrc) else value,
)
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_size_and_range_are_read_from_the_parameter_sets(
    codec: VideoCodec, transfer: ColorTrc, video_range: VideoRange
) -> None:
    item = picture(codec, transfer)
    item = replace(item, info=replace(item.info, width=640, height=480))
    view = CameraView(FORMAT, Outbox().as_link())
    view.look(item, 0)
    shape, _ = view.describe(item.picture)
    assert (shape.width, shape.height, shape.video_range) == (*SIZE, video_range)


def test_of_what_cannot_be_decoded_is_said_what_the_source_says() -> None:
    item = picture("h264", ColorTrc.SMPTE2084)
    view = CameraView(FORMAT, Outbox().as_link())
    view.look(item, 0)
    shape, _ = view.describe(replace(item.picture, units=(b"\x65garbage",)))
    assert (shape.width, shape.height, shape.video_range) == (*SIZE, "SDR")


class Line:
    """A copy line with a scripted clock, and how what it published is declared."""

    def __init__(self, copied: Copied) -> None:
        self.clock = SteppedClock()
        self.outbox = Outbox()
        stream = replace(FORMAT, copied=copied)
        slot = Grid.of(stream).next_segment_slot(Grid.of(stream).slot_at(self.clock.unix_ns()))
        start = wire.Start(stream, {"video": slot, "audio": slot}, b"")
        board = Board(self.clock, 2 * NS_PER_S)
        self.line = CopyLine("cam", SETTINGS, start, copied, self.clock, board, self.outbox.as_link())

    def send(self, transfer: int, seconds: float, connection: int) -> None:
        for _ in range(round(seconds * RATE)):
            self.line.step([picture("h264", transfer, self.clock.unix_ns(), connection)])
            self.clock.advance(float(1 / RATE))

    def wait(self, seconds: float) -> None:
        """Nothing comes."""
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)
            self.line.step([])

    def declared(self) -> list[VideoRange]:
        """Of each stretch between two seams."""
        found: list[VideoRange] = []
        newest: VideoRange = "SDR"
        for message in self.outbox.messages:
            if isinstance(message, wire.InitReady):
                newest = message.init.video_range
            elif isinstance(message, wire.PartReady) and message.part.is_discontinuous:
                found.append(newest)
        return found


def test_a_slate_between_hdr_pictures_is_declared_with_them() -> None:
    line = Line(Copied("h264", 4))
    line.send(ColorTrc.ARIB_STD_B67, 5, connection=1)
    line.wait(6)
    line.send(ColorTrc.BT709, 5, connection=2)
    assert line.declared() == ["HLG", "HLG", "SDR"]


@pytest.mark.parametrize("before", ["SDR", "HLG", "PQ"])
def test_a_worker_that_never_saw_the_camera_declares_what_was_declared_before(before: VideoRange) -> None:
    line = Line(Copied("h264", 4, video_range=before))
    line.wait(8)
    assert line.declared() == [before]
