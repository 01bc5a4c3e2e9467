"""I-frame playlists: the media playlist's window, one keyframe of each segment, and when they are sent."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.published import FORMAT, MSN, VIDEO_INIT, make_part, make_parts
from relay.check.finding import Finding, faults
from relay.check.history import check_delta, check_update
from relay.check.iframes import check_beside, check_iframe_playlist
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.check.parsed import parse
from relay.model import Copied, Latency, LatencyProfile, MediaKind
from relay.playlist import (
    Answer,
    Described,
    Directives,
    IFrameStream,
    Window,
    WindowSettings,
    decide,
    decide_on_iframes,
    render_iframes,
    render_media,
    render_multivariant,
)
from relay.timeline import Grid

pytestmark = pytest.mark.pure

COARSE = replace(FORMAT, latency=Latency.INTERNET)
GRID = Grid.of(COARSE)
SIZE = 4321


def make_window(segments_listed: int = 7) -> Window:
    return Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=segments_listed, has_audio=True))


def fill(window: Window, begin: int, end: int, *, keyframe_bytes: int = SIZE, init: str = "init-1.mp4") -> None:
    """Whole segments, and a part of the next."""
    for part in make_parts(GRID, MediaKind.VIDEO, (begin, 0), (end, 0)):
        change = window.append(part, init, 0)
        assert change is not None
        for segment in change.closed:
            segment.keyframe_bytes = keyframe_bytes


def judged(text: str) -> list[Finding]:
    return faults([*check_media_playlist(text), *check_iframe_playlist(parse(text))])


def test_an_i_frame_playlist() -> None:
    window = make_window()
    fill(window, MSN, MSN + 2)
    assert window.append(make_part(GRID, MediaKind.VIDEO, MSN + 2, 0), "init-1.mp4", 0) is not None
    text = render_iframes(window)
    assert text == dedent(f"""\
        #EXTM3U
        #EXT-X-VERSION:5
        #EXT-X-TARGETDURATION:2
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=1.536
        #EXT-X-MEDIA-SEQUENCE:{MSN}
        #EXT-X-DISCONTINUITY-SEQUENCE:0
        #EXT-X-I-FRAMES-ONLY
        #EXT-X-MAP:URI="init-1.mp4"
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z
        #EXTINF:2.0,
        #EXT-X-BYTERANGE:4321@0
        {MSN}.m4s
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z
        #EXTINF:2.0,
        #EXT-X-BYTERANGE:4321@0
        {MSN + 1}.m4s
        """)
    assert judged(text) == []


def test_it_has_the_numbers_dates_and_seams_of_the_media_playlist_at_every_moment() -> None:
    window = make_window()
    before = None
    for msn in range(MSN, MSN + 20):
        fill(window, msn, msn + 1, init=f"init-{msn // 4}.mp4")
        text, media = render_iframes(window), parse(render_media(window))
        playlist = parse(text)
        assert judged(text) == []
        assert check_beside(playlist, [media]) == []
        assert (playlist.media_sequence, playlist.discontinuity_sequence, playlist.server_control) == (
            media.media_sequence,
            media.discontinuity_sequence,
            media.server_control,
        )
        bare = [replace(one, byterange=None, line=0) for one in playlist.segments]
        assert bare == [replace(one, parts=(), line=0) for one in media.segments]
        assert before is None or faults(check_update(before, playlist)) == []
        before = playlist


def test_a_delta_update_says_the_same_with_less() -> None:
    window = make_window(12)
    fill(window, MSN, MSN + 12)
    full, delta = render_iframes(window), render_iframes(window, skip=True)
    assert "#EXT-X-VERSION:9\n" in delta
    assert "#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n" in delta
    assert check_delta(parse(full), parse(delta)) == []
    assert judged(delta) == []


def test_the_end() -> None:
    window = make_window(12)
    fill(window, MSN, MSN + 12)
    window.end(0)
    text = render_iframes(window, skip=True)
    assert text.endswith(f"#EXT-X-BYTERANGE:4321@0\n{MSN + 11}.m4s\n#EXT-X-ENDLIST\n")
    assert "SKIP:" not in text
    assert judged(text) == []


def test_without_parts() -> None:
    grid = Grid.of(replace(FORMAT, latency_profile=LatencyProfile.QUALITY))
    window = Window(WindowSettings.of(grid, MediaKind.VIDEO, segments_listed=7, has_audio=True))
    for part in make_parts(grid, MediaKind.VIDEO, (MSN, 0), (MSN + 3, 0)):
        change = window.append(part, "init-1.mp4", 0)
        assert change is not None
        change.closed[0].keyframe_bytes = 1
    text = render_iframes(window)
    assert "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0\n" in text
    assert judged(text) == []
    assert decide_on_iframes(window, Directives(MSN + 3)) is Answer.NOW


def test_a_segment_without_a_keyframe_is_a_hole() -> None:
    """As where a copied camera's keyframes come too late: the list begins behind it, with the numbers that go on."""
    window = make_window()
    fill(window, MSN, MSN + 3)
    before = parse(render_iframes(window))
    fill(window, MSN + 3, MSN + 4, keyframe_bytes=0, init="init-2.mp4")
    assert window.iframes == []
    assert decide_on_iframes(window, Directives()) is Answer.WAIT
    assert decide(window, Directives()) is Answer.NOW
    fill(window, MSN + 4, MSN + 6, init="init-2.mp4")
    after = parse(render_iframes(window, skip=True))
    assert ([one.msn for one in after.segments], after.skipped_segments) == ([MSN + 4, MSN + 5], 0)
    assert (after.media_sequence, after.discontinuity_sequence) == (MSN + 4, 1)
    assert {one.rule for one in faults(check_update(before, after))} <= {"P9"}


def test_nothing_else_is_sent_than_what_is_listed() -> None:
    window = make_window()
    window.end(0)
    assert decide_on_iframes(window, Directives()) is Answer.NOW
    text = render_iframes(window)
    assert text.endswith("#EXT-X-I-FRAMES-ONLY\n#EXT-X-ENDLIST\n")


@pytest.mark.parametrize(
    ("directives", "answer"),
    [
        (Directives(), Answer.NOW),
        (Directives(MSN + 6), Answer.NOW),
        (Directives(MSN + 7), Answer.WAIT),
        (Directives(MSN + 7, 0), Answer.WAIT),  # a part of it is there, and it is not
        (Directives(MSN + 6, 99), Answer.NOW),
        (Directives(MSN + 9), Answer.REFUSE),
    ],
)
def test_a_reload_waits_for_the_whole_segment(directives: Directives, answer: Answer) -> None:
    window = make_window()
    fill(window, MSN, MSN + 7)
    assert window.append(make_part(GRID, MediaKind.VIDEO, MSN + 7, 0), "init-1.mp4", 0) is not None
    assert decide_on_iframes(window, directives) is answer


def test_the_multivariant_playlist_offers_it_behind_the_variants() -> None:
    iframes = [IFrameStream(VIDEO_INIT, "v/abc/video-1/iframes.m3u8", 750_000)]
    text = render_multivariant(Described(VIDEO_INIT, "v/abc/video-1/index.m3u8"), None, iframes)
    assert text.endswith(
        "\nv/abc/video-1/index.m3u8\n"
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=750000,CODECS="avc1.64001f",RESOLUTION=1280x720,VIDEO-RANGE=SDR,'
        'URI="v/abc/video-1/iframes.m3u8"\n'
    )
    assert faults(check_multivariant(text)) == []
    assert "V9" not in {finding.rule for finding in check_multivariant(text)}


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=40),
    st.integers(6, 9),
)
def test_any_history_is_one_that_a_server_may_tell(steps: list[tuple[int, bool, bool]], segments_listed: int) -> None:
    """Holes in time, other inits, segments without a keyframe: nothing that was listed changes, numbers only rise."""
    window = Window(WindowSettings.copied(Copied("h264", 4), segments_listed=segments_listed))
    msn, init, before = MSN, 0, None
    for hole, has_keyframe, is_new_init in steps:
        msn, init = msn + 1 + hole, init + is_new_init
        start = msn * 2 * GRID.timescale
        part = replace(make_part(GRID, MediaKind.VIDEO, msn, 0), start_ticks=start, is_last=True)
        change = window.append(replace(part, duration_ticks=2 * GRID.timescale), f"init-{init}.mp4", 0)
        assert change is not None
        for segment in change.closed:
            segment.keyframe_bytes = SIZE * has_keyframe
        playlist = parse(render_iframes(window))
        assert not playlist.segments or judged(render_iframes(window)) == []
        if before is not None:
            assert {one.rule for one in faults(check_update(before, playlist))} <= {"P9"}
        before = playlist
