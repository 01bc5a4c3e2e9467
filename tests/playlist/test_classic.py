"""Playlists of MPEG-TS, as text. That players and `relay check` take them is seen in tests/serve and tests/e2e."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

from fixtures.published import AUDIO_INIT, FORMAT, MSN, VIDEO_INIT, make_parts
from relay.model import MediaKind
from relay.playlist import (
    Window,
    WindowSettings,
    render_classic_media,
    render_classic_multivariant,
    transport_uri,
)
from relay.timeline import Grid

GRID = Grid.of(FORMAT)


def test_a_media_playlist_with_a_seam_and_its_end() -> None:
    window = Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=7, has_audio=True))
    for init, first in (("init-1.mp4", MSN), ("init-2.mp4", MSN + 1)):
        for part in make_parts(GRID, MediaKind.VIDEO, (first, 0), (first + 1, 0)):
            assert window.append(part, init, 0) is not None
    listed = dedent(f"""\
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-TARGETDURATION:2
        #EXT-X-MEDIA-SEQUENCE:{MSN}
        #EXT-X-DISCONTINUITY-SEQUENCE:0
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z
        #EXTINF:2.0,
        {MSN}.ts
        #EXT-X-DISCONTINUITY
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z
        #EXTINF:2.0,
        {MSN + 1}.ts
        """)
    assert render_classic_media(window) == listed
    window.end(0)
    assert render_classic_media(window) == f"{listed}#EXT-X-ENDLIST\n"


def test_a_multivariant_playlist() -> None:
    assert render_classic_multivariant([VIDEO_INIT, AUDIO_INIT], 90_000, "ts-1/index.m3u8") == dedent("""\
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-STREAM-INF:BANDWIDTH=3230000,AVERAGE-BANDWIDTH=2220000,CODECS="avc1.64001f,mp4a.40.2",\
        RESOLUTION=1280x720,FRAME-RATE=30.000,CLOSED-CAPTIONS=NONE
        ts-1/index.m3u8
        """).replace("        RESOLUTION", "RESOLUTION")


def test_only_pictures_in_hdr_say_so() -> None:
    text = render_classic_multivariant([replace(VIDEO_INIT, video_range="PQ"), AUDIO_INIT], 90_000, "ts-1/index.m3u8")
    assert "FRAME-RATE=30.000,VIDEO-RANGE=PQ,CLOSED-CAPTIONS=NONE\n" in text


def test_a_segments_address() -> None:
    assert transport_uri(MSN) == f"{MSN}.ts"
