"""W0 to W3: segments of captions, and what they are beside the pictures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.playlists import LowLatency
from fixtures.small_origin import VOD_MSN
from relay.check.listing import ListedSegment, MediaPlaylist, ServerControl
from relay.check.parsed import parse
from relay.check.reading import MediaReading
from relay.check.renditions import Offered, Role
from relay.check.spans import Span
from relay.check.webvtt import (
    CLOCK_CYCLE,
    CLOCK_HZ,
    CaptionSegment,
    check_captions_beside,
    check_shown,
    check_type,
    read_webvtt,
)
from relay.timeline import NS_PER_S

if TYPE_CHECKING:
    from relay.check.finding import Finding

HEAD = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n"
CUE = "00:01.000 --> 00:00:02.500"
SPAN = Span(Fraction(10), Fraction(2), Fraction(1, 30), 60, is_video=True, epoch_s=Fraction(1000))
"""It is shown from 10 s of its clock on, at 1010 s of the day."""
SEGMENT = CaptionSegment(Fraction(1010), Fraction(2), ((Fraction(11), Fraction(12)),))


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


# The text


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}{CUE}\nhello\n",
        f"{HEAD}7\n{CUE} line:0 align:start\nhello\nworld\n\n",
        f"\ufeff{HEAD}NOTE a note\nof two lines\n\nSTYLE\n::cue {{}}\n\n{CUE}".replace("\n", "\r\n"),
        f"WEBVTT - of a camera\nX-TIMESTAMP-MAP=LOCAL:00:00.000, MPEGTS:900000\n\n\n{CUE}\n",
        f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1080000,LOCAL:00:00:02.000\n\n{CUE}\n",
    ],
)
def test_cues_have_the_time_of_the_media(text: str) -> None:
    assert read_webvtt(text.encode()) == ([(Fraction(11), Fraction(25, 2))], [])


def test_a_segment_in_which_nothing_is_read() -> None:
    for text in (HEAD, "WEBVTT", "WEBVTT\n\nNOTE\n\n"):
        assert read_webvtt(text.encode()) == ([], [])


@pytest.mark.parametrize(
    ("data", "rule", "words"),
    [
        (b"WEBVTT\n\xff", "W0", "it is not UTF-8"),
        (b"", "W0", "it begins with ''"),
        (b"WEBVTTX\n", "W0", "it begins with 'WEBVTTX'"),
        (b"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1\n", "W1", "not what"),
        (b"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:-1,LOCAL:00:00.000\n", "W1", "not what"),
        (b"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:0\n", "W1", "not what"),
        (HEAD.replace("\n\n", "\n" + HEAD[7:]).encode(), "W1", "not what"),
        (HEAD.replace("900000", str(CLOCK_CYCLE)).encode(), "W1", "more than the 33 bits"),
        (f"{HEAD}hello\n".encode(), "W2", "no times of a cue: 'hello'"),
        (f"{HEAD}7\nhello\nworld\n".encode(), "W2", "no times of a cue: 'hello'"),
        (f"{HEAD}00:01,000 --> 00:02,000\n".encode(), "W2", "no times of a cue"),
        (f"{HEAD}00:61.000 --> 01:02.000\n".encode(), "W2", "no times of a cue"),
        (f"{HEAD}00:02.000 --> 00:02.000\nhello\n".encode(), "W2", "it ends before it starts"),
        (f"{HEAD}7\n{CUE}\nhello\n{CUE}\nworld\n".encode(), "W2", "an arrow in its text"),
    ],
)
def test_what_cannot_be_read(data: bytes, rule: str, words: str) -> None:
    cues, (finding,) = read_webvtt(data)
    assert (cues, finding.rule) == ([], rule)
    assert words in finding.message


def test_without_a_clock_nothing_is_known_of_a_cues_time() -> None:
    text = HEAD.replace("900000", "x")
    assert read_webvtt(f"{text}{CUE}\n".encode())[0] == []
    cues, findings = read_webvtt(f"WEBVTT\n\n{CUE}\n\nbad".encode())
    assert (cues, rules(findings)) == ([(Fraction(1), Fraction(5, 2))], ["W2", "W1"])


@given(st.binary() | st.text().map(lambda text: f"{HEAD}{text}".encode()))
def test_any_bytes_are_judged_and_never_raise(data: bytes) -> None:
    cues, findings = read_webvtt(data)
    assert all(end_s > start_s for start_s, end_s in cues)
    assert {finding.rule for finding in findings} <= {"W0", "W1", "W2"}


@pytest.mark.parametrize(
    ("content_type", "data", "expected"),
    [
        ("text/vtt", b"WEBVTT", []),
        ("Text/VTT; charset=utf-8", b"WEBVTT", []),
        ("video/mp4", b"\0\0\0\x08moof", []),
        ("video/mp4", b"WEBVTT", ["H1"]),
        ("", b"\xef\xbb\xbfWEBVTT", ["H1"]),
    ],
)
def test_it_comes_as_what_it_is(content_type: str, data: bytes, expected: list[str]) -> None:
    assert rules(check_type(content_type, data)) == expected


# Beside the pictures


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ((10, 12), []),
        ((5, 17), []),
        ((8, 9), []),
        ((14, 15), []),
        ((5, 7), ["W3"]),
        ((15, 16), ["W3"]),
        ((3610, 3612), ["W3"]),
    ],
)
def test_a_cue_is_shown_near_its_segment(shown: tuple[int, int], expected: list[str]) -> None:
    cue = (Fraction(shown[0]), Fraction(shown[1]))
    cycle_s = Fraction(CLOCK_CYCLE, CLOCK_HZ)
    for cycles in (0, 18_000):
        epoch_s = SPAN.epoch_s - cycles * cycle_s if SPAN.epoch_s else None
        span = replace(SPAN, start_s=SPAN.start_s + cycles * cycle_s, epoch_s=epoch_s)
        assert rules(check_shown({7: replace(SEGMENT, cues=(cue,))}, [span])) == expected


def test_the_farthest_is_told_of_a_segment() -> None:
    far = replace(SEGMENT, cues=(*SEGMENT.cues, (Fraction(20), Fraction(21)), (Fraction(30), Fraction(31))))
    (finding,) = check_shown({6: SEGMENT, 7: far}, [SPAN])
    assert (finding.message, finding.where) == ("a cue is shown 18.0 s from the pictures of its segment", "segment 7")


def test_only_pictures_of_the_same_date_say_what_time_it_is() -> None:
    far = replace(SEGMENT, cues=((Fraction(99), Fraction(100)),))
    seam = replace(SPAN, start_s=Fraction(98), epoch_s=Fraction(914))
    assert rules(check_shown({7: far}, [seam, SPAN])) == ["W3"]
    assert check_shown({7: replace(far, date_s=Fraction(1012))}, [seam, SPAN]) == []
    for date_s in (Fraction(1009), Fraction(1014)):
        assert check_shown({7: replace(far, date_s=date_s)}, [seam, SPAN]) == []
    assert check_shown({7: far}, [replace(SPAN, epoch_s=None)]) == []


def test_a_reading_keeps_what_has_a_date() -> None:
    made = MediaReading(Offered("c", Role.SUBTITLES), lambda *_: [], is_independent=False)
    listed = ListedSegment(VOD_MSN, "7.vtt", Fraction(1), pdt_ns=VOD_MSN * NS_PER_S)
    text = f"{HEAD}{CUE}\nhello\n".encode()
    assert made.take_segment(listed, text) == []
    assert made.take_segment(replace(listed, msn=VOD_MSN + 1, pdt_ns=None), text) == []
    cues = ((Fraction(11), Fraction(25, 2)),)
    assert made.captions == {VOD_MSN: CaptionSegment(Fraction(VOD_MSN), Fraction(1), cues)}
    (finding,) = made.take_segment(listed, b"WEBVTT\n\nhello")
    assert (finding.rule, finding.where) == ("W2", f"segment {VOD_MSN}, cue 0")


def test_a_live_playlist_of_captions_is_cut_as_the_pictures_are() -> None:
    played = parse(LowLatency().text)
    other = replace(played, server_control=ServerControl(), target_duration_s=7)
    assert check_captions_beside(played, [played, other]) == []
    assert check_captions_beside(played, []) == []
    assert rules(check_captions_beside(other, [played])) == ["P19", "P19"]
    assert check_captions_beside(replace(other, is_ended=True), [played]) == []
    assert check_captions_beside(MediaPlaylist(is_ended=True), [played]) == []
