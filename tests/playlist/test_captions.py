"""Captions: what is read of events, segment by segment, at the time of the media; and their playlist."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.published import AUDIO_INIT, FORMAT, MSN, VIDEO_INIT, make_part, make_parts
from relay.check.finding import faults
from relay.check.history import check_delta, check_pair, check_update
from relay.check.media_playlist import check_media_playlist
from relay.check.multivariant import check_multivariant
from relay.check.parsed import parse
from relay.check.webvtt import CLOCK_CYCLE, CLOCK_HZ, read_webvtt
from relay.model import DateRange, MediaKind
from relay.playlist import (
    Answer,
    Captions,
    Described,
    Directives,
    Window,
    WindowSettings,
    decide_on_segments,
    render_captions,
    render_ladder,
    render_media,
    render_multivariant,
)
from relay.playlist.captions import cue_text
from relay.playlist.dateranges import MAX_CHARACTERS
from relay.timeline import NS_PER_S, Grid

GRID = Grid.of(FORMAT)
SEGMENT_NS = 2 * NS_PER_S
START_NS = MSN * SEGMENT_NS
"""2025-06-15 15:06:40 UTC."""
AWAY = DateRange("outage-1", START_NS + NS_PER_S // 2, caption="the camera is away")
CLOCK = MSN * 2 * CLOCK_HZ % CLOCK_CYCLE


def ended(at_s: float) -> DateRange:
    return replace(AWAY, end_ns=START_NS + int(at_s * NS_PER_S))


def texts(told: list[list[DateRange]], lead_s: int = 2, *, since: int = 0) -> list[str]:
    """The segments from `MSN` on, each of what is told when it is complete; nothing before number `since` is listed."""
    captions = Captions(lead_s)
    made = []
    for n, events in enumerate(told):
        start_ns = START_NS + n * SEGMENT_NS
        since_ns = START_NS + since * SEGMENT_NS
        made.append(captions.segment(MSN + n, start_ns, start_ns + SEGMENT_NS, since_ns, events))
    return made


def read(text: str, msn: int) -> list[tuple[str, float, float]]:
    """The ids of the cues of segment `msn`, and their times since the begin of `MSN`, by who reads the text."""
    cues, findings = read_webvtt(text.encode())
    assert findings == []
    ids = re.findall(r"\n\n(\S+)\n", text)
    cycle_s = Fraction(CLOCK_CYCLE, CLOCK_HZ)
    base_s = Fraction(CLOCK, CLOCK_HZ)
    near_s = Fraction(2 * (msn - MSN))
    shifts = [(start_s - base_s - near_s + cycle_s / 2) % cycle_s - cycle_s / 2 + near_s for start_s, _ in cues]
    return [
        (name, float(at_s), float(at_s + end_s - start_s))
        for name, at_s, (start_s, end_s) in zip(ids, shifts, cues, strict=True)
    ]


def all_read(made: list[str]) -> list[list[tuple[str, float, float]]]:
    return [read(text, MSN + n) for n, text in enumerate(made)]


# What is read


def test_a_segment_of_text() -> None:
    first, second, third = texts([[AWAY], [ended(2.5)], [ended(2.5)]])
    assert first == dedent(f"""\
        WEBVTT
        X-TIMESTAMP-MAP=MPEGTS:{CLOCK},LOCAL:00:00:00.000

        {MSN}.0
        00:00:00.500 --> 00:00:04.000
        the camera is away
        """)
    assert second == dedent(f"""\
        WEBVTT
        X-TIMESTAMP-MAP=MPEGTS:{CLOCK + 2 * CLOCK_HZ},LOCAL:00:00:01.500

        {MSN}.0
        00:00:00.000 --> 00:00:03.500
        the camera is away
        """)
    assert third == f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{CLOCK + 4 * CLOCK_HZ},LOCAL:00:00:00.000\n"


def test_what_goes_on_is_read_without_a_hole_until_it_is_known_to_be_over() -> None:
    made = all_read(texts([[], [AWAY], [AWAY], [ended(7.25)], [ended(7.25)], []]))
    first, second = (f"{MSN + 1}.0", 0.5, 6.0), (f"{MSN + 2}.1", 6.0, 8.0)
    assert made == [[], [first], [first, second], [second], [], []]


def test_an_end_that_is_known_in_time_is_kept() -> None:
    made = all_read(texts([[ended(5.5)], [ended(5.5)], [ended(5.5)], []]))
    first, second = (f"{MSN}.0", 0.5, 4.0), (f"{MSN + 1}.1", 4.0, 5.5)
    assert made == [[first], [first, second], [second], []]


def test_who_is_whole_segments_behind_needs_no_lead() -> None:
    made = all_read(texts([[AWAY], [AWAY], [ended(4.75)], []], lead_s=0))
    assert made == [[(f"{MSN}.0", 0.5, 2.0)], [(f"{MSN + 1}.0", 2.0, 4.0)], [(f"{MSN + 2}.0", 4.0, 4.75)], []]


def test_what_is_told_late_is_read_from_the_next_segment_on_if_it_goes_on() -> None:
    assert all_read(texts([[], [ended(1.75)]])) == [[], []]
    assert all_read(texts([[], [AWAY]])) == [[], [(f"{MSN + 1}.0", 0.5, 6.0)]]
    assert all_read(texts([[], [AWAY]], since=1)) == [[], [(f"{MSN + 1}.0", 2.0, 6.0)]]


def test_what_is_told_before_it_begins_waits() -> None:
    later = replace(AWAY, start_ns=START_NS + SEGMENT_NS)
    assert all_read(texts([[later], [later]])) == [[], [(f"{MSN + 1}.0", 2.0, 6.0)]]


def test_several_at_once_and_what_is_only_told() -> None:
    silent, moment = replace(AWAY, id="s", caption=" \n"), replace(ended(0.5), id="m")
    bell = replace(AWAY, id="b", start_ns=START_NS + NS_PER_S, caption="the bell")
    (made,) = texts([[silent, AWAY, moment, bell]])
    assert read(made, MSN) == [(f"{MSN}.0", 0.5, 4.0), (f"{MSN}.1", 1.0, 4.0)]
    assert made.endswith("\nthe bell\n")


def test_after_a_hole_nothing_of_before_is_said() -> None:
    captions = Captions(2)
    captions.segment(MSN, START_NS, START_NS + SEGMENT_NS, START_NS, [AWAY])
    hour_ns = 3600 * NS_PER_S
    start_ns = START_NS + hour_ns
    text = captions.segment(MSN + 1800, start_ns, start_ns + SEGMENT_NS, start_ns, [AWAY])
    assert read(text, MSN + 1800) == [(f"{MSN + 1800}.0", 3600.0, 3604.0)]


def test_the_clock_begins_anew() -> None:
    cycle_ns = CLOCK_CYCLE * NS_PER_S // CLOCK_HZ
    start_ns = (START_NS // cycle_ns + 1) * cycle_ns // NS_PER_S * NS_PER_S
    captions = Captions(2)
    away = replace(AWAY, start_ns=start_ns)
    begins_ns = (start_ns, start_ns + SEGMENT_NS)
    made = [captions.segment(MSN, begin_ns, begin_ns + SEGMENT_NS, 0, [away]) for begin_ns in begins_ns]
    clocks = [int(found) for text in made for found in re.findall(r"MPEGTS:(\d+)", text)]
    assert clocks[1] < clocks[0] < CLOCK_CYCLE
    assert clocks[1] == (clocks[0] + 2 * CLOCK_HZ) % CLOCK_CYCLE


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a < b & c --> d", "a &lt; b &amp; c --&gt; d"),
        (" two\r\n\u2028lines\x00 ", "two   lines"),
        ("<b>it's\tbold</b>", "&lt;b&gt;it's bold&lt;/b&gt;"),
        ("\n", ""),
    ],
)
def test_no_text_can_end_its_cue(text: str, written: str) -> None:
    assert cue_text(text) == written


@given(st.text(), st.integers(0, 8 * NS_PER_S), st.none() | st.integers(0, 12 * NS_PER_S), st.integers(0, 2))
def test_any_event_gives_segments_that_can_be_read(
    words: str, after_ns: int, lasts_ns: int | None, lead_s: int
) -> None:
    start_ns = START_NS + after_ns
    one = DateRange("it", start_ns, end_ns=None if lasts_ns is None else start_ns + lasts_ns, caption=words)
    made = texts([[one]] * 6, lead_s)
    seen = [cue for cues in all_read(made) for cue in cues]
    assert len({name for name, _, _ in seen}) == len(set(seen)), "an id is of one cue"
    chain = sorted(set(seen), key=lambda cue: cue[1])
    assert all(cue[2] == after[1] for cue, after in pairwise(chain)), "no hole, and no overlap"
    assert all(len(text) < 3 * (5 * MAX_CHARACTERS + 60) + 80 for text in made), "three cues at the most"


# Their playlist


def window_of(segments: int, *, listed: int = 7) -> Window:
    window = Window(WindowSettings.of(GRID, MediaKind.VIDEO, segments_listed=listed, has_audio=True))
    for part in make_parts(GRID, MediaKind.VIDEO, (MSN, 0), (MSN + segments, 3)):
        assert window.append(part, "init-1.mp4", 0) is not None
    return window


def test_the_playlist_of_captions() -> None:
    assert render_captions(window_of(2)) == dedent(f"""\
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-TARGETDURATION:2
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=0.640002
        #EXT-X-MEDIA-SEQUENCE:{MSN}
        #EXT-X-DISCONTINUITY-SEQUENCE:0
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z
        #EXTINF:2.0,
        {MSN}.vtt
        #EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z
        #EXTINF:2.0,
        {MSN + 1}.vtt
        """)


def test_it_obeys_the_rules_beside_the_pictures_whatever_happens() -> None:
    window = window_of(12, listed=12)
    full, delta = parse(render_captions(window)), parse(render_captions(window, skip=True))
    assert delta.skipped_segments == 6
    assert check_delta(full, delta) == []
    before = full
    for step in range(3, 3 * GRID.parts_per_segment):
        later, index = divmod(step, GRID.parts_per_segment)
        part = make_part(GRID, MediaKind.VIDEO, MSN + 12 + later, index)
        assert window.append(part, "init-1.mp4" if later < 2 else "init-2.mp4", 0) is not None
        text = render_captions(window)
        assert faults(check_media_playlist(text)) == []
        after = parse(text)
        assert check_update(before, after) == []
        assert check_pair(after, parse(render_media(window)), "") == []
        before = after
    assert any(segment.is_discontinuity for segment in before.segments)
    window.end(0)
    text = render_captions(window, skip=True)
    assert faults(check_media_playlist(text)) == []
    assert text.endswith(f"{MSN + 14}.vtt\n#EXT-X-ENDLIST\n")


def test_a_reload_waits_for_a_whole_segment() -> None:
    window = window_of(2)
    for part in (None, 0, 5):
        assert decide_on_segments(window, Directives(MSN + 1, part)) is Answer.NOW
        assert decide_on_segments(window, Directives(MSN + 2, part)) is Answer.WAIT
        assert decide_on_segments(window, Directives(MSN + 4, part)) is Answer.REFUSE


def test_it_is_a_group_that_all_variants_have() -> None:
    video, audio = Described(VIDEO_INIT, "video-1/index.m3u8"), Described(AUDIO_INIT, "audio-1/index.m3u8")
    small = replace(VIDEO_INIT, rendition="small", width=640, height=360, bandwidth=900_000, average_bandwidth=700_000)
    ladder = render_ladder([video, Described(small, "small-1/index.m3u8")], audio, (), "captions-1/index.m3u8")
    alone = render_multivariant(video, None, (), "captions-1/index.m3u8")
    for text, variants in ((ladder, 3), (alone, 1)):
        assert faults(check_multivariant(text)) == []
        assert text.count('SUBTITLES="captions"') == text.count("#EXT-X-STREAM-INF") == variants
        assert text.count('#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Captions",') == 1
        assert 'URI="captions-1/index.m3u8"' in text
        assert "wvtt" not in text
    for text in (render_multivariant(video, audio), render_ladder([video], audio)):
        assert "SUBTITLES" not in text
