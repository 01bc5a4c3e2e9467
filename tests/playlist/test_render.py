"""Playlists as text, read as a player would read them."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from textwrap import dedent

from hypothesis import given
from hypothesis import strategies as st

from fixtures.published import AUDIO_INIT, FORMAT, MSN, VIDEO_INIT, make_parts
from relay.check.finding import faults
from relay.check.history import check_delta
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.check.parsed import parse
from relay.model import Latency, LatencyProfile, MediaKind, StreamFormat
from relay.playlist import (
    Described,
    IFrameStream,
    Report,
    Window,
    WindowSettings,
    render_ladder,
    render_media,
    render_multivariant,
)
from relay.timeline import Grid

COARSE = replace(FORMAT, latency=Latency.INTERNET)


def make_window(
    stream: StreamFormat, end: tuple[int, int], *, kind: MediaKind = MediaKind.VIDEO, segments_listed: int = 7
) -> Window:
    grid = Grid.of(stream)
    window = Window(WindowSettings.of(grid, kind, segments_listed=segments_listed, has_audio=stream.audio))
    for part in make_parts(grid, kind, (MSN, 0), end):
        assert window.append(part, "init-12345678.mp4", 0) is not None
    return window


def test_a_media_playlist() -> None:
    window = make_window(COARSE, (MSN + 2, 1))
    text = render_media(window, [Report("../audio-1/index.m3u8", MSN + 2, 0)])
    assert text == dedent(f"""\
        #EXTM3U
        #EXT-X-VERSION:6
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-TARGETDURATION:2
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=1.536
        #EXT-X-PART-INF:PART-TARGET=0.5
        #EXT-X-MEDIA-SEQUENCE:{MSN}
        #EXT-X-DISCONTINUITY-SEQUENCE:0
        #EXT-X-MAP:URI="init-12345678.mp4"
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z
        #EXT-X-PART:DURATION=0.5,URI="{MSN}.0.m4s",INDEPENDENT=YES
        #EXT-X-PART:DURATION=0.5,URI="{MSN}.1.m4s"
        #EXT-X-PART:DURATION=0.5,URI="{MSN}.2.m4s"
        #EXT-X-PART:DURATION=0.5,URI="{MSN}.3.m4s"
        #EXTINF:2.0,
        {MSN}.m4s
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z
        #EXT-X-PART:DURATION=0.5,URI="{MSN + 1}.0.m4s",INDEPENDENT=YES
        #EXT-X-PART:DURATION=0.5,URI="{MSN + 1}.1.m4s"
        #EXT-X-PART:DURATION=0.5,URI="{MSN + 1}.2.m4s"
        #EXT-X-PART:DURATION=0.5,URI="{MSN + 1}.3.m4s"
        #EXTINF:2.0,
        {MSN + 1}.m4s
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:44.000Z
        #EXT-X-PART:DURATION=0.5,URI="{MSN + 2}.0.m4s",INDEPENDENT=YES
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI="{MSN + 2}.1.m4s"
        #EXT-X-RENDITION-REPORT:URI="../audio-1/index.m3u8",LAST-MSN={MSN + 2},LAST-PART=0
        """)
    assert faults(check_media_playlist(text)) == []


def test_a_media_playlist_without_parts() -> None:
    window = make_window(replace(FORMAT, latency_profile=LatencyProfile.QUALITY), (MSN + 3, 0))
    text = render_media(window, [Report("../audio-1/index.m3u8", MSN + 2, 0)])
    assert text == dedent(f"""\
        #EXTM3U
        #EXT-X-VERSION:6
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-TARGETDURATION:2
        #EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0
        #EXT-X-MEDIA-SEQUENCE:{MSN}
        #EXT-X-DISCONTINUITY-SEQUENCE:0
        #EXT-X-MAP:URI="init-12345678.mp4"
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z
        #EXTINF:2.0,
        {MSN}.m4s
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z
        #EXTINF:2.0,
        {MSN + 1}.m4s
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:44.000Z
        #EXTINF:2.0,
        {MSN + 2}.m4s
        """)
    assert faults(check_media_playlist(text)) == []


def test_every_edit_reads_the_same_whether_lines_are_new_or_kept() -> None:
    window = make_window(COARSE, (MSN + 9, 2))
    first = render_media(window)
    assert render_media(window) == first
    assert first.count("#EXT-X-MAP") == 1
    assert first.count("#EXTINF") == 7


def test_a_delta_update_says_the_same_with_less() -> None:
    window = make_window(FORMAT, (MSN + 12, 3), segments_listed=12)
    full, delta = render_media(window), render_media(window, skip=True)
    assert "#EXT-X-VERSION:9\n" in delta
    assert "#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n" in delta
    assert check_delta(parse(full), parse(delta)) == []
    assert faults(check_media_playlist(delta)) == []


def test_a_delta_that_would_skip_nothing_is_the_full_playlist() -> None:
    window = make_window(FORMAT, (MSN + 3, 3))
    assert render_media(window, skip=True) == render_media(window)


def test_the_end() -> None:
    window = make_window(FORMAT, (MSN + 12, 3), segments_listed=12)
    window.end(0)
    text = render_media(window, [Report("../audio-1/index.m3u8", MSN, 0)], skip=True)
    assert text.endswith(f"#EXTINF:0.6,\n{MSN + 12}.m4s\n#EXT-X-ENDLIST\n")
    assert "SKIP:" not in text
    assert "HINT" not in text
    assert "REPORT" not in text


def test_a_discontinuity_stands_before_the_new_map_and_date() -> None:
    grid = Grid.of(COARSE)
    window = make_window(COARSE, (MSN + 1, 0))
    for part in make_parts(grid, MediaKind.VIDEO, (MSN + 1, 0), (MSN + 1, 1)):
        window.append(part, "init-87654321.mp4", 0)
    text = render_media(window)
    assert (
        f"{MSN}.m4s\n#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="init-87654321.mp4"\n#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z\n#EXT-X-PART'
    ) in text
    assert faults(check_media_playlist(text)) == []


def test_a_window_that_has_nothing_or_only_parts_can_be_written() -> None:
    settings = WindowSettings.of(Grid.of(FORMAT), MediaKind.VIDEO, segments_listed=7, has_audio=True)
    assert render_media(Window(settings)).endswith("#EXT-X-DISCONTINUITY-SEQUENCE:0\n")
    assert f'URI="{MSN}.1.m4s"\n#EXT-X-PRELOAD-HINT' in render_media(make_window(FORMAT, (MSN, 2)))


def test_durations_of_odd_rates_never_exceed_the_part_target_and_add_up() -> None:
    stream = replace(FORMAT, rate=Fraction(30000, 1001))
    for kind in MediaKind:
        playlist = parse(render_media(make_window(stream, (MSN + 7, 5), kind=kind)))
        assert playlist.part_target_s is not None
        for segment in playlist.all_segments[-3:]:
            assert all(part.duration_s <= playlist.part_target_s for part in segment.parts)
            assert segment.uri is None or segment.parts_s == segment.duration_s


def test_a_multivariant_playlist() -> None:
    text = render_multivariant(
        Described(VIDEO_INIT, "v/abc/video-1/index.m3u8"), Described(AUDIO_INIT, "v/abc/audio-1/index.m3u8")
    )
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:4",
        (
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            'URI="v/abc/audio-1/index.m3u8"'
        ),
        (
            '#EXT-X-STREAM-INF:BANDWIDTH=3140000,AVERAGE-BANDWIDTH=2130000,CODECS="avc1.64001f,mp4a.40.2",'
            'RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,AUDIO="audio"'
        ),
        "v/abc/video-1/index.m3u8",
    ]


def test_a_multivariant_playlist_without_audio() -> None:
    text = render_multivariant(Described(replace(VIDEO_INIT, rate=Fraction(30000, 1001)), "video-1/index.m3u8"))
    assert 'CODECS="avc1.64001f"' in text
    assert "FRAME-RATE=29.970" in text
    assert "AUDIO" not in text


def rung(height: int, kbps: int, name: str) -> Described:
    init = replace(VIDEO_INIT, rendition=name, width=height * 16 // 9, height=height, bandwidth=kbps * 1250)
    return Described(replace(init, average_bandwidth=kbps * 1000), f"{name}-1/index.m3u8")


LADDER = [rung(1080, 4600, "video"), rung(720, 2500, "video-720p"), rung(360, 900, "video-360p")]
AUDIO = Described(AUDIO_INIT, "audio-1/index.m3u8")


def test_a_multivariant_playlist_of_a_ladder() -> None:
    text = render_ladder(LADDER, AUDIO)
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:4",
        (
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            'URI="audio-1/index.m3u8"'
        ),
        (
            '#EXT-X-STREAM-INF:BANDWIDTH=3265000,AVERAGE-BANDWIDTH=2630000,CODECS="avc1.64001f,mp4a.40.2",'
            'RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,SCORE=3.0,AUDIO="audio"'
        ),
        "video-720p-1/index.m3u8",
        (
            '#EXT-X-STREAM-INF:BANDWIDTH=5890000,AVERAGE-BANDWIDTH=4730000,CODECS="avc1.64001f,mp4a.40.2",'
            'RESOLUTION=1920x1080,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,SCORE=4.0,AUDIO="audio"'
        ),
        "video-1/index.m3u8",
        (
            '#EXT-X-STREAM-INF:BANDWIDTH=1265000,AVERAGE-BANDWIDTH=1030000,CODECS="avc1.64001f,mp4a.40.2",'
            'RESOLUTION=640x360,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,SCORE=2.0,AUDIO="audio"'
        ),
        "video-360p-1/index.m3u8",
        (
            '#EXT-X-STREAM-INF:BANDWIDTH=140000,AVERAGE-BANDWIDTH=130000,CODECS="mp4a.40.2",CLOSED-CAPTIONS=NONE,SCORE=1.0,'
            'AUDIO="audio"'
        ),
        "audio-1/index.m3u8",
    ]
    assert faults(check_multivariant(text)) == []


def test_pictures_in_hdr_are_declared_wherever_they_are_named() -> None:
    video = Described(replace(VIDEO_INIT, codecs="hvc1.2.4.L120.B0", video_range="HLG"), "video-1/index.m3u8")
    text = render_multivariant(video, AUDIO, [IFrameStream(video.init, "video-1/iframes.m3u8", 750_000)])
    named = re.findall(r"^#EXT-X-(\S+-INF):.*,VIDEO-RANGE=HLG,", text, re.MULTILINE)
    assert named == ["STREAM-INF", "I-FRAME-STREAM-INF"]
    assert "SDR" not in text
    assert faults(check_multivariant(text)) == []


def test_a_ladder_without_audio_has_no_variant_of_sound_alone() -> None:
    text = render_ladder(LADDER)
    assert "audio" not in text.lower()
    assert re.findall(r"RESOLUTION=(\w+),.*SCORE=(\S+)", text) == [
        ("1280x720", "2.0"),
        ("1920x1080", "3.0"),
        ("640x360", "1.0"),
    ]
    assert faults(check_multivariant(text)) == []


@given(st.lists(st.integers(64, 20_000), min_size=1, max_size=8), st.booleans())
def test_the_first_variant_is_the_one_nearest_to_what_players_begin_with(kbps: list[int], has_audio: bool) -> None:
    rungs = [rung(1080 - 90 * n, one, f"video-{n}") for n, one in enumerate(kbps)]
    text = render_ladder(rungs, AUDIO if has_audio else None)
    assert faults(check_multivariant(text)) == []
    averages = [int(average) for average in re.findall(r"[:,]AVERAGE-BANDWIDTH=(\d+),CODECS=\"avc1", text)]
    assert len(averages) == len(kbps)
    assert averages[0] == min(averages, key=lambda bps: max(bps / 2e6, 2e6 / bps))
    scores = [float(score) for score in re.findall(r"SCORE=([\d.]+)", text)]
    assert sorted(scores) == list(range(1, len(kbps) + has_audio + 1))
    assert scores[1:] == sorted(scores[1:], reverse=True)


def in_codec(described: Described, codecs: str, kbps: int) -> Described:
    suffix = {"hvc1": "hevc", "av01": "av1"}[codecs.partition(".")[0]]
    init = replace(described.init, codecs=codecs, bandwidth=kbps * 1250, average_bandwidth=kbps * 1000)
    return Described(init, f"video-{init.height}p-{suffix}-1/index.m3u8")


def test_codecs_that_not_every_player_plays_are_listed_last_and_rank_above_h264_of_their_size() -> None:
    newer = [
        in_codec(LADDER[0], "hvc1.1.6.L120.B0", 2000),
        in_codec(LADDER[2], "hvc1.1.6.L63.B0", 600),
        in_codec(LADDER[2], "av01.0.01M.08", 600),
    ]
    text = render_ladder([*LADDER, *newer], AUDIO)
    assert faults(check_multivariant(text)) == []
    assert re.findall(r'CODECS="(\w{4}).*SCORE=(\d).*\n(\S+)-1/', text) == [
        ("avc1", "5", "video-720p"),
        ("avc1", "6", "video"),
        ("avc1", "2", "video-360p"),
        ("hvc1", "7", "video-1080p-hevc"),
        ("hvc1", "3", "video-360p-hevc"),
        ("av01", "4", "video-360p-av1"),
        ("mp4a", "1", "audio"),
    ]
