"""Addresses below /live/."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sessions import ObjectKind
from relay.sessions.paths import LivePath, parse_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/live/cam/index.m3u8", LivePath("cam", "index.m3u8", ObjectKind.MULTIVARIANT)),
        ("/live/cam/v/a-B_9/index.m3u8", LivePath("cam", "index.m3u8", ObjectKind.MULTIVARIANT, "a-B_9")),
        (
            "/live/cam/v/x/video-1/index.m3u8",
            LivePath("cam", "index.m3u8", ObjectKind.PLAYLIST, "x", "video", 1),
        ),
        (
            "/live/cam/video-1/init-0123abcd.mp4",
            LivePath("cam", "init-0123abcd.mp4", ObjectKind.INIT, None, "video", 1),
        ),
        ("/live/cam/audio-12/7.m4s", LivePath("cam", "7.m4s", ObjectKind.SEGMENT, None, "audio", 12, 7)),
        ("/live/cam/audio-12/7.0.m4s", LivePath("cam", "7.0.m4s", ObjectKind.PART, None, "audio", 12, 7, 0)),
        (
            "/live/cam/v/x/video-360p15-3/index.m3u8",
            LivePath("cam", "index.m3u8", ObjectKind.PLAYLIST, "x", "video-360p15", 3),
        ),
        (
            "/live/cam/video-360p15-av1-7/7.m4s",
            LivePath("cam", "7.m4s", ObjectKind.SEGMENT, None, "video-360p15-av1", 7, 7),
        ),
        ("/live/cam/video-360-7/7.m4s", LivePath("cam", "7.m4s", ObjectKind.SEGMENT, None, "video-360", 7, 7)),
        ("/live/cam/ts.m3u8", LivePath("cam", "ts.m3u8", ObjectKind.MULTIVARIANT)),
        ("/live/cam/v/x/ts.m3u8", LivePath("cam", "ts.m3u8", ObjectKind.MULTIVARIANT, "x")),
        ("/live/cam/v/x/ts-1/index.m3u8", LivePath("cam", "index.m3u8", ObjectKind.PLAYLIST, "x", "ts", 1)),
        ("/live/cam/v/x/ts-1/7.ts", LivePath("cam", "7.ts", ObjectKind.SEGMENT, "x", "ts", 1, 7)),
        (
            "/live/cam/v/x/video-360p15-3/iframes.m3u8",
            LivePath("cam", "iframes.m3u8", ObjectKind.PLAYLIST, "x", "video-360p15", 3),
        ),
        (
            "/live/cam/v/x/captions-2/index.m3u8",
            LivePath("cam", "index.m3u8", ObjectKind.PLAYLIST, "x", "captions", 2),
        ),
        ("/live/cam/captions-2/7.vtt", LivePath("cam", "7.vtt", ObjectKind.CAPTIONS, None, "captions", 2, 7)),
        ("/live/cam/snapshot.jpg", LivePath("cam", "snapshot.jpg", None)),
    ],
)
def test_addresses(path: str, found: LivePath) -> None:
    assert parse_path(path) == found


@pytest.mark.parametrize(
    "path",
    [
        "/live/Cam/index.m3u8",
        "/live/cam/v/index.m3u8",
        "/live/cam/iframes.m3u8",
        "/live/cam/v/x/snapshot.jpg",
        "/live/cam/v/x y/index.m3u8",
        f"/live/cam/v/{'x' * 129}/index.m3u8",
        "/live/cam/video/index.m3u8",
        "/live/cam/video-360p/index.m3u8",
        "/live/cam/video-360p-hevc-high-1/index.m3u8",
        "/live/cam/video--1/index.m3u8",
        "/live/cam/video-1/07.m4s",
        "/live/cam/ts-1/7.0.ts",
        "/live/cam/video-1/7.00.m4s",
        "/live/cam/video-1/7.m4s/",
        "/live/cam/video-1/7.m4s\n",
        "/live/cam/video-1/٣.m4s",
        "/live/cam/video-1/../index.m3u8",
        "/live/cam/video-1/init-XYZ.mp4",
        "/live/cam/video-1/99999999999999999999.m4s",
        "/live//index.m3u8",
    ],
)
def test_garbage(path: str) -> None:
    assert parse_path(path) is None


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    parse_path(text)
    parse_path(f"/live/{text}")
    parse_path(f"/live/cam/video-1/{text}")
