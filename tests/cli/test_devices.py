from __future__ import annotations

import json
from fractions import Fraction

import pytest
from typer.testing import CliRunner

from relay.cli import app
from relay.source import alsa, v4l2
from relay.source.alsa import SoundInput
from relay.source.v4l2 import Mode, Webcam

WEBCAM = Webcam(
    "/dev/video2",
    "HD Pro Webcam C920",
    "usb-1",
    (
        Mode("mjpeg", 1920, 1080, (Fraction(30), Fraction(15))),
        Mode("mjpeg", 640, 480, (Fraction(30000, 1001),)),
        Mode("yuyv422", 640, 480, ()),
    ),
)
LOCKED = Webcam("/dev/video4", "video4", trouble="may not be opened: Permission denied")


def told(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["devices", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def _devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "list_webcams", lambda: [WEBCAM, LOCKED])
    monkeypatch.setattr(alsa, "list_microphones", lambda: [SoundInput("hw:CARD=C920,DEV=0", "C920", 1, "C920, USB")])


@pytest.mark.usefixtures("_devices")
def test_what_is_there_in_the_words_of_the_settings() -> None:
    assert (
        told()
        == """\
/dev/video2  HD Pro Webcam C920
    source = "v4l2:HD Pro Webcam C920"
    input_format = "mjpeg"
        1920x1080   at 30, 15
        640x480     at 29.97
    input_format = "yuyv422"
        640x480
/dev/video4  video4
    source = "v4l2:video4"
    may not be opened: Permission denied

C920, USB
    microphone = "hw:CARD=C920,DEV=0"
"""
    )


@pytest.mark.usefixtures("_devices")
def test_what_is_there_as_json() -> None:
    document = json.loads(told("--json"))
    assert document["cameras"][0]["modes"][1] == {
        "format": "mjpeg",
        "width": 640,
        "height": 480,
        "rates": ["30000/1001"],
    }
    assert document["microphones"][0]["device"] == "hw:CARD=C920,DEV=0"


def test_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "list_webcams", list)
    monkeypatch.setattr(alsa, "list_microphones", list)
    assert told().splitlines()[0].startswith("No camera")
    assert told().splitlines()[2].startswith("No microphone")
