"""Each way in which a source cannot be opened has its leaf, plain words, a way out, and no password in it."""

from __future__ import annotations

import errno
import socket
import time
import traceback
from typing import TYPE_CHECKING

import av.error
import pytest

from fixtures.media import Clip, write_clip
from relay.config import StreamSettings
from relay.errors import (
    SourceAuthError,
    SourceEndedError,
    SourceError,
    SourceFaultyError,
    SourceNotFoundError,
    SourceUnreachableError,
    SourceUnsupportedError,
)
from relay.source import open_source
from relay.source.address import parse_address
from relay.source.faults import explain_opening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fault(source: str, **settings: object) -> SourceError:
    """The error with which `source` cannot be opened."""
    quick = {"source": source, "open_timeout_s": 2, "read_timeout_s": 0.4, **settings}
    with pytest.raises(SourceError) as caught:
        open_source(StreamSettings.model_validate(quick), "cam")
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def check(error: SourceError, leaf: type[SourceError], words: str) -> None:
    assert type(error) is leaf
    assert words in str(error)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "junk.mp4").write_bytes(b"no video at all" * 500)
    check(fault(str(tmp_path / "none.mp4")), SourceNotFoundError, "no such file")
    check(fault(f"file://{tmp_path}/none.mp4"), SourceNotFoundError, "no such file")
    check(fault(str(tmp_path / "junk.mp4")), SourceUnsupportedError, "no video that can be read")


def test_webcams() -> None:
    check(fault("/dev/video97"), SourceNotFoundError, "no such camera")
    check(fault("avfoundation:0"), SourceUnsupportedError, "macOS")


def test_refused(refused: str) -> None:
    for scheme in ("rtsp", "http"):
        error = fault(f"{scheme}://user:geheim@{refused}/x")
        check(error, SourceUnreachableError, f"nothing listens at {refused}")


def test_a_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    for code, leaf, words in (
        (socket.EAI_NONAME, SourceNotFoundError, "no host is called 'no-such.invalid'"),
        (socket.EAI_AGAIN, SourceUnreachableError, "name server"),
    ):

        def resolve(*args: object, code: int = code, **kwargs: object) -> None:
            raise socket.gaierror(code, "x")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        check(fault("rtsp://user:geheim@no-such.invalid/x"), leaf, words)


@pytest.mark.parametrize(
    ("error", "words"), [(TimeoutError(), "does not answer"), (OSError(errno.EHOSTUNREACH, "No route"), "No route")]
)
def test_a_host_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, error: OSError, words: str) -> None:
    def connect(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(socket, "create_connection", connect)
    cause = av.error.InvalidDataError(1, "Invalid data", "rtsp://u:geheim@10.0.0.5/x")
    check(explain_opening(cause, parse_address("rtsp://10.0.0.5/x"), 0.1, 5), SourceUnreachableError, words)


@pytest.mark.clock
def test_one_that_accepts_and_says_nothing(mute: str) -> None:
    for scheme in ("rtsp", "http"):
        started_s = time.monotonic()
        check(fault(f"{scheme}://user:geheim@{mute}/x"), SourceFaultyError, "nothing came within")
        assert time.monotonic() - started_s < 2.5


def test_one_that_speaks_something_else(http: str) -> None:
    check(fault(http.replace("http", "rtsp", 1) + "/x"), SourceFaultyError, "not as a camera")


@pytest.mark.parametrize(
    ("status", "leaf", "words"),
    [
        ("401 Unauthorized", SourceAuthError, "are not right (401)"),
        ("403 Forbidden", SourceAuthError, "(403)"),
        ("404 Not Found", SourceNotFoundError, "no such path (404)"),
        ("461 Unsupported Transport", SourceFaultyError, 'rtsp_transport = "auto"'),
        ("500 Internal Server Error", SourceFaultyError, "refuses"),
    ],
)
def test_answers_over_rtsp(
    rtsp_answering: Callable[[str], str], status: str, leaf: type[SourceError], words: str
) -> None:
    check(fault(f"rtsp://user:geheim@{rtsp_answering(status)}/x"), leaf, words)


def test_credentials_that_are_missing(rtsp_answering: Callable[[str], str]) -> None:
    check(fault(f"rtsp://{rtsp_answering('401 Unauthorized')}/x"), SourceAuthError, "wants a user and a password (401)")


@pytest.mark.parametrize(
    ("path", "leaf", "words"),
    [
        ("401", SourceAuthError, "(401)"),
        ("403", SourceAuthError, "(403)"),
        ("404", SourceNotFoundError, "(404)"),
        ("503", SourceFaultyError, "refuses"),
        ("page", SourceUnsupportedError, "address of a page"),
    ],
)
def test_answers_over_http(http: str, path: str, leaf: type[SourceError], words: str) -> None:
    check(fault(f"{http}/{path}"), leaf, words)


@pytest.mark.parametrize(
    ("source", "code", "leaf", "words"),
    [
        ("/dev/video0", errno.EACCES, SourceUnreachableError, "group 'video'"),
        ("film.mp4", errno.EACCES, SourceUnreachableError, "permissions"),
        ("/dev/video0", errno.EBUSY, SourceUnreachableError, "another programme"),
        ("/dev/video0", errno.EINVAL, SourceUnsupportedError, "input_format"),
        ("screen:", errno.EIO, SourceUnreachableError, "no such X11 display"),
        ("screen::0+1,1", errno.EINVAL, SourceUnsupportedError, "set an input_size that fits"),
        ("film.mp4", errno.EIO, SourceUnreachableError, "cannot be opened"),
    ],
)
def test_errors_of_the_system(source: str, code: int, leaf: type[SourceError], words: str) -> None:
    cause = (av.error.ArgumentError if code == errno.EINVAL else av.error.OSError)(code, "a reason", source)
    check(explain_opening(cause, parse_address(source), 0.1, 5), leaf, words)


def test_a_transport_that_the_camera_lacks(rtsp_answering: Callable[[str], str]) -> None:
    address = parse_address(f"rtsp://{rtsp_answering('200 OK')}/x")
    cause = av.error.OSError(errno.EPROTONOSUPPORT, "Protocol not supported", "rtsp://u:geheim@cam/x")
    check(explain_opening(cause, address, 0.1, 5), SourceFaultyError, 'rtsp_transport = "auto"')


def test_a_screen_where_there_is_no_x11() -> None:
    error = explain_opening(ValueError("no container format 'x11grab'"), parse_address("screen:"), 0.1, 5)
    check(error, SourceUnsupportedError, "on macOS a screen is avfoundation:N")


def test_a_protocol_that_this_build_lacks() -> None:
    cause = av.error.ProtocolNotFoundError(1, "Protocol not found", "https://cam/x")
    check(explain_opening(cause, parse_address("https://cam/x"), 0.1, 5), SourceUnsupportedError, "lacks the protocol")


def test_http_progressive_is_finite_and_paced(http: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "film.mp4", Clip(frames=5))
    source = open_source(StreamSettings(source=f"{http}/film.mp4"), "cam")
    assert not source.is_live
    with pytest.raises(SourceEndedError):
        list(source.media())
    source.close()


def test_http_mjpeg_is_live_and_has_no_rate_of_its_own(http: str) -> None:
    source = open_source(StreamSettings(source=f"{http}/mjpeg"), "cam")
    assert source.is_live
    assert (source.info.video_codec, source.info.rate) == ("mjpeg", None)
    packets = []
    with pytest.raises(SourceEndedError, match="connection"):
        packets.extend(source.media())
    source.close()


def test_http_ts_and_hls(http: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "cam.ts", Clip(frames=10))
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\ncam.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / "cam.m3u8").write_text(playlist)
    for name in ("cam.ts", "cam.m3u8"):
        source = open_source(StreamSettings(source=f"{http}/{name}"), "cam")
        assert source.info.video_codec == "h264"
        assert next(item for item in source.media() if item is not None).size
        source.close()
