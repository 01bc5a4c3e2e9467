from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.errors import SourceUnsupportedError
from relay.source.address import SourceKind, parse_address


@pytest.mark.parametrize(
    ("source", "kind", "url"),
    [
        ("test:", SourceKind.TEST, ""),
        ("test:?rate=25&audio=0", SourceKind.TEST, "rate=25&audio=0"),
        ("test", SourceKind.TEST, ""),
        ("film.mp4", SourceKind.FILE, "film.mp4"),
        ("testing.mp4", SourceKind.FILE, "testing.mp4"),
        ("/a b/c@d.mp4", SourceKind.FILE, "/a b/c@d.mp4"),
        ("file:///a%20b/c.mp4", SourceKind.FILE, "/a b/c.mp4"),
        ("file://localhost/c.mp4", SourceKind.FILE, "/c.mp4"),
        ("/dev/video0", SourceKind.V4L2, "/dev/video0"),
        ("/dev/v4l/by-id/usb-cam", SourceKind.V4L2, "/dev/v4l/by-id/usb-cam"),
        ("v4l2:/dev/cam", SourceKind.V4L2, "/dev/cam"),
        ("v4l2:HD Pro Webcam", SourceKind.V4L2, "HD Pro Webcam"),
        ("screen", SourceKind.SCREEN, ""),
        ("screen:", SourceKind.SCREEN, ""),
        ("screen::0.0+10,20", SourceKind.SCREEN, ":0.0+10,20"),
        ("python:app:frames?width=3", SourceKind.PYTHON, "app:frames?width=3"),
        ("python", SourceKind.FILE, "python"),
        ("wall:front,door?columns=1", SourceKind.WALL, "front,door?columns=1"),
        ("wall", SourceKind.FILE, "wall"),
        ("avfoundation:0", SourceKind.AVFOUNDATION, "0"),
        (" rtsp://cam/live ", SourceKind.RTSP, "rtsp://cam/live"),
        ("RTSPS://cam:7441/x?enableSrtp", SourceKind.RTSP, "rtsps://cam:7441/x?enableSrtp"),
        ("https://cam", SourceKind.HTTP, "https://cam"),
        ("http://[fe80::1]:8080/video", SourceKind.HTTP, "http://[fe80::1]:8080/video"),
        ("rtsp://cam/a@b", SourceKind.RTSP, "rtsp://cam/a@b"),
    ],
)
def test_what_a_source_means(source: str, kind: SourceKind, url: str) -> None:
    address = parse_address(source)
    assert (address.kind, address.url) == (kind, url)


@pytest.mark.parametrize(
    ("userinfo", "escaped"),
    [
        ("admin:secret", "admin:secret"),
        ("admin", "admin"),
        ("admin:", "admin:"),
        ("admin:p@ss", "admin:p%40ss"),
        ("admin:p:ss", "admin:p%3Ass"),
        ("me@home.org:x", "me%40home.org:x"),
        ("admin:p%40ss", "admin:p%40ss"),
        ("admin:100%", "admin:100%25"),
        ("admin:a/b", "admin:a%2Fb"),
        ("admin:a?b#c", "admin:a%3Fb%23c"),
        ("admin:p@ss:w/0#rd", "admin:p%40ss%3Aw%2F0%23rd"),
    ],
)
def test_userinfo_is_escaped_for_ffmpeg_and_never_shown(userinfo: str, escaped: str) -> None:
    address = parse_address(f"rtsp://{userinfo}@10.0.0.5:8554/live?x=1")
    assert address.url == f"rtsp://{escaped}@10.0.0.5:8554/live?x=1"
    assert address.label == "rtsp://***@10.0.0.5:8554/live?x=1"
    assert (address.host, address.port, address.is_network) == ("10.0.0.5", 8554, True)


def test_secrets_of_ones_own_source_are_not_shown() -> None:
    assert parse_address("python:app:frames?token=geheim&width=3").label == "python:app:frames?token=***&width=3"


def test_which_hosts_show_a_certificate() -> None:
    assert [parse_address(f"{scheme}://cam/x").is_tls for scheme in ("rtsp", "rtsps", "http", "https")] == [
        False,
        True,
        False,
        True,
    ]


def test_secrets_in_the_query_are_not_shown() -> None:
    assert parse_address("http://cam/v?user=me&pwd=geheim&ch=1").label == "http://cam/v?user=***&pwd=***&ch=1"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("rtsp://cam/x", "cam", 554),
        ("http://cam/x", "cam", 80),
        ("https://[::1]/x", "::1", 443),
        ("rtsp://c:1", "c", 1),
    ],
)
def test_where_it_connects_to(url: str, host: str, port: int) -> None:
    address = parse_address(url)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize("source", ["gopher://cam/x", "srt://cam:1", "rtsp://", "rtsp://user:pa ss@", "http:///path"])
def test_what_cannot_be_read_is_refused_with_a_way_out(source: str) -> None:
    with pytest.raises(SourceUnsupportedError, match=r"rtsp://|HOST"):
        parse_address(source)


@settings(max_examples=150)
@given(
    user=st.text("abcXYZ019-._@", min_size=1, max_size=8),
    password=st.text("abcXYZ019@:!$&'()*+,;=%-._~", max_size=12),
)
def test_any_password_without_a_slash_stays_secret(user: str, password: str) -> None:
    address = parse_address(f"rtsp://{user}:{password}@camera.example:554/path")
    assert address.host == "camera.example"
    assert address.label == "rtsp://***@camera.example:554/path"
    assert address.url.count("@") == 1
