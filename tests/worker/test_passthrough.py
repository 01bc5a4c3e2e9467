"""Whether a source is copied, and what the supervisor is told of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import pytest
from structlog.testing import capture_logs

from fixtures.worker import SteppedClock
from relay import wire
from relay.config import StreamSettings
from relay.decode import CopiedVideo
from relay.errors import SourceUnsupportedError
from relay.model import Copied, CopyOffer, Latency, SourceInfo, StreamFormat
from relay.packager import nal
from relay.timeline import NS_PER_S
from relay.worker import passthrough as passthrough_module
from relay.worker.board import Board
from relay.worker.passthrough import GopMeter, Passthrough

if TYPE_CHECKING:
    from relay.worker.copied import CopyLine
    from relay.worker.stills import CameraPicture

INFO = SourceInfo(320, 180, Fraction(25), "h264", "yuv420p", "bt709", None, 0, 0)
FORMAT = StreamFormat(320, 180, Fraction(25), audio=False, latency=Latency.LAN, copied=Copied("h264", 4))
SPS, PPS, IDR, P = b"\x67\x4d\x40", b"\x68\xee", b"\x65\x88", b"\x41\x9a"
FRAME_NS = 40_000_000


class Line:
    """In the place of a `CopyLine`: keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[CameraPicture] = []

    def put(self, item: CameraPicture) -> None:
        self.taken.append(item)


class Stage:
    def __init__(self, video: str = "copy", **settings: Any) -> None:
        self.announced: list[wire.Found] = []
        self.board = Board(SteppedClock(), NS_PER_S)
        document = {"source": "rtsp://door/", "video": video, **settings}
        self.passthrough = Passthrough(StreamSettings.model_validate(document), self.board, self.announced.append)
        self.frame = 0
        self.line = Line()

    def start(self, stream: StreamFormat = FORMAT) -> None:
        self.passthrough.format, self.passthrough.line = stream, cast("CopyLine", self.line)

    def send(self, frames: int, gop: int = 50, extradata: bytes = b"", *, sets: bool = True) -> bool:
        for _ in range(frames):
            is_keyframe = self.frame % gop == 0
            units = [*([SPS, PPS] if sets and is_keyframe else []), IDR if is_keyframe else P]
            data = nal.byte_stream(units)
            copied = CopiedVideo(self.frame * FRAME_NS, 0, data, "h264", extradata)
            self.frame += 1
            if not self.passthrough.take(copied):
                return False
        return True


def test_a_stream_that_is_encoded_has_no_use_for_packets() -> None:
    assert not Stage("encode").passthrough.wants(INFO)


def test_keyframes_are_watched_for_ten_seconds_and_then_an_offer_is_made() -> None:
    stage = Stage()
    assert stage.passthrough.wants(INFO)
    stage.send(262)
    assert stage.announced == []
    stage.send(2)
    assert stage.announced == [wire.Found(INFO, 320, 180, CopyOffer("h264", 2.0))]
    stage.send(100)
    assert len(stage.announced) == 1


def test_a_gop_that_has_not_ended_yet_is_reckoned_to_be_twice_as_long() -> None:
    stage = Stage()
    stage.passthrough.wants(INFO)
    stage.send(264, gop=1000)
    assert stage.announced[0].offer == CopyOffer("h264", 21.04)


def test_what_is_known_is_not_watched_again() -> None:
    stage = Stage()
    stage.start()
    assert stage.passthrough.wants(INFO)
    assert stage.announced == [wire.Found(INFO, 320, 180, CopyOffer("h264"))]
    stage.send(60)
    assert len(stage.line.taken) == 60
    assert [item.picture.units for item in stage.line.taken[:2]] == [(SPS, PPS, IDR), (P,)]
    assert stage.line.taken[0].origin == (1, 0, (SPS, PPS))


def test_another_codec_is_watched_anew() -> None:
    stage = Stage()
    stage.start(replace(FORMAT, copied=Copied("hevc", 4)))
    assert stage.passthrough.wants(INFO)
    assert stage.announced == []


def test_each_connection_is_an_origin_of_its_own() -> None:
    stage = Stage()
    stage.start()
    for _ in range(2):
        stage.passthrough.wants(INFO)
        stage.frame = 0
        stage.send(3)
    assert {item.origin[0] for item in stage.line.taken} == {1, 2}


def test_parameter_sets_come_from_beside_the_pictures_too() -> None:
    stage = Stage()
    stage.start()
    stage.passthrough.wants(INFO)
    stage.send(3, sets=False)
    assert stage.line.taken == [], "nothing can be decoded yet"
    stage.frame = 0
    stage.send(3, extradata=nal.byte_stream([SPS, PPS]), sets=False)
    assert [item.origin[2] for item in stage.line.taken] == [(SPS, PPS)] * 3
    stage.send(1, extradata=b"\x01\x4d")
    assert stage.board.counters["bad_configurations"] == 1


def test_what_cannot_be_copied_is_an_error_or_encoded() -> None:
    mjpeg = replace(INFO, video_codec="mjpeg")
    assert not Stage("auto").passthrough.wants(mjpeg)
    with pytest.raises(SourceUnsupportedError, match=r'mjpeg.*set video = "auto"'):
        Stage().passthrough.wants(mjpeg)
    assert not Stage("auto", rate=15).passthrough.wants(INFO)


def test_auto_encodes_keyframes_too_far_apart_at_once_and_later() -> None:
    stage = Stage("auto")
    stage.passthrough.wants(INFO)
    assert not stage.send(400, gop=255)
    assert stage.announced == []
    known = Stage("auto")
    known.start()
    known.passthrough.wants(INFO)
    assert known.send(200)
    assert not known.send(400, gop=1000)
    assert len(known.announced) == 1


def why_encoded(logs: list[Any]) -> list[str]:
    return [
        line["reason"] for line in logs if (line["event"], line["log_level"]) == ("not copied, but encoded", "info")
    ]


@pytest.mark.parametrize(
    ("settings", "change", "why"),
    [
        ({}, {"video_codec": "mjpeg"}, "the camera sends mjpeg, and HLS carries H.264 and H.265 alone"),
        ({"rate": 15}, {}, "rate is set, and that takes encoding"),
        ({}, {"pixel_format": "yuv444p"}, "browsers do not play h264 in yuv444p"),
    ],
)
def test_auto_says_in_the_log_why_it_does_not_copy(settings: dict[str, Any], change: dict[str, Any], why: str) -> None:
    with capture_logs() as logs:
        assert not Stage("auto", **settings).passthrough.wants(replace(INFO, **change))
    assert why_encoded(logs) == [why]


@pytest.mark.parametrize(
    ("change", "why"), [({"rotation": 90}, "turned by 90 degrees"), ({"is_interlaced": True}, "combs")]
)
def test_auto_looks_at_the_first_picture_and_says_in_the_log_why_it_does_not_copy(
    change: dict[str, Any], why: str
) -> None:
    stage = Stage("auto")
    assert stage.passthrough.has_to_see
    with capture_logs() as logs:
        assert stage.passthrough.wants(INFO)
        assert stage.passthrough.sees(INFO)
        assert why_encoded(logs) == []
        assert not stage.passthrough.sees(replace(INFO, **change))
    (told,) = why_encoded(logs)
    assert why in told


def test_copy_copies_what_is_turned_or_interlaced() -> None:
    stage = Stage("copy")
    assert stage.passthrough.wants(INFO)
    assert not stage.passthrough.has_to_see
    assert stage.passthrough.sees(replace(INFO, rotation=90, is_interlaced=True))


def test_auto_says_in_the_log_that_keyframes_are_too_far_apart() -> None:
    stage = Stage("auto")
    with capture_logs() as logs:
        stage.passthrough.wants(INFO)
        assert not stage.send(400, gop=255)
    assert why_encoded(logs) == ["keyframes are 10 s apart, and viewers would be three times that behind"]


def test_keyframes_that_were_too_far_apart_are_not_watched_again_when_the_camera_is_back() -> None:
    stage = Stage("auto")
    stage.passthrough.wants(INFO)
    assert not stage.send(400, gop=255)
    with capture_logs() as logs:
        assert not stage.passthrough.wants(INFO)
    assert why_encoded(logs) == [], "once is enough"


def test_auto_says_in_the_log_that_there_could_be_no_slate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passthrough_module, "can_encode_still", lambda _: False)
    with capture_logs() as logs:
        assert not Stage("auto").passthrough.wants(INFO)
    assert why_encoded(logs) == ["there is no encoder for h264 here, and so no slate for when the camera is away"]


def test_a_source_that_is_not_wanted_is_not_passed_on() -> None:
    stage = Stage("auto")
    stage.start()
    assert not stage.send(1)
    stage.passthrough.gop_is_longer(8.0)
    assert (stage.line.taken, stage.announced) == ([], [])


def test_a_longer_gop_is_told_to_the_supervisor() -> None:
    stage = Stage()
    stage.start()
    stage.passthrough.wants(INFO)
    stage.passthrough.gop_is_longer(8.0)
    assert stage.announced[-1].offer == CopyOffer("h264", 8.0)


def test_the_meter_also_counts_what_is_left_of_a_gop() -> None:
    meter = GopMeter()
    assert meter.seen_ns == 0
    for n in (0, 1, 2, 3, 4, 5, 8, 6, 7):
        meter.add(n, is_keyframe=n == 4)
    assert (meter.seen_ns, meter.longest_ns, meter.expected_ns) == (8, 4, 4)
    meter.add(9, is_keyframe=False)
    assert (meter.longest_ns, meter.expected_ns) == (5, 10)
