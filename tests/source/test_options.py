"""FFmpeg ignores an unknown option in silence, so their names are held against the library itself."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest

from relay.config import StreamSettings
from relay.source.address import parse_address
from relay.source.options import OpenOptions, open_options, what_to_open

if TYPE_CHECKING:
    from pathlib import Path


def ways(source: str, **settings: object) -> tuple[OpenOptions, ...]:
    stream = StreamSettings.model_validate({"source": source, **settings})
    return open_options(parse_address(source), stream)


def test_rtsp() -> None:
    (way,) = ways("rtsp://cam/x", rtsp_transport="udp", read_timeout_s=2.5)
    assert way.options["rtsp_transport"] == "udp"
    assert way.options["timeout"] == "2500000"
    assert way.options["allowed_media_types"] == "video+audio"
    assert ways("rtsp://cam/x", rtsp_transport="auto")[0].options["rtsp_transport"] == "udp+tcp"
    (way,) = ways("rtsp://cam/x", audio=False)
    assert (way.options["rtsp_transport"], way.options["allowed_media_types"]) == ("tcp", "video")


def test_http_and_files() -> None:
    (way,) = ways("http://cam/x", headers={"X-Key": "a", "Accept": "b"})
    assert way.options["rw_timeout"] == "5000000"
    assert way.options["headers"] == "X-Key: a\r\nAccept: b\r\n"
    assert "headers" not in ways("http://cam/x")[0].options
    assert "tls_verify" not in way.options
    assert ways("film.mp4") == (OpenOptions(),)
    assert ways("test:") == (OpenOptions(),)


def test_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for source in ("https://cam/x", "rtsps://cam/x"):
        monkeypatch.setenv("SSL_CERT_FILE", __file__)
        (way,) = ways(source)
        assert (way.options["tls_verify"], way.options["ca_file"]) == ("1", __file__)
        (way,) = ways(source, tls_verify=False)
        assert (way.options["tls_verify"], way.options.get("ca_file")) == ("0", None)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        assert ways(source)[0].options.get("ca_file") != str(tmp_path / "none.pem")


def test_a_webcam_is_asked_for_mjpeg_first_and_for_anything_then() -> None:
    first, second = ways("/dev/video0")
    assert first == OpenOptions("v4l2", {"video_size": "1280x720", "input_format": "mjpeg"})
    assert second == OpenOptions("v4l2", {"video_size": "1280x720"})


def test_a_webcam_gives_what_the_settings_say() -> None:
    (way,) = ways("/dev/video0", input_format="yuyv422", input_size="640x480", input_rate=15)
    assert way.options == {"video_size": "640x480", "framerate": "15", "input_format": "yuyv422"}


def test_a_mac_camera() -> None:
    (way,) = ways("avfoundation:0")
    assert way == OpenOptions("avfoundation", {"framerate": "30", "video_size": "1280x720"})
    assert ways("avfoundation:0", input_rate=15)[0].options["framerate"] == "15"


def test_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ways("screen:") == (OpenOptions("x11grab", {"framerate": "30"}),)
    (way,) = ways("screen::1+5,5", input_size="640x480", input_rate=10)
    assert way.options == {"framerate": "10", "video_size": "640x480"}
    monkeypatch.setenv("DISPLAY", ":7")
    assert what_to_open(parse_address("screen:")) == ":7"
    assert what_to_open(parse_address("screen::1+5,5")) == ":1+5,5"
    monkeypatch.delenv("DISPLAY")
    assert what_to_open(parse_address("screen")) == ":0"


def test_a_webcam_counts_by_the_clock_of_its_microphone() -> None:
    assert ways("/dev/video0", microphone="hw:0")[0].options["timestamps"] == "abs"


@pytest.mark.parametrize(
    ("source", "demuxer"), [("rtsp://cam/x", "rtsp"), ("/dev/video0", "v4l2"), ("screen:", "x11grab")]
)
def test_ffmpeg_knows_every_option(source: str, demuxer: str) -> None:
    if demuxer != "rtsp" and sys.platform != "linux":
        return
    known = helped(f"demuxer={demuxer}") + helped("full")
    for way in ways(source, input_rate=15):
        for name in way.options:
            assert f"  -{name} " in known


def test_ffmpeg_knows_every_http_option() -> None:
    known = helped("full")
    for name in ways("https://cam/x", headers={"a": "b"})[0].options:
        assert f"  -{name} " in known


def helped(topic: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-h", topic]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
