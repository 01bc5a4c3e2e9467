"""What can go out as it came, and why not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from relay.config import StreamSettings
from relay.model import SourceInfo
from relay.source.measure import Meter
from relay.source.passable import judge_copying, why_not_copied

INFO = SourceInfo(1920, 1080, Fraction(25), "h264", "yuv420p", "bt709", "aac", 48_000, 2)
AUTO, COPY = StreamSettings(video="auto"), StreamSettings(video="copy")


@pytest.mark.parametrize(("codec", "pixels"), [("h264", "yuvj420p"), ("hevc", "yuv420p10le"), ("h264", "")])
def test_what_players_show_is_copied(codec: str, pixels: str) -> None:
    assert why_not_copied(AUTO, replace(INFO, video_codec=codec, pixel_format=pixels), 10) == ""


def test_what_hls_cannot_carry_never_is() -> None:
    for settings in (AUTO, COPY):
        assert "mjpeg" in why_not_copied(settings, replace(INFO, video_codec="mjpeg"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"transforms": ("flip",)}, "transforms"),
        ({"size": "640x360"}, "size"),
        ({"rate": 15}, "rate"),
        ({"video_bitrate_kbps": 900}, "video_bitrate_kbps"),
    ],
)
def test_what_is_to_be_changed_is_not(change: dict[str, Any], why: str) -> None:
    assert why_not_copied(StreamSettings(video="auto", **change), INFO).startswith(f"{why} is set")


def test_what_players_do_not_show_is_copied_only_if_somebody_insists() -> None:
    for info, gop_s, why in (
        (replace(INFO, pixel_format="yuv422p"), 2.0, "yuv422p"),
        (replace(INFO, pixel_format="yuv420p10le"), 2.0, "yuv420p10le"),
        (INFO, 10.5, "10 s apart"),
    ):
        assert why in why_not_copied(AUTO, info, gop_s)
        assert why_not_copied(COPY, info, gop_s) == ""


def measured(gop: int, frames: int = 250) -> Any:
    meter = Meter(0, 0)
    for n in range(frames):
        meter.add_video(n * 40_000_000, None, n * 40_000_000, 1000, is_keyframe=gop > 0 and n % gop == 0)
    return meter.measured(frames * 40_000_000)


def test_an_owner_is_told_how_far_behind_viewers_will_be_or_why_it_cannot_be() -> None:
    settings = StreamSettings(source="rtsp://door/")
    assert judge_copying(settings, INFO, measured(50)) == (
        True,
        'video = "copy" sends these pictures as they are, about 12 s behind',
    )
    assert "Safari" in judge_copying(settings, replace(INFO, video_codec="hevc"), measured(50))[1]
    assert judge_copying(settings, replace(INFO, video_codec="mjpeg"), measured(1))[0] is False
    assert "12 s apart" in judge_copying(settings, INFO, measured(0, frames=300))[1]
    assert judge_copying(settings, INFO, measured(0, frames=0)) == (False, "no video came")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rotation": 90}, "turned by 90 degrees"),
        ({"rotation": -90}, "turned by 270 degrees"),
        ({"rotation": 180}, "turned by 180 degrees"),
        ({"is_interlaced": True}, "interlaced"),
    ],
)
def test_what_would_be_shown_otherwise_than_it_is_meant_is_copied_only_if_somebody_insists(
    change: dict[str, Any], why: str
) -> None:
    info = replace(INFO, **change)
    assert why in why_not_copied(AUTO, info, 2.0)
    assert why_not_copied(COPY, info, 2.0) == ""
    assert why_not_copied(AUTO, replace(INFO, rotation=3), 2.0) == ""
    assert why in judge_copying(COPY, info, measured(50))[1]
